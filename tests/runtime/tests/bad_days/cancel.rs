//! Runs that a person stops.

use chrono::TimeDelta;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::DagId;
use cofferdam_queue::Presence;
use cofferdam_runtime_tests::dags::{endless, of, task};
use cofferdam_runtime_tests::disturbed::Disturbed;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An endless guest is stopped within a second, what waits in the queue is taken out of it, what waits for others never starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled() {
    let site = Site::start(SiteOptions { slots: 1, ..SiteOptions::default() }).await;
    let dag = two_endless(&site).await;
    let run = site.trigger(&dag).await;
    let _roles = (site.scheduler().await, site.worker().await);
    site.ledger().until_task(run.run, "endless", TaskStateName::Running).await;
    let queued = site.ledger().until_task(run.run, "queued", TaskStateName::Queued).await;

    site.engine.cancel_run(&site.context, &dag, &run.dag_run_id).await.unwrap();
    site.ledger().until_all_runs_ended(Duration::from_secs(10)).await;
    let ended = site.ledger().run(run.run).await;
    assert_eq!((ended.state, ended.reason), (RunStateName::Failed, Some(Reason::Cancelled)));
    let took = ended.ended_at.unwrap() - ended.cancel_requested_at.unwrap();
    assert!(took < TimeDelta::seconds(1), "cancelling took {took}");
    let states = site.ledger().of_run(run.run).await.into_iter();
    let states: Vec<_> =
        states.map(|one| (one.instance.task_id.to_string(), one.instance.state, one.instance.reason, one.tries.len())).collect();
    let cancelled = Some(Reason::Cancelled);
    assert_eq!(
        states,
        [
            ("endless".to_owned(), TaskStateName::Failed, cancelled, 1),
            ("queued".to_owned(), TaskStateName::Skipped, cancelled, 0),
            ("after".to_owned(), TaskStateName::Skipped, cancelled, 0),
        ]
    );
    assert_eq!(site.queue.presence(&[queued.id]).await.unwrap(), [Presence::Absent]);
    // The sandbox is free again.
    site.run_once("next", vec![task("echo", &json!({ "do": "echo", "value": 1 }), &[])], Duration::from_secs(10)).await;
    // What is finished cannot be cancelled.
    assert!(site.engine.cancel_run(&site.context, &dag, &run.dag_run_id).await.is_err());
}

/// The signal to the worker is lost; a scheduler tells it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cancellation_is_told_again() {
    let site = Site::start(SiteOptions::default()).await;
    let deaf = Disturbed::new(site.connect_queue().await);
    deaf.lose_cancels.store(true, Ordering::Relaxed);
    let dag = two_endless(&site).await;
    let run = site.trigger(&dag).await;
    let _roles = (site.scheduler().await, site.worker().await);
    for name in ["endless", "queued"] {
        site.ledger().until_task(run.run, name, TaskStateName::Running).await;
    }
    site.engine_on(&(deaf as _)).cancel_run(&site.context, &dag, &run.dag_run_id).await.unwrap();
    site.ledger().until_all_runs_ended(Duration::from_secs(20)).await;
    let ended = site.ledger().run(run.run).await;
    assert_eq!((ended.state, ended.reason), (RunStateName::Failed, Some(Reason::Cancelled)));
}

/// A run whose tasks all wait is cancelled at once, and is no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_is_cancelled() {
    let site = Site::start(SiteOptions::default()).await;
    let dag = two_endless(&site).await;
    let run = site.trigger(&dag).await;
    site.engine.cancel_run(&site.context, &dag, &run.dag_run_id).await.unwrap();
    let ended = site.ledger().run(run.run).await;
    assert_eq!((ended.state, ended.reason, ended.unfinished), (RunStateName::Failed, Some(Reason::Cancelled), 0));
    assert!(site.ledger().of_run(run.run).await.iter().all(|one| one.instance.state == TaskStateName::Skipped));
}

async fn two_endless(site: &Site) -> DagId {
    let mut first = endless("endless");
    // The one that goes first where there is only one slot.
    first["priority"] = json!(10);
    site.apply(of("endless", vec![first, endless("queued"), task("after", &json!({}), &["endless", "queued"])])).await
}
