//! Typed functions: described, checked when a dag is applied, tried.

use crate::harness::Server;
use cofferdam_domain::context::Role;
use cofferdam_test_guests::artefacts;
use serde_json::{Value, json};

/// A server with the guest `typed` as `almanac`; the path of its version.
async fn almanac() -> (Server, String, String) {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let request = server.request("POST", "/api/v1/components?name=almanac").bearer_auth(&key);
    let request = request.header("content-type", "application/wasm").body(artefacts::bytes("typed"));
    let made = server.send(request).await.ok(201);
    assert_eq!(made["kind"], "library");
    let path = format!("/api/v1/components/almanac/versions/{}", made["digest"].as_str().unwrap());
    (server, key, path)
}

fn reading(value: f64) -> Value {
    json!({
        "station_id": 7, "taken-at": 0, "value": value, "unit": "celsius", "place": "at-sea", "checks": [], "mark": "a", "raw": "",
        "usable": true,
    })
}

#[tokio::test]
async fn functions_are_described_with_their_schemas() {
    let (server, key, path) = almanac().await;
    let version = server.get(&path, &key).await.ok(200);
    let functions = version["functions"].as_array().unwrap();
    let named =
        |name: &str| functions.iter().find(|function| function["name"] == name).unwrap_or_else(|| panic!("{name}: {version}"));
    let summarise = named("acme:almanac/api@1.2.0#summarise");
    assert_eq!(summarise["parameters"][0], json!({ "name": "readings", "type": "list<reading>" }));
    assert_eq!(summarise["result"], "result<summary, problem>");
    let reading = &summarise["input_schema"]["properties"]["readings"]["items"];
    assert_eq!(reading["x-order"][0], "station-id");
    assert_eq!(reading["properties"]["unit"]["enum"], json!(["celsius", "fahrenheit"]));
    assert_eq!(summarise["output_schema"]["title"], "summary");
    let nearest = named("acme:almanac/api@1.2.0#nearest");
    assert!(nearest["refused"].as_str().unwrap().contains("resource") && nearest.get("input_schema").is_none(), "{nearest}");
}

#[tokio::test]
async fn a_function_is_tried_in_the_sandbox_and_leaves_no_run() {
    let (server, key, path) = almanac().await;
    let path = format!("{path}/try");
    let operator = server.key(server.tenant, Role::Operator).await;
    let run = async |body: Value| server.post(&path, &operator, body).await;
    let done =
        run(json!({ "function": "api#summarise", "input": { "readings": [reading(3.5)], "ignore": { "city": "Oslo" } } })).await;
    let done = done.ok(200);
    assert_eq!(done["ending"], "success", "{done}");
    assert_eq!(done["output"], json!({ "count": 1, "mean": 3.5, "unit": "celsius", "stations": [7] }));
    assert!(done["receipt"]["fuel"].as_u64().unwrap() > 1_000, "{done}");

    let failed =
        run(json!({ "function": "summarise", "input": { "readings": [reading(-999.0)], "ignore": "at_sea" } })).await.ok(200);
    assert_eq!(
        (&failed["ending"], &failed["reason"], &failed["output"]),
        (&json!("failure"), &json!("guest_error"), &Value::Null)
    );
    let misfit = run(json!({ "function": "hello", "input": { "who": 3 } })).await.ok(200);
    assert_eq!(misfit["reason"], "invalid_input");
    assert_eq!(misfit["message"], "the input does not fit 'hello': at /who: expected a string, found 3");
    let panicked = run(json!({ "function": "end", "input": { "how": "panic" } })).await.ok(200);
    assert_eq!(panicked["reason"], "trap");
    assert!(panicked["stderr"].as_str().unwrap().contains("told to"), "{panicked}");
    let later = run(json!({ "function": "end", "input": { "how": "reschedule" } })).await.ok(200);
    assert_eq!((&later["ending"], &later["after_ms"]), (&json!("reschedule"), &json!(1500)));

    for (body, code, pointer) in [
        (json!({}), "unknown_function", "/function"),
        (json!({ "function": "greet" }), "unknown_function", "/function"),
        (json!({ "function": "nearest" }), "unknown_function", "/function"),
        (json!({ "function": "hello", "args": ["x"] }), "invalid_body", "/args"),
    ] {
        assert_eq!(run(body.clone()).await.problem(422, code)["pointer"], pointer, "{body}");
    }
    let viewer = server.key(server.tenant, Role::Viewer).await;
    server.post(&path, &viewer, json!({ "function": "hello" })).await.problem(403, "role_too_low");

    let audited = server.audited().await;
    assert_eq!(audited.iter().filter(|entry| entry.contains("component.try almanac@")).count(), 5, "{audited:?}");
    assert_eq!(server.get("/api/v1/dags", &key).await.ok(200)["total_entries"], 0);
}

#[tokio::test]
async fn applying_a_dag_checks_the_function_and_what_is_known_of_the_input() {
    let (server, key, _) = almanac().await;
    let apply = async |task: Value| {
        let mut task = task;
        task.as_object_mut().unwrap().extend(json!({ "task_id": "t", "component": "almanac" }).as_object().unwrap().clone());
        server.post("/api/v1/dags", &key, json!({ "dag_id": "d", "tasks": [task] })).await
    };
    for (task, code, pointer) in [
        (json!({ "input": {} }), "unknown_function", "/tasks/0/component"),
        (json!({ "function": "api#sumarise" }), "unknown_function", "/tasks/0/function"),
        (json!({ "function": "hello", "input": { "who": null } }), "type_mismatch", "/tasks/0/input/who"),
        (
            json!({ "function": "summarise", "input": { "ignore": "at-sea", "readings": [{ "$conf": "/first" }, { "value": "warm" }] } }),
            "type_mismatch",
            "/tasks/0/input/readings/1/station-id",
        ),
    ] {
        let problem = apply(task.clone()).await.problem(422, "invalid_dag");
        let found = &problem["diagnostics"][0];
        assert_eq!((&found["code"], &found["pointer"]), (&json!(code), &json!(pointer)), "{task}: {problem}");
    }
    apply(json!({ "function": "hello", "input": { "who": { "$conf": "/who" } } })).await.ok(201);
}

#[tokio::test]
async fn a_workflow_component_writes_its_dags_down() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let upload = async |name: &str, guest: &str| {
        let request = server.request("POST", &format!("/api/v1/components?name={name}")).bearer_auth(&key);
        let request = request.header("content-type", "application/wasm").body(artefacts::bytes(guest));
        let made = server.send(request).await.ok(201);
        format!("/api/v1/components/{name}/versions/{}/define", made["digest"].as_str().unwrap())
    };
    let define = upload("dags", "workflow").await;
    let defined = server.post(&define, &key, json!({})).await.ok(200);
    let definitions = defined["definitions"].as_array().unwrap();
    assert_eq!(definitions.len(), 2, "{defined}");
    assert_eq!(definitions[0]["dag_id"], "weather_berlin");
    assert_eq!(definitions[1]["tasks"][0]["input"], json!({ "station": "oslo" }));
    // Its clock stands still and its lots are always the same, so that the same program writes the same.
    assert!(definitions[0]["description"].as_str().unwrap().starts_with("made at 0, drawn "), "{defined}");
    assert_eq!(server.post(&define, &key, json!({})).await.ok(200)["definitions"], defined["definitions"]);
    assert_eq!(defined["output"], "writing two dags\n");
    assert!(defined["receipt"]["fuel"].as_u64().unwrap() > 1_000, "{defined}");

    let other = upload("almanac", "typed").await;
    let refused = server.post(&other, &key, json!({})).await;
    let problem = refused.ok(422);
    assert_eq!(problem["code"], "unknown_function", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("cofferdam:workflow/definitions"), "{problem}");
}
