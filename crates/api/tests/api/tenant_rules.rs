//! What an operator sets for a tenant binds its tries, whatever a task asks for.

use crate::harness::{Server, demo_dag};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::limits::Limits;
use cofferdam_store::tenants::{self, TenantRules};
use serde_json::json;

#[tokio::test]
async fn the_smallest_limit_of_task_dag_and_tenant_wins() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    let rules = TenantRules {
        limits: Some(Limits { memory_bytes: 32 << 20, http_calls: 3, ..Limits::hard_caps() }),
        private_targets: vec!["10.1.0.0/16".parse().unwrap()],
    };
    let mut tx = server.system.begin(&Context::system(server.tenant, "test")).await.unwrap();
    tenants::set_policy(&mut tx, None, 1, &rules).await.unwrap();
    tx.commit().await.unwrap();

    let mut dag = demo_dag();
    dag["limits"] = json!({ "fuel": 1_000, "http_calls": 50 });
    dag["defaults"] = json!({ "limits": { "memory": "64MiB", "http_calls": 80, "log": "1KiB", "fuel": 2_000 } });
    dag["tasks"][0]["grant"] = json!({ "http": ["https://api.example.com"], "clock": false });
    server.post("/api/v1/dags", &key, dag).await.ok(201);
    server.post("/api/v1/dags/demo/dagRuns", &key, json!({})).await.ok(200);
    let (job, _) = server.claim().await.remove(0);
    let Limits { memory_bytes, http_calls, log_bytes, fuel, wall_ms, .. } = job.limits;
    // Of the tenant, of the tenant, of the task, of the dag; and the default where nobody says anything.
    assert_eq!((memory_bytes, http_calls, log_bytes, fuel), (32 << 20, 3, 1 << 10, 1_000));
    assert_eq!(wall_ms, Limits::default().wall_ms);
    // The grant goes with the message; what the operator allows besides does too.
    job.grant.http(cofferdam_domain::grant::Scheme::Https, "api.example.com", 443, "GET").unwrap();
    assert!(!job.grant.clock);
    assert_eq!(job.private_targets, rules.private_targets);
}
