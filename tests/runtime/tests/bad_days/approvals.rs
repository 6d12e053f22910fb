//! Approvals between tasks that run in sandboxes.

use cofferdam_domain::approval::Answer;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::AskedTask;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// What a task returned is in the question, and what a person chose is in the input of the task behind it. While it waits, other tasks
/// run: it holds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_stands_between_two_sandboxes() {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    let _roles = (site.scheduler().await, site.worker().await);
    let mut definition = of(
        "asking",
        vec![
            task("count", &json!({ "do": "echo", "value": 7 }), &[]),
            task("publish", &json!({ "do": "echo", "value": { "$from": "ask" } }), &[]),
        ],
    );
    let asking = json!({
        "task_id": "ask",
        "approval": { "message": "Publish {{ ti.xcom_pull('count') }} rows?", "options": ["all", "some"] },
    });
    definition["tasks"].as_array_mut().unwrap().push(asking);
    let dag = site.apply(definition).await;
    let run = site.trigger(&dag).await;
    site.ledger().until_task(run.run, "ask", TaskStateName::Deferred).await;
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let asked = cofferdam_store::approvals::last(&mut tx, run.run, &"ask".parse().unwrap(), -1).await.unwrap();
    drop(tx);
    assert_eq!((asked.message.as_str(), asked.waiting), ("Publish 7 rows?", true));
    let answer = Answer { approve: true, choice: Some("some".to_owned()), note: None };
    let task = AskedTask { dag_id: &dag, dag_run_id: &run.dag_run_id, task_id: &"ask".parse().unwrap(), map_index: -1 };
    site.engine.answer_approval(&site.context, task, &answer).await.unwrap();
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().run(run.run).await.state, RunStateName::Success);
    let published: Value = site.ledger().xcom(run.run, "publish", "return_value").await;
    assert_eq!((&published["decision"], &published["choice"]), (&json!("approved"), &json!("some")));
    // What the page says that the decision has, and nothing else.
    let page = include_str!("../../../../docs/approvals.md");
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: serde_json::Map<String, Value> = serde_json::from_str(shown).unwrap();
    assert!(published.as_object().unwrap().keys().eq(shown.keys()), "{published}");
}
