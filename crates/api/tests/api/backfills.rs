//! Backfills, from the dry run to the last of their runs, by the test's clock.

use crate::harness::Server;
use cofferdam_client::ClientError;
use cofferdam_client::api::{
    Backfill, BackfillListQuery, BackfillState, DagRunListQuery, DagRunType, ErrorCode, NewBackfill, ReprocessBehavior,
};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::{BackfillId, DagId};
use cofferdam_store::execution::facts::XComValue;
use serde_json::json;
use std::collections::BTreeSet;

fn dag_id() -> DagId {
    DagId::new("daily").unwrap()
}

/// A server at noon of 21 November 2026 with two schedulers and a dag that runs daily at 06:00, and an operator's client.
async fn server() -> (Server, cofferdam_client::Client) {
    let server = Server::start().await;
    server.clock.set("2026-11-21T12:00:00Z".parse().unwrap());
    let editor = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    let dag = json!({
        "dag_id": "daily", "schedule": "0 6 * * *", "max_active_runs": 1, "params": { "year": 2000, "city": "Bern" },
        "tasks": [{ "task_id": "only", "component": "demo/echo" }],
    });
    server.post("/api/v1/dags", &editor, dag).await.ok(201);
    server.schedule();
    server.schedule();
    let operator = server.key(server.tenant, Role::Operator).await;
    let client = server.client(&operator);
    (server, client)
}

fn new(from: &str, to: &str) -> NewBackfill {
    NewBackfill {
        dag_id: dag_id(),
        from_date: format!("{from}T00:00:00Z").parse().unwrap(),
        to_date: format!("{to}T00:00:00Z").parse().unwrap(),
        run_backwards: false,
        dag_run_conf: None,
        reprocess_behavior: ReprocessBehavior::None,
        max_active_runs: None,
    }
}

/// Asks until a backfill is as it should be.
async fn until(client: &cofferdam_client::Client, id: BackfillId, what: &str, done: impl Fn(&Backfill) -> bool) -> Backfill {
    let mut last = None;
    for _ in 0..3_000 {
        let backfill = client.get_backfill(id).await.unwrap();
        if done(&backfill) {
            return backfill;
        }
        last = Some(backfill);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}: {last:#?}");
}

/// Plays a worker that ends this many tasks. Returns the days that their runs are for.
async fn finish(server: &Server, ending: &Ending, count: usize) -> BTreeSet<String> {
    let mut days = BTreeSet::new();
    for (job, lease) in server.claim_many(count).await {
        days.insert(job.context.logical_date.format("%m-%d").to_string());
        server.report(lease, ending.clone(), XComValue::Inline("1".to_owned())).await;
    }
    days
}

fn success() -> Ending {
    Ending::Success { output: "1".to_owned() }
}

fn days(days: &[&str]) -> BTreeSet<String> {
    days.iter().map(|day| (*day).to_owned()).collect()
}

fn code(error: &ClientError) -> Option<ErrorCode> {
    error.code()
}

#[tokio::test]
async fn a_backfill_runs_its_intervals_a_few_at_a_time() {
    let (server, client) = server().await;
    let conf = json!({ "year": 2026 });
    let new =
        NewBackfill { max_active_runs: Some(2), dag_run_conf: conf.as_object().cloned(), ..new("2026-11-10", "2026-11-15") };
    let made = client.create_backfill(&new).await.unwrap();
    assert_eq!((made.state, made.progress.total), (BackfillState::Running, 5));
    // The dag's own bound, one run, is not the backfill's.
    until(&client, made.id, "two runs", |backfill| backfill.progress.running == 2).await;
    assert_eq!(finish(&server, &success(), 2).await, days(&["11-10", "11-11"]));
    until(&client, made.id, "two more", |backfill| backfill.progress.running == 2).await;
    assert_eq!(finish(&server, &Ending::failure(Reason::Fatal, "no"), 2).await, days(&["11-12", "11-13"]));
    until(&client, made.id, "the last", |backfill| backfill.progress.running == 1).await;
    assert_eq!(finish(&server, &success(), 1).await, days(&["11-14"]));
    let ended = until(&client, made.id, "the end", |backfill| backfill.state == BackfillState::Completed).await;
    assert_eq!((ended.progress.success, ended.progress.failed, ended.progress.waiting), (3, 2, 0));
    assert!(ended.completed_at.is_some());

    let runs = client.list_dag_runs(&dag_id(), &DagRunListQuery::default()).await.unwrap();
    assert_eq!(runs.total_entries, 5, "two schedulers made each run once");
    let first = runs.dag_runs.last().unwrap();
    assert_eq!(first.dag_run_id.as_str(), "backfill__2026-11-10T06:00:00+00:00");
    assert_eq!((first.run_type, &first.conf), (DagRunType::Backfill, &json!({ "year": 2026, "city": "Bern" })));
    assert_eq!(first.data_interval_end.to_rfc3339(), "2026-11-11T06:00:00+00:00");
    let listed =
        client.list_backfills(&BackfillListQuery { dag_id: Some(dag_id()), ..BackfillListQuery::default() }).await.unwrap();
    assert_eq!((listed.total_entries, &listed.backfills[0]), (1, &ended));
    assert_eq!(code(&client.pause_backfill(made.id).await.unwrap_err()), Some(ErrorCode::Conflict));
}

#[tokio::test]
async fn what_was_run_is_run_again_only_when_asked_for() {
    let (server, client) = server().await;
    let first = client.create_backfill(&new("2026-11-10", "2026-11-12")).await.unwrap();
    until(&client, first.id, "two runs", |backfill| backfill.progress.running == 2).await;
    for (job, lease) in server.claim_many(2).await {
        let failed = job.context.logical_date.to_string().starts_with("2026-11-11");
        let ending = if failed { Ending::failure(Reason::Fatal, "no") } else { success() };
        server.report(lease, ending, XComValue::Inline("1".to_owned())).await;
    }
    until(&client, first.id, "its end", |backfill| backfill.state == BackfillState::Completed).await;
    for (behaviour, again) in [
        (ReprocessBehavior::None, days(&["11-12"])),
        (ReprocessBehavior::Failed, days(&["11-11"])),
        (ReprocessBehavior::Completed, days(&["11-10", "11-11", "11-12"])),
    ] {
        let new = NewBackfill { reprocess_behavior: behaviour, run_backwards: true, ..new("2026-11-10", "2026-11-13") };
        let told = client.dry_run_backfill(&new).await.unwrap();
        let would: BTreeSet<String> = told
            .backfills
            .iter()
            .filter(|interval| interval.runs)
            .map(|interval| interval.logical_date.format("%m-%d").to_string())
            .collect();
        assert_eq!((told.total_entries, &would), (3, &again), "{behaviour:?}");
        assert!(told.backfills.is_sorted_by_key(|interval| std::cmp::Reverse(interval.logical_date)), "the latest first");
        let made = client.create_backfill(&new).await.unwrap();
        until(&client, made.id, "the runs", |backfill| backfill.progress.waiting == 0).await;
        assert_eq!(finish(&server, &success(), again.len()).await, again, "{behaviour:?}");
        let ended = until(&client, made.id, "the end", |backfill| backfill.state == BackfillState::Completed).await;
        assert_eq!(ended.progress.left_out as usize, 3 - again.len());
    }
    let runs = client.list_dag_runs(&dag_id(), &DagRunListQuery::default()).await.unwrap();
    let names: BTreeSet<_> = runs.dag_runs.iter().map(|run| run.dag_run_id.clone()).collect();
    assert_eq!(names.len() as u64, runs.total_entries, "each run has a name of its own");
}

#[tokio::test]
async fn a_backfill_is_paused_resumed_and_cancelled() {
    let (server, client) = server().await;
    let new = NewBackfill { max_active_runs: Some(1), run_backwards: true, ..new("2026-11-10", "2026-11-14") };
    let made = client.create_backfill(&new).await.unwrap();
    until(&client, made.id, "the first run", |backfill| backfill.progress.running == 1).await;
    let paused = client.pause_backfill(made.id).await.unwrap();
    assert!(paused.is_paused);
    assert_eq!(finish(&server, &success(), 1).await, days(&["11-13"]));
    // Another backfill goes its whole way meanwhile; the schedulers have looked at this one, too.
    let other = client.create_backfill(&self::new("2026-11-01", "2026-11-02")).await.unwrap();
    until(&client, other.id, "a run", |backfill| backfill.progress.running == 1).await;
    assert_eq!(finish(&server, &success(), 1).await, days(&["11-01"]));
    until(&client, other.id, "its end", |backfill| backfill.state == BackfillState::Completed).await;
    assert_eq!(client.get_backfill(made.id).await.unwrap().progress.waiting, 3);

    client.resume_backfill(made.id).await.unwrap();
    until(&client, made.id, "the second run", |backfill| backfill.progress.running == 1).await;
    let cancelled = client.cancel_backfill(made.id).await.unwrap();
    assert_eq!(cancelled.state, BackfillState::Cancelled);
    // What waited in the queue is withdrawn, and the run has failed.
    until(&client, made.id, "the run to end", |backfill| backfill.progress.failed == 1).await;
    assert!(server.claim().await.is_empty());
    let progress = client.get_backfill(made.id).await.unwrap().progress;
    assert_eq!((progress.success, progress.failed, progress.waiting), (1, 1, 2));
    for refused in [client.resume_backfill(made.id).await, client.cancel_backfill(made.id).await] {
        assert_eq!(code(&refused.unwrap_err()), Some(ErrorCode::Conflict));
    }
}

#[tokio::test]
async fn a_backfill_waits_while_its_dag_is_paused() {
    let (server, client) = server().await;
    client.set_dag_paused(&dag_id(), true).await.unwrap();
    let made = client.create_backfill(&new("2026-11-10", "2026-11-11")).await.unwrap();
    assert_eq!(client.get_backfill(made.id).await.unwrap().progress.waiting, 1);
    client.set_dag_paused(&dag_id(), false).await.unwrap();
    until(&client, made.id, "the run", |backfill| backfill.progress.running == 1).await;
    assert_eq!(finish(&server, &success(), 1).await, days(&["11-10"]));
}

#[tokio::test]
async fn a_dry_run_tells_the_cost_and_makes_nothing() {
    let (server, client) = server().await;
    let new = NewBackfill { max_active_runs: Some(4), ..new("2026-11-01", "2026-11-11") };
    assert_eq!(client.dry_run_backfill(&new).await.unwrap().forecast, None, "there is nothing to learn from");
    let one = client.create_backfill(&self::new("2026-11-12", "2026-11-13")).await.unwrap();
    until(&client, one.id, "the run", |backfill| backfill.progress.running == 1).await;
    server.clock.advance(chrono::TimeDelta::seconds(2));
    finish(&server, &success(), 1).await;
    until(&client, one.id, "its end", |backfill| backfill.state == BackfillState::Completed).await;
    let told = client.dry_run_backfill(&new).await.unwrap();
    let forecast = told.forecast.unwrap();
    assert_eq!((told.runs, forecast.learnt_from), (10, 1));
    // A try takes 1000 units of fuel here, and the run took two seconds: three rounds of four.
    assert_eq!((forecast.fuel, forecast.tries, forecast.wall_ms), (10_000, 10, 6_000));
    // The body that the page shows.
    let page = include_str!("../../../../docs/backfills.md");
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut body: serde_json::Value = serde_json::from_str(shown).unwrap();
    body["dag_id"] = json!("daily");
    let operator = server.key(server.tenant, Role::Operator).await;
    let told = server.post("/api/v1/backfills/dry_run", &operator, body).await.ok(200);
    assert_eq!(told["runs"], 9, "{told}");
    assert_eq!(client.list_backfills(&BackfillListQuery::default()).await.unwrap().total_entries, 1);
    for (state, count) in [("cancelled,running", 0), ("paused,completed", 1)] {
        let query = BackfillListQuery { state: Some(state.to_owned()), ..BackfillListQuery::default() };
        assert_eq!(client.list_backfills(&query).await.unwrap().total_entries, count, "{state}");
    }

    // They are listed in the order that is asked for: this one is later, of earlier days, and goes on.
    let other = client.create_backfill(&self::new("2026-11-02", "2026-11-03")).await.unwrap();
    let listed = async |order_by: Option<&str>| {
        let query = BackfillListQuery { order_by: order_by.map(str::to_owned), ..BackfillListQuery::default() };
        client.list_backfills(&query).await.unwrap().backfills.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    for order in [None, Some("from_date"), Some("-state"), Some("-created_at"), Some("dag_id")] {
        assert_eq!(listed(order).await, [other.id, one.id], "{order:?}");
    }
    for order in ["created_at", "-from_date", "state"] {
        assert_eq!(listed(Some(order)).await, [one.id, other.id], "{order}");
    }
    server.get("/api/v1/backfills?order_by=total", &operator).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn what_cannot_be_filled_is_refused() {
    let (_server, client) = server().await;
    let cases = [
        (new("2026-11-12", "2026-11-10"), "/to_date"),
        (new("2027-11-10", "2027-11-12"), "/from_date"),
        (NewBackfill { max_active_runs: Some(0), ..new("2026-11-10", "2026-11-12") }, "/max_active_runs"),
    ];
    for (new, pointer) in cases {
        let refused = client.create_backfill(&new).await.unwrap_err();
        assert_eq!(code(&refused), Some(ErrorCode::InvalidBody));
        let ClientError::Problem(problem) = refused else { panic!("{refused:?}") };
        assert_eq!(problem.pointer.as_deref(), Some(pointer));
    }
    let unknown = NewBackfill { dag_id: DagId::new("other").unwrap(), ..new("2026-11-10", "2026-11-12") };
    assert_eq!(code(&client.create_backfill(&unknown).await.unwrap_err()), Some(ErrorCode::NotFound));
}
