//! Variables, connections, artifacts and events.

use crate::harness::Server;
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::Ending;
use cofferdam_queue::Queue as _;
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

#[tokio::test]
async fn a_variable_lives_as_airflow_has_it() {
    let server = Server::start().await;
    let (editor, viewer) = (server.key(server.tenant, Role::Editor).await, server.key(server.tenant, Role::Viewer).await);
    let made = server.post("/api/v1/variables", &editor, json!({ "key": "region", "value": "eu", "description": "where" })).await;
    assert_eq!(made.ok(200)["value"], "eu");
    server.post("/api/v1/variables", &editor, json!({ "key": "region", "value": "us" })).await.problem(409, "conflict");
    let listed = server.get("/api/v1/variables", &viewer).await.ok(200);
    assert_eq!((&listed["total_entries"], &listed["variables"][0]["key"]), (&json!(1), &json!("region")));

    let patched =
        server.call("PATCH", "/api/v1/variables/region", &editor, Some(&json!({ "key": "region", "value": "us" }))).await;
    assert_eq!(patched.ok(200)["description"], "where");
    let masked = json!({ "value": "asia", "description": null });
    let patched = server.call("PATCH", "/api/v1/variables/region?update_mask=description", &editor, Some(&masked)).await.ok(200);
    assert_eq!((&patched["value"], &patched["description"]), (&json!("us"), &Value::Null));
    let refused = server.call("PATCH", "/api/v1/variables/region?update_mask=nothing", &editor, Some(&masked)).await;
    refused.problem(400, "invalid_parameter");
    server.call("DELETE", "/api/v1/variables/region", &editor, None).await.ok(204);
    server.get("/api/v1/variables/region", &viewer).await.problem(404, "not_found");
    let audited = server.audited().await;
    for action in ["variable.create region", "variable.update region", "variable.delete region"] {
        assert!(audited.iter().any(|entry| entry.ends_with(action)), "{action}: {audited:?}");
    }
}

#[tokio::test]
async fn a_secret_variable_is_never_shown() {
    let server = Server::start().await;
    let admin = server.key(server.tenant, Role::Admin).await;
    let new = json!({ "key": "pin", "value": "4711-0815", "is_secret": true });
    let answers = [
        server.post("/api/v1/variables", &admin, new).await,
        server.get("/api/v1/variables/pin", &admin).await,
        server.get("/api/v1/variables", &admin).await,
        server.call("PATCH", "/api/v1/variables/pin", &admin, Some(&json!({ "description": "d" }))).await,
    ];
    for answer in answers {
        answer.ok(200);
        assert!(!answer.text.contains("4711"), "{}", answer.text);
    }
    let shown = server.call("PATCH", "/api/v1/variables/pin", &admin, Some(&json!({ "is_secret": false }))).await;
    assert_eq!(shown.problem(422, "invalid_body")["pointer"], "/is_secret");
    let renewed =
        server.call("PATCH", "/api/v1/variables/pin", &admin, Some(&json!({ "is_secret": false, "value": "new" }))).await;
    assert_eq!(renewed.ok(200)["value"], "new");
}

#[tokio::test]
async fn password_and_extra_of_a_connection_are_written_and_not_read() {
    let server = Server::start().await;
    let admin = server.key(server.tenant, Role::Admin).await;
    let new = json!({
        "connection_id": "warehouse", "conn_type": "postgres", "host": "db.example.com", "port": 5432, "login": "ann",
        "password": "hunter22", "extra": "{\"token\":\"t-0815\"}",
    });
    let made = server.post("/api/v1/connections", &admin, new).await;
    let listed = server.get("/api/v1/connections", &admin).await;
    let patched = server.call("PATCH", "/api/v1/connections/warehouse", &admin, Some(&json!({ "host": null, "port": 1 }))).await;
    for answer in [&made, &listed, &patched] {
        answer.ok(200);
        assert!(!answer.text.contains("hunter22") && !answer.text.contains("t-0815"), "{}", answer.text);
    }
    assert_eq!(made.json()["port"], 5432);
    let patched = patched.json();
    assert_eq!((&patched["host"], &patched["port"], &patched["login"]), (&Value::Null, &json!(1), &json!("ann")));
    assert_eq!((&patched["has_password"], &patched["has_extra"]), (&json!(true), &json!(true)));
    let emptied = server.call("PATCH", "/api/v1/connections/warehouse", &admin, Some(&json!({ "password": null }))).await.ok(200);
    assert_eq!(emptied["has_password"], false);

    let broken = json!({ "connection_id": "b", "conn_type": "http", "extra": "{\"token\": secret-0815}" });
    let refused = server.post("/api/v1/connections", &admin, broken).await;
    assert_eq!(refused.problem(422, "invalid_body")["pointer"], "/extra");
    assert!(!refused.text.contains("0815"), "{}", refused.text);
    server.call("DELETE", "/api/v1/connections/warehouse", &admin, None).await.ok(204);
    server.get("/api/v1/connections/warehouse", &admin).await.problem(404, "not_found");
    assert!(server.audited().await.iter().all(|entry| !entry.contains("hunter22")));
}

#[tokio::test]
async fn an_artifact_is_listed_and_offered_for_saving() {
    let server = Server::start().await;
    let admin = server.key(server.tenant, Role::Admin).await;
    let run = server.demo_run(&admin).await;
    let (_, lease) = server.claim().await.remove(0);
    let of_task = format!(
        "/api/v1/dags/demo/dagRuns/{}/taskInstances/first/artifacts",
        run.to_string().replace(':', "%3A").replace('+', "%2B")
    );
    assert_eq!(server.get(&of_task, &admin).await.ok(200)["total_entries"], 0);
    server.report(lease, Ending::Success { output: String::new() }, XComValue::Inline("1".to_owned())).await;
    let listed = server.get(&of_task, &admin).await.ok(200);
    assert_eq!(listed["artifacts"][0]["name"], "plots/a.csv");
    assert_eq!((&listed["artifacts"][0]["size_bytes"], &listed["artifacts"][0]["try_number"]), (&json!(8), &json!(1)));

    let content = server.get(&format!("{of_task}/plots%2Fa.csv/content"), &admin).await;
    assert_eq!((content.status.as_u16(), content.text.as_str()), (200, "x,y\n1,2\n"));
    assert_eq!(content.headers["content-disposition"], "attachment; filename=\"a.csv\"");
    assert_eq!(
        (&content.headers["x-content-type-options"], &content.headers["content-type"]),
        (&"nosniff".parse().unwrap(), &"text/html".parse().unwrap())
    );
    assert!(content.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    for name in ["absent", "..%2F..%2Fetc%2Fpasswd", "%2e%2e"] {
        server.get(&format!("{of_task}/{name}/content"), &admin).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn an_event_wakes_who_waits_for_it() {
    let server = Server::start().await;
    let operator = server.key(server.tenant, Role::Operator).await;
    let admin = server.key(server.tenant, Role::Admin).await;
    server.demo_run(&admin).await;
    let (_, lease) = server.claim().await.remove(0);
    let defer = Ending::Defer { event: "file arrived".to_owned(), timeout_ms: 60_000 };
    server.report(lease, defer, XComValue::Inline("1".to_owned())).await;
    server.queue.ack(&[lease]).await.unwrap();
    assert!(server.claim().await.is_empty());
    assert_eq!(server.post("/api/v1/events/other", &operator, json!({})).await.ok(200)["woken"], 0);
    let sent = server.post("/api/v1/events/file%20arrived", &operator, json!({})).await.ok(200);
    assert_eq!(sent, json!({ "woken": 1 }));
    assert_eq!(server.post("/api/v1/events/file%20arrived", &operator, json!({})).await.ok(200)["woken"], 0);
    let (job, _) = server.claim().await.remove(0);
    assert_eq!((job.context.task_id.as_str(), job.context.try_number), ("first", 1));
    assert!(server.audited().await.iter().any(|entry| entry.ends_with("event.send file arrived")));
}
