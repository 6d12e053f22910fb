//! Mapped groups: their tasks go on index by index, and together where they have to.

use crate::stage::{Stage, Taken, failure, success, task};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName::{self, Failed, Removed, Skipped, Success, UpstreamFailed};
use cofferdam_engine::{Act, Selection};
use cofferdam_ids::{DagId, RunKey};
use serde_json::{Value, json};

/// Takes these tries, once they are in the queue, in order of their names. Nothing else may be there.
async fn take(stage: &Stage, names: &[&str]) -> Vec<Taken> {
    let mut taken: Vec<Taken> = Vec::new();
    while taken.len() < names.len() {
        let more =
            stage.until("tries to come into the queue", || async { Some(stage.take(100).await).filter(|more| !more.is_empty()) });
        taken.extend(more.await);
    }
    taken.sort_by_key(Taken::name);
    assert_eq!(taken.iter().map(Taken::name).collect::<Vec<_>>(), names);
    taken
}

/// Takes these tries and ends each with its name.
async fn succeed(stage: &Stage, names: &[&str]) {
    let taken = take(stage, names).await;
    stage
        .end(
            taken.into_iter().map(|taken| (success(json!(taken.name())), taken)).map(|(ending, taken)| (taken, ending)).collect(),
        )
        .await;
}

async fn end(stage: &Stage, taken: Taken, ending: Ending) {
    stage.end(vec![(taken, ending)]).await;
}

/// The states of a run's instances, without reasons.
async fn states(stage: &Stage, run: RunKey) -> Vec<(String, TaskStateName)> {
    stage.states(run).await.into_iter().map(|(name, (state, _))| (name, state)).collect()
}

fn named(states: &[(&str, TaskStateName)]) -> Vec<(String, TaskStateName)> {
    states.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect()
}

fn member(task_id: &str, depends_on: &[&str], more: Value) -> Value {
    let mut task = task(task_id, depends_on, more);
    task["group"] = json!("each");
    task
}

/// A group over what `list` returns, of these tasks, and one that takes all results of `last`.
fn over_list(members: &[Value], last: &str) -> Value {
    let mut tasks = vec![task("list", &[], json!({}))];
    tasks.extend(members.iter().cloned());
    tasks.push(task("join", &[], json!({ "input": { "all": { "$from": last } }, "trigger_rule": "all_done" })));
    json!({ "dag_id": "grouped", "groups": { "each": { "expand": { "over": { "x": { "$from": "list" } } } } }, "tasks": tasks })
}

/// Fetches and stores.
fn fetch_and_store() -> Value {
    let fetch = member("fetch", &[], json!({ "input": { "x": { "$item": "x" }, "text": "{{ item.x }}!" } }));
    let store = member("store", &[], json!({ "input": { "of": { "$from": "fetch" }, "x": { "$item": "x" } } }));
    over_list(&[fetch, store], "store")
}

/// Each index goes on by itself; a task sees what the others of its group left at its own index, and the task behind all of them.
#[tokio::test(flavor = "multi_thread")]
async fn each_index_goes_on_by_itself() {
    let stage = Stage::new().await;
    let dag = stage.apply(fetch_and_store()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    assert_eq!(states(&stage, run).await.len(), 4);
    stage.succeed("list", json!([10, 20, 30])).await;
    let mut fetches = take(&stage, &["fetch[0]", "fetch[1]", "fetch[2]"]).await;
    assert_eq!(fetches[1].job.input, json!({ "x": 20, "text": "20!" }));
    assert_eq!(stage.instances(run).await.len(), 8);
    end(&stage, fetches.remove(1), success(json!("second"))).await;
    let store = stage.take_task("store[1]").await;
    assert_eq!(store.job.input, json!({ "of": "second", "x": 20 }));
    end(&stage, store, success(json!("b"))).await;
    for (name, fetched) in [("c", fetches.pop().unwrap()), ("a", fetches.pop().unwrap())] {
        let index = fetched.job.context.map_index;
        end(&stage, fetched, success(json!(name))).await;
        let store = stage.take_task(&format!("store[{index}]")).await;
        assert_eq!(store.job.input["of"], json!(name));
        end(&stage, store, success(json!(name))).await;
    }
    let join = stage.take_task("join").await;
    assert_eq!(join.job.input, json!({ "all": ["a", "b", "c"] }));
    end(&stage, join, success(json!(null))).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    assert_eq!(stage.run(run).await.unfinished, 0);
}

/// A failure, a decision and a setup count for their own index.
#[tokio::test(flavor = "multi_thread")]
async fn rules_branches_and_teardowns_look_at_their_own_index() {
    let stage = Stage::new().await;
    let members = [
        member("create", &[], json!({ "setup": true })),
        member("choose", &["create"], json!({ "branch": true })),
        member("left", &["choose"], json!({})),
        member("right", &["choose"], json!({})),
        member("mend", &["left", "right"], json!({ "trigger_rule": "one_failed" })),
        member("clean", &["left", "right"], json!({ "teardown": { "setups": ["create"] } })),
    ];
    let dag = stage.apply(over_list(&members, "left")).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!([0, 1, 2])).await;
    let mut create = take(&stage, &["create[0]", "create[1]", "create[2]"]).await;
    end(&stage, create.pop().unwrap(), failure()).await;
    end(&stage, create.pop().unwrap(), success(json!(null))).await;
    end(&stage, create.pop().unwrap(), success(json!(null))).await;
    let mut choose = take(&stage, &["choose[0]", "choose[1]", "mend[2]"]).await;
    // What was not run because of a failure counts as one.
    end(&stage, choose.pop().unwrap(), success(json!(null))).await;
    end(&stage, choose.pop().unwrap(), success(json!("right"))).await;
    end(&stage, choose.pop().unwrap(), success(json!("left"))).await;
    let mut taken = take(&stage, &["left[0]", "right[1]"]).await;
    end(&stage, taken.pop().unwrap(), failure()).await;
    succeed(&stage, &["clean[1]", "mend[1]"]).await;
    end(&stage, taken.pop().unwrap(), success(json!("left"))).await;
    let mut last = take(&stage, &["clean[0]", "join"]).await;
    assert_eq!(last[1].job.input, json!({ "all": ["left"] }));
    end(&stage, last.pop().unwrap(), success(json!(null))).await;
    end(&stage, last.pop().unwrap(), success(json!(null))).await;
    stage.ended(run).await;
    let expected = [
        ("choose[0]", Success),
        ("choose[1]", Success),
        ("choose[2]", UpstreamFailed),
        ("clean[0]", Success),
        ("clean[1]", Success),
        ("clean[2]", UpstreamFailed),
        ("create[0]", Success),
        ("create[1]", Success),
        ("create[2]", Failed),
        ("join", Success),
        ("left[0]", Success),
        ("left[1]", Skipped),
        ("left[2]", UpstreamFailed),
        ("list", Success),
        ("mend[0]", Skipped),
        ("mend[1]", Success),
        ("mend[2]", Success),
        ("right[0]", Skipped),
        ("right[1]", Failed),
        ("right[2]", UpstreamFailed),
    ];
    assert_eq!(states(&stage, run).await, named(&expected));
}

/// No item: all of the group is skipped. No list: it goes the way of the task that should have made it, or its first task fails.
#[tokio::test(flavor = "multi_thread")]
async fn without_items_nothing_of_the_group_runs() {
    let stage = Stage::new().await;
    let mut definition = fetch_and_store();
    // These would run whatever happens before them.
    definition["tasks"].as_array_mut().unwrap().push(member("always", &["fetch"], json!({ "trigger_rule": "always" })));
    let dag = stage.apply(definition).await;
    let list = |ending: Ending| {
        let (stage, dag) = (&stage, &dag);
        async move {
            let run = stage.trigger(dag, json!({})).await.run;
            // Nothing is there until the list is.
            let list = stage.take_task("list").await;
            end(stage, list, ending).await;
            let join = stage.take_task("join").await;
            assert_eq!(join.job.input, json!({ "all": [] }));
            end(stage, join, success(json!(null))).await;
            stage.ended(run).await;
            let states = stage.states(run).await;
            ["always", "fetch", "store"].map(|task| states[task])
        }
    };
    assert_eq!(list(success(json!([]))).await, [(Skipped, Some(Reason::NothingToMap)); 3]);
    assert_eq!(list(Ending::Skip { message: String::new() }).await, [(Skipped, Some(Reason::SkippedByRule)); 3]);
    assert_eq!(list(failure()).await, [(UpstreamFailed, Some(Reason::UpstreamFailed)); 3]);
    let no_list = list(success(json!("words"))).await;
    assert_eq!(no_list.iter().filter(|one| **one == (Failed, Some(Reason::InvalidInput))).count(), 1, "{no_list:?}");
    assert_eq!(no_list.iter().filter(|(state, _)| *state == UpstreamFailed).count(), 2, "{no_list:?}");
}

async fn clear(stage: &Stage, dag: &DagId, task: &str, map_index: Option<i32>) -> Vec<String> {
    let selection = Selection { tasks: Some(vec![task.parse().unwrap()]), map_index, downstream: true, ..Selection::default() };
    let touched = stage.engine.act(&stage.context, dag, &selection, Act::Clear, false).await.unwrap();
    let mut names: Vec<String> = touched.iter().map(|one| format!("{}[{}]", one.task_id, one.map_index)).collect();
    names.sort();
    names
}

/// One index is run anew: what lies behind it in the group at that index, and what lies behind the group.
#[tokio::test(flavor = "multi_thread")]
async fn one_index_is_run_anew() {
    let stage = Stage::new().await;
    let dag = stage.apply(fetch_and_store()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!([1, 2])).await;
    let mut fetches = take(&stage, &["fetch[0]", "fetch[1]"]).await;
    end(&stage, fetches.pop().unwrap(), failure()).await;
    end(&stage, fetches.pop().unwrap(), success(json!("first"))).await;
    succeed(&stage, &["store[0]"]).await;
    succeed(&stage, &["join"]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    assert_eq!(stage.state(run, "store[1]").await, UpstreamFailed);
    assert_eq!(clear(&stage, &dag, "fetch", Some(1)).await, ["fetch[1]", "join[-1]", "store[1]"]);
    succeed(&stage, &["fetch[1]"]).await;
    let store = stage.take_task("store[1]").await;
    assert_eq!(store.job.input, json!({ "of": "fetch[1]", "x": 2 }));
    end(&stage, store, success(json!("store[1]"))).await;
    let join = stage.take_task("join").await;
    assert_eq!(join.job.input, json!({ "all": ["store[0]", "store[1]"] }));
    end(&stage, join, success(json!(null))).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);

    // Marking one makes what was not run because of it run.
    let selection = Selection { tasks: Some(vec!["fetch".parse().unwrap()]), map_index: Some(0), ..Selection::default() };
    stage.engine.act(&stage.context, &dag, &selection, Act::MarkFailed, false).await.unwrap();
    assert_eq!(stage.state(run, "fetch[0]").await, Failed);
    assert_eq!(stage.state(run, "fetch[1]").await, Success);
}

/// A group whose list was none is retried as a whole, although only one of its tasks has failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_list_is_retried_as_a_whole() {
    let stage = Stage::new().await;
    let mut definition = fetch_and_store();
    definition["groups"]["each"]["expand"]["over"]["x"] = json!({ "$from": "list", "path": "/rows" });
    definition["tasks"].as_array_mut().unwrap().push(member("other", &[], json!({})));
    let dag = stage.apply(definition).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!([1])).await;
    succeed(&stage, &["join"]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    clear(&stage, &dag, "list", None).await;
    stage.succeed("list", json!(7)).await;
    succeed(&stage, &["join"]).await;
    let selection = Selection { tasks: Some(vec!["list".parse().unwrap()]), ..Selection::default() };
    stage.engine.act(&stage.context, &dag, &selection, Act::Clear, false).await.unwrap();
    stage.succeed("list", json!({ "rows": [8, 9] })).await;
    let failed = Selection { states: Some(vec![Failed]), ..Selection::default() };
    assert_eq!(stage.engine.act(&stage.context, &dag, &failed, Act::Retry, false).await.unwrap().len(), 1);
    let names = ["fetch[0]", "fetch[1]", "other[0]", "other[1]"];
    succeed(&stage, &names).await;
    succeed(&stage, &["store[0]", "store[1]"]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

/// A list that is made anew is followed by all tasks of the group.
#[tokio::test(flavor = "multi_thread")]
async fn the_instances_follow_a_list_that_is_made_anew() {
    let stage = Stage::new().await;
    let dag = stage.apply(fetch_and_store()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let of = |found: &[(String, TaskStateName)], task: &str| -> Vec<TaskStateName> {
        found.iter().filter(|(name, _)| name.starts_with(task)).map(|(_, state)| *state).collect()
    };
    for (list, expected) in [
        (&[][..], vec![Skipped]),
        (&[1, 2, 3], vec![Success; 3]),
        (&[4, 5], vec![Success, Success, Removed]),
        (&[6, 7, 8, 9], vec![Success; 4]),
        (&[], vec![Skipped, Removed, Removed, Removed]),
        (&[1, 2], vec![Success, Success, Removed, Removed]),
    ] {
        stage.succeed("list", json!(list)).await;
        let names = |task: &str| (0..list.len()).map(|index| format!("{task}[{index}]")).collect::<Vec<_>>();
        for task in ["fetch", "store"] {
            let names = names(task);
            succeed(&stage, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        let join = stage.take_task("join").await;
        assert_eq!(join.job.input["all"], json!(names("store")), "{list:?}");
        end(&stage, join, success(json!(null))).await;
        assert_eq!(stage.ended(run).await, RunStateName::Success);
        let found = states(&stage, run).await;
        assert_eq!((of(&found, "fetch"), of(&found, "store")), (expected.clone(), expected), "{list:?}");
        assert_eq!(stage.run(run).await.unfinished, 0, "{list:?}");
        clear(&stage, &dag, "list", None).await;
    }
}

/// What was decided of a task before the list was known holds at every index of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_before_the_list_is_known_is_left_out_everywhere() {
    let stage = Stage::new().await;
    let members = [
        member("one", &["choose"], json!({})),
        member("two", &["choose"], json!({})),
        member("both", &["one", "two"], json!({ "trigger_rule": "none_failed_min_one_success" })),
        member("late", &["both", "other"], json!({ "trigger_rule": "one_success" })),
    ];
    let mut definition = over_list(&members, "both");
    let tasks = definition["tasks"].as_array_mut().unwrap();
    tasks.push(task("choose", &[], json!({ "branch": true })));
    tasks.push(task("other", &[], json!({})));
    let dag = stage.apply(definition).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let mut first = take(&stage, &["choose", "list", "other"]).await;
    // This would do for `late`, which has to know its items all the same.
    end(&stage, first.pop().unwrap(), success(json!(1))).await;
    let list = first.pop().unwrap();
    end(&stage, first.pop().unwrap(), success(json!("two"))).await;
    assert_eq!(stage.state(run, "one").await, Skipped);
    assert_eq!(stage.take(10).await.len(), 0);
    end(&stage, list, success(json!([5, 6]))).await;
    succeed(&stage, &["late[0]", "late[1]", "two[0]", "two[1]"]).await;
    succeed(&stage, &["both[0]", "both[1]"]).await;
    succeed(&stage, &["join"]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
    let states = stage.states(run).await;
    assert_eq!([states["one[0]"], states["one[1]"]], [(Skipped, Some(Reason::BranchNotChosen)); 2]);
    assert_eq!(stage.run(run).await.unfinished, 0);
}

/// Whoever should have made the instances died: a reconciler has them made.
#[tokio::test(flavor = "multi_thread")]
async fn an_expansion_that_was_lost_is_made_up_for() {
    let stage = Stage::new().await;
    let dag = stage.apply(fetch_and_store()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let list = stage.take_task("list").await;
    stage.end_and_die(list, json!([1, 2])).await;
    assert_eq!(stage.instances(run).await.len(), 4);
    let _scheduler = stage.scheduler();
    succeed(&stage, &["fetch[0]", "fetch[1]"]).await;
    succeed(&stage, &["store[0]", "store[1]"]).await;
    succeed(&stage, &["join"]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}

/// As many as there may be, and one item more.
#[tokio::test(flavor = "multi_thread")]
async fn there_are_bounds() {
    let stage = Stage::new().await;
    let members: Vec<Value> = (0..6).map(|n| member(&format!("m{n}"), &[], json!({}))).collect();
    let dag = stage.apply(over_list(&members, "m0")).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!((0..8_334).collect::<Vec<_>>())).await;
    let join = stage.take_task("join").await;
    end(&stage, join, success(json!(null))).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    let states = stage.states(run).await;
    let failed = states.values().filter(|state| **state == (Failed, Some(Reason::InvalidInput))).count();
    assert_eq!((failed, states.len()), (1, 8), "50,004 instances are too many: {states:?}");

    let more = stage.trigger(&dag, json!({})).await.run;
    stage.succeed("list", json!((0..3_000).collect::<Vec<_>>())).await;
    let there = || async { (stage.run(more).await.unfinished == 18_001).then_some(()) };
    stage.until("all instances to be there", there).await;
    assert_eq!(stage.instances(more).await.len(), 18_002);
}
