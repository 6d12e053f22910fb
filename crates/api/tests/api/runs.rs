use crate::harness::{Server, demo_dag, now, task};
use bytes::Bytes;
use chrono::TimeDelta;
use cofferdam_client::api::{DagRunState, ErrorCode, LogFrame, LogQuery, TaskState, TriggerDagRun};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::{DagId, XComKey};
use cofferdam_store::execution::facts::XComValue;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

fn demo() -> DagId {
    DagId::new("demo").unwrap()
}

fn success() -> Ending {
    Ending::Success { output: "{\"rows\":3}".to_owned() }
}

fn value() -> XComValue {
    XComValue::Inline("{\"rows\":3}".to_owned())
}

#[tokio::test]
async fn a_run_is_shown_from_trigger_to_success() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let run = server.demo_run(&key).await;
    let shown = client.get_dag_run(&demo(), &run).await.unwrap();
    assert_eq!(shown.state, DagRunState::Running);
    assert_eq!(shown.conf["year"], 2026);

    let (job, lease) = server.claim().await.remove(0);
    assert_eq!(job.context.task_id.as_str(), "first");
    server.clock.advance(TimeDelta::seconds(1));
    server.report(lease, success(), value()).await;
    let (job, lease) = server.claim().await.remove(0);
    assert_eq!(job.context.task_id.as_str(), "second");
    server.clock.advance(TimeDelta::seconds(1));
    server.report(lease, Ending::failure(Reason::GuestError, "the station does not answer"), value()).await;

    let second = client.get_task_instance(&task(&run, "second")).await.unwrap();
    assert_eq!((second.state, second.max_tries), (TaskState::UpForRetry, 2));
    assert_eq!(second.message.as_deref(), Some("the station does not answer"));
    let listed = server.get(&format!("/api/v1/dags/demo/dagRuns/{}/taskInstances", run.as_str().replace('+', "%2B")), &key).await;
    insta::assert_json_snapshot!(listed.ok(200), { ".task_instances[].dag_run_id" => "[run]" });
    let tries = client.list_tries(&task(&run, "second")).await.unwrap().tries;
    assert_eq!((tries.len(), tries[0].receipt.fuel), (1, 1000));
    assert_eq!(tries[0].reason, Some(cofferdam_client::api::Reason::GuestError));

    let xcoms = client.list_xcoms(&task(&run, "first")).await.unwrap();
    assert_eq!(xcoms.total_entries, 1);
    let xcom = client.get_xcom(&task(&run, "first"), &XComKey::return_value()).await.unwrap();
    assert_eq!(xcom.value, json!({ "rows": 3 }));
    let error = client.get_xcom(&task(&run, "first"), &"other".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotFound));
}

#[tokio::test]
async fn a_large_xcom_is_read_from_the_object_store() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let run = server.demo_run(&key).await;
    let (job, lease) = server.claim().await.remove(0);
    let text = serde_json::to_vec(&json!({ "big": "x".repeat(100_000) })).unwrap();
    let reference = server.objects.put_xcom(server.tenant, job.run, lease.instance, Bytes::from(text)).await.unwrap();
    server.report(lease, success(), XComValue::Object(reference.to_string())).await;
    let xcom = server.client(&key).get_xcom(&task(&run, "first"), &XComKey::return_value()).await.unwrap();
    assert_eq!(xcom.value["big"].as_str().map(str::len), Some(100_000));
}

#[tokio::test]
async fn a_repeated_trigger_makes_one_run() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    server.demo_run(&key).await;
    server.clock.advance(TimeDelta::seconds(1));
    let trigger = TriggerDagRun { note: Some("by hand".to_owned()), ..TriggerDagRun::default() };
    let first = client.trigger(&demo(), &trigger, Some("key-1")).await.unwrap();
    server.clock.advance(TimeDelta::seconds(1));
    let second = client.trigger(&demo(), &trigger, Some("key-1")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(client.list_dag_runs(&demo(), &Default::default()).await.unwrap().total_entries, 2);
    let other = client.trigger(&demo(), &TriggerDagRun::default(), Some("key-1")).await.unwrap_err();
    assert_eq!(other.code(), Some(ErrorCode::IdempotencyKeyReused));

    // A request that failed can be sent again with its key.
    let named = TriggerDagRun { dag_run_id: Some(first.dag_run_id.clone()), ..TriggerDagRun::default() };
    for _ in 0..2 {
        let error = client.trigger(&demo(), &named, Some("key-2")).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::Conflict), "{error}");
    }
}

#[tokio::test]
async fn a_trigger_is_checked() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.demo_run(&key).await;
    for (body, pointer) in [
        (json!({ "conf": [1] }), Some("/conf")),
        (json!({ "dag_run_id": "a b" }), Some("/dag_run_id")),
        (json!({ "logical_date": "noon" }), Some("/logical_date")),
        (json!({ "note": "x".repeat(4001) }), Some("/note")),
    ] {
        let problem = server.post("/api/v1/dags/demo/dagRuns", &key, body).await.problem(422, "invalid_body");
        assert_eq!(problem["pointer"].as_str(), pointer, "{problem}");
    }
    let problem = server.post("/api/v1/dags/demo/dagRuns", &key, json!({ "config": {} })).await.problem(422, "invalid_body");
    insta::assert_json_snapshot!(problem, { ".request_id" => "[id]" });
    let raw = server.request("POST", "/api/v1/dags/demo/dagRuns").bearer_auth(&key);
    server.send(raw.header("content-type", "application/json").body("{")).await.problem(400, "malformed_body");
    server.post("/api/v1/dags/nothing/dagRuns", &key, json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn what_a_run_is_given_must_fit_the_parameters() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.demo_run(&key).await;
    let mut dag = demo_dag();
    dag["dag_id"] = json!("checked");
    dag["schedule"] = Value::Null;
    dag["params"] = json!({
        "limit": 10,
        "station": { "schema": { "enum": ["berlin", "oslo"] }, "default": "berlin" },
        "day": { "schema": { "type": "string", "format": "date" } },
    });
    dag["tasks"][0]["input"] = json!({ "q": "{{ params.station }} {{ params.day }}" });
    server.post("/api/v1/dags", &key, dag).await.ok(201);
    let runs = "/api/v1/dags/checked/dagRuns";
    for (conf, pointer) in [
        (json!({}), "/conf"),
        (json!({ "day": "today" }), "/conf/day"),
        (json!({ "day": "2026-11-21", "station": "rome" }), "/conf/station"),
    ] {
        let problem = server.post(runs, &key, json!({ "conf": conf })).await.problem(422, "invalid_body");
        assert_eq!(problem["pointer"].as_str(), Some(pointer), "{problem}");
    }
    let run = server.post(runs, &key, json!({ "conf": { "day": "2026-11-21", "other": 1 } })).await.ok(200);
    assert_eq!(run["conf"], json!({ "day": "2026-11-21", "limit": 10, "other": 1, "station": "berlin" }));
    let claimed = server.claim().await;
    let (job, _) = claimed.iter().find(|(job, _)| job.context.dag_id.as_str() == "checked").unwrap();
    assert_eq!(job.input, json!({ "q": "berlin 2026-11-21" }));
    let details = server.get("/api/v1/dags/checked/details", &key).await.ok(200);
    assert_eq!(details["conf_schema"]["required"], json!(["day"]));
    assert_eq!(details["conf_schema"]["properties"]["station"], json!({ "enum": ["berlin", "oslo"], "default": "berlin" }));
}

#[tokio::test]
async fn runs_are_listed_by_state_and_order() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let first = server.demo_run(&key).await;
    server.clock.advance(TimeDelta::seconds(1));
    let second = client.trigger(&demo(), &TriggerDagRun::default(), None).await.unwrap().dag_run_id;
    client.cancel_dag_run(&demo(), &first).await.unwrap();
    let listed = async |query: &str| {
        let answer = server.get(&format!("/api/v1/dags/demo/dagRuns?{query}"), &key).await.ok(200);
        answer["dag_runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["dag_run_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [second.as_str(), first.as_str()]);
    assert_eq!(listed("order_by=logical_date").await, [first.as_str(), second.as_str()]);
    assert_eq!(listed("state=running").await, [second.as_str()]);
    assert_eq!(listed("state=running,failed&limit=1").await, [second.as_str()]);
    server.get("/api/v1/dags/demo/dagRuns?state=lost", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/dags/demo/dagRuns?order_by=colour", &key).await.problem(400, "invalid_parameter");
    let all = server.get("/api/v1/dags/~/dagRuns", &key).await.ok(200);
    assert_eq!(all["total_entries"], 2);
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Operator).await;
    let editor = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let run = server.demo_run(&editor).await;
    let cancelled = client.cancel_dag_run(&demo(), &run).await.unwrap();
    assert!(cancelled.cancel_requested);
    assert_eq!((cancelled.state, cancelled.reason), (DagRunState::Failed, Some(cofferdam_client::api::Reason::Cancelled)));
    let error = client.cancel_dag_run(&demo(), &run).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Conflict), "{error}");
    assert!(server.audited().await.iter().any(|entry| entry.contains("dag_run.cancel demo/manual__")));
}

#[tokio::test]
async fn a_log_is_read_in_parts() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let run = server.demo_run(&key).await;
    let first = task(&run, "first");
    assert_eq!(client.get_log(&first, 1, &LogQuery::default()).await.unwrap().lines, []);
    let (_, lease) = server.claim().await.remove(0);
    server.write_log(lease, &["one", "two"]).await;
    server.write_log(lease, &["three"]).await;
    let page = client.get_log(&first, 1, &LogQuery { offset: 1, limit: Some(1), ..LogQuery::default() }).await.unwrap();
    assert_eq!((page.lines[0].message.as_str(), page.next_offset, page.complete), ("two", 2, false));
    server.report(lease, success(), value()).await;
    server.clock.advance(TimeDelta::seconds(3));
    let page = client.get_log(&first, 1, &LogQuery::default()).await.unwrap();
    assert_eq!((page.lines.len(), page.next_offset, page.complete), (3, 3, true));
    assert_eq!(page.lines[2].at, now(&server) - TimeDelta::seconds(3));
    for number in [0, 2] {
        let error = client.get_log(&first, number, &LogQuery::default()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::NotFound));
    }
}

#[tokio::test]
async fn a_log_is_followed_until_the_try_has_ended() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let run = server.demo_run(&key).await;
    let (_, lease) = server.claim().await.remove(0);
    server.write_log(lease, &["one", "two"]).await;
    let mut frames = client.follow_log(&task(&run, "first"), 1, 1);
    let mut next = async || tokio::time::timeout(Duration::from_secs(20), frames.next()).await.expect("a frame in time");
    let messages = |frame: LogFrame| match frame {
        LogFrame::Lines { lines, next_offset } => (lines.into_iter().map(|line| line.message).collect::<Vec<_>>(), next_offset),
        LogFrame::End { next_offset } => (vec!["end".to_owned()], next_offset),
    };
    assert_eq!(messages(next().await.unwrap().unwrap()), (vec!["two".to_owned()], 2));
    server.write_log(lease, &["three"]).await;
    assert_eq!(messages(next().await.unwrap().unwrap()), (vec!["three".to_owned()], 3));
    server.report(lease, success(), value()).await;
    // A line that comes after the result, as it may.
    server.write_log(lease, &["four"]).await;
    assert_eq!(messages(next().await.unwrap().unwrap()), (vec!["four".to_owned()], 4));
    server.clock.advance(TimeDelta::seconds(3));
    assert_eq!(messages(next().await.unwrap().unwrap()), (vec!["end".to_owned()], 4));
    assert!(next().await.is_none());

    let path = format!("/api/v1/dags/demo/dagRuns/{}/taskInstances/first/logs/1?follow=true", run.as_str().replace('+', "%2B"));
    let lines = server.get(&path, &key).await;
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    assert_eq!(lines.text.lines().count(), 2, "{}", lines.text);
    let after = server.request("GET", &path).bearer_auth(&key).header("accept", "text/event-stream").header("last-event-id", "3");
    let events = server.send(after).await.text;
    assert!(
        events.contains("event: lines\nid: 4\n") || events.contains("id: 4\nevent: lines\n") || events.contains("id: 4"),
        "{events}"
    );
    assert!(events.contains("four") && !events.contains("three") && events.contains("event: end"), "{events}");
}
