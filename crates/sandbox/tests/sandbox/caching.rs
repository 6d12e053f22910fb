//! Programs in memory.

use crate::lab::{compiled, runtime};
use cofferdam_ids::Digest;
use cofferdam_sandbox::{CacheError, CompiledCode, ProgramCache};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

fn digest(letter: char) -> Digest {
    Digest::new(letter.to_string().repeat(64)).unwrap()
}

#[tokio::test]
async fn code_is_fetched_once_for_all_who_wait() {
    let cache = ProgramCache::new(runtime(), u64::MAX);
    let fetched = AtomicU32::new(0);
    let get = || async {
        let fetch = || async {
            fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(compiled("trivial"))
        };
        cache.get(&digest('a'), fetch).await.unwrap()
    };
    let _ = tokio::join!(get(), get(), get());
    get().await;
    assert_eq!((fetched.load(Ordering::SeqCst), cache.len()), (1, 1));
    assert_eq!(cache.bytes(), compiled("trivial").bytes().len() as u64);
}

#[tokio::test]
async fn a_failed_fetch_is_tried_again() {
    let cache = ProgramCache::new(runtime(), u64::MAX);
    let error = cache.get(&digest('a'), || async { Err("away") }).await.unwrap_err();
    assert!(matches!(error, CacheError::Fetch("away")));
    let nonsense = || async { Ok::<_, &str>(CompiledCode::from_authenticated(bytes::Bytes::from_static(b"x"))) };
    assert!(matches!(cache.get(&digest('a'), nonsense).await.unwrap_err(), CacheError::Load(_)));
    cache.get(&digest('a'), || async { Ok::<_, &str>(compiled("trivial")) }).await.unwrap();
}

#[tokio::test]
async fn the_longest_unused_leave_first() {
    let room_for_two = compiled("trivial").bytes().len() as u64 * 5 / 2;
    let cache = ProgramCache::new(runtime(), room_for_two);
    let fetched = AtomicU32::new(0);
    let get = async |letter| {
        let fetch = || async {
            fetched.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(compiled("trivial"))
        };
        cache.get(&digest(letter), fetch).await.unwrap();
        fetched.load(Ordering::SeqCst)
    };
    // `b` is the longest unused when `c` comes, so `a` stays.
    assert_eq!([get('a').await, get('b').await, get('a').await, get('c').await], [1, 2, 2, 3]);
    assert_eq!([get('a').await, get('b').await], [3, 4]);
    assert_eq!(cache.len(), 2);
}
