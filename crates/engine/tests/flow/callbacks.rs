//! Callbacks of tasks and runs, and deadlines.

use crate::stage::{Stage, Taken, failure, success, task};
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_domain::clock::{Clock, SystemClock};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{Act, Selection};
use cofferdam_ids::RunKey;
use cofferdam_store::Page;
use cofferdam_store::callbacks::{self, CalledBack, Deadline};
use cofferdam_store::dead_letters::{self, DeadLetterFilter, DeadLetterOrder};
use cofferdam_store::execution::actions::RunScope;
use serde_json::{Value, json};

async fn called(stage: &Stage, run: RunKey) -> Vec<CalledBack> {
    let mut tx = stage.store.begin(&stage.context).await.unwrap();
    callbacks::of_run(&mut tx, run).await.unwrap()
}

async fn deadlines(stage: &Stage, run: RunKey) -> Vec<Deadline> {
    let mut tx = stage.store.begin(&stage.context).await.unwrap();
    callbacks::deadlines(&mut tx, run).await.unwrap()
}

/// Takes the tries of these names, which are all that there are.
async fn take_all(stage: &Stage, names: &[&str]) -> Vec<Taken> {
    let mut taken = stage.take(50).await;
    taken.sort_by_key(Taken::name);
    assert_eq!(taken.iter().map(Taken::name).collect::<Vec<_>>(), names);
    taken
}

fn again() -> Ending {
    Ending::failure(Reason::GuestError, "try again")
}

fn skip() -> Ending {
    Ending::Skip { message: "nothing to do".to_owned() }
}

/// What happened is told, and what comes of the callbacks changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_told_what_happened_and_count_for_nothing() {
    let stage = Stage::new().await;
    let hooks = json!({
        "retries": 1, "retry_delay": 0, "on_retry": "work", "on_failure": { "component": "work", "input": { "to": "{{ ti.task_id }}" } },
    });
    let dag = stage
        .apply(json!({
            "dag_id": "noisy",
            "on_failure": { "component": "work", "input": { "text": "{{ dag_run.run_id }} {{ event }} {{ ti.state }}" } },
            "on_success": "work",
            "tasks": [task("load", &[], hooks), task("other", &[], json!({}))],
        }))
        .await;
    let run = stage.trigger(&dag, json!({})).await;
    let mut first = take_all(&stage, &["load", "other"]).await;
    let (other, load) = (first.pop().unwrap(), first.pop().unwrap());
    stage.end(vec![(load, again()), (other, success(json!(1)))]).await;
    let mut second = take_all(&stage, &["load", "load.on_retry"]).await;
    let (on_retry, load) = (second.pop().unwrap(), second.pop().unwrap());
    let context = &on_retry.job.input["context"];
    assert_eq!((&context["event"], &context["task_id"], &context["try_number"]), (&json!("on_retry"), &json!("load"), &json!(1)));
    assert_eq!((&context["state"], &context["reason"]), (&json!("up_for_retry"), &json!("guest_error")));
    assert_eq!(context["exception"], json!("try again"));
    let log = format!("/api/v1/dags/noisy/dagRuns/{}/taskInstances/load/logs/1", run.dag_run_id);
    assert_eq!(context["log"], json!(log));
    // The run ends although its callback has not, and calls its own.
    stage.end(vec![(load, failure())]).await;
    assert_eq!(stage.ended(run.run).await, RunStateName::Failed);
    let mut third = take_all(&stage, &["load.on_failure", "on_failure"]).await;
    let (of_run, of_task) = (third.pop().unwrap(), third.pop().unwrap());
    assert_eq!(of_task.job.input["to"], json!("load"));
    assert_eq!(
        (&of_task.job.input["context"]["reason"], &of_task.job.input["context"]["try_number"]),
        (&json!("fatal"), &json!(2))
    );
    assert_eq!(of_run.job.input["text"], json!(format!("{} on_failure failed", run.dag_run_id)));
    assert_eq!(of_run.job.input["context"]["task_id"], Value::Null);
    // They fail, and nobody minds.
    stage.end(vec![(of_task, failure()), (of_run, failure()), (on_retry, success(json!("sent")))]).await;
    assert!(stage.take(10).await.is_empty());
    let told: Vec<_> = called(&stage, run.run).await.into_iter().map(|one| (one.event, one.subject_try, one.state)).collect();
    let expected = [
        (CallbackEvent::OnRetry, 1, TaskStateName::Success),
        (CallbackEvent::OnFailure, 2, TaskStateName::Failed),
        (CallbackEvent::OnFailure, 1, TaskStateName::Failed),
    ];
    assert_eq!(told, expected);
    let mut tx = stage.store.begin(&stage.context).await.unwrap();
    let letters =
        dead_letters::list(&mut tx, &DeadLetterFilter::default(), DeadLetterOrder::default(), Page::first(10)).await.unwrap();
    drop(tx);
    let letters: Vec<_> = letters.items.iter().map(|letter| letter.task_id.as_str()).collect();
    assert_eq!(letters, ["load"], "who looks after failed tasks has nothing to do with callbacks");
    let run = stage.run(run.run).await;
    assert_eq!(
        (run.state, stage.instances(run.key).await.len()),
        (RunStateName::Failed, 2),
        "only tasks are among the instances"
    );
}

/// Those of `defaults` are for all tasks without their own; marks call nothing, what is run anew calls anew.
#[tokio::test(flavor = "multi_thread")]
async fn defaults_call_for_every_task_and_marks_for_none() {
    let stage = Stage::new().await;
    let dag = stage
        .apply(json!({
            "dag_id": "defaults",
            "defaults": { "on_success": "work", "on_skipped": { "component": "work", "retries": 1, "retry_delay": 0 } },
            "max_active_tasks": 2,
            "tasks": [task("a", &[], json!({})), task("b", &[], json!({ "on_success": "work" }))],
        }))
        .await;
    let run = stage.trigger(&dag, json!({})).await;
    let mut first = take_all(&stage, &["a", "b"]).await;
    let (b, a) = (first.pop().unwrap(), first.pop().unwrap());
    stage.end(vec![(a, success(json!(1))), (b, skip())]).await;
    let mut told = take_all(&stage, &["defaults.on_skipped", "defaults.on_success"]).await;
    let (on_success, on_skipped) = (told.pop().unwrap(), told.pop().unwrap());
    assert_eq!(on_success.job.input["context"]["task_id"], json!("a"));
    assert_eq!(on_skipped.job.input["context"]["exception"], json!("nothing to do"));
    // A callback has tries of its own.
    stage.end(vec![(on_skipped, again()), (on_success, success(json!(null)))]).await;
    let again = take_all(&stage, &["defaults.on_skipped"]).await.pop().unwrap();
    assert_eq!(again.job.context.try_number, 2);
    stage.end(vec![(again, success(json!(null)))]).await;
    let only = |task: &str| Selection {
        tasks: Some(vec![task.parse().unwrap()]),
        runs: RunScope { dag_run_ids: Some(vec![run.dag_run_id.clone()]), ..RunScope::default() },
        ..Selection::default()
    };
    stage.engine.act(&stage.context, &dag, &only("b"), Act::MarkSuccess, false).await.unwrap();
    assert!(stage.take(10).await.is_empty(), "who marks knows");
    stage.engine.act(&stage.context, &dag, &only("b"), Act::Clear, false).await.unwrap();
    stage.succeed("b", json!(2)).await;
    let anew = take_all(&stage, &["b.on_success"]).await.pop().unwrap();
    assert_eq!(anew.job.input["context"]["try_number"], json!(2));
    assert_eq!(called(&stage, run.run).await.len(), 3);
}

/// A process that dies after the commit loses no callback, and none is called twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_survives_the_process_that_called_it() {
    let stage = Stage::new().await;
    let tasks = json!([task("one", &[], json!({ "on_success": "work" }))]);
    let dag = stage.apply(json!({ "dag_id": "lost", "on_success": "work", "tasks": tasks })).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let one = stage.take_task("one").await;
    stage.end_and_die(one, json!(1)).await;
    assert!(stage.take(10).await.is_empty());
    let _schedulers = (stage.scheduler(), stage.scheduler());
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(stage.until("a callback", || async { stage.take(1).await.pop() }).await);
    }
    let mut names: Vec<String> = found.iter().map(Taken::name).collect();
    names.sort();
    assert_eq!(names, ["on_success", "one.on_success"]);
    stage.end(found.into_iter().map(|one| (one, success(json!(null)))).collect()).await;
    assert_eq!(called(&stage, run).await.iter().map(|one| one.state).collect::<Vec<_>>(), [TaskStateName::Success; 2]);
}

/// A deadline that passes is noted and told once, however many schedulers there are; what ends in time has none left.
#[tokio::test(flavor = "multi_thread")]
async fn missed_deadlines_are_told_once() {
    let stage = Stage::new().await;
    let callback = json!({ "component": "work", "input": { "late": "{{ ti.task_id }} {{ deadline | ds }}" } });
    let soon = json!({ "after": "1ms", "from": "started_at", "callback": callback });
    let late = stage
        .apply(json!({
            "dag_id": "late",
            "deadline": { "after": "1ms", "from": "logical_date", "callback": "work" },
            "tasks": [task("slow", &[], json!({ "deadline": { "after": "1ms", "from": "queued_at", "callback": callback } })),
                task("never", &["slow"], json!({ "deadline": soon }))],
        }))
        .await;
    let prompt = stage
        .apply(json!({ "dag_id": "prompt", "deadline": { "after": "1h" }, "tasks": [task("fast", &[], json!({ "deadline": { "after": "1h" } }))] }))
        .await;
    let in_time = stage.trigger(&prompt, json!({})).await.run;
    assert_eq!(deadlines(&stage, in_time).await.len(), 2);
    stage.succeed("fast", json!(1)).await;
    assert!(deadlines(&stage, in_time).await.is_empty(), "a run that has ended in time has no deadline left");
    let run = stage.trigger(&late, json!({})).await.run;
    let slow = stage.take_task("slow").await;
    let _schedulers = (stage.scheduler(), stage.scheduler(), stage.scheduler());
    stage.until("the callbacks", || async { (called(&stage, run).await.len() >= 2).then_some(()) }).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.push(stage.until("a callback", || async { stage.take(1).await.pop() }).await);
    }
    told.sort_by_key(Taken::name);
    assert_eq!(told.iter().map(Taken::name).collect::<Vec<_>>(), ["deadline", "slow.deadline"]);
    let context = &told[0].job.input["context"];
    assert_eq!(
        (&context["event"], &context["state"], &context["task_id"]),
        (&json!("deadline"), &json!("running"), &Value::Null)
    );
    assert!(context["deadline"].is_string(), "{context}");
    assert!(told[1].job.input["late"].as_str().unwrap().starts_with("slow 20"), "{:?}", told[1].job.input);
    // The run goes on, and ends as its tasks do.
    stage.end(vec![(slow, failure())]).await;
    assert_eq!(stage.ended(run).await, RunStateName::Failed);
    let kept = deadlines(&stage, run).await;
    let kept: Vec<_> = kept.iter().map(|one| (one.task_id.as_ref().map(ToString::to_string), one.missed_at.is_some())).collect();
    assert_eq!(kept, [(None, true), (Some("slow".to_owned()), true)], "a task that never started has missed nothing");
    assert_eq!(called(&stage, run).await.len(), 2);
}

/// What is cleared has its deadline anew, counted from then; one that is counted from the run's own moment is not missed twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cleared_has_its_deadline_anew() {
    let stage = Stage::new().await;
    let soon = |from: &str| json!({ "after": "1ms", "from": from, "callback": "work" });
    let dag = stage
        .apply(json!({
            "dag_id": "again",
            "deadline": soon("queued_at"),
            "tasks": [
                task("one", &[], json!({ "deadline": soon("queued_at") })),
                task("two", &[], json!({ "deadline": { "after": "1h" } })),
                task("three", &[], json!({ "deadline": soon("logical_date") })),
            ],
        }))
        .await;
    let run = stage.trigger(&dag, json!({})).await;
    let tasks = stage.take(3).await;
    let _scheduler = stage.scheduler();
    let missed = async |so_many: usize| {
        let all = || async { (called(&stage, run.run).await.len() >= so_many).then_some(()) };
        stage.until("the callbacks", all).await;
        let mut calls = Vec::new();
        while calls.len() < so_many {
            calls.extend(stage.until("callbacks", || async { Some(stage.take(9).await).filter(|more| !more.is_empty()) }).await);
        }
        calls.sort_by_key(Taken::name);
        let names: Vec<_> = calls.iter().map(|call| call.job.context.task_id.to_string()).collect();
        stage.end(calls.into_iter().map(|call| (call, success(json!(null)))).collect()).await;
        names
    };
    assert_eq!(missed(3).await, ["deadline", "one.deadline", "three.deadline"]);
    stage.end(tasks.into_iter().map(|one| (one, success(json!(null)))).collect()).await;
    stage.ended(run.run).await;
    let first = deadlines(&stage, run.run).await;
    assert_eq!(first.iter().filter(|one| one.missed_at.is_some()).count(), 3);

    let cleared_at = SystemClock.now();
    let selection = Selection {
        tasks: Some(vec!["one".parse().unwrap(), "three".parse().unwrap()]),
        runs: RunScope { dag_run_ids: Some(vec![run.dag_run_id.clone()]), ..RunScope::default() },
        ..Selection::default()
    };
    stage.engine.act(&stage.context, &dag, &selection, Act::Clear, false).await.unwrap();
    let mut again = Vec::new();
    let renewed = || async {
        let calls = called(&stage, run.run).await;
        (calls.len() == 5).then_some(calls)
    };
    let calls = stage.until("two callbacks more", renewed).await;
    let mut names: Vec<_> = calls.iter().map(|call| call.task_id.to_string()).collect();
    names.sort();
    assert_eq!(names, ["deadline", "deadline", "one.deadline", "one.deadline", "three.deadline"]);
    while again.len() < 4 {
        again.extend(stage.until("tries", || async { Some(stage.take(9).await).filter(|more| !more.is_empty()) }).await);
    }
    for one in deadlines(&stage, run.run).await {
        let task = one.task_id.as_ref().map(ToString::to_string);
        assert_eq!(one.due_at.unwrap() > cleared_at, task.as_deref() != Some("three"), "{one:?}");
    }
    stage.end(again.into_iter().map(|one| (one, success(json!(null)))).collect()).await;
    stage.ended(run.run).await;
}

/// What the compiler says of callbacks and deadlines.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_callbacks_have_their_place() {
    let stage = Stage::new().await;
    let of_task = |more: Value| json!({ "dag_id": "d", "tasks": [task("a", &[], more)] });
    let mistakes = [
        (of_task(json!({ "on_failure": "wrok" })), "unknown_component /tasks/0/on_failure/component"),
        (of_task(json!({ "on_failure": {} })), "missing_field /tasks/0/on_failure: the field 'component' is missing"),
        (of_task(json!({ "on_failure": 7 })), "invalid_value /tasks/0/on_failure: it must be an object"),
        (of_task(json!({ "on_retry": { "component": "work", "inptu": 1 } })), "unknown_field /tasks/0/on_retry/inptu"),
        (
            of_task(json!({ "on_failure": { "component": "work", "input": "{{ resaon }}" } })),
            "unknown_name /tasks/0/on_failure/input",
        ),
        (
            of_task(json!({ "on_failure": { "component": "work", "input": { "x": { "$from": "b" } } } })),
            "unknown_upstream /tasks/0/on_failure/input/x/$from",
        ),
        (of_task(json!({ "on_failure": { "component": "work", "args": ["x"] } })), "unused_arguments /tasks/0/on_failure/args"),
        (of_task(json!({ "deadline": { "after": 0 } })), "out_of_range /tasks/0/deadline/after"),
        (
            of_task(json!({ "deadline": { "after": "1m", "callback": "wrok" } })),
            "unknown_component /tasks/0/deadline/callback/component",
        ),
        (of_task(json!({ "deadline": { "after": "1m", "from": "birth" } })), "invalid_value /tasks/0/deadline/from"),
        (of_task(json!({ "input": "{{ reason }}" })), "unknown_name /tasks/0/input: 'reason' is only known to callbacks"),
        (
            json!({ "dag_id": "d", "on_success": "wrok", "tasks": [task("a", &[], json!({}))] }),
            "unknown_component /on_success/component",
        ),
        (
            json!({ "dag_id": "d", "defaults": { "on_skipped": { "component": "work", "timeout": "99d" } }, "tasks": [task("a", &[], json!({}))] }),
            "limit_over_cap /defaults/on_skipped/timeout",
        ),
        (
            json!({ "dag_id": "d", "tasks": [task("a", &[], json!({ "on_retry": "work" })), task("a.on_retry", &[], json!({}))] }),
            "invalid_value /tasks/0/on_retry: its instances would be called 'a.on_retry'",
        ),
    ];
    for (definition, expected) in mistakes {
        let found = stage.problems(definition).await;
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
}
