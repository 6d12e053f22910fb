//! Workers that are told to stop.

use cofferdam_domain::ending::Reason;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::RunKey;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use serde_json::json;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const TASKS: usize = 8;

/// Within the drain timeout, what runs is finished; nothing more is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_runs() {
    let site = Site::start(SiteOptions { slots: TASKS as u32, ..SiteOptions::default() }).await;
    let (first, run) = site_with_sleepers(&site, 2 * TASKS, 1_500).await;
    let id = first.id;
    first.shutdown.drain.cancel();
    tokio::time::timeout(Duration::from_secs(20), first.stopped()).await.expect("it ends when its tries have");
    let recorded = site.ledger().of_run(run).await;
    let done = recorded.iter().filter(|one| one.instance.state == TaskStateName::Success);
    let by: Vec<_> = done.map(|one| one.tries[0].worker).collect();
    assert_eq!(by, [Some(id); TASKS], "it finished what it ran and took nothing more");
    let _second = site.worker().await;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().assert_each_recorded_once(1, 2 * TASKS).await, 0);
}

/// After the drain timeout, what still runs is handed back at once and goes on elsewhere as the same try.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_hands_back_what_takes_too_long() {
    let options = SiteOptions {
        drain_timeout: Duration::from_millis(200),
        // A lease that ran out would take longer than this test.
        lease: Duration::from_secs(300),
        ..SiteOptions::default()
    };
    let site = Site::start(options).await;
    let (first, run) = site_with_sleepers(&site, TASKS, 3_000).await;
    first.shutdown.drain.cancel();
    tokio::time::timeout(Duration::from_secs(2), first.stopped()).await.expect("it ends without waiting for its tries");
    let second = site.worker().await;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().assert_each_recorded_once(1, TASKS).await, 0, "no try was lost");
    for one in site.ledger().of_run(run).await {
        assert_eq!((one.instance.try_number, one.tries[0].worker), (1, Some(second.id)), "{one:?}");
    }
}

/// The second signal does not wait for anything: leases run out.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_at_once() {
    let site = Site::start(SiteOptions::default()).await;
    let (first, run) = site_with_sleepers(&site, TASKS, 3_000).await;
    first.shutdown.drain.cancel();
    first.shutdown.stop.cancel();
    tokio::time::timeout(Duration::from_secs(1), first.stopped()).await.expect("it ends at once");
    let second = site.worker().await;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().assert_each_recorded_once(1, TASKS).await, TASKS, "each try was lost");
    for one in site.ledger().of_run(run).await {
        assert_eq!(one.tries[0].reason, Some(Reason::WorkerLost));
        assert_eq!(one.tries[1].worker, Some(second.id));
    }
}

/// A scheduler, a worker, and a run whose first tasks this worker is running.
async fn site_with_sleepers(site: &Site, tasks: usize, ms: u64) -> (cofferdam_runtime_tests::site::RunningWorker, RunKey) {
    // It is to go on until the test ends.
    std::mem::forget(site.scheduler().await);
    let sleepers = (0..tasks).map(|n| task(&format!("sleeper_{n}"), &json!({ "do": "sleep", "ms": ms }), &[])).collect();
    let dag = site.apply(of("sleepers", sleepers)).await;
    let run = site.trigger(&dag).await.run;
    let worker = site.worker().await;
    site.ledger()
        .until("as many tasks to run as there are", LONG, || async {
            let all = site.ledger().of_run(run).await;
            all.iter().filter(|one| one.instance.state == TaskStateName::Running).count() == TASKS
        })
        .await;
    (worker, run)
}
