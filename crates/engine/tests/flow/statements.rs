//! What callbacks and deadlines cost those who have none: nothing.

use crate::stage::{Stage, task};
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Once;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    /// How many statements this thread has sent to the database.
    static SENT: Cell<usize> = const { Cell::new(0) };
}

/// Counts the statements that each thread sends to the database.
struct Statements;

fn sent() -> usize {
    SENT.with(Cell::get)
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == "sqlx::query" {
            SENT.with(|sent| sent.set(sent.get() + 1));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// How many statements a trigger takes, and how many the end of the only task, which ends the run.
async fn counted(stage: &Stage, name: &str, of_dag: Value, of_task: Value) -> (usize, usize) {
    let mut definition = json!({ "dag_id": name, "tasks": [task("one", &[], of_task)] });
    definition.as_object_mut().unwrap().extend(of_dag.as_object().unwrap().clone());
    let dag = stage.apply(definition).await;
    let mut least = (usize::MAX, usize::MAX);
    // The first time, the plan is read; and any time, another connection may be opened, which takes a statement of its own.
    for _ in 0..6 {
        let before = sent();
        stage.trigger(&dag, json!({})).await;
        let between = sent();
        let one = stage.take_task("one").await;
        let taken = sent();
        stage.end_and_die(one, json!(1)).await;
        least = (least.0.min(between - before), least.1.min(sent() - taken));
    }
    least
}

#[tokio::test]
async fn what_is_not_called_costs_no_statement() {
    // For the whole process: other tests run on other threads. This one has one.
    static COUNTING: Once = Once::new();
    COUNTING.call_once(|| tracing::subscriber::set_global_default(Statements).unwrap());
    let stage = Stage::new().await;
    let plain = counted(&stage, "plain", json!({}), json!({})).await;
    assert!(plain.0 > 2 && plain.1 > 2, "statements are counted: {plain:?}");
    let quiet = counted(&stage, "quiet", json!({ "on_failure": "work" }), json!({ "on_failure": "work" })).await;
    assert_eq!(quiet, plain);
    // One statement calls all that is to be called.
    let told = counted(&stage, "told", json!({ "on_success": "work" }), json!({ "on_success": "work" })).await;
    assert_eq!(told, (plain.0, plain.1 + 1));
    let due = counted(&stage, "due", json!({ "deadline": { "after": "1h" } }), json!({})).await;
    assert_eq!(due, (plain.0 + 1, plain.1 + 1));
}
