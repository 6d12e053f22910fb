//! Dead letters: what comes there, and what becomes of it.

use crate::harness::{Server, now, task};
use chrono::TimeDelta;
use cofferdam_client::api::{
    DeadLetter, DeadLetterFilter, DeadLetterKind, DeadLetterListQuery, DeadLetterResolution, DeadLetterState, DiscardDeadLetter,
    DiscardDeadLetters, ErrorCode, MarkedState, Reason as WireReason, RetryDeadLetters, TaskState, UpdateTaskInstancesState,
};
use cofferdam_client::{Client, ClientError};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::execution;
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

struct Scene {
    server: Server,
    client: Client,
    key: String,
    run: DagRunId,
}

/// A run of the dag `demo`, whose first task waits for a worker.
async fn scene() -> Scene {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let run = server.demo_run(&key).await;
    Scene { client: server.client(&key), server, key, run }
}

fn demo() -> DagId {
    DagId::new("demo").unwrap()
}

/// Ends the only try that waits.
async fn end(server: &Server, expected: &str, ending: Ending) {
    let (job, lease) = server.claim_many(1).await.remove(0);
    assert_eq!(job.context.task_id.as_str(), expected);
    server.clock.advance(TimeDelta::seconds(1));
    server.report(lease, ending, XComValue::Inline("1".to_owned())).await;
}

fn broken() -> Ending {
    Ending::failure(Reason::Fatal, "broken")
}

fn success() -> Ending {
    Ending::Success { output: "1".to_owned() }
}

async fn letters(client: &Client) -> Vec<DeadLetter> {
    client.list_dead_letters(&DeadLetterListQuery::default()).await.unwrap().dead_letters
}

async fn only(client: &Client) -> DeadLetter {
    let mut all = letters(client).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn code(error: &ClientError) -> Option<ErrorCode> {
    error.code()
}

#[tokio::test]
async fn a_task_that_came_to_nothing_is_kept_with_its_history_until_it_comes_right() {
    let Scene { server, client, key, run } = scene().await;
    end(&server, "first", success()).await;
    // `second` has one retry: the first failure is none of the letters' business.
    end(&server, "second", Ending::failure(Reason::GuestError, "not yet")).await;
    assert_eq!(letters(&client).await, []);
    server.clock.advance(TimeDelta::minutes(10));
    server.schedule();
    end(&server, "second", Ending::failure(Reason::OutOfFuel, "all of it")).await;
    let letter = only(&client).await;
    assert_eq!((letter.kind, letter.state), (DeadLetterKind::Task, DeadLetterState::Open));
    assert_eq!((letter.dag_id.as_str(), letter.dag_run_id.clone(), letter.task_id.as_str()), ("demo", run.clone(), "second"));
    assert_eq!((letter.reason, letter.message.as_deref()), (WireReason::OutOfFuel, Some("all of it")));
    assert_eq!((letter.tries, letter.try_number, letter.times, letter.retries), (2, 2, 1, 0));
    assert_eq!((letter.task_state, letter.at), (Some(TaskState::Failed), now(&server)));

    let detail = client.get_dead_letter(letter.dead_letter_id).await.unwrap();
    assert_eq!(detail.dead_letter, letter);
    let tries = client.list_tries(&task(&run, "second")).await.unwrap().tries;
    assert_eq!(detail.history.iter().map(|one| one.ended.clone()).collect::<Vec<_>>(), tries);
    assert_eq!(detail.history[0].ended.reason, Some(WireReason::GuestError));
    assert!(detail.history[1].ended.worker_id.is_some() && detail.history[1].ended.receipt.fuel == 1000);
    assert!(detail.rendered.is_some() && detail.undecodable.is_none());
    let log = detail.history[1].log.as_deref().unwrap();
    assert_eq!(server.get(log, &key).await.status, 200, "{log}");

    let metrics = server.get("/metrics", "").await.text;
    assert!(metrics.contains("cofferdam_dead_letters_open{kind=\"task\"}"), "{metrics}");

    // It fails again: the same letter, brought up to date.
    let retried = client.retry_dead_letter(letter.dead_letter_id).await.unwrap();
    assert_eq!((retried.retries, retried.retried_at, retried.state), (1, Some(now(&server)), DeadLetterState::Open));
    assert_ne!(retried.task_state, Some(TaskState::Failed));
    let early = client.retry_dead_letter(letter.dead_letter_id).await.unwrap_err();
    assert_eq!(code(&early), Some(ErrorCode::Conflict), "it is under way");
    end(&server, "second", broken()).await;
    let again = only(&client).await;
    assert_eq!((again.dead_letter_id, again.times, again.tries), (letter.dead_letter_id, 2, 3));
    assert_eq!((again.reason, again.first_at), (WireReason::Fatal, letter.first_at));
    assert!(again.at > letter.at);

    client.retry_dead_letter(letter.dead_letter_id).await.unwrap();
    end(&server, "second", success()).await;
    let resolved = only(&client).await;
    assert_eq!((resolved.state, resolved.resolution), (DeadLetterState::Resolved, Some(DeadLetterResolution::Succeeded)));
    assert_eq!(resolved.closed_at, Some(now(&server)));
    let late = client.retry_dead_letter(letter.dead_letter_id).await.unwrap_err();
    assert_eq!(code(&late), Some(ErrorCode::Conflict), "it is resolved");
    let audited = server.audited().await;
    assert_eq!(audited.iter().filter(|entry| entry.ends_with("dead_letter.retry demo")).count(), 2, "{audited:?}");

    // What was resolved long ago is forgotten.
    server.clock.advance(TimeDelta::days(31));
    server.until("the letter to be forgotten", "/api/v1/deadLetters", &key, |list| list["total_entries"] == 0).await;
}

#[tokio::test]
async fn a_retry_brings_back_what_was_not_run() {
    let Scene { server, client, run, .. } = scene().await;
    end(&server, "first", broken()).await;
    let letter = only(&client).await;
    assert_eq!(letter.task_id.as_str(), "first", "what was not run for want of another is no letter");
    client.retry_dead_letter(letter.dead_letter_id).await.unwrap();
    end(&server, "first", success()).await;
    end(&server, "second", success()).await;
    let states: Vec<TaskState> =
        client.list_task_instances(&demo(), &run).await.unwrap().task_instances.iter().map(|one| one.state).collect();
    assert_eq!(states, [TaskState::Success; 2]);
}

#[tokio::test]
async fn a_person_resolves_a_letter_with_a_mark_and_a_stopped_task_is_none() {
    let Scene { server, client, key, run } = scene().await;
    end(&server, "first", broken()).await;
    let mark = UpdateTaskInstancesState {
        dry_run: false,
        task_id: TaskId::new("first").unwrap(),
        map_index: None,
        dag_run_id: Some(run),
        execution_date: None,
        include_upstream: false,
        include_downstream: false,
        include_future: false,
        include_past: false,
        new_state: MarkedState::Success,
    };
    client.mark_task_instances(&demo(), &mark).await.unwrap();
    let letter = only(&client).await;
    assert_eq!((letter.state, letter.resolution), (DeadLetterState::Resolved, Some(DeadLetterResolution::MarkedSuccess)));

    // `second` waits now; it is stopped while it runs.
    let (_, lease) = server.claim_many(1).await.remove(0);
    let worker = crate::harness::worker();
    server.engine.record_started(&[cofferdam_engine::Started { lease, worker, at: now(&server), rendered: None }]).await.unwrap();
    server.post(&format!("/api/v1/dags/demo/dagRuns/{}/cancel", letter.dag_run_id), &key, json!({})).await.ok(200);
    server.report(lease, broken(), XComValue::Inline("1".to_owned())).await;
    assert_eq!(letters(&client).await.len(), 1, "somebody wanted it so");
    // A mark is no failure of the task either.
    let failed = UpdateTaskInstancesState { new_state: MarkedState::Failed, ..mark };
    client.mark_task_instances(&demo(), &failed).await.unwrap();
    assert_eq!(letters(&client).await.len(), 1);
}

/// A dag of this name with one task, which has failed in one run.
async fn failed_once(server: &Server, key: &str, dag: &str, reason: Reason) {
    let definition = json!({ "dag_id": dag, "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    server.post("/api/v1/dags", key, definition).await.ok(201);
    server.post(&format!("/api/v1/dags/{dag}/dagRuns"), key, json!({})).await.ok(200);
    end(server, "only", Ending::failure(reason, dag)).await;
}

#[tokio::test]
async fn letters_are_listed_retried_and_put_aside_by_filter() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    for (dag, reason) in [("a", Reason::Fatal), ("b", Reason::Trap), ("c", Reason::Fatal)] {
        failed_once(&server, &key, dag, reason).await;
    }
    let client = server.client(&key);
    let dags = async |query: &str| -> Vec<String> {
        let listed = server.get(&format!("/api/v1/deadLetters?{query}"), &key).await.ok(200);
        listed["dead_letters"].as_array().unwrap().iter().map(|one| one["dag_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(dags("").await, ["c", "b", "a"]);
    assert_eq!(dags("order_by=at&limit=2").await, ["a", "b"]);
    assert_eq!(dags("order_by=-task&offset=1").await, ["b", "a"]);
    assert_eq!(dags("order_by=reason&reason=fatal,trap&state=open&kind=task").await, ["a", "c", "b"]);
    assert_eq!(dags("dag_id=a&dag_id=b&task_id=only").await, ["b", "a"]);
    assert_eq!(dags("state=resolved,discarded").await, [""; 0]);
    let middle = letters(&client).await[1].at.to_rfc3339().replace('+', "%2B");
    assert_eq!(dags(&format!("at_gte={middle}")).await, ["c", "b"]);
    assert_eq!(dags(&format!("at_lte={middle}")).await, ["b", "a"]);
    for wrong in ["order_by=dag", "reason=tired", "state=lost", "kind=x", "dag_id=a%20b", "limit=0"] {
        server.get(&format!("/api/v1/deadLetters?{wrong}"), &key).await.problem(400, "invalid_parameter");
    }

    let fatal = DeadLetterFilter { reasons: Some(vec![WireReason::Fatal]), ..DeadLetterFilter::default() };
    // Nothing is done unless one says so.
    let said: Value = server.post("/api/v1/deadLetters/retry", &key, json!({ "filter": { "reasons": ["fatal"] } })).await.ok(200);
    assert_eq!((&said["dry_run"], &said["total_entries"]), (&json!(true), &json!(2)));
    assert!(server.claim().await.is_empty());
    let retry = RetryDeadLetters { filter: fatal.clone(), dry_run: false };
    let done = client.retry_dead_letters(&retry).await.unwrap();
    assert_eq!(done.dead_letters.iter().map(|one| one.dag_id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(done.left_out, []);
    let again = client.retry_dead_letters(&retry).await.unwrap();
    assert_eq!((again.total_entries, again.left_out.len()), (0, 2), "they are under way");
    assert!(again.left_out[0].why.as_deref().unwrap().contains("'queued'"), "{again:?}");
    for (_, lease) in server.claim_many(2).await {
        server.report(lease, success(), XComValue::Inline("1".to_owned())).await;
    }
    assert_eq!(dags("state=resolved&order_by=task").await, ["a", "c"]);

    // An empty list names nothing.
    let none = DeadLetterFilter { dead_letter_ids: Some(Vec::new()), ..DeadLetterFilter::default() };
    let discard = DiscardDeadLetters { filter: none, note: None, dry_run: false };
    assert_eq!(client.discard_dead_letters(&discard).await.unwrap().total_entries, 0);
    let all = DiscardDeadLetters { filter: DeadLetterFilter::default(), note: Some("known".to_owned()), dry_run: false };
    let done = client.discard_dead_letters(&all).await.unwrap();
    assert_eq!(done.dead_letters.iter().map(|one| one.dag_id.as_str()).collect::<Vec<_>>(), ["b"]);
    let mut discarded = letters(&client).await;
    discarded.retain(|letter| letter.state == DeadLetterState::Discarded);
    assert_eq!((discarded[0].note.as_deref(), discarded[0].task_state), (Some("known"), Some(TaskState::Failed)));
    assert!(discarded[0].discarded_by.as_deref().unwrap().starts_with("editor-"));
    let late = client.discard_dead_letter(discarded[0].dead_letter_id, &DiscardDeadLetter::default()).await.unwrap_err();
    assert_eq!(code(&late), Some(ErrorCode::Conflict));
    let audited = server.audited().await;
    assert!(audited.iter().any(|entry| entry.ends_with("dead_letter.discard b")), "{audited:?}");

    // The letter outlives its run.
    let run = &discarded[0].dag_run_id;
    server.call("DELETE", &format!("/api/v1/dags/b/dagRuns/{run}"), &key, None).await;
    let detail = client.get_dead_letter(discarded[0].dead_letter_id).await.unwrap();
    assert_eq!((detail.dead_letter.task_state, detail.history.len()), (None, 1));
    assert_eq!(detail.history[0].log, None);
}

/// A dag of the documentation, which runs when something has come to nothing.
fn alert() -> Value {
    let page = include_str!("../../../../docs/dead-letters.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("the page has an example");
    serde_json::from_str(example).expect("the example is JSON")
}

#[tokio::test]
async fn a_dag_is_run_for_dead_letters_and_not_for_its_own() {
    let Scene { server, client, key, run } = scene().await;
    server.schedule();
    server.component_asking(server.tenant, "std/http-request", "v1", "http").await;
    server.post("/api/v1/dags", &key, alert()).await.ok(201);
    let watching = json!({
        "dag_id": "watch_demo", "schedule": { "assets": "cofferdam://dead-letters/demo" },
        "tasks": [{ "task_id": "only", "component": "demo/echo" }],
    });
    server.post("/api/v1/dags", &key, watching).await.ok(201);
    end(&server, "first", broken()).await;
    let letter = only(&client).await;
    for dag in ["alert", "watch_demo"] {
        let path = format!("/api/v1/dags/{dag}/dagRuns");
        let runs = server.until("a run", &path, &key, |list| list["total_entries"] == 1).await;
        let event = &runs["dag_runs"][0]["conf"]["asset_events"][0];
        assert_eq!(event["extra"]["dead_letter_id"], json!(letter.dead_letter_id));
        assert_eq!(event["extra"]["reason"], "fatal");
        assert_eq!((&event["source_run_id"], &event["source_task_id"]), (&json!(run), &json!("first")));
    }
    // The alert itself fails: there is a letter, and no run for it.
    let claims = server.claim_many(2).await;
    let said = claims.iter().find_map(|(job, _)| job.input["body"]["dead_letters"][0]["extra"]["message"].as_str());
    assert_eq!(said, Some("broken"), "{claims:?}");
    for (_, lease) in claims {
        server.report(lease, broken(), XComValue::Inline("1".to_owned())).await;
    }
    assert_eq!(letters(&client).await.len(), 3);
    failed_once(&server, &key, "other", Reason::Fatal).await;
    let path = "/api/v1/dags/alert/dagRuns?order_by=queued_at";
    let runs = server.until("the run for the other dag", path, &key, |list| list["total_entries"] == 2).await;
    let events = runs["dag_runs"][1]["conf"]["asset_events"].as_array().unwrap();
    assert_eq!(events.iter().map(|event| &event["extra"]["dag_id"]).collect::<Vec<_>>(), ["other"]);
    assert_eq!(server.get("/api/v1/dags/watch_demo/dagRuns", &key).await.ok(200)["total_entries"], 1);
}

#[tokio::test]
async fn a_tenant_says_how_long_closed_letters_are_kept() {
    let Scene { server, client, .. } = scene().await;
    let admin = server.client(&server.key(server.tenant, Role::Admin).await);
    let month = u64::try_from(TimeDelta::days(30).num_seconds()).unwrap();
    let kept = client.dead_letter_retention().await.unwrap();
    assert_eq!((kept.kept_s, kept.is_default, kept.default_s), (month, true, month));
    end(&server, "first", broken()).await;
    let letter = only(&client).await;
    let forget = async || {
        let mut tx = server.system.begin_across_tenants("test").await.unwrap();
        let now = now(&server);
        let forgotten = execution::letters::forget(&mut tx, now, now.checked_sub_signed(TimeDelta::days(30)), 10).await.unwrap();
        tx.commit().await.unwrap();
        forgotten
    };
    admin.set_dead_letter_retention(Some(0)).await.unwrap();
    server.clock.advance(TimeDelta::days(1));
    assert_eq!(forget().await, 0, "it is open");
    client.discard_dead_letter(letter.dead_letter_id, &DiscardDeadLetter::default()).await.unwrap();
    let set = admin.set_dead_letter_retention(Some(2 * month)).await.unwrap();
    assert_eq!((set.kept_s, set.is_default, set.default_s), (2 * month, false, month));
    server.clock.advance(TimeDelta::days(45));
    assert_eq!(forget().await, 0, "longer than others");
    admin.set_dead_letter_retention(Some(month / 2)).await.unwrap();
    assert_eq!(forget().await, 1);
    assert_eq!(letters(&client).await, []);
    assert!(admin.set_dead_letter_retention(None).await.unwrap().is_default);
    let refused = client.set_dead_letter_retention(Some(1)).await.unwrap_err();
    assert_eq!(code(&refused), Some(ErrorCode::RoleTooLow), "an editor is no admin");
    let refused = admin.set_dead_letter_retention(Some(u64::MAX)).await.unwrap_err();
    assert_eq!(code(&refused), Some(ErrorCode::InvalidBody));
    let audited = server.audited().await;
    assert_eq!(audited.iter().filter(|entry| entry.ends_with("dead_letter.retention default")).count(), 4, "{audited:?}");
}
