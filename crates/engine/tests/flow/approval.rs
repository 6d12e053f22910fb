//! Tasks that wait for a person.

use crate::stage::{Stage, task};
use cofferdam_domain::approval::Answer;
use cofferdam_domain::context::{Context, Principal, Role};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{Act, AskedTask, EngineError, Selection, Triggered};
use cofferdam_ids::{DagId, UserId};
use cofferdam_store::execution::actions::RunScope;
use cofferdam_store::{StoreError, approvals};
use serde_json::{Value, json};

fn asking(approval: Value) -> Value {
    json!({ "dag_id": "asking", "params": { "rows": 3 }, "tasks": [
        task("count", &[], json!({})),
        { "task_id": "ask", "approval": approval, "depends_on": ["count"] },
        task("publish", &[], json!({ "input": { "why": { "$from": "ask" } } })),
    ] })
}

fn yes() -> Answer {
    Answer { approve: true, choice: None, note: Some("go".to_owned()) }
}

fn no() -> Answer {
    Answer { approve: false, choice: None, note: Some("not today".to_owned()) }
}

/// A person of the stage's tenant.
fn person(stage: &Stage, name: &str, role: Role) -> Context {
    let principal = Principal::User { id: UserId::generate(), name: name.to_owned() };
    Context { tenant: stage.context.tenant, principal, role, request_id: String::new() }
}

async fn answer(stage: &Stage, who: &Context, run: &Triggered, answer: &Answer) -> Result<(), EngineError> {
    answer_at(stage, who, run, ("ask", -1), answer).await
}

async fn answer_at(
    stage: &Stage,
    who: &Context,
    run: &Triggered,
    (task, map_index): (&str, i32),
    answer: &Answer,
) -> Result<(), EngineError> {
    let (dag_id, task_id) = (DagId::new("asking").unwrap(), task.parse().unwrap());
    let task = AskedTask { dag_id: &dag_id, dag_run_id: &run.dag_run_id, task_id: &task_id, map_index };
    stage.engine.answer_approval(who, task, answer).await.map(|_| ())
}

async fn waiting(stage: &Stage, who: &Context) -> Vec<approvals::Approval> {
    let mut tx = stage.store.begin(who).await.unwrap();
    let filter = approvals::ApprovalFilter { waiting: Some(true), ..approvals::ApprovalFilter::default() };
    approvals::list(&mut tx, &filter, cofferdam_store::Page::first(10)).await.unwrap().items
}

/// A run whose task asks.
async fn asked(stage: &Stage, approval: Value) -> Triggered {
    let dag = stage.apply(asking(approval)).await;
    let run = stage.trigger(&dag, json!({})).await;
    stage.succeed("count", json!(7)).await;
    run
}

/// What is asked, who may decide, and what the decision is to the tasks behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_until_somebody_approves() {
    let stage = Stage::new().await;
    let message = "Publish {{ ti.xcom_pull('count') }} of {{ params.rows }} rows?";
    let run = asked(&stage, json!({ "message": message, "who": { "users": ["anna"] } })).await;
    assert_eq!(stage.state(run.run, "ask").await, TaskStateName::Deferred);
    let (anna, bert) = (person(&stage, "anna", Role::Viewer), person(&stage, "bert", Role::Admin));
    let listed = waiting(&stage, &anna).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].message.as_str(), listed[0].expires_at), ("Publish 7 of 3 rows?", None));
    assert!(matches!(answer(&stage, &bert, &run, &yes()).await, Err(EngineError::NotAsked(_))));
    answer(&stage, &anna, &run, &yes()).await.unwrap();
    assert!(waiting(&stage, &anna).await.is_empty());
    let publish = stage.take_task("publish").await;
    let why = &publish.job.input["why"];
    assert_eq!((&why["decision"], &why["by"], &why["note"]), (&json!("approved"), &json!("anna"), &json!("go")));
    stage.end(vec![(publish, crate::stage::success(json!(null)))]).await;
    assert_eq!(stage.ended(run.run).await, RunStateName::Success);
    // Nobody decides twice.
    let late = answer(&stage, &anna, &run, &no()).await.unwrap_err();
    let EngineError::Store(StoreError::Conflict { what }) = late else { panic!("{late:?}") };
    assert_eq!(what, "it was approved by anna already");
}

/// Of ten who decide at the same time, one does; the others are told who.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_decide_at_once_one_does() {
    let stage = Stage::new().await;
    let run = asked(&stage, json!({ "message": "Publish?" })).await;
    let people: Vec<Context> = (0..10).map(|n| person(&stage, &format!("p{n}"), Role::Operator)).collect();
    let answers: Vec<Answer> = (0..10).map(|n| if n % 2 == 0 { yes() } else { no() }).collect();
    let all = futures::future::join_all(people.iter().zip(&answers).map(|(who, what)| answer(&stage, who, &run, what))).await;
    let (decided, refused): (Vec<_>, Vec<_>) = all.iter().zip(0..).partition(|(one, _)| one.is_ok());
    assert_eq!(decided.len(), 1, "{all:?}");
    for (one, _) in refused {
        assert!(matches!(one, Err(EngineError::Store(StoreError::Conflict { .. }))), "{one:?}");
    }
    let approved = decided[0].1 % 2 == 0;
    let expected = if approved { (TaskStateName::Success, None) } else { (TaskStateName::Failed, Some(Reason::Rejected)) };
    assert_eq!(stage.states(run.run).await["ask"], expected);
    assert_eq!(stage.take(10).await.len(), usize::from(approved), "what waits for it is queued once");
    assert_eq!(stage.result(run.run, "ask").await["by"], json!(format!("p{}", decided[0].1)));
}

/// A rejection fails the task and is not tried again; what was said can be read behind it. Or it skips.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_fails_or_skips_the_task() {
    let stage = Stage::new().await;
    let mut definition = asking(json!({ "message": "Publish?" }));
    definition["tasks"][1]["retries"] = json!(3);
    definition["tasks"][2]["trigger_rule"] = json!("all_done");
    let dag = stage.apply(definition).await;
    let run = stage.trigger(&dag, json!({})).await;
    stage.succeed("count", json!(7)).await;
    let anna = person(&stage, "anna", Role::Operator);
    answer(&stage, &anna, &run, &no()).await.unwrap();
    assert_eq!(stage.states(run.run).await["ask"], (TaskStateName::Failed, Some(Reason::Rejected)));
    let publish = stage.take_task("publish").await;
    assert_eq!(
        (&publish.job.input["why"]["decision"], &publish.job.input["why"]["note"]),
        (&json!("rejected"), &json!("not today"))
    );

    let run = asked(&stage, json!({ "message": "Publish?", "on_reject": "skip" })).await;
    answer(&stage, &anna, &run, &no()).await.unwrap();
    assert_eq!(stage.states(run.run).await["ask"], (TaskStateName::Skipped, Some(Reason::SkippedByTask)));
    assert_eq!(stage.state(run.run, "publish").await, TaskStateName::Skipped);
}

/// What nobody decides expires, whichever scheduler sees it.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_expires() {
    let stage = Stage::new().await;
    let expiring = |on_expiry: &str| {
        asked_by(json!({ "message": "Publish?", "timeout": "1ms", "on_expiry": on_expiry, "options": ["small", "large"] }))
    };
    let mut runs = Vec::new();
    for on_expiry in ["fail", "skip", "approve"] {
        let dag = stage.apply(expiring(on_expiry)).await;
        runs.push(stage.trigger(&dag, json!({})).await.run);
    }
    let _scheduler = stage.scheduler();
    for (run, expected) in runs.iter().zip([RunStateName::Failed, RunStateName::Success, RunStateName::Success]) {
        assert_eq!(stage.ended(*run).await, expected);
    }
    assert_eq!(stage.states(runs[0]).await["ask"], (TaskStateName::Failed, Some(Reason::TimedOut)));
    assert_eq!(stage.states(runs[1]).await["ask"], (TaskStateName::Skipped, Some(Reason::SkippedByTask)));
    let result = stage.result(runs[2], "ask").await;
    assert_eq!((&result["decision"], &result["choice"], &result["by"]), (&json!("expired"), &json!("small"), &Value::Null));
}

fn asked_by(approval: Value) -> Value {
    json!({ "dag_id": "asking", "tasks": [{ "task_id": "ask", "approval": approval }] })
}

/// A process that dies before it has asked is made up for; a task that is cleared asks anew, and one that is cancelled no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_survives_its_process_and_not_its_try() {
    let stage = Stage::new().await;
    let dag = stage.apply(asking(json!({ "message": "Publish?" }))).await;
    let run = stage.trigger(&dag, json!({})).await;
    let count = stage.take_task("count").await;
    stage.end_and_die(count, json!(7)).await;
    assert_eq!(stage.state(run.run, "ask").await, TaskStateName::Queued);
    let anna = person(&stage, "anna", Role::Operator);
    assert!(waiting(&stage, &anna).await.is_empty());
    {
        let _scheduler = stage.scheduler();
        let first = stage.until("the question", || async { waiting(&stage, &anna).await.pop() }).await;
        assert_eq!(first.try_number, 1);
    }
    let selection = Selection {
        tasks: Some(vec!["ask".parse().unwrap()]),
        runs: RunScope { dag_run_ids: Some(vec![run.dag_run_id.clone()]), ..RunScope::default() },
        ..Selection::default()
    };
    stage.engine.act(&stage.context, &dag, &selection, Act::Clear, false).await.unwrap();
    let again = waiting(&stage, &anna).await;
    assert_eq!(again.iter().map(|one| one.try_number).collect::<Vec<_>>(), [2]);
    stage.engine.cancel_run(&stage.context, &dag, &run.dag_run_id).await.unwrap();
    assert!(waiting(&stage, &anna).await.is_empty());
    let late = answer(&stage, &anna, &run, &yes()).await.unwrap_err();
    assert!(matches!(late, EngineError::Store(StoreError::Conflict { .. })), "{late:?}");
}

/// A mapped approval asks once for each item, and each is answered by itself; in a mapped group, what lies behind goes on index by index.
#[tokio::test(flavor = "multi_thread")]
async fn each_item_is_asked_for_by_itself() {
    let stage = Stage::new().await;
    let definition = json!({
        "dag_id": "asking",
        "groups": { "each": { "expand": { "over": { "row": { "$from": "rows" } } } } },
        "tasks": [
            task("rows", &[], json!({})),
            {
                "task_id": "ask",
                "approval": { "message": "Publish {{ item.city }}?", "on_reject": "skip" },
                "expand": { "over": { "city": { "$from": "rows" } } },
            },
            { "task_id": "check", "group": "each", "approval": { "message": "Is {{ item.row }} right?" } },
            task("store", &[], json!({ "group": "each", "input": { "why": { "$from": "check", "path": "/note" } } })),
            task("join", &[], json!({ "input": { "all": { "$from": "ask" } }, "trigger_rule": "none_failed" })),
        ],
    });
    let dag = stage.apply(definition).await;
    let run = stage.trigger(&dag, json!({})).await;
    stage.succeed("rows", json!(["oslo", "rome"])).await;
    let anna = person(&stage, "anna", Role::Operator);
    let asked =
        stage.until("four questions", || async { Some(waiting(&stage, &anna).await).filter(|asked| asked.len() == 4) }).await;
    let mut asked: Vec<_> = asked.into_iter().map(|one| (one.task_id.to_string(), one.map_index, one.message)).collect();
    asked.sort();
    let expected = [
        ("ask", 0, "Publish oslo?"),
        ("ask", 1, "Publish rome?"),
        ("check", 0, "Is oslo right?"),
        ("check", 1, "Is rome right?"),
    ];
    assert_eq!(asked, expected.map(|(task, index, message)| (task.to_owned(), index, message.to_owned())));
    answer_at(&stage, &anna, &run, ("check", 1), &yes()).await.unwrap();
    let store = stage.take_task("store[1]").await;
    assert_eq!(store.job.input, json!({ "why": "go" }));
    stage.end(vec![(store, crate::stage::success(json!(null)))]).await;
    answer_at(&stage, &anna, &run, ("check", 0), &no()).await.unwrap();
    answer_at(&stage, &anna, &run, ("ask", 1), &no()).await.unwrap();
    let again = answer_at(&stage, &anna, &run, ("ask", 1), &yes()).await.unwrap_err();
    assert!(matches!(again, EngineError::Store(StoreError::Conflict { .. })), "{again:?}");
    answer_at(&stage, &anna, &run, ("ask", 0), &yes()).await.unwrap();
    let join = stage.take_task("join").await;
    let all: Vec<_> = join.job.input["all"].as_array().unwrap().iter().map(|one| one["decision"].clone()).collect();
    assert_eq!(all, ["approved"]);
    stage.end(vec![(join, crate::stage::success(json!(null)))]).await;
    assert_eq!(stage.ended(run.run).await, RunStateName::Failed);
    let states = stage.states(run.run).await;
    let of = |name: &str| states[name].0;
    assert_eq!(
        (of("ask[1]"), of("check[0]"), of("store[0]")),
        (TaskStateName::Skipped, TaskStateName::Failed, TaskStateName::UpstreamFailed)
    );
}

/// A question can wait until a moment, written or made by a template, in the dag's time zone.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_can_wait_until_a_moment() {
    let stage = Stage::new().await;
    let anna = person(&stage, "anna", Role::Operator);
    let waits_until = async |until: &str| {
        let mut definition = asked_by(json!({ "message": "Publish?", "until": until }));
        definition["timezone"] = json!("Europe/Berlin");
        let dag = stage.apply(definition).await;
        let run = stage.trigger_for(&dag, "2096-11-21T06:00:00Z").await;
        let asked = waiting(&stage, &anna).await;
        stage.engine.cancel_run(&stage.context, &dag, &run.dag_run_id).await.unwrap();
        let mut tx = stage.store.begin(&stage.context).await.unwrap();
        cofferdam_store::execution::actions::delete_run(&mut tx, &dag, &run.dag_run_id).await.unwrap();
        tx.commit().await.unwrap();
        asked.first().map(|one| (one.expires_at.unwrap().to_rfc3339(), one.message.clone()))
    };
    for (until, expected) in [
        ("2096-12-01T18:00", "2096-12-01T17:00:00+00:00"),
        ("2096-12-01T18:00:00Z", "2096-12-01T18:00:00+00:00"),
        ("{{ logical_date + macros.timedelta(hours=12) }}", "2096-11-21T18:00:00+00:00"),
        ("{{ ds }}T23:00", "2096-11-21T22:00:00+00:00"),
    ] {
        assert_eq!(waits_until(until).await, Some((expected.to_owned(), "Publish?".to_owned())), "{until}");
    }

    // One that has passed expires at once; what is no moment is not asked.
    for (until, on_expiry, expected) in [
        ("2026-01-01", "skip", (TaskStateName::Skipped, Some(Reason::SkippedByTask))),
        ("{{ 'tomorrow' }}", "fail", (TaskStateName::Failed, Some(Reason::InvalidInput))),
    ] {
        let dag = stage.apply(asked_by(json!({ "message": "Publish?", "until": until, "on_expiry": on_expiry }))).await;
        let run = stage.trigger(&dag, json!({})).await.run;
        stage.ended(run).await;
        assert_eq!(stage.states(run).await["ask"], expected, "{until}");
    }
}

/// What the compiler says of an approval.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_an_approval_have_their_place() {
    let stage = Stage::new().await;
    let mistakes = [
        (json!({}), "missing_field /tasks/0/approval: the field 'message' is missing"),
        (json!({ "message": 7 }), "invalid_value /tasks/0/approval/message: what a person is asked is a text"),
        (json!({ "message": "{{ parms.rows }}?" }), "unknown_name /tasks/0/approval/message"),
        (json!({ "message": "?", "who": {} }), "invalid_value /tasks/0/approval/who: nobody could decide"),
        (
            json!({ "message": "?", "who": { "roles": ["boss"] } }),
            "invalid_value /tasks/0/approval/who/roles/0: 'boss' is not known here",
        ),
        (json!({ "message": "?", "timeout": 0 }), "out_of_range /tasks/0/approval/timeout"),
        (json!({ "message": "?", "options": ["a", "a"] }), "invalid_value /tasks/0/approval/options/1: 'a' is named twice"),
        (json!({ "message": "?", "on_expiry": "wait" }), "invalid_value /tasks/0/approval/on_expiry"),
        (
            json!({ "message": "?", "timeout": "1h", "until": "2026-12-01" }),
            "invalid_value /tasks/0/approval/until: it waits for a time or until a moment",
        ),
        (json!({ "message": "?", "until": "soon" }), "invalid_value /tasks/0/approval/until: \"soon\" is not a date"),
        (json!({ "message": "?", "until": "{{ dss }}" }), "unknown_name /tasks/0/approval/until"),
        (json!({ "message": "{{ item.x }}?" }), "unknown_name /tasks/0/approval/message: there is no item here"),
    ];
    for (approval, expected) in mistakes {
        let found = stage.problems(asked_by(approval)).await;
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
    let mut definition = asked_by(json!({ "message": "?" }));
    definition["tasks"][0]["timeout"] = json!("1h");
    definition["tasks"][0]["branch"] = json!(true);
    let found = stage.problems(definition).await;
    assert_eq!(found.len(), 2, "{found:?}");
}
