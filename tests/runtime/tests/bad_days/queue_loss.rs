//! The queue forgets, goes away, or never heard of it.

use cofferdam_runtime_tests::dags::{TWENTY, twenty};
use cofferdam_runtime_tests::disturbed::Disturbed;
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use std::sync::atomic::Ordering;
use std::time::Duration;

const RUNS: usize = 50;
const LONG: Duration = Duration::from_secs(90);

/// `FLUSHALL` takes what waits and every lease; what is recorded as queued or running is put back.
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_flushed() {
    let site = Site::start(few_slots()).await;
    let _roles = (site.scheduler().await, site.worker().await, site.worker().await);
    let dag = site.apply(twenty("flushed", 10)).await;
    site.trigger_many(&dag, RUNS).await;
    for at in [200, 500] {
        site.ledger().until_finished_tasks(TWENTY, at).await;
        until_something_waits(&site).await;
        site.redis.as_ref().expect("it has one").flushall().expect("Redis answers");
    }
    site.ledger().until_all_runs_ended(LONG).await;
    site.ledger().assert_each_recorded_once(RUNS, TWENTY).await;
}

/// A restarted Redis is empty, its functions included.
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_restarted() {
    let mut site = Site::start(few_slots()).await;
    let _roles = (site.scheduler().await, site.worker().await, site.worker().await);
    let dag = site.apply(twenty("restarted", 10)).await;
    site.trigger_many(&dag, RUNS).await;
    site.ledger().until_finished_tasks(TWENTY, 300).await;
    until_something_waits(&site).await;
    site.redis.as_mut().expect("it has one").restart().expect("Redis comes back");
    site.ledger().until_all_runs_ended(LONG).await;
    site.ledger().assert_each_recorded_once(RUNS, TWENTY).await;
}

/// Workers that are busy, so that most of what is queued waits in the queue.
fn few_slots() -> SiteOptions {
    SiteOptions { slots: 4, ..SiteOptions::default() }
}

/// Until a message waits in the queue, so that there is something to lose.
async fn until_something_waits(site: &Site) {
    let waiting = || async { site.queue.depth().await.expect("the queue answers").ready > 0 };
    site.ledger().until("messages to wait", LONG, waiting).await;
}

/// A process that dies between its commit and its message to the queue leaves instances `queued` that nobody holds.
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_lost_after_the_commit() {
    let site = Site::start(SiteOptions::default()).await;
    let forgetful = Disturbed::new(site.connect_queue().await);
    forgetful.lose_enqueues.store(20, Ordering::Relaxed);
    let _roles = (site.scheduler().await, site.worker_on(forgetful.clone()));
    let dag = site.apply(twenty("forgotten", 5)).await;
    site.trigger_many(&dag, 10).await;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(forgetful.lose_enqueues.load(Ordering::Relaxed), 0, "messages were lost");
    assert_eq!(site.ledger().assert_each_recorded_once(10, TWENTY).await, 0, "no try was lost");
}

/// A scheduler that dies after it took expired leases from the queue leaves instances `running` that nobody holds.
#[tokio::test(flavor = "multi_thread")]
async fn expired_leases_are_lost_with_their_scheduler() {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    let first = site.worker().await;
    let dag = site.apply(twenty("lost_twice", 300)).await;
    site.trigger_many(&dag, 3).await;
    site.ledger().until_finished_tasks(TWENTY, 3).await;
    let run = site.ledger().runs().await[0].key;
    site.ledger().until_task(run, "fan_0", cofferdam_domain::task::TaskStateName::Running).await;
    first.abandon();
    let dying = Disturbed::new(site.connect_queue().await);
    dying.lose_expired.store(usize::MAX, Ordering::Relaxed);
    let _roles = (site.scheduler_on(dying.clone()), site.worker().await);
    site.ledger().until_all_runs_ended(LONG).await;
    assert!(dying.lose_expired.load(Ordering::Relaxed) < usize::MAX, "leases ran out");
    assert!(site.ledger().assert_each_recorded_once(3, TWENTY).await > 0, "tries were lost");
}
