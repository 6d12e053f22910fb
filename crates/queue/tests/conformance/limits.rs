//! Limits of tenants and pools, priorities, ages and delays.

use crate::subject::{Subject, instance, leases, message, messages, pool, share, start, tenant};
use chrono::TimeDelta;
use cofferdam_queue::{Claim, ClaimPolicy, TenantPolicy};

fn numbers(claims: &[Claim]) -> Vec<u128> {
    claims.iter().map(|claim| claim.message.instance.uuid().as_u128()).collect()
}

#[tokio::test]
async fn a_tenant_holds_no_more_leases_than_its_limit() {
    for subject in Subject::all().await {
        let policy = TenantPolicy { max_leased: Some(3), weight: 1 };
        subject.queue.set_policy(&ClaimPolicy { tenants: vec![(tenant(1), policy)], pools: vec![] }).await.unwrap();
        subject.enqueue(&messages(1, 0, 10)).await;
        subject.enqueue(&messages(2, 100, 10)).await;
        let first = subject.claim(20).await;
        assert_eq!((share(&first, 1), share(&first, 2)), (3, 10), "{}", subject.name);
        assert!(subject.claim(20).await.is_empty(), "{}", subject.name);
        let mine: Vec<_> = leases(&first).into_iter().filter(|lease| lease.instance < instance(100)).collect();
        subject.queue.ack(&mine[..2]).await.unwrap();
        assert_eq!(subject.claim(20).await.len(), 2, "{}: an acknowledged lease makes room", subject.name);
        subject.queue.set_policy(&ClaimPolicy::default()).await.unwrap();
        assert_eq!(subject.claim(20).await.len(), 5, "{}: without a limit the rest goes too", subject.name);
    }
}

#[tokio::test]
async fn a_full_pool_is_passed_over_and_blocks_nothing_else() {
    for subject in Subject::all().await {
        let narrow = pool("narrow");
        let policy = ClaimPolicy { tenants: vec![], pools: vec![(tenant(1), narrow.clone(), 3)] };
        subject.queue.set_policy(&policy).await.unwrap();
        let mut batch = messages(1, 0, 6);
        for message in &mut batch[..4] {
            message.pool = narrow.clone();
            message.pool_slots = 2;
            message.priority = 10;
        }
        // One of another tenant in a pool of the same name is not counted there.
        let mut other = message(2, 50);
        other.pool = narrow.clone();
        other.pool_slots = 9;
        batch.push(other);
        // This one fits beside the first, and those before it do not.
        let mut fits = message(1, 60);
        fits.pool = narrow.clone();
        batch.push(fits);
        subject.enqueue(&batch).await;
        let mut got = numbers(&subject.claim(20).await);
        got.sort_unstable();
        assert_eq!(got, [0, 4, 5, 50, 60], "{}", subject.name);
        assert_eq!(subject.queue.depth().await.unwrap().ready, 3, "{}", subject.name);
    }
}

#[tokio::test]
async fn a_pool_gets_its_slots_back_however_a_lease_ends() {
    for subject in Subject::all().await {
        let narrow = pool("narrow");
        let policy = ClaimPolicy { tenants: vec![], pools: vec![(tenant(1), narrow.clone(), 1)] };
        subject.queue.set_policy(&policy).await.unwrap();
        let mut batch = messages(1, 0, 6);
        batch.iter_mut().for_each(|message| message.pool = narrow.clone());
        subject.enqueue(&batch).await;

        let claims = subject.claim(9).await;
        assert_eq!(numbers(&claims), [0]);
        subject.queue.ack(&leases(&claims)).await.unwrap();
        let claims = subject.claim(9).await;
        assert_eq!(numbers(&claims), [1], "{}: acknowledged", subject.name);
        subject.queue.release(&leases(&claims)).await.unwrap();
        assert_eq!(numbers(&subject.claim(9).await), [1], "{}: given back", subject.name);
        subject.queue.remove(&[instance(1)]).await.unwrap();
        assert_eq!(numbers(&subject.claim(9).await), [2], "{}: removed", subject.name);
        subject.advance(61);
        assert_eq!(subject.queue.expire(9).await.unwrap().len(), 1);
        assert_eq!(numbers(&subject.claim(9).await), [3], "{}: expired", subject.name);
        let mut again = batch[3].clone();
        again.try_number = 2;
        subject.enqueue(&[again]).await;
        let claims = subject.claim(9).await;
        assert_eq!((claims.len(), claims[0].lease.try_number), (1, 2), "{}: replaced", subject.name);
    }
}

#[tokio::test]
async fn the_more_urgent_goes_first_and_then_the_older() {
    for subject in Subject::all().await {
        let mut batch = messages(1, 0, 6);
        for (message, (priority, seconds)) in batch.iter_mut().zip([(0, 5), (0, 1), (7, 9), (-3, 0), (2_000, 9), (1_000, 8)]) {
            message.priority = priority;
            message.queued_at = start() + TimeDelta::seconds(seconds);
        }
        batch[0].pool = pool("another");
        subject.enqueue(&batch).await;
        assert_eq!(subject.queue.depth().await.unwrap().oldest, Some(start()), "{}", subject.name);
        // A priority beyond the bounds counts as the bound.
        assert_eq!(numbers(&subject.claim(9).await), [5, 4, 2, 1, 0, 3], "{}", subject.name);
    }
}

#[tokio::test]
async fn a_delayed_message_waits_for_its_time() {
    for subject in Subject::all().await {
        let mut delayed = message(1, 1);
        delayed.not_before = Some(start() + TimeDelta::seconds(10));
        subject.enqueue(&[delayed]).await;
        subject.advance(9);
        assert!(subject.claim(1).await.is_empty(), "{}", subject.name);
        let depth = subject.queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.delayed), (0, 1), "{}", subject.name);
        subject.advance(1);
        assert_eq!(numbers(&subject.claim(1).await), [1], "{}", subject.name);
    }
}

#[tokio::test]
async fn many_messages_due_at_once_are_all_found() {
    for subject in Subject::all().await {
        let mut batch = messages(1, 0, 2_500);
        batch.iter_mut().for_each(|message| message.not_before = Some(start() + TimeDelta::seconds(1)));
        subject.enqueue(&batch).await;
        subject.advance(1);
        let mut got = 0;
        for _ in 0..5 {
            got += subject.claim(1_000).await.len();
        }
        assert_eq!(got, 2_500, "{}", subject.name);
    }
}
