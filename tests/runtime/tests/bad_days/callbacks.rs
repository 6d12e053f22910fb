//! Callbacks in sandboxes: they run like tasks, and count for nothing.

use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use cofferdam_store::{callbacks, task_instances};
use serde_json::json;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// The example of the documentation, as it stands there: a worker runs the task, and what is called for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_documentation_calls_its_callbacks() {
    let page = include_str!("../../../../docs/callbacks.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    let _roles = (site.scheduler().await, site.worker().await);
    let dag = site.apply(serde_saphyr::from_str(example).unwrap()).await;
    let run = site.trigger(&dag).await.run;
    let called = || async {
        let mut tx = site.store.begin(&site.context).await.unwrap();
        callbacks::of_run(&mut tx, run).await.unwrap()
    };
    let ended = || async {
        let called = called().await;
        called.len() == 3 && called.iter().all(|one| one.state.is_finished())
    };
    site.ledger().until("three callbacks to end", LONG, ended).await;
    for one in called().await {
        assert_eq!(one.state, TaskStateName::Success, "{one:?}");
        // Each has a receipt of its own.
        let mut tx = site.store.begin(&site.context).await.unwrap();
        let instance = task_instances::get(&mut tx, run, &one.task_id, one.map_index).await.unwrap();
        assert!(instance.last_try.expect("it has ended").receipt.fuel > 0);
    }
    let told = site.ledger().run(run).await;
    assert_eq!(told.state, RunStateName::Failed);
    let returned = async |callback: &str| site.ledger().xcom(run, callback, "return_value").await;
    assert_eq!(returned("on_failure").await, json!(format!("{} is failed", told.dag_run_id)));
    assert_eq!(returned("load.on_failure").await, json!("load failed in try 2: guest_error"));
    let context = returned("defaults.on_retry").await;
    assert_eq!((&context["event"], &context["try_number"], &context["task_id"]), (&json!("on_retry"), &json!(1), &json!("load")));
    assert!(context["exception"].as_str().unwrap().contains("no rows"), "{context}");
    // It has what the page says that it has, and nothing else.
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: serde_json::Map<String, serde_json::Value> = serde_json::from_str(shown).unwrap();
    assert!(context.as_object().unwrap().keys().eq(shown.keys()), "{context}");
    let tasks = site.ledger().of_run(run).await;
    assert_eq!(tasks.len(), 1, "callbacks are not among the tasks");
    assert_eq!(tasks[0].instance.reason, Some(Reason::GuestError));
}
