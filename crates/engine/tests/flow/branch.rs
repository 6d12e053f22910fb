//! Tasks whose results decide what runs.

use crate::stage::{Stage, success, task};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use serde_json::{Value, json};

fn branching() -> Value {
    json!({ "dag_id": "choosing", "tasks": [
        task("choose", &[], json!({ "branch": true })),
        task("left", &["choose"], json!({})),
        task("right", &["choose"], json!({})),
        task("below_right", &["right"], json!({})),
        task("load_a", &["choose"], json!({ "group": "load" })),
        task("load_b", &["load_a"], json!({ "group": "load" })),
        task("join", &["left", "below_right", "load"], json!({ "trigger_rule": "none_failed_min_one_success" })),
    ] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_branch_does_not_choose_is_skipped() {
    let stage = Stage::new().await;
    let dag = stage.apply(branching()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("choose", json!(["left"])).await;
    let states = stage.states(run).await;
    assert_eq!(states["right"], (TaskStateName::Skipped, Some(Reason::BranchNotChosen)));
    assert_eq!(states["below_right"], (TaskStateName::Skipped, Some(Reason::SkippedByRule)));
    assert_eq!(states["load_a"], (TaskStateName::Skipped, Some(Reason::BranchNotChosen)));
    assert_eq!(states["load_b"], (TaskStateName::Skipped, Some(Reason::SkippedByRule)));
    assert_eq!(states["left"].0, TaskStateName::Queued);
    stage.succeed("left", json!(null)).await;
    stage.succeed("join", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_chooses_a_group_or_nothing() {
    let stage = Stage::new().await;
    let dag = stage.apply(branching()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("choose", json!("load")).await;
    stage.succeed("load_a", json!(null)).await;
    stage.succeed("load_b", json!(null)).await;
    stage.succeed("join", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("choose", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    assert_eq!(stage.states(run).await["join"], (TaskStateName::Skipped, Some(Reason::SkippedByRule)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_chooses_what_is_not_there_fails() {
    let stage = Stage::new().await;
    let dag = stage.apply(branching()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("choose", json!("below_right")).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    let states = stage.states(run).await;
    assert_eq!(states["choose"], (TaskStateName::Failed, Some(Reason::InvalidOutput)));
    assert_eq!(states["left"].0, TaskStateName::UpstreamFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_circuit_skips_everything_or_what_is_next() {
    let stage = Stage::new().await;
    let tasks = |short_circuit: Value| {
        json!([
            task("check", &[], json!({ "short_circuit": short_circuit })),
            task("next", &["check"], json!({})),
            task("last", &["next"], json!({ "trigger_rule": "all_done" })),
        ])
    };
    let dag = stage.apply(json!({ "dag_id": "all", "tasks": tasks(json!(true)) })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("check", json!(0)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let states = stage.states(run).await;
    assert_eq!(states["next"], (TaskStateName::Skipped, Some(Reason::ShortCircuited)));
    assert_eq!(states["last"], (TaskStateName::Skipped, Some(Reason::ShortCircuited)));

    let dag = stage.apply(json!({ "dag_id": "next", "tasks": tasks(json!({ "ignore_trigger_rules": false })) })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("check", json!([])).await;
    assert_eq!(stage.states(run).await["next"], (TaskStateName::Skipped, Some(Reason::ShortCircuited)));
    stage.succeed("last", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);

    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("check", json!("go on")).await;
    stage.succeed("next", json!(null)).await;
    stage.succeed("last", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

/// Setup, work, teardown, and something after the teardown's setup was skipped or failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_runs_when_its_setup_succeeded() {
    let stage = Stage::new().await;
    let dag = stage
        .apply(json!({ "dag_id": "torn", "tasks": [
            task("create", &[], json!({ "setup": true })),
            task("work", &["create"], json!({})),
            task("drop", &["work"], json!({ "teardown": { "setups": ["create"] } })),
        ] }))
        .await;
    // The work fails: the teardown runs, and the run fails although the teardown succeeds.
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("create", json!(null)).await;
    stage.fail("work").await;
    stage.succeed("drop", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    // The teardown fails: the run succeeds.
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("create", json!(null)).await;
    stage.succeed("work", json!(null)).await;
    stage.fail("drop").await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    // The setup fails, or is skipped: so does the teardown, or it is.
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.fail("create").await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    assert_eq!(stage.state(run, "drop").await, TaskStateName::UpstreamFailed);
    let run = stage.trigger(&dag, json!({})).await.run;
    let create = stage.take_task("create").await;
    stage.end(vec![(create, cofferdam_domain::ending::Ending::Skip { message: String::new() })]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    assert_eq!(stage.state(run, "drop").await, TaskStateName::Skipped);
}

/// Several results of one transaction decide about the same task.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_of_one_transaction_do_not_disturb_each_other() {
    let stage = Stage::new().await;
    let dag = stage
        .apply(json!({ "dag_id": "two", "tasks": [
            task("one", &[], json!({ "branch": true })),
            task("two", &[], json!({ "short_circuit": true })),
            task("a", &["one"], json!({})),
            task("b", &["one", "two"], json!({})),
            task("c", &["b", "a"], json!({ "trigger_rule": "one_success" })),
        ] }))
        .await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let mut both = stage.take(2).await;
    both.sort_by_key(|taken| taken.name());
    let results = [json!("a"), json!(false)];
    stage.end(both.into_iter().zip(results).map(|(taken, result)| (taken, success(result))).collect()).await;
    stage.succeed("a", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let states = stage.states(run).await;
    assert_eq!(states["b"].0, TaskStateName::Skipped);
    assert_eq!(states["c"], (TaskStateName::Skipped, Some(Reason::ShortCircuited)));
}
