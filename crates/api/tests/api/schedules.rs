//! What makes runs at which time, by the test's clock.

use crate::harness::Server;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::Ending;
use cofferdam_domain::job::Job;
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

const RUNS: &str = "/api/v1/dags/clock/dagRuns?order_by=queued_at";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A server with a scheduler, at a time, and an editor's key. It has the component `demo/echo`.
async fn server(time: &str) -> (Server, String) {
    let server = Server::start().await;
    server.clock.set(at(time));
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    server.schedule();
    (server, key)
}

/// A dag `clock` of one task with these settings.
fn dag(settings: Value) -> Value {
    let mut dag = json!({ "dag_id": "clock", "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    dag.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    dag
}

fn count(listed: &Value) -> usize {
    listed["dag_runs"].as_array().unwrap().len()
}

fn dates(listed: &Value) -> Vec<&str> {
    listed["dag_runs"].as_array().unwrap().iter().map(|run| run["logical_date"].as_str().unwrap()).collect()
}

fn states(listed: &Value) -> Vec<&str> {
    listed["dag_runs"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect()
}

/// Plays a worker that finishes one task, and finds no other.
async fn finish(server: &Server) {
    for (_, lease) in server.claim_many(1).await {
        let value = XComValue::Inline("1".to_owned());
        server.report(lease, Ending::Success { output: "1".to_owned() }, value).await;
    }
}

#[tokio::test]
async fn several_schedules_make_runs_one_after_the_other() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let schedule = json!(["0 6 * * *", { "cron": "0 18 * * *", "timezone": "Asia/Tokyo" }, { "once": "2026-11-20T07:30" }]);
    server.post("/api/v1/dags", &key, dag(json!({ "schedule": schedule, "start_date": "2026-11-20" }))).await.ok(201);
    for (hour, runs) in [(6, 0), (7, 0), (8, 1), (9, 2), (10, 2)] {
        server.clock.set(at(&format!("2026-11-20T{hour:02}:00:00Z")));
        server.until("the runs that are due", RUNS, &key, |listed| count(listed) == runs).await;
    }
    server.clock.set(at("2026-11-21T06:00:00Z"));
    let listed = server.until("the next day", RUNS, &key, |listed| count(listed) == 3).await;
    assert_eq!(dates(&listed), ["2026-11-20T06:00:00Z", "2026-11-20T07:30:00Z", "2026-11-20T09:00:00Z"]);
    let shown = server.get("/api/v1/dags/clock", &key).await.ok(200);
    assert_eq!(
        shown["schedule_in_words"],
        "every day at 06:00 (UTC); every day at 18:00 (Asia/Tokyo); once at 2026-11-20 07:30 (UTC)"
    );
}

#[tokio::test]
async fn runs_are_between_the_dates_and_those_missed_are_caught_up_when_asked() {
    let (server, key) = server("2026-11-21T12:00:00Z").await;
    let settings = |catchup: bool| {
        let dates = json!({ "start_date": "2026-11-17", "end_date": "2026-11-19T12:00" });
        let mut dag = dag(json!({ "schedule": "0 6 * * *", "timezone": "Europe/Berlin", "catchup": catchup }));
        dag.as_object_mut().unwrap().extend(dates.as_object().unwrap().clone());
        dag
    };
    let mut late = settings(false);
    late["dag_id"] = json!("late");
    late["end_date"] = json!("2026-11-30");
    server.post("/api/v1/dags", &key, settings(true)).await.ok(201);
    server.post("/api/v1/dags", &key, late).await.ok(201);
    let listed = server.until("the runs that were missed", RUNS, &key, |listed| count(listed) == 3).await;
    assert_eq!(dates(&listed), ["2026-11-17T05:00:00Z", "2026-11-18T05:00:00Z", "2026-11-19T05:00:00Z"]);
    assert_eq!(server.get("/api/v1/dags/clock", &key).await.ok(200)["next_run"], Value::Null, "no interval begins after the end");
    // Without catchup, the latest interval that has ended.
    let runs = "/api/v1/dags/late/dagRuns";
    let listed = server.until("the latest run", runs, &key, |listed| count(listed) == 1).await;
    assert_eq!(dates(&listed), ["2026-11-20T05:00:00Z"]);
}

#[tokio::test]
async fn one_moment_makes_one_run() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let settings = json!({ "schedule": { "once": "2026-11-21T06:00" }, "timezone": "Europe/Berlin" });
    let applied = server.post("/api/v1/dags", &key, dag(settings)).await;
    applied.ok(201);
    let shown = server.get("/api/v1/dags/clock", &key).await.ok(200);
    assert_eq!(shown["next_run"]["due_at"], "2026-11-21T05:00:00Z");
    server.clock.set(at("2026-11-25T00:00:00Z"));
    let listed = server.until("the run", RUNS, &key, |listed| count(listed) == 1).await;
    assert_eq!(dates(&listed), ["2026-11-21T05:00:00Z"]);
    assert_eq!(server.get("/api/v1/dags/clock", &key).await.ok(200)["next_run"], Value::Null);
}

#[tokio::test]
async fn jitter_delays_a_run_and_leaves_its_interval() {
    let (server, key) = server("2026-11-20T00:30:00Z").await;
    server.post("/api/v1/dags", &key, dag(json!({ "schedule": "@hourly", "jitter": "10m" }))).await.ok(201);
    let shown = server.get("/api/v1/dags/clock", &key).await.ok(200);
    let due = at(shown["next_run"]["due_at"].as_str().unwrap());
    let end = at("2026-11-20T01:00:00Z");
    assert!(due > end && due < end + TimeDelta::minutes(10), "{due}");
    server.clock.set(due - TimeDelta::milliseconds(1));
    server.until("nothing", RUNS, &key, |listed| count(listed) == 0).await;
    server.clock.set(due);
    let listed = server.until("the run", RUNS, &key, |listed| count(listed) == 1).await;
    assert_eq!(dates(&listed), ["2026-11-20T00:00:00Z"]);
}

/// Makes the run of 00:00 and, while it is not finished, lets that of 00:10 become due. Returns the runs.
async fn overlapping(server: &Server, key: &str, overlap: &str, enough: impl Fn(&Value) -> bool) -> Value {
    let settings = json!({ "schedule": "*/10 * * * *", "start_date": "2026-11-20", "overlap": overlap });
    server.post("/api/v1/dags", key, dag(settings)).await.ok(201);
    server.clock.set(at("2026-11-20T00:10:00Z"));
    server.until("the first run", RUNS, key, |listed| count(listed) == 1).await;
    server.clock.set(at("2026-11-20T00:20:00Z"));
    let due = |listed: &Value| listed["next_run"]["due_at"] == "2026-11-20T00:30:00Z";
    server.until("the second to be considered", "/api/v1/dags/clock", key, due).await;
    server.until("the runs", RUNS, key, enough).await
}

#[tokio::test]
async fn overlap_allow_runs_both() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let listed = overlapping(&server, &key, "allow", |listed| count(listed) == 2).await;
    assert_eq!(states(&listed), ["running", "running"]);
}

#[tokio::test]
async fn overlap_queue_runs_one_after_the_other() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let listed = overlapping(&server, &key, "queue", |listed| count(listed) == 2).await;
    assert_eq!(states(&listed), ["running", "queued"]);
    finish(&server).await;
    let listed = server.until("the second to start", RUNS, &key, |listed| states(listed) == ["success", "running"]).await;
    assert_eq!(dates(&listed), ["2026-11-20T00:00:00Z", "2026-11-20T00:10:00Z"]);
}

#[tokio::test]
async fn overlap_skip_leaves_the_second_out_for_good() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let listed = overlapping(&server, &key, "skip", |_| true).await;
    assert_eq!((count(&listed), states(&listed)), (1, vec!["running"]));
    finish(&server).await;
    // Applied again with another setting, the interval does not come back.
    let settings = json!({ "schedule": "*/10 * * * *", "start_date": "2026-11-20", "overlap": "skip", "catchup": true });
    server.post("/api/v1/dags", &key, dag(settings)).await.ok(200);
    server.clock.set(at("2026-11-20T00:30:00Z"));
    let listed = server.until("the third run", RUNS, &key, |listed| count(listed) == 2).await;
    assert_eq!(dates(&listed), ["2026-11-20T00:00:00Z", "2026-11-20T00:20:00Z"]);
}

#[tokio::test]
async fn overlap_cancel_previous_stops_the_first() {
    let (server, key) = server("2026-11-20T00:00:00Z").await;
    let listed = overlapping(&server, &key, "cancel_previous", |listed| states(listed) == ["failed", "running"]).await;
    assert_eq!(listed["dag_runs"][0]["reason"], "cancelled");
    // The second has something to do. (What waited of the first is withdrawn, a little later than it is recorded.)
    let lease = loop {
        let second = |(job, _): &(Job, _)| job.context.logical_date == at("2026-11-20T00:10:00Z");
        if let Some((_, lease)) = server.claim().await.into_iter().find(second) {
            break lease;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let value = XComValue::Inline("1".to_owned());
    server.report(lease, Ending::Success { output: "1".to_owned() }, value).await;
    server.until("the second to end", RUNS, &key, |listed| states(listed) == ["failed", "success"]).await;
}
