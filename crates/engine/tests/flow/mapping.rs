//! Mapped tasks whose lists are made anew, longer, shorter or empty; and mapped tasks among each other.

use crate::stage::{Stage, Taken, failure, success, task};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{Act, Selection};
use cofferdam_ids::{DagId, RunKey};
use serde_json::{Value, json};

/// Takes so many tries, once they are in the queue, in order of their names. Nothing else may be there.
async fn take(stage: &Stage, count: usize) -> Vec<Taken> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let more =
            stage.until("tries to come into the queue", || async { Some(stage.take(100).await).filter(|more| !more.is_empty()) });
        taken.extend(more.await);
    }
    taken.sort_by_key(Taken::name);
    assert_eq!(taken.len(), count, "{:?}", taken.iter().map(Taken::name).collect::<Vec<_>>());
    taken
}

/// Ends tries with ten times their item.
async fn end(stage: &Stage, taken: Vec<Taken>) {
    let tenfold = |taken: &Taken| json!(taken.job.input["x"].as_i64().unwrap() * 10);
    stage
        .end(taken.into_iter().map(|taken| (success(tenfold(&taken)), taken)).map(|(ending, taken)| (taken, ending)).collect())
        .await;
}

fn fan() -> Value {
    json!({ "dag_id": "fan", "tasks": [
        task("list", &[], json!({})),
        task("each", &[], json!({ "input": { "kept": 1 }, "expand": { "over": { "x": { "$from": "list" } } } })),
        task("join", &[], json!({ "input": { "all": { "$from": "each" } } })),
    ] })
}

/// Goes through a run with this list: what the instances get, what they are afterwards, and what the join gets, if it runs.
async fn go_through(stage: &Stage, run: RunKey, list: &[i64]) -> (Vec<(i32, TaskStateName)>, Option<Value>) {
    stage.succeed("list", json!(list)).await;
    let mut joined = None;
    if !list.is_empty() {
        let taken = take(stage, list.len()).await;
        let inputs: Vec<_> = taken.iter().map(|taken| taken.job.input.clone()).collect();
        let expected: Vec<_> = list.iter().map(|item| json!({ "kept": 1, "x": item })).collect();
        assert_eq!(inputs, expected);
        end(stage, taken).await;
        let join = stage.take_task("join").await;
        joined = Some(join.job.input["all"].clone());
        stage.end(vec![(join, success(json!(null)))]).await;
    }
    stage.ended(run).await;
    let each = stage.instances(run).await.into_iter().filter(|one| one.task_id.as_str() == "each");
    (each.map(|one| (one.map_index, one.state)).collect(), joined)
}

async fn clear(stage: &Stage, dag: &DagId, task: &str) {
    let selection = Selection { tasks: Some(vec![task.parse().unwrap()]), downstream: true, ..Selection::default() };
    let touched = stage.engine.act(&stage.context, dag, &selection, Act::Clear, false).await.unwrap();
    assert!(!touched.is_empty());
}

#[tokio::test]
async fn the_instances_follow_a_list_that_is_made_anew() {
    use TaskStateName::{Removed, Skipped, Success};
    let stage = Stage::new().await;
    let dag = stage.apply(fan()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let tenfold = |list: &[i64]| Some(list.iter().map(|item| json!(item * 10)).collect::<Value>());
    for (list, states) in [
        (&[1, 2, 3][..], vec![(0, Success), (1, Success), (2, Success)]),
        (&[4, 5], vec![(0, Success), (1, Success), (2, Removed)]),
        (&[6, 7, 8, 9], vec![(0, Success), (1, Success), (2, Success), (3, Success)]),
        (&[], vec![(-1, Skipped), (1, Removed), (2, Removed), (3, Removed)]),
        (&[1, 2], vec![(0, Success), (1, Success), (2, Removed), (3, Removed)]),
    ] {
        let (found, joined) = go_through(&stage, run, list).await;
        assert_eq!(found, states, "{list:?}");
        assert_eq!(joined, if list.is_empty() { None } else { tenfold(list) }, "{list:?}");
        let run = stage.run(run).await;
        assert_eq!((run.state, run.unfinished), (RunStateName::Success, 0), "{list:?}");
        clear(&stage, &dag, "list").await;
    }
}

/// One instance that is run anew gets its own item again, and the task after it all results.
#[tokio::test]
async fn one_instance_is_run_anew() {
    let stage = Stage::new().await;
    let dag = stage.apply(fan()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!([1, 2, 3])).await;
    let mut taken = take(&stage, 3).await;
    let failing = taken.remove(1);
    stage.end(vec![(failing, failure())]).await;
    end(&stage, taken).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    assert_eq!(stage.state(run, "join").await, TaskStateName::UpstreamFailed);
    let selection = Selection {
        tasks: Some(vec!["each".parse().unwrap(), "join".parse().unwrap()]),
        states: Some(vec![TaskStateName::Failed, TaskStateName::UpstreamFailed]),
        ..Selection::default()
    };
    stage.engine.act(&stage.context, &dag, &selection, Act::Clear, false).await.unwrap();
    let again = stage.take_task("each[1]").await;
    assert_eq!(again.job.input, json!({ "kept": 1, "x": 2 }));
    assert_eq!(again.job.context.try_number, 2);
    end(&stage, vec![again]).await;
    let join = stage.take_task("join").await;
    assert_eq!(join.job.input, json!({ "all": [10, 20, 30] }));
    stage.end(vec![(join, success(json!(null)))]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

/// A mapped task with a rule that does not wait for all still waits for the list.
#[tokio::test]
async fn a_rule_that_is_satisfied_early_waits_for_the_list() {
    let stage = Stage::new().await;
    let dag = stage
        .apply(json!({ "dag_id": "early", "tasks": [
            task("other", &[], json!({})),
            task("list", &["other"], json!({})),
            task("each", &["other"], json!({ "trigger_rule": "one_success", "expand": { "over": { "x": { "$from": "list" } } } })),
            task("known", &["list"], json!({ "trigger_rule": "always", "expand": { "over": { "x": [1, 2] } } })),
        ] }))
        .await;
    let run = stage.trigger(&dag, json!({})).await.run;
    // What is written in the dag has nothing to wait for.
    let taken = take(&stage, 3).await;
    let names: Vec<_> = taken.iter().map(Taken::name).collect();
    assert_eq!(names, ["known[0]", "known[1]", "other"]);
    stage.end(taken.into_iter().map(|taken| (taken, success(json!(0)))).collect()).await;
    assert_eq!(stage.state(run, "each").await, TaskStateName::None);
    stage.succeed("list", json!([5])).await;
    let each = stage.take_task("each[0]").await;
    stage.end(vec![(each, success(json!(0)))]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

/// Ten thousand instances, and one item more.
#[tokio::test]
async fn ten_thousand_and_no_more() {
    let stage = Stage::new().await;
    let dag = stage.apply(fan()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!((0..10_000).collect::<Vec<_>>())).await;
    let there = || async { (stage.instances(run).await.len() == 10_002).then_some(()) };
    stage.until("all instances to be there", there).await;
    let waits = || async { (stage.run(run).await.unfinished == 10_001).then_some(()) };
    stage.until("all of them to be counted", waits).await;

    let more = stage.trigger(&dag, json!({})).await.run;
    // Those of the first run come before it.
    let taken = stage
        .until("the list of the second run", || async { stage.take(2_000).await.into_iter().find(|taken| taken.job.run == more) })
        .await;
    stage.end(vec![(taken, success(json!((0..10_001).collect::<Vec<_>>())))]).await;
    assert_eq!(stage.ended(more).await, RunStateName::Failed);
    assert_eq!(stage.states(more).await["each"], (TaskStateName::Failed, Some(Reason::InvalidInput)));
}
