use crate::harness::{Server, demo_dag};
use cofferdam_client::DagSource;
use cofferdam_client::api::ErrorCode;
use cofferdam_domain::context::Role;
use serde_json::json;

#[tokio::test]
async fn a_dag_is_applied_once_and_shown() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    let dry = server.post("/api/v1/dags?dry_run=true", &key, demo_dag()).await.ok(200);
    assert_eq!((&dry["changed"], &dry["dag"]), (&json!(true), &json!(null)));
    let applied = server.post("/api/v1/dags", &key, demo_dag()).await.ok(201);
    assert_eq!((&applied["version_number"], &applied["changed"]), (&json!(1), &json!(true)));
    let again = server.post("/api/v1/dags", &key, demo_dag()).await.ok(200);
    assert_eq!((&again["version_number"], &again["changed"]), (&json!(1), &json!(false)));
    let mut changed = demo_dag();
    changed["description"] = json!("Still two tasks");
    assert_eq!(server.post("/api/v1/dags", &key, changed).await.ok(200)["version_number"], 2);

    let details = server.get("/api/v1/dags/demo/details", &key).await.ok(200);
    insta::assert_json_snapshot!(details, { ".tasks[].digest" => "[digest]", ".versions[].created_by" => "[user]" });
    let audited = server.audited().await;
    assert_eq!(audited.iter().filter(|entry| entry.contains("dag.apply demo")).count(), 2, "{audited:?}");
}

#[tokio::test]
async fn mistakes_are_all_told_with_their_place() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let mut dag = demo_dag();
    dag["tasks"][1]["depends_on"] = json!(["missing"]);
    dag["schedule"] = json!("at noon");
    let problem = server.post("/api/v1/dags", &key, dag).await.problem(422, "invalid_dag");
    let pointers: Vec<&str> =
        problem["diagnostics"].as_array().unwrap().iter().map(|diagnostic| diagnostic["pointer"].as_str().unwrap()).collect();
    assert!(pointers.contains(&"/schedule") && pointers.contains(&"/tasks/1/depends_on/0"), "{problem}");
    assert_eq!(server.get("/api/v1/dags", &key).await.ok(200)["total_entries"], 0);
}

#[tokio::test]
async fn yaml_serves_as_well() {
    let server = Server::start().await;
    let client = server.client(&server.key(server.tenant, Role::Editor).await);
    server.component(server.tenant, "demo/echo").await;
    let yaml = "dag_id: demo\ntasks:\n  - task_id: only\n    component: demo/echo\n";
    let applied = client.apply_dag(&DagSource::Yaml(yaml.to_owned()), false).await.unwrap();
    assert_eq!((applied.dag_id.as_str(), applied.changed), ("demo", true));
    let error = client.apply_dag(&DagSource::Yaml("dag_id: [".to_owned()), false).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::MalformedBody));
    let key = server.key(server.tenant, Role::Editor).await;
    let xml = server.request("POST", "/api/v1/dags").bearer_auth(&key).header("content-type", "text/xml").body("<dag/>");
    server.send(xml).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_dag_is_paused_when_its_etag_is_current() {
    let server = Server::start().await;
    let client = server.client(&server.key(server.tenant, Role::Editor).await);
    server.component(server.tenant, "demo/echo").await;
    let dag = client.apply_dag(&DagSource::Json(demo_dag()), false).await.unwrap().dag_id;
    let (shown, etag) = client.get_dag_with_etag(&dag).await.unwrap();
    assert!(!shown.is_paused);
    let pause = serde_json::from_value(json!({ "is_paused": true })).unwrap();
    let paused = client.patch_dag(&dag, &pause, etag.as_deref()).await.unwrap();
    assert!(paused.is_paused && paused.revision > shown.revision, "{paused:?}");
    let error = client.patch_dag(&dag, &pause, etag.as_deref()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PreconditionFailed));
    assert_eq!(error.problem().unwrap().status, 412);
    assert!(!client.set_dag_paused(&dag, false).await.unwrap().is_paused);

    let key = server.key(server.tenant, Role::Operator).await;
    let patch = server.request("PATCH", "/api/v1/dags/demo").bearer_auth(&key).header("if-match", "3").json(&json!({}));
    server.send(patch).await.problem(400, "invalid_parameter");
    let body = json!({ "is_paused": "yes" });
    let problem = server.call("PATCH", "/api/v1/dags/demo", &key, Some(&body)).await.problem(422, "invalid_body");
    assert_eq!(problem["pointer"], "/is_paused");
}

#[tokio::test]
async fn dags_are_listed_by_what_is_asked_for() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    for (name, tag) in [("alpha", "red"), ("beta", "blue"), ("gamma", "red")] {
        let dag = json!({ "dag_id": name, "tags": [tag], "tasks": [{ "task_id": "t", "component": "demo/echo" }] });
        server.post("/api/v1/dags", &key, dag).await.ok(201);
    }
    server.call("PATCH", "/api/v1/dags/beta", &key, Some(&json!({ "is_paused": true }))).await.ok(200);
    let listed = async |query: &str| {
        let answer = server.get(&format!("/api/v1/dags?{query}"), &key).await.ok(200);
        let names = answer["dags"].as_array().unwrap().iter().map(|dag| dag["dag_id"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), answer["total_entries"].as_u64().unwrap())
    };
    assert_eq!(listed("").await, ("alpha beta gamma".to_owned(), 3));
    assert_eq!(listed("tags=red").await, ("alpha gamma".to_owned(), 2));
    assert_eq!(listed("dag_id_pattern=eta").await, ("beta".to_owned(), 1));
    assert_eq!(listed("paused=true").await, ("beta".to_owned(), 1));
    assert_eq!(listed("limit=1&offset=1").await, ("beta".to_owned(), 3));
    server.get("/api/v1/dags?paused=perhaps", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/dags?colour=red", &key).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_dag_is_deleted_when_nothing_of_it_runs() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let run = server.demo_run(&key).await;
    server.call("DELETE", "/api/v1/dags/demo", &key, None).await.problem(409, "conflict");
    let client = server.client(&key);
    client.cancel_dag_run(&"demo".parse().unwrap(), &run).await.unwrap();
    server.call("DELETE", "/api/v1/dags/demo", &key, None).await.ok(200);
    server.get("/api/v1/dags/demo", &key).await.problem(404, "not_found");
}
