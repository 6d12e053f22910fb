//! Tasks that make runs of other dags.

use crate::stage::{Stage, task};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use serde_json::{Value, json};

fn child() -> Value {
    json!({ "dag_id": "child", "params": { "n": 0, "m": 5 }, "tasks": [task("inner", &[], json!({ "input": { "$conf": "" } }))] })
}

fn parent(run_dag: Value) -> Value {
    json!({ "dag_id": "parent", "tasks": [
        task("before", &[], json!({})),
        task("call", &[], json!({ "run_dag": run_dag, "timeout": "10m" })),
        task("after", &["call"], json!({})),
    ] })
}

/// What the task gives to the run, and the run's end to the task.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_the_run_that_it_makes() {
    let stage = Stage::new().await;
    let child = stage.apply(child()).await;
    let dag = stage.apply(parent(json!({ "dag_id": "child", "conf": { "n": { "$from": "before" } } }))).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    assert_eq!(stage.state(run, "call").await, TaskStateName::None);
    stage.succeed("before", json!(7)).await;
    assert_eq!(stage.state(run, "call").await, TaskStateName::Deferred);
    let made = stage.runs_of(&child).await;
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].state, &made[0].conf), (RunStateName::Running, &json!({ "n": 7, "m": 5 })));
    let inner = stage.take_task("inner").await;
    assert_eq!(inner.job.input, json!({ "n": 7, "m": 5 }));
    assert_eq!(stage.state(run, "after").await, TaskStateName::None);
    // No scheduler runs: whoever ends the run wakes the task.
    stage.end(vec![(inner, crate::stage::success(json!(null)))]).await;
    stage.succeed("after", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let result = stage.result(run, "call").await;
    assert_eq!(result, json!({ "dag_id": "child", "dag_run_id": made[0].dag_run_id, "state": "success" }));
}

/// A failed run fails the task; a retry makes another run.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_fails_the_task_or_is_made_again() {
    let stage = Stage::new().await;
    let child = stage.apply(child()).await;
    let mut definition = parent(json!({ "dag_id": "child" }));
    definition["tasks"][1]["retries"] = json!(1);
    definition["tasks"][1]["retry_delay"] = json!(0);
    definition["tasks"].as_array_mut().unwrap().remove(0);
    let dag = stage.apply(definition).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.fail("inner").await;
    stage.fail("inner").await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    let states = stage.states(run).await;
    assert_eq!(states["call"], (TaskStateName::Failed, Some(Reason::ChildFailed)));
    assert_eq!(states["after"].0, TaskStateName::UpstreamFailed);
    assert_eq!(stage.runs_of(&child).await.len(), 2);
}

/// Without waiting, the task succeeds when the run is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_need_not_wait() {
    let stage = Stage::new().await;
    let child = stage.apply(child()).await;
    let moment = json!({ "dag_id": "child", "wait": false, "logical_date": "2026-11-21T06:00:00Z" });
    let tasks = json!([task("call", &[], json!({ "run_dag": moment }))]);
    let dag = stage.apply(json!({ "dag_id": "parent", "tasks": tasks })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let made = stage.runs_of(&child).await.remove(0);
    assert_eq!(made.state, RunStateName::Running);
    assert_eq!(made.logical_date.to_rfc3339(), "2026-11-21T06:00:00+00:00");
    assert_eq!(stage.result(run, "call").await["state"], json!("running"));
}

/// Whoever dies after a commit and before the next step: another process goes on from what is recorded, and the run is made once.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_two_steps() {
    let stage = Stage::new().await;
    let child = stage.apply(child()).await;
    let dag = stage.apply(parent(json!({ "dag_id": "child", "conf": { "n": { "$from": "before" } } }))).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let before = stage.take_task("before").await;
    stage.end_and_die(before, json!(7)).await;
    assert_eq!(stage.state(run, "call").await, TaskStateName::Queued);
    assert_eq!(stage.runs_of(&child).await.len(), 0);
    let _schedulers = (stage.scheduler(), stage.scheduler());
    let inner = stage.take_task("inner").await;
    assert_eq!(stage.state(run, "call").await, TaskStateName::Deferred);
    stage.end_and_die(inner, json!(null)).await;
    stage.succeed("after", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    assert_eq!(stage.runs_of(&child).await.len(), 1);
}

/// What waits for a run cancels it when it is cancelled itself.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_the_run_of_the_task_cancels_the_run_that_it_made() {
    let stage = Stage::new().await;
    let child = stage.apply(child()).await;
    let dag = stage.apply(parent(json!({ "dag_id": "child" }))).await;
    let triggered = stage.trigger(&dag, json!({})).await;
    let made = stage.runs_of(&child).await.remove(0).key;
    stage.engine.cancel_run(&stage.context, &dag, &triggered.dag_run_id).await.unwrap();
    assert_eq!(stage.state(triggered.run, "call").await, TaskStateName::Skipped);
    assert_eq!(stage.run(made).await.state, RunStateName::Running, "nobody has told it yet");
    let _scheduler = stage.scheduler();
    assert_eq!(stage.ended(made).await, RunStateName::Failed);
    assert_eq!(stage.run(made).await.reason, Some(Reason::Cancelled));
}

/// A dag that runs itself comes to an end, and one that is not there is an error.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run() {
    let stage = Stage::new().await;
    let dag = stage
        .apply(json!({ "dag_id": "again", "tasks": [task("call", &[], json!({ "run_dag": { "dag_id": "again" } }))], "max_active_runs": 100 }))
        .await;
    let run = stage.trigger(&dag, json!({})).await.run;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    let runs = stage.runs_of(&dag).await;
    assert_eq!(runs.len(), 17);
    assert_eq!(stage.states(runs[16].key).await["call"], (TaskStateName::Failed, Some(Reason::LimitExceeded)));
    assert_eq!(stage.states(run).await["call"], (TaskStateName::Failed, Some(Reason::ChildFailed)));

    let dag = stage
        .apply(json!({ "dag_id": "lost", "tasks": [task("call", &[], json!({ "run_dag": { "dag_id": "nowhere" } }))] }))
        .await;
    let run = stage.trigger(&dag, json!({})).await.run;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    assert_eq!(stage.states(run).await["call"], (TaskStateName::Failed, Some(Reason::InvalidInput)));

    let both = json!({ "dag_id": "both", "tasks": [{ "task_id": "t", "component": "work", "run_dag": { "dag_id": "x" } }] });
    assert_eq!(stage.problems(both).await, ["invalid_value /tasks/0/run_dag: a task has component or run_dag, not both"]);
    let input = json!({ "dag_id": "i", "tasks": [{ "task_id": "t", "input": {}, "run_dag": { "dag_id": "x" } }] });
    assert_eq!(stage.problems(input).await, ["unused_arguments /tasks/0/input: run_dag takes no input"]);
}
