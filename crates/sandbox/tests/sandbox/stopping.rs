//! Cancelling, capacity, and neighbours.

use crate::lab::{Recorder, compiled, failure, in_process as runtime, output, request};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::{Host, NoHost, Runtime, RuntimeConfig, TryReport};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

fn start(runtime: &Runtime, input: &Value, limits: Limits, cancel: &CancellationToken) -> tokio::task::JoinHandle<TryReport> {
    start_with(Arc::new(NoHost), runtime, input, limits, cancel)
}

fn start_with(
    host: Arc<dyn Host>,
    runtime: &Runtime,
    input: &Value,
    limits: Limits,
    cancel: &CancellationToken,
) -> tokio::task::JoinHandle<TryReport> {
    let program = runtime.load(&compiled("behaviours")).unwrap();
    let request = request(Entry::Task, input.to_string(), limits);
    let (runtime, cancel) = (runtime.clone(), cancel.clone());
    tokio::spawn(async move { runtime.run(&program, request, host, cancel).await })
}

/// Waits until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_and_a_parked_guest_stop_at_once() {
    let runtime = Runtime::new(RuntimeConfig::for_slots(2)).unwrap();
    for input in [json!({"do": "loop", "say": "now"}), json!({"do": "sleep", "ms": 600_000, "say": "now"})] {
        let (cancel, host) = (CancellationToken::new(), Arc::new(Recorder::default()));
        let running = start_with(host.clone(), &runtime, &input, Limits::default(), &cancel);
        host.said.notified().await;
        assert_eq!(runtime.free(), 1);
        let asked = Instant::now();
        cancel.cancel();
        let report = running.await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(500), "{input}: {:?}", asked.elapsed());
        failure(&report, Reason::Cancelled);
        assert_eq!(runtime.free(), 2);
    }
}

#[tokio::test]
async fn one_thread_is_enough_to_stop_a_spinning_guest() {
    let (cancel, host) = (CancellationToken::new(), Arc::new(Recorder::default()));
    let running = start_with(host.clone(), &runtime(), &json!({"do": "loop", "say": "now"}), Limits::default(), &cancel);
    host.said.notified().await;
    cancel.cancel();
    failure(&running.await.unwrap(), Reason::Cancelled);
}

#[tokio::test]
async fn what_is_cancelled_before_it_starts_never_runs() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = start(&runtime(), &json!({"do": "loop"}), Limits::default(), &cancel).await.unwrap();
    failure(&report, Reason::Cancelled);
    assert_eq!(report.receipt.fuel, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_try_frees_its_slot() {
    let runtime = Runtime::new(RuntimeConfig::for_slots(1)).unwrap();
    let running = start(&runtime, &json!({"do": "sleep", "ms": 600_000}), Limits::default(), &CancellationToken::new());
    until("the try has its slot", || runtime.free() == 0).await;
    running.abort();
    let report = start(&runtime, &json!({"do": "echo", "value": 1}), Limits::default(), &CancellationToken::new()).await;
    assert_eq!(output(&report.unwrap()), json!(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_beyond_the_capacity_wait_their_turn() {
    let runtime = Runtime::new(RuntimeConfig::for_slots(4)).unwrap();
    assert_eq!((runtime.capacity(), runtime.free()), (4, 4));
    let cancel = CancellationToken::new();
    let running: Vec<_> =
        (0..40).map(|n| start(&runtime, &json!({"do": "sleep", "ms": n % 7}), Limits::default(), &cancel)).collect();
    for running in running {
        assert_eq!(output(&running.await.unwrap()), json!("slept"));
    }
    assert_eq!(runtime.free(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_are_not_disturbed_by_hostile_tries() {
    let runtime = Runtime::new(RuntimeConfig::for_slots(16)).unwrap();
    let cancel = CancellationToken::new();
    let limits = Limits { wall_ms: 120_000, memory_bytes: 64 << 20, ..Limits::default() };
    let stoppable = Limits { wall_ms: 600_000, fuel: u64::MAX / 2, ..Limits::default() };
    let spinning: Vec<_> = (0..3).map(|_| start(&runtime, &json!({"do": "loop"}), stoppable.clone(), &cancel)).collect();
    let hostile = [
        (json!({"do": "memory", "mib": 500}), Reason::OutOfMemory),
        (json!({"do": "recurse"}), Reason::StackOverflow),
        (json!({"do": "panic", "message": "boo"}), Reason::Trap),
        (json!({"do": "hoard", "count": 1_000_000}), Reason::LimitExceeded),
    ];
    let mut ending = Vec::new();
    for (input, reason) in &hostile {
        ending.push((start(&runtime, input, limits.clone(), &CancellationToken::new()), *reason));
    }
    let flood = start(&runtime, &json!({"do": "flood", "bytes": 64 << 20}), limits.clone(), &CancellationToken::new());

    // Meanwhile, ordinary tries give the right results, each soon.
    let mut slowest = Duration::ZERO;
    for n in 0..50_u64 {
        let began = Instant::now();
        let neighbour = start(&runtime, &json!({"do": "echo", "value": n}), limits.clone(), &CancellationToken::new());
        assert_eq!(output(&neighbour.await.unwrap()), json!(n));
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    for (running, reason) in ending {
        failure(&running.await.unwrap(), reason);
    }
    assert_eq!(output(&flood.await.unwrap()), json!("all printed"));
    cancel.cancel();
    for running in spinning {
        failure(&running.await.unwrap(), Reason::Cancelled);
    }
    assert_eq!(runtime.free(), 16);
}

#[tokio::test]
async fn output_can_be_followed_while_the_task_runs() {
    let host = Arc::new(Recorder::default());
    let cancel = CancellationToken::new();
    let request = request(Entry::Task, json!({"do": "flood", "bytes": 1_u64 << 40}).to_string(), Limits::default());
    let runtime = runtime();
    let program = runtime.load(&compiled("behaviours")).unwrap();
    let running = runtime.run(&program, request, host.clone(), cancel.clone());
    let follower = async {
        host.said.notified().await;
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(running, follower);
    failure(&report, Reason::Cancelled);
    assert!(!host.lines.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_try_starts_from_nothing() {
    for _ in 0..5 {
        let input = json!({"do": "memory", "mib": 30});
        let report = start(&runtime(), &input, Limits { memory_bytes: 48 << 20, ..Limits::default() }, &CancellationToken::new());
        assert!(matches!(report.await.unwrap().ending, Ending::Success { .. }));
    }
}
