//! Versions that ask for more than the one before them, and who lets dags use them.

use crate::harness::{Server, demo_dag};
use cofferdam_domain::context::Role;
use serde_json::json;

#[tokio::test]
async fn a_version_that_asks_for_more_waits_for_an_administrator() {
    let server = Server::start().await;
    let editor = server.key(server.tenant, Role::Editor).await;
    let admin = server.key(server.tenant, Role::Admin).await;
    let first = server.component(server.tenant, "demo/echo").await;
    let more = server.component_asking(server.tenant, "demo/echo", "v2", "http").await;
    let shown = server.get("/api/v1/components/demo%2Fecho", &editor).await.ok(200);
    let version = &shown["versions"][0];
    assert_eq!((&version["needs_approval"], &version["asks_more"]), (&json!(true), &json!(["http"])));
    assert_eq!((&version["permissions"], &shown["versions"][1]["permissions"]), (&json!(["http"]), &json!([])));
    assert_eq!(shown["versions"][1]["needs_approval"], json!(false));

    // Whoever names no version gets the approved one; whoever names this one is told what to do.
    server.post("/api/v1/dags", &editor, demo_dag()).await.ok(201);
    let plan = server.plan_of("demo").await;
    assert_eq!(plan["tasks"][0]["digest"], first.as_str());
    for wanted in ["demo/echo@v2".to_owned(), format!("demo/echo@sha256:{more}")] {
        let mut dag = demo_dag();
        dag["tasks"][0]["component"] = json!(wanted);
        let refused = server.post("/api/v1/dags", &editor, dag).await.problem(422, "invalid_dag");
        let told = &refused["diagnostics"][0];
        assert_eq!((&told["code"], &told["pointer"]), (&json!("needs_approval"), &json!("/tasks/0/component")), "{refused}");
        let help = told["help"].as_str().unwrap();
        assert!(help.contains(&format!("cofferdam component approve demo/echo --digest {more}")), "{help}");
    }

    let path = format!("/api/v1/components/demo%2Fecho/versions/{more}/approve");
    server.post(&path, &editor, json!({})).await.problem(403, "role_too_low");
    let approved = server.post(&path, &admin, json!({})).await.ok(200);
    assert_eq!(approved["needs_approval"], json!(false));
    assert!(approved["approved_by"].as_str().unwrap().starts_with("admin"), "{approved}");
    // Again, and nothing changes.
    assert_eq!(server.post(&path, &admin, json!({})).await.ok(200), approved);
    let audited = server.audited().await;
    assert_eq!(audited.iter().filter(|entry| entry.contains("component.approve demo/echo@")).count(), 1, "{audited:?}");

    server.post("/api/v1/dags", &editor, demo_dag()).await.ok(200);
    assert_eq!(server.plan_of("demo").await["tasks"][0]["digest"], more.as_str());
    // What was agreed to once needs no second word; less needs none either.
    server.component_asking(server.tenant, "demo/echo", "v3", "http").await;
    server.component_asking(server.tenant, "demo/echo", "v4", "progress").await;
    let shown = server.get("/api/v1/components/demo%2Fecho", &editor).await.ok(200);
    assert!(shown["versions"].as_array().unwrap().iter().all(|version| version["needs_approval"] == false), "{shown}");
}

#[tokio::test]
async fn only_an_administrator_uploads_and_approves_at_once() {
    let server = Server::start().await;
    let editor = server.key(server.tenant, Role::Editor).await;
    let upload = |key: &str| server.request("POST", "/api/v1/components?name=a&approve=true").bearer_auth(key);
    let empty = &b"\0asm\x0d\0\x01\0"[..];
    let send = |key: &str| server.send(upload(key).header("content-type", "application/wasm").body(empty));
    send(&editor).await.problem(403, "role_too_low");
    let admin = server.key(server.tenant, Role::Admin).await;
    assert_eq!(send(&admin).await.ok(201)["needs_approval"], json!(false));
}
