use crate::harness::Server;
use cofferdam_client::api::{ErrorCode, NewPool, OrderedPage, PatchPool};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::Ending;
use cofferdam_ids::PoolName;
use cofferdam_store::execution::facts::XComValue;
use serde_json::json;

fn heavy() -> PoolName {
    PoolName::new("heavy").unwrap()
}

#[tokio::test]
async fn a_pool_is_made_used_and_deleted_when_nobody_uses_it() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let new = NewPool { name: heavy(), slots: 4, description: Some("Big ones".to_owned()), include_deferred: false };
    let made = client.create_pool(&new).await.unwrap();
    assert_eq!((made.slots, made.open_slots, made.occupied_slots), (4, 4, 0));
    assert_eq!(client.create_pool(&new).await.unwrap_err().code(), Some(ErrorCode::Conflict));

    server.component(server.tenant, "demo/echo").await;
    let tasks = json!([
        { "task_id": "one", "component": "demo/echo", "pool": "heavy", "pool_slots": 3 },
        { "task_id": "two", "component": "demo/echo" }
    ]);
    server.post("/api/v1/dags", &key, json!({ "dag_id": "demo", "tasks": tasks })).await.ok(201);
    server.post("/api/v1/dags/demo/dagRuns", &key, json!({})).await.ok(200);
    let taken = client.get_pool(&heavy()).await.unwrap();
    assert_eq!((taken.queued_slots, taken.occupied_slots, taken.open_slots), (3, 3, 1));
    let listed = client.list_pools(&OrderedPage::default()).await.unwrap();
    let listed: Vec<_> = listed.pools.iter().map(|pool| (pool.name.as_str(), pool.slots, pool.queued_slots)).collect();
    assert_eq!(listed, [("default_pool", -1, 1), ("heavy", 4, 3)]);

    let smaller = PatchPool { slots: Some(2), description: Some(None), ..PatchPool::default() };
    let smaller = client.patch_pool(&heavy(), &smaller).await.unwrap();
    assert_eq!((smaller.slots, smaller.open_slots, smaller.description), (2, -1, None));
    let used = client.delete_pool(&heavy()).await.unwrap_err();
    assert_eq!(used.code(), Some(ErrorCode::Conflict));
    assert!(used.to_string().contains("used by the dags demo"), "{used}");
    for (_, lease) in server.claim().await {
        server.report(lease, Ending::Success { output: "1".to_owned() }, XComValue::Inline("1".to_owned())).await;
    }
    server.call("DELETE", "/api/v1/dags/demo", &key, None).await.ok(200);
    client.delete_pool(&heavy()).await.unwrap();
    assert_eq!(client.get_pool(&heavy()).await.unwrap_err().code(), Some(ErrorCode::NotFound));
}

#[tokio::test]
async fn tasks_that_wait_for_an_event_keep_their_slots_when_the_pool_says_so() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    let new = NewPool { name: heavy(), slots: 2, description: None, include_deferred: true };
    client.create_pool(&new).await.unwrap();
    server.component(server.tenant, "demo/echo").await;
    let tasks = json!([{ "task_id": "one", "component": "demo/echo", "pool": "heavy" }]);
    server.post("/api/v1/dags", &key, json!({ "dag_id": "demo", "tasks": tasks })).await.ok(201);
    server.post("/api/v1/dags/demo/dagRuns", &key, json!({})).await.ok(200);
    let (_, lease) = server.claim().await.remove(0);
    let waits = Ending::Defer { event: "rain".to_owned(), timeout_ms: 60_000 };
    server.report(lease, waits, XComValue::Inline("1".to_owned())).await;
    let taken = client.get_pool(&heavy()).await.unwrap();
    assert_eq!((taken.deferred_slots, taken.occupied_slots, taken.open_slots), (1, 1, 1));
    let without = PatchPool { include_deferred: Some(false), ..PatchPool::default() };
    let taken = client.patch_pool(&heavy(), &without).await.unwrap();
    assert_eq!((taken.deferred_slots, taken.occupied_slots, taken.open_slots), (1, 0, 2));
    // The default pool gets a bound by being given one.
    let bound = PatchPool { slots: Some(7), ..PatchPool::default() };
    assert_eq!(client.patch_pool(&PoolName::default_pool(), &bound).await.unwrap().slots, 7);
}
