//! Every route is here, with the role that it needs and what another tenant gets from it. A new route that is not in the
//! list fails the test.

use crate::harness::{Server, demo_dag};
use cofferdam_domain::approval::ApprovalWork;
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_store::approvals::{self, NewApproval};
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What an admin of another tenant gets who knows all names.
enum Foreign {
    /// "Not found", as if there were nothing.
    NotFound,
    /// An answer about its own tenant, without a word of the other.
    OwnOnly,
    /// The route needs no sign-in, and tells nothing of any tenant.
    Open,
    /// A stream of its own tenant; `events.rs` looks into it.
    Stream,
}

struct Route {
    method: &'static str,
    path: &'static str,
    role: Role,
    foreign: Foreign,
    body: Option<Value>,
}

const RUN: &str = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}";

/// A backfill of the dag `demo`.
fn backfill() -> Value {
    json!({ "dag_id": "demo", "from_date": "2026-11-01T00:00:00Z", "to_date": "2026-11-03T00:00:00Z" })
}

/// A bundle with a broken file.
fn bundle() -> Value {
    let file = json!({ "path": "a.yaml", "hash": "a".repeat(64), "content": { "definition": "dag_id: [" } });
    let source = json!({ "kind": "directory", "location": "/dags" });
    json!({ "source": source, "present": ["a.yaml"], "files": [file], "finish": true })
}

fn routes() -> Vec<Route> {
    use Foreign::{NotFound, Open, OwnOnly, Stream};
    use Role::{Admin, Editor, Operator, Viewer};
    let route = |method, path, role, foreign| Route { method, path, role, foreign, body: None };
    let with = |method, path, role, foreign, body| Route { method, path, role, foreign, body: Some(body) };
    vec![
        route("GET", "/health/live", Viewer, Open),
        route("GET", "/health/ready", Viewer, Open),
        route("GET", "/health/deep", Viewer, Open),
        route("GET", "/metrics", Viewer, Open),
        route("GET", "/api/v1/version", Viewer, Open),
        route("POST", "/api/v1/auth/login", Viewer, Open),
        route("POST", "/api/v1/auth/refresh", Viewer, Open),
        route("POST", "/api/v1/auth/logout", Viewer, Open),
        route("GET", "/api/v1/auth/me", Viewer, Open),
        with("POST", "/api/v1/api-keys", Viewer, OwnOnly, json!({ "name": "k" })),
        route("GET", "/api/v1/api-keys", Viewer, OwnOnly),
        route("DELETE", "/api/v1/api-keys/{api_key_id}", Viewer, NotFound),
        with("POST", "/api/v1/users", Admin, OwnOnly, json!({ "username": "u", "password": "long enough", "role": "viewer" })),
        route("GET", "/api/v1/users", Admin, OwnOnly),
        with("PATCH", "/api/v1/users/{username}", Admin, NotFound, json!({ "is_active": true })),
        route("POST", "/api/v1/components", Editor, OwnOnly),
        route("GET", "/api/v1/components", Viewer, OwnOnly),
        route("GET", "/api/v1/components/{name}", Viewer, NotFound),
        route("GET", "/api/v1/components/{name}/versions/{digest}", Viewer, NotFound),
        route("POST", "/api/v1/components/{name}/versions/{digest}/approve", Admin, NotFound),
        route("GET", "/api/v1/components/{name}/versions/{digest}/impact", Viewer, NotFound),
        route("POST", "/api/v1/components/{name}/versions/{digest}/define", Editor, NotFound),
        with("POST", "/api/v1/components/{name}/versions/{digest}/try", Operator, NotFound, json!({ "function": "none" })),
        with("POST", "/api/v1/dags", Editor, OwnOnly, json!({})),
        with("POST", "/api/v1/compile", Editor, OwnOnly, json!({})),
        route("GET", "/api/v1/dags", Viewer, OwnOnly),
        route("GET", "/api/v1/dags/{dag_id}", Viewer, NotFound),
        with("PATCH", "/api/v1/dags/{dag_id}", Operator, NotFound, json!({ "is_paused": false })),
        route("GET", "/api/v1/dags/{dag_id}/details", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/calendar", Viewer, NotFound),
        with("POST", "/api/v1/dags/{dag_id}/dagRuns", Operator, NotFound, json!({})),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskSummaries", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries", Viewer, NotFound),
        route(
            "GET",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{try_number}/rendered",
            Viewer,
            NotFound,
        ),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{key}", Viewer, NotFound),
        route("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/cancel", Operator, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/artifacts", Viewer, NotFound),
        route(
            "GET",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/artifacts/{artifact}/content",
            Viewer,
            NotFound,
        ),
        with("POST", "/api/v1/dags/{dag_id}/clearTaskInstances", Operator, NotFound, json!({})),
        with(
            "POST",
            "/api/v1/dags/{dag_id}/updateTaskInstancesState",
            Operator,
            NotFound,
            json!({ "task_id": "first", "execution_date": "2026-11-21T06:00:00Z", "new_state": "success" }),
        ),
        with("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/clear", Operator, NotFound, json!({})),
        with("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/setNote", Operator, NotFound, json!({ "note": "n" })),
        with(
            "PATCH",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
            Operator,
            NotFound,
            json!({ "new_state": "failed" }),
        ),
        with(
            "PATCH",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/setNote",
            Operator,
            NotFound,
            json!({ "note": "n" }),
        ),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}", Viewer, NotFound),
        with(
            "PATCH",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
            Operator,
            NotFound,
            json!({ "new_state": "failed" }),
        ),
        with(
            "PATCH",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/setNote",
            Operator,
            NotFound,
            json!({ "note": "n" }),
        ),
        route("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/run", Operator, NotFound),
        with("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}", Operator, NotFound, json!({ "state": "queued" })),
        route("DELETE", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}", Editor, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines", Viewer, NotFound),
        route("GET", "/api/v1/approvals", Viewer, OwnOnly),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/approval", Viewer, NotFound),
        with("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/approve", Viewer, NotFound, json!({})),
        with("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/reject", Viewer, NotFound, json!({})),
        route("PUT", "/api/v1/dags/{dag_id}/webhook", Editor, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/webhook", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/webhook/deliveries", Viewer, NotFound),
        route("GET", "/api/v1/webhooks", Viewer, OwnOnly),
        route("DELETE", "/api/v1/dags/{dag_id}/webhook", Editor, NotFound),
        route("POST", "/api/v1/webhooks/{tenant}/{dag_id}", Viewer, Open),
        route("GET", "/api/v1/assets", Viewer, OwnOnly),
        route("GET", "/api/v1/assets/graph", Viewer, OwnOnly),
        route("GET", "/api/v1/assets/events", Viewer, OwnOnly),
        with("POST", "/api/v1/assets/events", Operator, OwnOnly, json!({ "uri": "s3://other" })),
        route("GET", "/api/v1/assets/{uri}", Viewer, NotFound),
        with("POST", "/api/v1/backfills", Operator, NotFound, backfill()),
        with("POST", "/api/v1/backfills/dry_run", Operator, NotFound, backfill()),
        route("GET", "/api/v1/backfills", Viewer, OwnOnly),
        route("GET", "/api/v1/backfills/{backfill_id}", Viewer, NotFound),
        route("PUT", "/api/v1/backfills/{backfill_id}/pause", Operator, NotFound),
        route("PUT", "/api/v1/backfills/{backfill_id}/unpause", Operator, NotFound),
        route("PUT", "/api/v1/backfills/{backfill_id}/cancel", Operator, NotFound),
        route("GET", "/api/v1/datasets", Viewer, OwnOnly),
        route("GET", "/api/v1/datasets/{uri}", Viewer, NotFound),
        route("GET", "/api/v1/datasets/events", Viewer, OwnOnly),
        with("POST", "/api/v1/datasets/events", Operator, OwnOnly, json!({ "dataset_uri": "s3://other" })),
        route("GET", "/api/v1/datasets/queuedEvent/{uri}", Viewer, OwnOnly),
        route("DELETE", "/api/v1/datasets/queuedEvent/{uri}", Operator, OwnOnly),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamDatasetEvents", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/datasets/queuedEvent", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/datasets/queuedEvent/{uri}", Viewer, NotFound),
        route("DELETE", "/api/v1/dags/{dag_id}/datasets/queuedEvent", Operator, NotFound),
        route("DELETE", "/api/v1/dags/{dag_id}/datasets/queuedEvent/{uri}", Operator, NotFound),
        with("POST", "/v1/dags", Editor, OwnOnly, json!({})),
        route("GET", "/v1/dags", Viewer, OwnOnly),
        with("POST", "/v1/dags/{dag_id}/runs", Operator, NotFound, json!({})),
        route("GET", "/v1/dags/{dag_id}/runs", Viewer, NotFound),
        route("GET", "/v1/dags/{dag_id}/runs/{dag_run_id}", Viewer, NotFound),
        with("POST", "/api/tasks", Editor, OwnOnly, json!({})),
        route("GET", "/api/tasks", Viewer, OwnOnly),
        route("GET", "/api/tasks/{task_id}", Viewer, NotFound),
        with("PUT", "/api/tasks/{task_id}", Editor, NotFound, json!({ "version": 1, "component": "none" })),
        route("DELETE", "/api/tasks/{task_id}", Editor, NotFound),
        route("GET", "/api/v1/deadLetters", Viewer, OwnOnly),
        route("GET", "/api/v1/deadLetters/retention", Viewer, OwnOnly),
        with("PUT", "/api/v1/deadLetters/retention", Admin, OwnOnly, json!({ "kept_s": null })),
        route("GET", "/api/v1/deadLetters/{dead_letter_id}", Viewer, NotFound),
        route("POST", "/api/v1/deadLetters/{dead_letter_id}/retry", Operator, NotFound),
        with("POST", "/api/v1/deadLetters/{dead_letter_id}/discard", Operator, NotFound, json!({})),
        with("POST", "/api/v1/deadLetters/retry", Operator, OwnOnly, json!({ "dry_run": false })),
        with("POST", "/api/v1/deadLetters/discard", Operator, OwnOnly, json!({ "dry_run": false })),
        route("GET", "/api/v1/users/{username}", Admin, NotFound),
        route("DELETE", "/api/v1/users/{username}", Admin, NotFound),
        route("GET", "/api/v1/roles", Admin, OwnOnly),
        route("GET", "/api/v1/roles/{role_name}", Admin, OwnOnly),
        route("GET", "/api/v1/permissions", Admin, OwnOnly),
        route("GET", "/api/v1/eventLogs", Admin, OwnOnly),
        route("GET", "/api/v1/eventLogs/{event_log_id}", Admin, NotFound),
        route("GET", "/api/v1/health", Viewer, Open),
        route("GET", "/api/v1/config", Viewer, OwnOnly),
        route("GET", "/api/v1/config/section/{section}/option/{option}", Viewer, OwnOnly),
        route("GET", "/api/v1/plugins", Viewer, OwnOnly),
        route("GET", "/api/v1/providers", Viewer, OwnOnly),
        route("GET", "/api/v1/dagStats", Viewer, OwnOnly),
        route("GET", "/api/v1/dagWarnings", Viewer, OwnOnly),
        route("GET", "/api/v1/importErrors", Viewer, OwnOnly),
        route("GET", "/api/v1/importErrors/{import_error_id}", Viewer, NotFound),
        route("GET", "/api/v1/bundles", Viewer, OwnOnly),
        route("GET", "/api/v1/bundles/{bundle_name}", Viewer, NotFound),
        route("GET", "/api/v1/bundles/{bundle_name}/files", Viewer, NotFound),
        route("DELETE", "/api/v1/bundles/{bundle_name}", Editor, NotFound),
        with("POST", "/api/v1/bundles/{bundle_name}/sync", Editor, OwnOnly, bundle()),
        route("GET", "/api/v1/dagSources/{file_token}", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/tasks", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/tasks/{task_id}", Viewer, NotFound),
        with("PATCH", "/api/v1/dags?dag_id_pattern=~", Operator, OwnOnly, json!({ "is_paused": false })),
        with("POST", "/api/v1/dags/~/dagRuns/list", Viewer, OwnOnly, json!({})),
        with("POST", "/api/v1/dags/~/dagRuns/~/taskInstances/list", Viewer, OwnOnly, json!({})),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies", Viewer, NotFound),
        route(
            "GET",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies",
            Viewer,
            NotFound,
        ),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{try_number}", Viewer, NotFound),
        route("GET", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries", Viewer, NotFound),
        route(
            "GET",
            "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries/{try_number}",
            Viewer,
            NotFound,
        ),
        with("POST", "/api/v1/connections/test", Editor, OwnOnly, json!({ "connection_id": "other", "conn_type": "http" })),
        with("POST", "/api/v1/pools", Editor, OwnOnly, json!({ "name": "other", "slots": 1 })),
        route("GET", "/api/v1/pools", Viewer, OwnOnly),
        route("GET", "/api/v1/pools/{pool_name}", Viewer, NotFound),
        with("PATCH", "/api/v1/pools/{pool_name}", Editor, NotFound, json!({ "slots": 2 })),
        route("DELETE", "/api/v1/pools/{pool_name}", Editor, NotFound),
        route("DELETE", "/api/v1/dags/{dag_id}", Editor, NotFound),
        with("POST", "/api/v1/variables", Editor, OwnOnly, json!({ "key": "other", "value": "v" })),
        route("GET", "/api/v1/variables", Viewer, OwnOnly),
        route("GET", "/api/v1/variables/{variable_key}", Viewer, NotFound),
        with("PATCH", "/api/v1/variables/{variable_key}", Editor, NotFound, json!({ "value": "w" })),
        route("DELETE", "/api/v1/variables/{variable_key}", Editor, NotFound),
        with("POST", "/api/v1/connections", Editor, OwnOnly, json!({ "connection_id": "other", "conn_type": "http" })),
        route("GET", "/api/v1/connections", Viewer, OwnOnly),
        route("GET", "/api/v1/connections/{connection_id}", Viewer, NotFound),
        with("PATCH", "/api/v1/connections/{connection_id}", Editor, NotFound, json!({ "host": "h" })),
        route("DELETE", "/api/v1/connections/{connection_id}", Editor, NotFound),
        route("POST", "/api/v1/events/{name}", Operator, OwnOnly),
        route("GET", "/api/v1/events", Viewer, Stream),
        route("GET", "/api/v1/events/ws", Viewer, Stream),
    ]
}

#[test]
fn every_route_of_the_document_is_listed() {
    let document = serde_json::to_value(cofferdam_api::openapi()).unwrap();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let path = |route: &Route| route.path.split('?').next().unwrap_or_default();
    let listed: BTreeSet<String> = routes().iter().map(|route| format!("{} {}", route.method, path(route))).collect();
    assert_eq!(documented, listed);
    assert!(documented.contains(&format!("POST {RUN}/cancel")));
}

struct Seed {
    server: Server,
    /// Replaces the parameters of paths.
    names: Vec<(&'static str, String)>,
}

impl Seed {
    async fn plant() -> Self {
        let server = Server::start().await;
        let admin = server.key(server.tenant, Role::Admin).await;
        let run = server.demo_run(&admin).await;
        let (_, lease) = server.claim().await.remove(0);
        let work = ApprovalWork::default();
        let asked = NewApproval {
            instance: lease.instance,
            try_number: 1,
            tenant: server.tenant,
            message: "seeded?",
            work: &work,
            asked_at: crate::harness::now(&server),
            expires_at: None,
        };
        let mut tx = server.system.begin(&Context::system(server.tenant, "test")).await.unwrap();
        approvals::ask(&mut tx, asked).await.unwrap();
        tx.commit().await.unwrap();
        server.write_log(lease, &["hello"]).await;
        server.report(lease, Ending::Success { output: "\"done\"".to_owned() }, XComValue::Inline("\"done\"".to_owned())).await;
        let (_, second) = server.claim_many(1).await.remove(0);
        server.report(second, Ending::failure(Reason::Fatal, "no"), XComValue::Inline("1".to_owned())).await;
        let letter = server.get("/api/v1/deadLetters", &admin).await.ok(200)["dead_letters"][0]["dead_letter_id"].clone();
        // Named as the task of the dag: one name for both in paths.
        server.post("/api/tasks", &admin, json!({ "task_id": "first", "component": "demo/echo" })).await.ok(201);
        let variable = json!({ "key": "seeded_variable", "value": "seeded value" });
        server.post("/api/v1/variables", &admin, variable).await.ok(200);
        let connection = json!({ "connection_id": "seeded_connection", "conn_type": "http", "password": "seeded password" });
        server.post("/api/v1/connections", &admin, connection).await.ok(200);
        server.post("/api/v1/pools", &admin, json!({ "name": "seeded_pool", "slots": 3 })).await.ok(200);
        let entry = server.get("/api/v1/eventLogs?dag_id=demo", &admin).await.ok(200)["event_logs"][0].clone();
        let key = server.post("/api/v1/api-keys", &admin, json!({ "name": "seeded" })).await.ok(201);
        // It waits for two assets, one of which changes.
        let mut waiting = demo_dag();
        waiting["schedule"] = json!(["0 6 * * *", { "assets": ["s3://seeded", "s3://never"] }]);
        server.post("/api/v1/dags", &admin, waiting).await.ok(200);
        server.post("/api/v1/assets/events", &admin, json!({ "uri": "s3://seeded" })).await.ok(200);
        server.post("/api/v1/bundles/seeded-bundle/sync", &admin, bundle()).await.ok(200);
        let errors = server.get("/api/v1/importErrors", &admin).await.ok(200);
        let import_error = errors["import_errors"][0]["import_error_id"].to_string();
        let backfill = server.post("/api/v1/backfills", &admin, backfill()).await.ok(200);
        let digest = server.get("/api/v1/components/demo%2Fecho", &admin).await.ok(200)["versions"][0]["digest"].clone();
        let names = vec![
            ("{dag_id}", "demo".to_owned()),
            ("{dag_run_id}", run.to_string().replace('+', "%2B").replace(':', "%3A")),
            ("{task_id}", "first".to_owned()),
            ("{try_number}", "1".to_owned()),
            ("{map_index}", "-1".to_owned()),
            ("{file_token}", "demo".to_owned()),
            ("{pool_name}", "seeded_pool".to_owned()),
            ("{role_name}", "viewer".to_owned()),
            ("{section}", "api".to_owned()),
            ("{option}", "maximum_page_limit".to_owned()),
            ("{event_log_id}", entry["event_log_id"].to_string()),
            ("{key}", "return_value".to_owned()),
            ("{name}", "demo%2Fecho".to_owned()),
            ("{digest}", digest.as_str().unwrap().to_owned()),
            ("{variable_key}", "seeded_variable".to_owned()),
            ("{connection_id}", "seeded_connection".to_owned()),
            ("{tenant}", "default".to_owned()),
            ("{uri}", "s3%3A%2F%2Fseeded".to_owned()),
            ("{backfill_id}", backfill["id"].as_str().unwrap().to_owned()),
            ("{dead_letter_id}", letter.as_str().unwrap().to_owned()),
            ("{artifact}", "plots%2Fa.csv".to_owned()),
            ("{username}", "admin".to_owned()),
            ("{bundle_name}", "seeded-bundle".to_owned()),
            ("{import_error_id}", import_error),
            ("{api_key_id}", key["api_key_id"].as_str().unwrap().to_owned()),
        ];
        Self { server, names }
    }

    fn path(&self, route: &Route) -> String {
        let path = self.names.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "{path}");
        path
    }
}

#[tokio::test]
async fn every_route_asks_who_calls_and_for_its_role() {
    let seed = Seed::plant().await;
    let server = &seed.server;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((*role, server.key(server.tenant, *role).await));
    }
    for route in routes() {
        let (path, what) = (seed.path(&route), format!("{} {}", route.method, route.path));
        let anonymous = server.call(route.method, &path, "", route.body.as_ref()).await;
        if matches!(route.foreign, Foreign::Open) {
            assert!(!matches!(anonymous.status.as_u16(), 403 | 404), "{what}: {anonymous:?}");
            continue;
        }
        assert_eq!(anonymous.status, 401, "{what}: {anonymous:?}");
        anonymous.problem(401, "unauthenticated");
        for (role, key) in keys.iter().filter(|(role, _)| *role < route.role) {
            let refused = server.call(route.method, &path, key, route.body.as_ref()).await;
            assert_eq!(refused.status, 403, "{what} as {role:?}: {refused:?}");
            refused.problem(403, "role_too_low");
        }
    }
}

#[tokio::test]
async fn no_route_tells_another_tenant_anything() {
    let seed = Seed::plant().await;
    let server = &seed.server;
    let elsewhere = server.found_tenant("elsewhere").await;
    let foreign = server.key(elsewhere, Role::Admin).await;
    let own = server.key(server.tenant, Role::Admin).await;
    let secrets = ["demo", "first", "second", "seeded", &server.tenant.to_string()].map(str::to_owned);
    for route in routes() {
        let (path, what) = (seed.path(&route), format!("{} {}", route.method, route.path));
        match route.foreign {
            Foreign::Open | Foreign::Stream => continue,
            Foreign::NotFound => {
                let answer = server.call(route.method, &path, &foreign, route.body.as_ref()).await;
                assert_eq!(answer.status, 404, "{what}: {answer:?}");
                answer.problem(404, "not_found");
                // The path is right: its owner finds something there.
                let answer = server.call(route.method, &path, &own, route.body.as_ref()).await;
                assert_ne!(answer.status, 404, "{what}: {answer:?}");
                assert!(!answer.status.is_server_error(), "{what}: {answer:?}");
            }
            Foreign::OwnOnly => {
                let answer = server.call(route.method, &path, &foreign, route.body.as_ref()).await;
                assert!(!answer.status.is_server_error(), "{what}: {answer:?}");
                // The name of a field is no secret.
                let text = answer.text.replace("first_name", "");
                for secret in &secrets {
                    assert!(!text.contains(secret), "{what} tells '{secret}': {answer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn names_of_two_tenants_do_not_meet() {
    let seed = Seed::plant().await;
    let server = &seed.server;
    let elsewhere = server.found_tenant("elsewhere").await;
    let foreign = server.key(elsewhere, Role::Admin).await;
    // The component of the other tenant cannot be used, and the dag's name is free here.
    let refused = server.post("/api/v1/dags", &foreign, demo_dag()).await.problem(422, "invalid_dag");
    assert_eq!(refused["diagnostics"][0]["pointer"], "/tasks/0/component");
    server.component(elsewhere, "demo/echo").await;
    server.post("/api/v1/dags", &foreign, demo_dag()).await.ok(201);
    let runs = server.get("/api/v1/dags/demo/dagRuns", &foreign).await.ok(200);
    assert_eq!(runs["total_entries"], 0);
    assert_eq!(server.get("/api/v1/dags/~/dagRuns", &foreign).await.ok(200)["total_entries"], 0);
}

#[test]
fn what_changes_something_takes_an_idempotency_key_or_says_why_not() {
    // Safe to repeat by themselves, looks only, or streams of bytes.
    let harmless = [
        "PATCH /api/v1/dags",
        "PATCH /api/v1/dags/{dag_id}",
        "PATCH /api/v1/pools/{pool_name}",
        "PUT /api/v1/backfills/{backfill_id}/pause",
        "PUT /api/v1/backfills/{backfill_id}/unpause",
        "PUT /api/v1/deadLetters/retention",
        "POST /api/v1/backfills/dry_run",
        "POST /api/v1/compile",
        "POST /api/v1/connections/test",
        "POST /api/v1/dags/~/dagRuns/list",
        "POST /api/v1/dags/~/dagRuns/~/taskInstances/list",
        "POST /api/v1/components",
        "POST /api/v1/bundles/{bundle_name}/sync",
        "POST /api/v1/components/{name}/versions/{digest}/approve",
        "POST /api/v1/components/{name}/versions/{digest}/define",
        "POST /api/v1/components/{name}/versions/{digest}/try",
        "POST /api/v1/webhooks/{tenant}/{dag_id}",
        "DELETE /api/v1/dags/{dag_id}/webhook",
        "DELETE /api/v1/bundles/{bundle_name}",
        "DELETE /api/v1/api-keys/{api_key_id}",
        "DELETE /api/v1/datasets/queuedEvent/{uri}",
        "DELETE /api/v1/dags/{dag_id}/datasets/queuedEvent",
        "DELETE /api/v1/dags/{dag_id}/datasets/queuedEvent/{uri}",
    ];
    // Secrets are in the request or its answer, and answers are kept.
    let secret = ["/api/v1/auth/", "/api/v1/api-keys", "/api/v1/users", "/api/v1/variables", "/api/v1/connections"];
    let document = serde_json::to_value(cofferdam_api::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let name = format!("{} {path}", method.to_uppercase());
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let keyed = parameters.filter(|parameter| parameter["name"] == "Idempotency-Key").count();
            let secret = secret.iter().any(|prefix| path.starts_with(prefix)) || name == "PUT /api/v1/dags/{dag_id}/webhook";
            let expected = usize::from(!secret && !harmless.contains(&name.as_str()));
            assert_eq!(keyed, expected, "{name}");
        }
    }
}
