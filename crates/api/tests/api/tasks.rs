//! Tasks by themselves, and the short paths of dags and runs.

use crate::harness::Server;
use chrono::TimeDelta;
use cofferdam_client::api::{ErrorCode, PutTask, StandaloneTaskListQuery};
use cofferdam_client::{Client, ClientError};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::TaskId;
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

struct Scene {
    server: Server,
    client: Client,
    key: String,
}

/// A server with the component `demo/echo` and an editor's key.
async fn scene() -> Scene {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    Scene { client: server.client(&key), server, key }
}

fn id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn task(body: Value) -> PutTask {
    serde_json::from_value(body).unwrap()
}

/// Ends the only try that waits.
async fn end(server: &Server, expected: &str, ending: Ending) {
    let (job, lease) = server.claim_many(1).await.remove(0);
    assert_eq!(job.context.task_id.as_str(), expected);
    server.report(lease, ending, XComValue::Inline("1".to_owned())).await;
}

fn success() -> Ending {
    Ending::Success { output: "1".to_owned() }
}

fn code(error: &ClientError) -> Option<ErrorCode> {
    error.code()
}

/// The task of the documentation.
fn example() -> Value {
    let page = include_str!("../../../../docs/tasks-api.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("the page has an example");
    serde_json::from_str(example).expect("the example is JSON")
}

#[tokio::test]
async fn a_task_is_made_run_changed_and_deleted() {
    let Scene { server, client, key } = scene().await;
    server.component(server.tenant, "warehouse/load").await;
    let made = client.create_task(&task(example())).await.unwrap();
    assert_eq!((made.task_id.as_str(), made.priority, made.retries, made.is_paused), ("load_orders", 5, 3, false));
    assert_eq!(made.schedule, Some(json!("0 6 * * *")));
    assert_eq!(made.definition["timezone"], "Europe/Zurich");
    assert_eq!(made.definition["component"], "warehouse/load");
    assert!(made.next_run.is_some() && made.schedule_in_words.is_some() && made.definition.get("produces").is_none());
    let answer = server.get("/api/tasks/load_orders", &key).await;
    assert_eq!(made.version, 1);
    assert_eq!(answer.headers["etag"].to_str().unwrap(), "\"1\"");
    assert_eq!(client.get_task(&id("load_orders")).await.unwrap(), made);
    let listed = client.list_tasks(&StandaloneTaskListQuery::default()).await.unwrap();
    assert_eq!((listed.total_entries, &listed.tasks[0]), (1, &made));

    // It is a dag of one task: its runs are found there, also by the short paths.
    server.schedule();
    let run = server.post("/v1/dags/load_orders/runs", &key, json!({})).await.ok(200);
    let run_id = run["dag_run_id"].as_str().unwrap();
    end(&server, "load_orders", Ending::failure(Reason::GuestError, "not yet")).await;
    server.clock.advance(TimeDelta::minutes(10));
    let under_way = client.delete_task(&id("load_orders"), None).await.unwrap_err();
    assert_eq!(code(&under_way), Some(ErrorCode::Conflict));
    end(&server, "load_orders", success()).await;
    let path = format!("/v1/dags/load_orders/runs/{}", run_id.replace('+', "%2B").replace(':', "%3A"));
    assert_eq!(server.get(&path, &key).await.ok(200)["state"], "success");
    assert_eq!(server.get("/v1/dags/load_orders/runs", &key).await.ok(200)["total_entries"], 1);
    assert_eq!(server.get("/v1/dags", &key).await.ok(200)["dags"][0]["dag_id"], "load_orders");
    let after = client.get_task(&id("load_orders")).await.unwrap();
    assert_eq!(after.recent_runs[0].dag_run_id.as_str(), run_id);

    // What was read is changed and sent back, with all that it has.
    let mut body = server.get("/api/tasks/load_orders", &key).await.ok(200);
    body["priority"] = json!(9);
    body["is_paused"] = json!(true);
    let changed = server.call("PUT", "/api/tasks/load_orders", &key, Some(&body)).await.ok(200);
    assert_eq!((&changed["priority"], &changed["is_paused"]), (&json!(9), &json!(true)));
    assert!(changed["version"].as_u64().unwrap() > made.version);
    assert_eq!(changed["input"], body["input"]);
    client.delete_task(&id("load_orders"), changed["version"].as_u64()).await.unwrap();
    assert_eq!(code(&client.get_task(&id("load_orders")).await.unwrap_err()), Some(ErrorCode::NotFound));
    server.get("/api/v1/dags/load_orders", &key).await.problem(404, "not_found");
    let audited = server.audited().await;
    for action in ["task.create", "task.update", "task.delete"] {
        assert!(audited.iter().any(|entry| entry.ends_with(&format!("{action} load_orders"))), "{audited:?}");
    }
}

#[tokio::test]
async fn no_change_of_somebody_else_is_lost() {
    let Scene { server, client, key } = scene().await;
    let body = json!({ "task_id": "clean", "component": "demo/echo" });
    let first = client.create_task(&task(body.clone())).await.unwrap().version;
    let put = async |header: Option<u64>, body: Value| {
        let mut request = server.request("PUT", "/api/tasks/clean").bearer_auth(&key).json(&body);
        if let Some(version) = header {
            request = request.header("if-match", format!("\"{version}\""));
        }
        server.send(request).await
    };
    put(None, body.clone()).await.problem(428, "precondition_required");
    let second = put(Some(first), json!({ "component": "demo/echo", "priority": 1 })).await.ok(200)["version"].as_u64().unwrap();
    assert!(second > first);
    put(Some(first), json!({ "component": "demo/echo", "priority": 2 })).await.problem(412, "precondition_failed");
    put(None, json!({ "component": "demo/echo", "version": first })).await.problem(412, "precondition_failed");
    put(Some(second), json!({ "component": "demo/echo", "version": first })).await.problem(422, "invalid_body");
    put(Some(second), json!({ "task_id": "other", "component": "demo/echo" })).await.problem(422, "invalid_body");
    let stale = client.delete_task(&id("clean"), Some(first)).await.unwrap_err();
    assert_eq!(code(&stale), Some(ErrorCode::PreconditionFailed));
    assert_eq!(client.get_task(&id("clean")).await.unwrap().priority, 1);
    // Two at once: one of them comes second.
    let change = |priority: i32| put(Some(second), json!({ "component": "demo/echo", "priority": priority }));
    let (one, other) = tokio::join!(change(3), change(4));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn tasks_wait_for_others() {
    let Scene { server, client, key } = scene().await;
    server.schedule();
    for name in ["a", "b"] {
        client.create_task(&task(json!({ "task_id": name, "component": "demo/echo" }))).await.unwrap();
    }
    let last = json!({ "task_id": "last", "component": "demo/echo", "depends_on": ["a", "b"] });
    let made = client.create_task(&task(last)).await.unwrap();
    assert_eq!((made.depends_on, made.schedule), (vec![id("a"), id("b")], None));
    // As the page shows it.
    for name in ["load_orders", "load_customers"] {
        client.create_task(&task(json!({ "task_id": name, "component": "demo/echo" }))).await.unwrap();
    }
    let page = include_str!("../../../../docs/tasks-api.md");
    let shown = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the page has an example");
    let (mut shown, _) = cofferdam_domain::definition::Source::read(shown).unwrap();
    shown["component"] = json!("demo/echo");
    assert_eq!(client.create_task(&task(shown)).await.unwrap().depends_on, vec![id("load_orders"), id("load_customers")]);
    for name in ["a", "a", "b"] {
        server.clock.advance(TimeDelta::seconds(1));
        server.post(&format!("/v1/dags/{name}/runs"), &key, json!({})).await.ok(200);
        end(&server, name, success()).await;
    }
    end(&server, "last", success()).await;
    server.until("the run", "/v1/dags/last/runs", &key, |list| list["dag_runs"][0]["state"] == "success").await;
    assert_eq!(server.get("/v1/dags/last/runs", &key).await.ok(200)["total_entries"], 1, "once for all of them");

    let circle =
        json!({ "version": client.get_task(&id("a")).await.unwrap().version, "component": "demo/echo", "depends_on": ["last"] });
    let refused = server.call("PUT", "/api/tasks/a", &key, Some(&circle)).await.problem(422, "invalid_body");
    assert_eq!(refused["pointer"], "/depends_on/0");
    assert!(refused["detail"].as_str().unwrap().contains("'last' waits for 'a'"), "{refused}");
    for (depends_on, schedule) in [(json!(["nobody"]), Value::Null), (json!(["x"]), Value::Null), (json!(["a"]), json!("@daily"))]
    {
        let body = json!({ "task_id": "x", "component": "demo/echo", "depends_on": depends_on, "schedule": schedule });
        server.post("/api/tasks", &key, body).await.problem(422, "invalid_body");
    }
    let needed = client.delete_task(&id("b"), None).await.unwrap_err();
    assert_eq!(code(&needed), Some(ErrorCode::Conflict));
    client.delete_task(&id("last"), None).await.unwrap();
    client.delete_task(&id("b"), None).await.unwrap();
}

#[tokio::test]
async fn names_and_mistakes() {
    let Scene { server, client, key } = scene().await;
    let body = json!({ "task_id": "clean", "component": "demo/echo" });
    let create = async |key_of_request: &str| {
        let request =
            server.request("POST", "/api/tasks").bearer_auth(&key).header("idempotency-key", key_of_request).json(&body);
        server.send(request).await
    };
    let first = create("one").await.ok(201);
    assert_eq!(create("one").await.ok(201)["version"], first["version"], "the same request again");
    create("two").await.problem(409, "conflict");

    // A dag is no task, and a task is changed as such.
    let dag = json!({ "dag_id": "nightly", "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    server.post("/v1/dags", &key, dag).await.ok(201);
    server.post("/api/tasks", &key, json!({ "task_id": "nightly", "component": "demo/echo" })).await.problem(409, "conflict");
    server.get("/api/tasks/nightly", &key).await.problem(404, "not_found");
    let over = json!({ "dag_id": "clean", "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    server.post("/api/v1/dags", &key, over).await.problem(409, "conflict");
    let names = async |query: &str| {
        let listed = server.get(&format!("/api/tasks?{query}"), &key).await.ok(200);
        listed["tasks"].as_array().unwrap().iter().map(|one| one["task_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    client.create_task(&task(json!({ "task_id": "wash", "component": "demo/echo", "tags": ["wet"] }))).await.unwrap();
    assert_eq!(names("").await, ["clean", "wash"]);
    assert_eq!(names("order_by=-task_id&limit=1").await, ["wash"]);
    assert_eq!(names("tags=wet").await, ["wash"]);
    assert_eq!(names("task_id_pattern=lea&paused=false").await, ["clean"]);

    // Mistakes are shown where they stand in what was sent.
    for (wrong, pointer) in [
        (json!({ "task_id": "x", "component": "none/such" }), "/component"),
        (json!({ "task_id": "x", "component": "demo/echo", "retriez": 1 }), "/retriez"),
        (json!({ "task_id": "x", "component": "demo/echo", "schedule": "at noon" }), "/schedule"),
    ] {
        let refused = server.post("/api/tasks", &key, wrong).await.problem(422, "invalid_dag");
        assert_eq!(refused["diagnostics"][0]["pointer"], pointer, "{refused:#}");
    }
    server.post("/api/tasks", &key, json!({ "component": "demo/echo" })).await.problem(422, "invalid_body");
}
