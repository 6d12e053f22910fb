//! What tasks keep, read and leave, and the endings with which they ask to go on later: from the sandbox to the servers and
//! back.

use crate::processes;
use chrono::TimeDelta;
use cofferdam_client::DagSource;
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::connection::Connection;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::RunKey;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use cofferdam_store::checkpoints::StoredCheckpoint;
use cofferdam_store::task_instances::TryEnding;
use cofferdam_store::{artifacts, connections, variables};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn site() -> Site {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    std::mem::forget((site.scheduler().await, site.worker().await));
    site
}

fn with(mut task: Value, settings: Value) -> Value {
    task.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    task
}

fn twice(first: &Value, then: &Value) -> Value {
    json!({ "do": "twice", "first": first, "then": then })
}

/// Its worker is killed after it saved a checkpoint; the next try finds it, on another worker.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_outlives_its_worker() {
    let (site, _api) = processes::Site::start("killed_with_checkpoint").await;
    let mut first = site.installation.start("worker").unwrap();
    let _scheduler = site.installation.start("scheduler").unwrap();
    first.logged("worker started").await.unwrap();
    let keeps =
        with(task("keeps", &json!({ "do": "echo_later", "ms": 60_000 }), &[]), json!({ "retries": 1, "retry_delay": "100ms" }));
    site.client.apply_dag(&DagSource::Json(of("checkpoints", vec![keeps])), false).await.unwrap();
    processes::trigger(&site.client, &"checkpoints".parse().unwrap(), 0..1).await;
    let run = site.ledger.runs().await[0].key;
    let instance = site.ledger.until_task(run, "keeps", TaskStateName::Running).await.id;
    site.ledger.until("the checkpoint", LONG, || async { site.ledger.checkpoint(instance).await.is_some() }).await;
    first.kill().unwrap();
    let _second = site.installation.start("worker").unwrap();
    site.ledger.until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger.xcom(run, "keeps", "return_value").await, json!("kept by try 1"));
    let recorded = site.ledger.of_task(run, "keeps").await;
    assert_eq!((recorded.instance.state, recorded.tries[0].reason), (TaskStateName::Success, Some(Reason::WorkerLost)));
    assert_eq!(site.ledger.checkpoint(instance).await, None, "it went with the success");
}

/// A large checkpoint lies in the object store; a failure keeps it, and the success that follows removes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_checkpoint_survives_a_retry() {
    let site = site().await;
    let large = "x".repeat(100_000);
    let saves = json!({ "do": "checkpoint", "save": large });
    let run = site.run_once("large", vec![task("saves", &saves, &[])], LONG).await.run;
    assert_eq!(site.ledger().of_task(run, "saves").await.instance.state, TaskStateName::Success);

    let fails = twice(&json!({ "do": "retryable", "message": "later" }), &json!({ "do": "checkpoint" }));
    let retried = with(task("retried", &fails, &[]), json!({ "retries": 1, "retry_delay": "50ms" }));
    let run = site.run_once("retried", vec![retried], LONG).await.run;
    assert_eq!(site.ledger().xcom(run, "retried", "return_value").await, json!("been here"));
    assert_eq!(site.ledger().of_task(run, "retried").await.tries.len(), 2);
}

/// Variables and connections come sealed from PostgreSQL, opened for those who are granted them.
#[tokio::test(flavor = "multi_thread")]
async fn granted_values_reach_their_task() {
    let site = site().await;
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let region =
        variables::NewVariable { key: "region".parse().unwrap(), value: "eu".to_owned(), secret: true, description: None };
    variables::create(&mut tx, &site.keys, &region, SystemClock.now()).await.unwrap();
    let connection = Connection {
        connection_id: "warehouse".parse().unwrap(),
        conn_type: "postgres".to_owned(),
        host: Some("db.example.com".to_owned()),
        port: Some(5432),
        login: Some("ann".to_owned()),
        password: Some("hunter22".to_owned()),
        schema: None,
        extra: None,
    };
    let new = connections::NewConnection { connection, description: None };
    connections::create(&mut tx, &site.keys, &new, SystemClock.now()).await.unwrap();
    tx.commit().await.unwrap();

    let reads = json!({ "do": "config", "variables": ["region", "absent"], "connections": ["warehouse"] });
    let grant = json!({ "grant": { "variables": ["region", "abs*"], "connections": ["warehouse"] } });
    let tasks = vec![with(task("granted", &reads, &[]), grant), task("refused", &reads, &[])];
    let run = site.run_once("config", tasks, LONG).await.run;
    let got = site.ledger().xcom(run, "granted", "return_value").await;
    assert_eq!((&got[0], &got[1]), (&json!("eu"), &Value::Null));
    assert_eq!((&got[2]["password"], &got[2]["port"]), (&json!("hunter22"), &json!(5432)));
    let refused = site.ledger().xcom(run, "refused", "return_value").await;
    assert!(refused[0]["err"].as_str().unwrap().contains("grant.variables"), "{refused}");
    assert!(refused[2]["err"].as_str().unwrap().contains("grant.connections"), "{refused}");
}

/// An artifact of several parts, read by the next task; that of a failed try is kept too.
#[tokio::test(flavor = "multi_thread")]
async fn artifacts_are_left_and_read() {
    let site = site().await;
    let writes =
        json!({ "do": "artifact", "name": "plots/a.csv", "type": "text/csv", "pieces": ["a,b\n"], "more_kib": 20 << 10 });
    let reads = json!({ "do": "artifact", "read": ["writes", "plots/a.csv"] });
    let run = site.run_once("artifacts", vec![task("writes", &writes, &[]), task("reads", &reads, &["writes"])], LONG).await.run;
    let read = site.ledger().xcom(run, "reads", "return_value").await;
    assert_eq!(read["listed"], json!(["plots/a.csv"]));
    assert_eq!((&read["read"]["bytes"], &read["read"]["type"]), (&json!(4 + (20 << 20)), &json!("text/csv")));
    assert_eq!(listed(&site, run, "writes").await, [("plots/a.csv".to_owned(), 4 + (20 << 20), 1)]);
    assert_eq!(listed(&site, run, "reads").await, []);
}

async fn listed(site: &Site, run: RunKey, task_id: &str) -> Vec<(String, u64, u32)> {
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let listed = artifacts::list(&mut tx, run, &task_id.parse().unwrap(), -1).await.unwrap();
    listed
        .into_iter()
        .map(|entry| (entry.written.artifact.name.to_string(), entry.written.artifact.size_bytes, entry.try_number))
        .collect()
}

/// Run again later, without using up a try.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_reschedules_itself() {
    let site = site().await;
    let again = twice(&json!({ "do": "reschedule", "ms": 400 }), &json!({ "do": "echo", "value": "second look" }));
    let triggered = site.trigger(&site.apply(of("reschedule", vec![task("sensor", &again, &[])])).await).await;
    let waiting = site.ledger().until_task(triggered.run, "sensor", TaskStateName::UpForReschedule).await;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().xcom(triggered.run, "sensor", "return_value").await, json!("second look"));
    let recorded = site.ledger().of_task(triggered.run, "sensor").await;
    assert_eq!((recorded.instance.state, recorded.instance.try_number, recorded.tries.len()), (TaskStateName::Success, 1, 1));
    assert!(recorded.instance.ended_at.unwrap() - waiting.queued_at.unwrap() >= TimeDelta::milliseconds(400));
}

/// Waits without a worker until the event comes; or until its time is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_an_event() {
    let site = site().await;
    let waits =
        |ms: u64| twice(&json!({ "do": "defer", "event": "file arrived", "ms": ms }), &json!({ "do": "echo", "value": "woken" }));
    let tasks = vec![task("woken", &waits(600_000), &[]), task("alone", &waits(600), &[])];
    let triggered = site.trigger(&site.apply(of("defer", tasks)).await).await;
    let run = triggered.run;
    site.ledger().until_task(run, "alone", TaskStateName::Success).await;
    let waiting = site.ledger().until_task(run, "woken", TaskStateName::Deferred).await;
    assert_eq!(site.engine.send_event(&site.context, "another").await.unwrap(), 0);
    assert_eq!(site.engine.send_event(&site.tenant("elsewhere").await, "file arrived").await.unwrap(), 0, "of another tenant");
    assert_eq!(site.ledger().of_task(run, "woken").await.instance.state, waiting.state);
    assert_eq!(site.engine.send_event(&site.context, "file arrived").await.unwrap(), 1);
    site.ledger().until_all_runs_ended(LONG).await;
    for task_id in ["woken", "alone"] {
        assert_eq!(site.ledger().xcom(run, task_id, "return_value").await, json!("woken"));
        assert_eq!(site.ledger().of_task(run, task_id).await.instance.try_number, 1);
    }
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
}

/// Skipped by its own word, with the reason that it gave; it leaves no checkpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_skips_itself() {
    let site = site().await;
    let skips = twice(&json!({ "do": "skip", "message": "nothing new" }), &json!({ "do": "panic", "message": "unreachable" }));
    let run = site.run_once("skip", vec![task("skips", &skips, &[])], LONG).await.run;
    let recorded = site.ledger().of_task(run, "skips").await;
    assert_eq!((recorded.instance.state, recorded.instance.reason), (TaskStateName::Skipped, Some(Reason::SkippedByTask)));
    assert_eq!((recorded.tries[0].ending, recorded.tries[0].message.as_deref()), (TryEnding::Skip, Some("nothing new")));
    assert_eq!(site.ledger().checkpoint(recorded.instance.id).await, None::<StoredCheckpoint>);
}
