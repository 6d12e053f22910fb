//! What holds tasks back beside their trigger rules.

use crate::stage::{Stage, Taken, success, task};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn names(taken: &[Taken]) -> Vec<String> {
    taken.iter().map(Taken::name).collect()
}

async fn end_all(stage: &Stage, taken: Vec<Taken>) {
    stage.end(taken.into_iter().map(|one| (one, success(json!(null)))).collect()).await;
}

/// The room of a dag is that of all its runs together, and goes to the highest priority. No scheduler runs: whoever makes room gives it
/// away.
#[tokio::test(flavor = "multi_thread")]
async fn a_dag_has_room_for_so_many_tasks() {
    let stage = Stage::new().await;
    let tasks = json!([
        task("low", &[], json!({ "priority": -1 })),
        task("plain", &[], json!({})),
        task("high", &[], json!({ "priority": 9 })),
        task("last", &["low", "plain", "high"], json!({})),
    ]);
    let dag = stage.apply(json!({ "dag_id": "narrow", "max_active_tasks": 2, "tasks": tasks })).await;
    let first = stage.trigger(&dag, json!({})).await.run;
    let second = stage.trigger(&dag, json!({})).await.run;
    let taken = stage.take(10).await;
    assert_eq!(names(&taken), ["high", "plain"]);
    assert_eq!(stage.state(first, "low").await, TaskStateName::Scheduled);
    assert_eq!(stage.state(second, "high").await, TaskStateName::Scheduled);
    end_all(&stage, taken).await;
    let taken = stage.take(10).await;
    assert_eq!(names(&taken), ["high", "plain"]);
    assert!(taken.iter().all(|one| one.job.run == second));
    end_all(&stage, taken).await;
    for expected in [["low", "low"], ["last", "last"]] {
        let taken = stage.take(10).await;
        assert_eq!(names(&taken), expected);
        end_all(&stage, taken).await;
    }
    assert_eq!((stage.ended(first).await, stage.ended(second).await), (RunStateName::Success, RunStateName::Success));
}

/// Instances of one task, over all runs; other tasks are not bound by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_room_for_so_many_instances() {
    let stage = Stage::new().await;
    let tasks = json!([task("alone", &[], json!({ "max_active": 1 })), task("free", &[], json!({}))]);
    let dag = stage.apply(json!({ "dag_id": "single", "tasks": tasks })).await;
    let runs = [stage.trigger(&dag, json!({})).await.run, stage.trigger(&dag, json!({})).await.run];
    let mut taken = stage.take(10).await;
    let mut found = names(&taken);
    found.sort();
    assert_eq!(found, ["alone", "free", "free"]);
    taken.retain(|one| one.name() == "alone");
    end_all(&stage, taken).await;
    stage.succeed("alone", json!(null)).await;
    assert_eq!(stage.state(runs[1], "alone").await, TaskStateName::Success);
}

/// The same key, in different dags. A try that is repeated keeps its room; a deferred task gives it up.
#[tokio::test(flavor = "multi_thread")]
async fn instances_with_the_same_key_run_one_at_a_time() {
    let stage = Stage::new().await;
    let keyed = json!({ "concurrency_key": { "$param": "customer" }, "retries": 1, "retry_delay": 0 });
    let of = |dag_id: &str| json!({ "dag_id": dag_id, "params": { "customer": "a" }, "tasks": [task("t", &[], keyed.clone())] });
    let (one, two) = (stage.apply(of("one")).await, stage.apply(of("two")).await);
    let first = stage.trigger(&one, json!({})).await.run;
    let second = stage.trigger(&two, json!({})).await.run;
    let other = stage.trigger(&two, json!({ "customer": "b" })).await.run;
    // An empty key is none.
    let free =
        [stage.trigger(&two, json!({ "customer": "" })).await.run, stage.trigger(&two, json!({ "customer": "" })).await.run];
    let mut taken = stage.take(10).await;
    assert_eq!(taken.iter().map(|one| one.job.run).collect::<Vec<_>>(), [first, other, free[0], free[1]]);
    let again = taken.remove(0);
    stage.end(vec![(again, cofferdam_domain::ending::Ending::failure(Reason::GuestError, "not yet"))]).await;
    let again = stage.take(10).await.remove(0);
    assert_eq!((again.job.run, again.job.context.try_number), (first, 2));
    let deferral = cofferdam_domain::ending::Ending::Defer { event: "go".to_owned(), timeout_ms: 600_000 };
    stage.end(vec![(again, deferral)]).await;
    let next = stage.take(10).await.remove(0);
    assert_eq!(next.job.run, second);
    assert_eq!(stage.engine.send_event(&stage.context, "go").await.unwrap(), 1);
    assert_eq!(stage.state(first, "t").await, TaskStateName::Scheduled);
    end_all(&stage, vec![next]).await;
    stage.succeed("t", json!(null)).await;
    assert_eq!(stage.ended(first).await, RunStateName::Success);
}

/// An instance waits for that of the run before, and for what waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn instances_wait_for_the_run_before() {
    let stage = Stage::new().await;
    let of = |dag_id: &str, more: Value| json!({ "dag_id": dag_id, "tasks": [task("load", &[], more), task("check", &["load"], json!({}))] });
    let past = stage.apply(of("past", json!({ "depends_on_past": true }))).await;
    let below = stage.apply(of("below", json!({ "wait_for_downstream": true }))).await;
    for (dag, waits_for_check) in [(past, false), (below, true)] {
        let [first, second, third] = [1, 2, 3].map(|day| (&stage, &dag, day));
        let mut runs = Vec::new();
        for (stage, dag, day) in [first, second, third] {
            runs.push(stage.trigger_for(dag, &format!("2026-11-0{day}T00:00:00Z")).await.run);
        }
        let load = stage.take_task("load").await;
        assert_eq!(load.job.run, runs[0]);
        assert_eq!(stage.state(runs[1], "load").await, TaskStateName::Scheduled);
        end_all(&stage, vec![load]).await;
        let mut taken = stage.take(10).await;
        if waits_for_check {
            assert_eq!(names(&taken), ["check"]);
            end_all(&stage, taken).await;
            taken = stage.take(10).await;
            assert_eq!(names(&taken), ["load"]);
        } else {
            taken.sort_by_key(Taken::name);
            assert_eq!(names(&taken), ["check", "load"]);
        }
        assert_eq!(taken.last().unwrap().job.run, runs[1]);
        // A failure holds the next run back; it goes on when the failure is made good.
        let load = taken.pop().unwrap();
        end_all(&stage, taken).await;
        stage.end(vec![(load, crate::stage::failure())]).await;
        assert_eq!(stage.ended(runs[1]).await, RunStateName::Failed);
        assert!(stage.take(10).await.is_empty());
        assert_eq!(stage.state(runs[2], "load").await, TaskStateName::Scheduled);
    }
}

/// A run that takes longer than it may is cancelled and has failed, with that reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_take_so_long() {
    let stage = Stage::new().await;
    let dag = stage.apply(json!({ "dag_id": "short", "dagrun_timeout": "100ms", "tasks": [task("t", &[], json!({}))] })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let _scheduler = stage.scheduler();
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    assert_eq!(stage.run(run).await.reason, Some(Reason::TimedOut));
    assert_eq!(stage.state(run, "t").await, TaskStateName::Skipped);
}

/// Many that make room at once, in runs that others have locked, and no scheduler: nobody is forgotten, and the limits hold.
#[tokio::test(flavor = "multi_thread")]
async fn room_is_given_away_once_and_never_lost() {
    const TASKS: usize = 12;
    let stage = Arc::new(Stage::new().await);
    let tasks: Vec<Value> = (0..TASKS)
        .map(|number| {
            task(&format!("t{number}"), &[], json!({ "concurrency_key": format!("k{}", number % 3), "concurrency_limit": 2 }))
        })
        .collect();
    let dag = stage.apply(json!({ "dag_id": "crowded", "max_active_tasks": 4, "tasks": tasks })).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(stage.trigger(&dag, json!({})).await.run);
    }
    let running = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (stage, runs, running) = (Arc::clone(&stage), runs.clone(), Arc::clone(&running));
        workers.spawn(async move {
            while stage.until_some(&runs).await {
                if let Some(taken) = stage.take(1).await.pop() {
                    let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(at_once <= 4, "{at_once} at once");
                    running.fetch_sub(1, Ordering::SeqCst);
                    stage.end(vec![(taken, success(json!(null)))]).await;
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    for run in runs {
        assert_eq!(stage.ended(run).await, RunStateName::Success);
    }
}

/// Whoever dies after the commit: the room is taken by whom it was given to, and a reconciler puts them into the queue.
#[tokio::test(flavor = "multi_thread")]
async fn room_survives_whoever_gave_it_away() {
    let stage = Stage::new().await;
    let tasks = json!([task("a", &[], json!({ "priority": 1 })), task("b", &[], json!({}))]);
    let dag = stage.apply(json!({ "dag_id": "one_by_one", "max_active_tasks": 1, "tasks": tasks })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let a = stage.take_task("a").await;
    stage.end_and_die(a, json!(null)).await;
    assert_eq!(stage.state(run, "b").await, TaskStateName::Queued);
    let _scheduler = stage.scheduler();
    stage.succeed("b", json!(null)).await;
    assert_eq!(stage.ended(run).await, RunStateName::Success);
}
