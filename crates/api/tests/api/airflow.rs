//! What clients of Airflow's REST API find: HTTP Basic, its filters, its shapes. The published client drives a whole session in
//! `crates/cofferdam/tests/airflow.rs`.

use crate::harness::{PASSWORD, Server};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::Ending;
use cofferdam_store::execution::facts::XComValue;
use serde_json::json;

#[tokio::test]
async fn a_name_and_a_password_serve_instead_of_a_token() {
    let server = Server::start().await;
    let ask = |name: &str, password: &str| server.request("GET", "/api/v1/dags").basic_auth(name, Some(password));
    server.send(ask("admin", PASSWORD)).await.ok(200);
    server.send(ask("default/admin", PASSWORD)).await.ok(200);
    for (name, password) in [("admin", "wrong"), ("nobody", PASSWORD), ("elsewhere/admin", PASSWORD)] {
        server.send(ask(name, password)).await.problem(401, "unauthenticated");
    }
    // What was right a moment ago is not looked at again, so only wrong ones are counted.
    let mut refused = server.send(ask("admin", "guess")).await;
    for _ in 0..10 {
        refused = server.send(ask("admin", "guess")).await;
    }
    refused.problem(429, "too_many_attempts");
    server.send(server.request("GET", "/api/v1/dags").header("authorization", "Basic ???")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_cut_as_airflow_does_it() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Admin).await;
    let run = server.demo_run(&key).await;
    let get = |path: &str| {
        let (server, key, path) = (&server, key.clone(), path.to_owned());
        async move { server.get(&path, &key).await.ok(200) }
    };
    let dags = get("/api/v1/dags?tags=test&only_active=True&paused=False&order_by=-dag_id&fields=dag_id&fields=tags").await;
    assert_eq!(dags["dags"], json!([{ "dag_id": "demo", "tags": [{ "name": "test" }] }]));
    assert_eq!(get("/api/v1/dags?tags=test&tags=other").await["total_entries"], 0);
    let runs = get("/api/v1/dags/~/dagRuns?state=queued&state=running&order_by=-start_date&fields=state").await;
    assert_eq!(runs["dag_runs"], json!([{ "state": "running" }]));
    assert_eq!(get("/api/v1/dags/demo/dagRuns?start_date_lte=2020-01-01T00:00:00Z").await["total_entries"], 0);
    let tasks = get("/api/v1/dags/~/dagRuns/~/taskInstances?state=none&pool=default_pool").await;
    assert_eq!((tasks["total_entries"].clone(), tasks["task_instances"][0]["task_id"].clone()), (json!(1), json!("second")));
    assert_eq!(get("/api/v1/dags/demo/dagRuns/~/taskInstances?pool=other").await["total_entries"], 0);
    let form = json!({ "dag_ids": ["demo"], "dag_run_ids": [run], "state": [null, "queued"], "page_limit": 1, "page_offset": 1 });
    let batch = server.post("/api/v1/dags/~/dagRuns/~/taskInstances/list", &key, form).await.ok(200);
    assert_eq!((batch["total_entries"].clone(), batch["task_instances"][0]["task_id"].clone()), (json!(2), json!("second")));
    server.get("/api/v1/dags?order_by=color", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/dags/~/dagRuns/~/taskInstances?state=sleepy", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/dags/demo/dagRuns/nothing/taskInstances", &key).await.problem(404, "not_found");
    let logs = get("/api/v1/eventLogs?dag_id=demo&order_by=-event_log_id&excluded_events=dag.apply").await;
    assert_eq!(logs["event_logs"][0]["event"], "dag_run.trigger");
    assert_eq!(logs["event_logs"][0]["run_id"], json!(run));
    assert_eq!(logs["total_entries"], 1);
}

#[tokio::test]
async fn a_log_goes_on_where_the_token_says() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Viewer).await;
    let run = server.demo_run(&server.key(server.tenant, Role::Editor).await).await;
    let (_, lease) = server.claim().await.remove(0);
    server.write_log(lease, &["one", "two"]).await;
    let path = format!("/api/v1/dags/demo/dagRuns/{}/taskInstances/first/logs/1", run.as_str().replace('+', "%2B"));
    let first = server.get(&path, &key).await.ok(200);
    assert!(first["content"].as_str().unwrap().ends_with("INFO - two\n"), "{first}");
    server.write_log(lease, &["three"]).await;
    server.report(lease, Ending::Success { output: "1".to_owned() }, XComValue::Inline("1".to_owned())).await;
    let token = first["continuation_token"].as_str().unwrap();
    let second = server.get(&format!("{path}?full_content=True&token={token}"), &key).await.ok(200);
    let content = second["content"].as_str().unwrap();
    assert!(content.ends_with("INFO - three\n") && content.lines().count() == 1, "{content}");
    let plain = server.send(server.request("GET", &path).bearer_auth(&key).header("accept", "text/plain")).await;
    assert_eq!(plain.text.lines().count(), 3);
    // Our own way has neither.
    assert_eq!(server.get(&format!("{path}?offset=0"), &key).await.ok(200).get("content"), None);
    server.get(&format!("{path}?token=x"), &key).await.problem(400, "invalid_parameter");
}
