//! Who lost its lease changes nothing.

use bytes::Bytes;
use cofferdam_domain::clock::{Clock, SystemClock};
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::task::{TaskStateName, Why};
use cofferdam_engine::{TryResult, XComWrite};
use cofferdam_ids::{LeaseToken, WorkerId, XComKey};
use cofferdam_queue::{Claim, ClaimRequest, Lease};
use cofferdam_runtime_tests::dags::{TWENTY, endless, of, task, twenty};
use cofferdam_runtime_tests::disturbed::Disturbed;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use cofferdam_store::execution::facts::XComValue;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A worker that is cut off runs on past its leases. Another one repeats its tries, and what the first one reports is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_reports_too_late() {
    let options = SiteOptions { lease: Duration::from_millis(900), ..SiteOptions::default() };
    let site = Site::start(options).await;
    let cut_off = Disturbed::new(site.connect_queue().await);
    cut_off.lose_extensions.store(true, Ordering::Relaxed);
    let _scheduler = site.scheduler().await;
    let slow: Vec<_> = (0..8).map(|n| task(&format!("slow_{n}"), &json!({ "do": "sleep", "ms": 4_000 }), &[])).collect();
    let dag = site.apply(of("late", slow)).await;
    let run = site.trigger(&dag).await.run;
    let first = site.worker_on(cut_off.clone());
    for n in 0..8 {
        site.ledger().until_task(run, &format!("slow_{n}"), TaskStateName::Running).await;
    }
    // It takes no more, so that the second tries go to another worker.
    first.shutdown.drain.cancel();
    let second = site.worker().await;
    let late = tokio::time::timeout(LONG, cut_off.acknowledged(8)).await.expect("the first worker reports");
    assert!(late.iter().all(|lease| lease.try_number == 1), "{late:?}");
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().assert_each_recorded_once(1, 8).await, 8, "each first try is lost");
    for recorded in site.ledger().of_run(run).await {
        assert_eq!(recorded.tries[1].worker, Some(second.id), "{recorded:?}");
    }
}

/// The fence itself: a result with an old try, an old lease, or one that was recorded, is refused and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn results_are_fenced() {
    let site = Site::start(SiteOptions::default()).await;
    let dag = site.apply(of("fenced", vec![task("only", &json!({}), &[])])).await;
    let run = site.trigger(&dag).await.run;
    let first = claim(&site, Duration::from_millis(50)).await;
    let scheduler = site.scheduler().await;
    site.ledger().until("the second try", LONG, || async { site.ledger().of_task(run, "only").await.tries.len() == 1 }).await;
    scheduler.stop().await;

    let refusal = |lease: Lease, value: &'static str| {
        let site = &site;
        async move {
            let recorded = site.engine.record(&[success(lease, value)]).await.expect("the database answers");
            recorded.refused.into_iter().next().map(|refused| refused.why)
        }
    };
    assert_eq!(refusal(first.lease, "late").await, Some(Why::OtherTry { given: 1, due: 2 }));
    let second = claim(&site, Duration::from_secs(30)).await;
    assert_eq!(second.lease.try_number, 2);
    // The right try under a lease that an earlier holder had.
    let old = Lease { token: first.lease.token, ..second.lease };
    assert!(matches!(refusal(old, "older").await, Some(Why::OldLease { .. })));
    let older = Lease { token: LeaseToken(first.lease.token.0 - 1), ..second.lease };
    assert!(matches!(refusal(older, "oldest").await, Some(Why::OldLease { .. })));
    assert_eq!(site.ledger().of_task(run, "only").await.instance.state, TaskStateName::Queued);

    assert_eq!(refusal(second.lease, "right").await, None);
    assert_eq!(refusal(second.lease, "twice").await, Some(Why::Finished));
    assert_eq!(refusal(first.lease, "very late").await, Some(Why::Finished));
    assert_eq!(site.ledger().xcom(run, "only", "return_value").await, json!("right"));
    let recorded = site.ledger().of_task(run, "only").await;
    assert_eq!(recorded.tries.len(), 2);
    assert_eq!(recorded.tries[0].reason, Some(Reason::WorkerLost));
    assert_eq!(site.ledger().assert_each_recorded_once(1, 1).await, 1);
}

/// The same result reported by several at once is recorded once.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_many_report_is_recorded_once() {
    let site = Site::start(SiteOptions::default()).await;
    let dag = site.apply(of("doubled", vec![task("only", &json!({}), &[]), task("after", &json!({}), &["only"])])).await;
    let run = site.trigger(&dag).await.run;
    let claim = claim(&site, Duration::from_secs(60)).await;
    let reports = (0..8).map(|_| {
        let engine = site.engine_on(&site.queue);
        async move {
            let recorded = engine.record(&[success(claim.lease, "once")]).await.expect("the database answers");
            let refused = recorded.refused.len();
            engine.hand_over(recorded, None).await;
            refused
        }
    });
    let refused: usize = futures::future::join_all(reports).await.into_iter().sum();
    assert_eq!(refused, 7);
    assert_eq!(site.ledger().run(run).await.unfinished, 1, "counted once");
    let _roles = (site.scheduler().await, site.worker().await);
    site.ledger().until_all_runs_ended(LONG).await;
}

/// A worker whose leases somebody else took away stops what it runs, and reports nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_stops_its_sandbox() {
    // The drain would hand the try back in the end; here it waits for longer than the test does.
    let site = Site::start(SiteOptions { drain_timeout: Duration::from_secs(600), ..SiteOptions::default() }).await;
    let _scheduler = site.scheduler().await;
    let dag = site.apply(of("taken", vec![endless("endless")])).await;
    let run = site.trigger(&dag).await.run;
    let first = site.worker().await;
    let running = site.ledger().until_task(run, "endless", TaskStateName::Running).await;
    first.shutdown.drain.cancel();
    site.queue.remove(&[running.id]).await.expect("the queue answers");
    // It is told when it next prolongs its leases; the drain then has nothing to wait for.
    tokio::time::timeout(Duration::from_secs(10), first.stopped()).await.expect("the sandbox was stopped");
    assert!(site.ledger().of_task(run, "endless").await.tries.iter().all(|one| one.reason == Some(Reason::WorkerLost)));
}

/// Two workers, each with too little time for its leases: whoever is repeated, nothing is recorded twice.
#[tokio::test(flavor = "multi_thread")]
async fn leases_that_keep_running_out() {
    let options = SiteOptions { lease: Duration::from_millis(400), ..SiteOptions::default() };
    let site = Site::start(options).await;
    let cut_off = Disturbed::new(site.connect_queue().await);
    let _roles = (site.scheduler().await, site.worker_on(cut_off.clone()), site.worker().await);
    let dag = site.apply(twenty("short", 60)).await;
    site.trigger_many(&dag, 25).await;
    site.ledger().until_finished_tasks(TWENTY, 50).await;
    cut_off.lose_extensions.store(true, Ordering::Relaxed);
    site.ledger().until_finished_tasks(TWENTY, 250).await;
    cut_off.lose_extensions.store(false, Ordering::Relaxed);
    site.ledger().until_all_runs_ended(LONG).await;
    site.ledger().assert_each_recorded_once(25, TWENTY).await;
}

async fn claim(site: &Site, lease: Duration) -> Claim {
    let request =
        ClaimRequest { worker: WorkerId::generate(), queues: vec![cofferdam_ids::QueueName::default_queue()], max: 1, lease };
    loop {
        if let Some(claim) = site.queue.claim(&request).await.expect("the queue answers").pop() {
            return claim;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn success(lease: Lease, value: &str) -> TryResult {
    let now = SystemClock.now();
    let value = Bytes::from(json!(value).to_string());
    TryResult {
        lease,
        worker: WorkerId::generate(),
        started_at: now,
        ended_at: now,
        ending: Ending::Success { output: String::new() },
        receipt: Receipt::default(),
        artifacts: Vec::new(),
        rendered: None,
        undecodable: None,
        xcoms: vec![XComWrite {
            key: XComKey::return_value(),
            size_bytes: value.len() as u64,
            value: XComValue::Inline(String::from_utf8(value.to_vec()).expect("JSON is UTF-8")),
        }],
    }
}
