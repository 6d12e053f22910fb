//! Definitions compiled: mistakes with their places in the text, types of edges, what differs, and what a new version of a component
//! would break.

use crate::harness::Server;
use cofferdam_domain::context::Role;
use cofferdam_test_guests::artefacts;
use serde_json::{Value, json};

async fn push(server: &Server, key: &str, name: &str, guest: &str) -> Value {
    let request = server.request("POST", &format!("/api/v1/components?name={name}")).bearer_auth(key);
    let request = request.header("content-type", "application/wasm").body(artefacts::bytes(guest));
    server.send(request).await.ok(201)
}

async fn compile(server: &Server, key: &str, text: &str) -> Value {
    let request = server.request("POST", "/api/v1/compile").bearer_auth(key);
    server.send(request.header("content-type", "application/yaml").body(text.to_owned())).await.ok(200)
}

const EDGE: &str = "\
dag_id: almanac
params: {who: Ada}
tasks:
  - task_id: turn
    component: almanac
    function: reverse
    input: { bytes: AAEC }
  - task_id: greet
    component: almanac
    function: hello
    input:
      who: { $from: turn }
";

#[tokio::test]
async fn an_edge_of_the_wrong_type_is_told_with_both_types_and_its_line() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    push(&server, &key, "almanac", "typed").await;
    let compiled = compile(&server, &key, EDGE).await;
    assert_eq!(compiled["is_valid"], false, "{compiled}");
    let found = &compiled["diagnostics"][0];
    assert_eq!(
        (&found["code"], &found["line"], &found["column"], &found["end_line"], &found["end_column"]),
        (&json!("type_mismatch"), &json!(12), &json!(21), &json!(12), &json!(25)),
        "{found}"
    );
    assert_eq!(found["message"], "'turn' gives list<u8>, and 'greet' takes string for 'who': output list<u8>, input string");
    assert_eq!((&found["labels"][1]["line"], &found["labels"][1]["message"]), (&json!(6), &json!("gives list<u8>")), "{found}");
    assert_eq!(compiled["diagnostics"][1]["code"], "unused_param", "{compiled}");

    // Applying it is refused with the same, and stores nothing.
    let request = server.request("POST", "/api/v1/dags").bearer_auth(&key).header("content-type", "application/yaml");
    let refused = server.send(request.body(EDGE)).await.problem(422, "invalid_dag");
    assert_eq!((&refused["diagnostics"][0]["line"], &refused["pointer"]), (&json!(12), &json!("/tasks/1/input/who/$from")));
    assert_eq!(server.get("/api/v1/dags", &key).await.ok(200)["total_entries"], 0);

    // A part that is there and fits.
    let right =
        EDGE.replace("function: reverse\n    input: { bytes: AAEC }", "function: hello\n    input: { who: { $param: who } }");
    let compiled = compile(&server, &key, &right).await;
    assert_eq!((&compiled["is_valid"], &compiled["diagnostics"]), (&json!(true), &json!([])), "{compiled}");
    assert_eq!(compiled["edges"], json!([{ "upstream": "turn", "downstream": "greet" }]));
    let viewer = server.key(server.tenant, Role::Viewer).await;
    server.post("/api/v1/compile", &viewer, json!({})).await.problem(403, "role_too_low");
}

#[tokio::test]
async fn a_text_that_cannot_be_read_is_a_diagnostic() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let compiled = compile(&server, &key, "dag_id: x\ntasks: [a, b\nschedule: y\n").await;
    let found = &compiled["diagnostics"][0];
    assert_eq!((&compiled["is_valid"], &found["code"]), (&json!(false), &json!("syntax")), "{compiled}");
    assert!(found["line"].as_u64().unwrap() >= 2, "{found}");
    let request = server.request("POST", "/api/v1/compile").bearer_auth(&key).header("content-type", "application/json");
    let compiled = server.send(request.body("{\n  \"dag_id\": \"x\",\n  \"schdule\": \"@daily\"\n}")).await.ok(200);
    let found = &compiled["diagnostics"][0];
    assert_eq!((&found["code"], &found["line"], &found["column"]), (&json!("unknown_field"), &json!(3), &json!(3)), "{compiled}");
    assert_eq!(found["suggestion"]["replacement"], "schedule");
    let request = server.request("POST", "/api/v1/compile").bearer_auth(&key).header("content-type", "text/plain");
    server.send(request.body("x")).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn what_differs_from_the_current_version_is_told() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    push(&server, &key, "almanac", "typed").await;
    let dag = |who: &str, tasks: Value| json!({ "dag_id": "d", "params": { "who": who }, "tasks": tasks });
    let hello =
        |id: &str, who: Value| json!({ "task_id": id, "component": "almanac", "function": "hello", "input": { "who": who } });
    let first = dag("Ada", json!([hello("a", json!({ "$param": "who" })), hello("b", json!({ "$from": "a" }))]));
    let applied = server.post("/api/v1/dags", &key, first.clone()).await.ok(201);
    assert_eq!(
        (applied["changes"].get("version_number"), &applied["changes"]["added_tasks"]),
        (None, &json!(["a", "b"])),
        "{applied}"
    );

    let second = dag("Bob", json!([hello("a", json!({ "$param": "who" })), hello("c", json!({ "$from": "a" }))]));
    let compiled = server.post("/api/v1/compile", &key, second.clone()).await.ok(200);
    let changes = &compiled["changes"];
    assert_eq!(changes["version_number"], 1);
    assert_eq!(changes["fields"], json!([{ "pointer": "/params/who", "before": "Ada", "after": "Bob" }]));
    assert_eq!((&changes["added_tasks"], &changes["removed_tasks"]), (&json!(["c"]), &json!(["b"])));
    assert_eq!(changes["added_edges"], json!([{ "upstream": "a", "downstream": "c" }]));
    assert_eq!(changes["removed_edges"], json!([{ "upstream": "a", "downstream": "b" }]));
    let applied = server.post("/api/v1/dags", &key, second.clone()).await.ok(200);
    assert_eq!((&applied["version_number"], &applied["changes"]), (&json!(2), changes));
    let again = server.post("/api/v1/dags", &key, second).await.ok(200);
    assert_eq!((&again["changed"], &again["changes"]["added_tasks"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn an_upload_tells_which_dags_it_would_break() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let first = push(&server, &key, "almanac", "typed").await;
    assert_eq!(first["impact"], json!({ "dags": [], "broken": [] }));
    let dag = |id: &str, component: &str| {
        let task = json!({ "task_id": "a", "component": component, "function": "hello", "input": { "who": "Ada" } });
        json!({ "dag_id": id, "tasks": [task] })
    };
    let pinned = format!("almanac@sha256:{}", first["digest"].as_str().unwrap());
    for definition in [dag("follows", "almanac"), dag("pinned", &pinned)] {
        server.post("/api/v1/dags", &key, definition).await.ok(201);
    }
    // Another component under that name, without the function.
    let admin = server.key(server.tenant, Role::Admin).await;
    let second = push(&server, &admin, "almanac", "trivial").await;
    let broken = &second["impact"]["broken"];
    assert_eq!((&second["impact"]["dags"], broken.as_array().map(Vec::len)), (&json!(["follows"]), Some(1)), "{second}");
    assert_eq!(
        (&broken[0]["dag_id"], &broken[0]["diagnostics"][0]["code"], &broken[0]["diagnostics"][0]["pointer"]),
        (&json!("follows"), &json!("unknown_function"), &json!("/tasks/0/function"))
    );
    let impact = |version: &Value| format!("/api/v1/components/almanac/versions/{}/impact", version["digest"].as_str().unwrap());
    assert_eq!(server.get(&impact(&second), &key).await.ok(200), second["impact"]);
    assert_eq!(server.get(&impact(&first), &key).await.ok(200), json!({ "dags": ["follows"], "broken": [] }));
}

#[tokio::test]
async fn a_range_of_versions_is_pinned_to_the_highest_when_a_dag_is_applied() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Admin).await;
    let upload = async |label: &str, guest: &str| {
        let path = format!("/api/v1/components?name=acme/step&label={label}&approve=true");
        let request = server.request("POST", &path).bearer_auth(&key).header("content-type", "application/wasm");
        server.send(request.body(artefacts::bytes(guest))).await.ok(201)
    };
    let dag = |id: &str, component: &str| json!({ "dag_id": id, "tasks": [{ "task_id": "a", "component": component }] });
    let pinned = async |id: &str| {
        let details = server.get(&format!("/api/v1/dags/{id}/details"), &key).await.ok(200);
        details["tasks"][0]["digest"].clone()
    };
    let (one, two) = (upload("1.0.0", "trivial").await, upload("v1.2", "first-version").await);
    for (id, component) in [("caret", "acme/step@^1.0"), ("tilde", "acme/step@~1.0.0"), ("exact", "acme/step@1.0.0")] {
        server.post("/api/v1/dags", &key, dag(id, component)).await.ok(201);
    }
    assert_eq!((pinned("caret").await, pinned("tilde").await), (two["digest"].clone(), one["digest"].clone()));

    // Outside of the ranges nothing follows; within one, what names it.
    assert_eq!(upload("2.0.0", "command").await["impact"], json!({ "dags": [], "broken": [] }));
    let higher = upload("1.10.0", "typed").await;
    assert_eq!(higher["impact"]["dags"], json!(["caret"]));
    // It exports typed functions only, and the dag names none.
    assert_eq!(higher["impact"]["broken"][0]["dag_id"], "caret", "{higher}");
    assert_eq!(pinned("caret").await, two["digest"], "what is applied stays as it is");

    for (component, message) in [
        ("acme/step@^3", "no approved version of the component 'acme/step' is within '^3'"),
        ("acme/step@1.1.0", "the component 'acme/step' has no version '1.1.0'"),
        ("acme/stop@^1", "the component 'acme/stop' does not exist"),
    ] {
        let compiled = server.post("/api/v1/compile", &key, dag("d", component)).await.ok(200);
        let found = &compiled["diagnostics"][0];
        assert_eq!((&found["code"], &found["message"]), (&json!("unknown_component"), &json!(message)), "{compiled}");
        let help = found["help"].as_str().unwrap();
        assert!(component.contains("stop") || help == "its versions are 1.10.0, 2.0.0, v1.2, 1.0.0", "{help}");
    }
}
