//! Assets and the ends of dags: what happens makes runs, once and with what happened.

use crate::harness::Server;
use cofferdam_client::Client;
use cofferdam_client::api::{
    AssetEventListQuery, AssetGraphKind, AssetListQuery, DagRun, DagRunListQuery, DagRunType, ErrorCode, NewAssetEvent,
};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::DagId;
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

const ORDERS: &str = "s3://orders";
const CUSTOMERS: &str = "s3://customers";

/// A server with two schedulers, an editor's key and a client. It has the component `demo/echo`.
async fn server() -> (Server, String, Client) {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    server.schedule();
    server.schedule();
    let client = server.client(&key);
    (server, key, client)
}

fn dag(dag_id: &str, schedule: Value, produces: Value) -> Value {
    json!({
        "dag_id": dag_id, "schedule": schedule, "params": { "city": "Bern" },
        "tasks": [{ "task_id": "only", "component": "demo/echo", "produces": produces }],
    })
}

/// Plays a worker that ends this many tasks, with a result.
async fn finish(server: &Server, ending: &Ending, count: usize) {
    for (_, lease) in server.claim_many(count).await {
        server.report(lease, ending.clone(), XComValue::Inline("{\"rows\":3}".to_owned())).await;
    }
}

fn success() -> Ending {
    Ending::Success { output: "{\"rows\":3}".to_owned() }
}

async fn runs(client: &Client, dag_id: &str) -> Vec<DagRun> {
    let query = DagRunListQuery { order_by: Some("queued_at".to_owned()), ..DagRunListQuery::default() };
    client.list_dag_runs(&DagId::new(dag_id).unwrap(), &query).await.unwrap().dag_runs
}

async fn until_runs(client: &Client, dag_id: &str, count: usize) -> Vec<DagRun> {
    for _ in 0..3_000 {
        let found = runs(client, dag_id).await;
        if found.len() >= count {
            assert_eq!(found.len(), count);
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {count} runs of {dag_id}");
}

async fn tell(client: &Client, uri: &str, extra: Value) -> i64 {
    client.create_asset_event(&NewAssetEvent { uri: uri.to_owned(), extra: Some(extra) }).await.unwrap().id
}

#[tokio::test]
async fn a_task_that_succeeds_makes_the_dag_run_that_waits() {
    let (server, key, client) = server().await;
    let produces = json!([ORDERS, { "asset": CUSTOMERS, "extra": "return_value" }]);
    server.post("/api/v1/dags", &key, dag("load", Value::Null, produces)).await.ok(201);
    server.post("/api/v1/dags", &key, dag("report", json!({ "assets": [ORDERS, CUSTOMERS] }), json!([]))).await.ok(201);
    let load = server.post("/api/v1/dags/load/dagRuns", &key, json!({})).await.ok(200);
    finish(&server, &success(), 1).await;
    let made = until_runs(&client, "report", 1).await.remove(0);
    assert_eq!(made.run_type, DagRunType::Event);
    assert_eq!(made.conf["city"], "Bern", "params are there too");
    let events = made.conf["asset_events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!((&event["source_dag_id"], &event["source_task_id"]), (&json!("load"), &json!("only")));
        assert_eq!(event["source_run_id"], load["dag_run_id"]);
        let extra = if event["uri"] == CUSTOMERS { json!({ "rows": 3 }) } else { Value::Null };
        assert_eq!(event["extra"], extra);
    }
    // The API tells the same, and which run followed.
    let listed = client.list_asset_events(&AssetEventListQuery::default()).await.unwrap();
    assert_eq!(listed.total_entries, 2);
    for event in &listed.asset_events {
        assert_eq!(event.created_dagruns.len(), 1);
        assert_eq!(event.created_dagruns[0].run_id, made.dag_run_id);
    }
    let asset = client.get_asset(ORDERS).await.unwrap();
    assert_eq!((asset.producing_tasks[0].dag_id.as_str(), asset.consuming_dags[0].dag_id.as_str()), ("load", "report"));
    let graph = client.get_asset_graph().await.unwrap();
    assert_eq!(graph.nodes.iter().filter(|node| node.kind == AssetGraphKind::Dag).count(), 2);
    let edges: Vec<(&str, &str)> = graph.edges.iter().map(|edge| (edge.source.as_str(), edge.target.as_str())).collect();
    assert!(
        edges.contains(&("dag:load", "asset:s3://orders")) && edges.contains(&("asset:s3://orders", "dag:report")),
        "{edges:?}"
    );
    // What fails produces nothing.
    finish(&server, &success(), 1).await;
    server.clock.advance(chrono::TimeDelta::seconds(1));
    server.post("/api/v1/dags/load/dagRuns", &key, json!({})).await.ok(200);
    finish(&server, &Ending::failure(Reason::Fatal, "no"), 1).await;
    assert_eq!(client.list_asset_events(&AssetEventListQuery::default()).await.unwrap().total_entries, 2);
}

#[tokio::test]
async fn a_condition_makes_one_run_of_all_that_happened() {
    let (server, key, client) = server().await;
    let schedule = json!({ "assets": { "all": [ORDERS, { "any": [CUSTOMERS, "s3://contacts"] }] } });
    server.post("/api/v1/dags", &key, dag("report", schedule, json!([]))).await.ok(201);
    // A dag that waits for one of them tells when a scheduler has looked.
    server.post("/api/v1/dags", &key, dag("witness", json!({ "assets": ORDERS }), json!([]))).await.ok(201);
    tell(&client, ORDERS, json!(1)).await;
    until_runs(&client, "witness", 1).await;
    tell(&client, ORDERS, json!(2)).await;
    until_runs(&client, "witness", 2).await;
    assert!(runs(&client, "report").await.is_empty());
    tell(&client, "s3://contacts", json!(3)).await;
    let made = until_runs(&client, "report", 1).await.remove(0);
    let extras: Vec<&Value> = made.conf["asset_events"].as_array().unwrap().iter().map(|event| &event["extra"]).collect();
    assert_eq!(extras, [&json!(1), &json!(2), &json!(3)]);
    // All of that is used up: the same again is needed.
    tell(&client, CUSTOMERS, json!(4)).await;
    tell(&client, ORDERS, json!(5)).await;
    let made = until_runs(&client, "report", 2).await.remove(1);
    let extras: Vec<&Value> = made.conf["asset_events"].as_array().unwrap().iter().map(|event| &event["extra"]).collect();
    assert_eq!(extras, [&json!(4), &json!(5)]);
}

#[tokio::test]
async fn each_condition_of_a_list_counts_for_itself() {
    let (server, key, client) = server().await;
    let schedule = json!([{ "assets": ORDERS }, { "assets": [ORDERS, CUSTOMERS] }]);
    server.post("/api/v1/dags", &key, dag("report", schedule, json!([]))).await.ok(201);
    tell(&client, ORDERS, json!(1)).await;
    until_runs(&client, "report", 1).await;
    tell(&client, CUSTOMERS, json!(2)).await;
    let made = until_runs(&client, "report", 2).await.remove(1);
    assert_eq!(made.conf["asset_events"].as_array().unwrap().len(), 2, "the first event is one of the second condition too");
}

#[tokio::test]
async fn what_a_dag_does_not_wait_for_is_not_kept_for_it() {
    let (server, key, client) = server().await;
    server.post("/api/v1/dags", &key, dag("report", json!({ "assets": [ORDERS, CUSTOMERS] }), json!([]))).await.ok(201);
    let report = DagId::new("report").unwrap();
    client.set_dag_paused(&report, true).await.unwrap();
    tell(&client, ORDERS, json!("while it was paused")).await;
    client.set_dag_paused(&report, false).await.unwrap();
    tell(&client, CUSTOMERS, json!("of the old schedule")).await;
    server.post("/api/v1/dags", &key, dag("report", json!({ "assets": [ORDERS, "s3://contacts"] }), json!([]))).await.ok(200);
    tell(&client, "s3://contacts", json!(1)).await;
    tell(&client, CUSTOMERS, json!("not waited for")).await;
    server.clock.advance(chrono::TimeDelta::seconds(1));
    tell(&client, ORDERS, json!(2)).await;
    let made = until_runs(&client, "report", 1).await.remove(0);
    let extras: Vec<&Value> = made.conf["asset_events"].as_array().unwrap().iter().map(|event| &event["extra"]).collect();
    assert_eq!(extras, [&json!(1), &json!(2)]);
    let listed =
        client.list_assets(&AssetListQuery { uri_pattern: Some("cust".to_owned()), ..AssetListQuery::default() }).await.unwrap();
    assert_eq!((listed.total_entries, listed.assets[0].consuming_dags.len()), (1, 0));
    for (order, first) in [("uri", "s3://contacts"), ("-uri", ORDERS), ("-last_event_at", ORDERS)] {
        let query = AssetListQuery { order_by: Some(order.to_owned()), ..AssetListQuery::default() };
        assert_eq!(client.list_assets(&query).await.unwrap().assets[0].uri, first, "{order}");
    }
    for (order, extra) in [("timestamp", json!("while it was paused")), ("-timestamp", json!(2))] {
        let query = AssetEventListQuery { order_by: Some(order.to_owned()), ..AssetEventListQuery::default() };
        assert_eq!(client.list_asset_events(&query).await.unwrap().asset_events[0].extra, Some(extra), "{order}");
    }
    let refused = client.create_asset_event(&NewAssetEvent { uri: "no blanks".to_owned(), extra: None }).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidBody));
}

#[tokio::test]
async fn the_end_of_a_run_makes_another_dag_run() {
    let (server, key, client) = server().await;
    server.post("/api/v1/dags", &key, dag("load", Value::Null, json!([]))).await.ok(201);
    for (dag_id, state) in [("after_success", "success"), ("after_failure", "failed"), ("after_any", "any")] {
        let schedule = json!({ "dag": { "dag_id": "load", "state": state } });
        server.post("/api/v1/dags", &key, dag(dag_id, schedule, json!([]))).await.ok(201);
    }
    let load = server.post("/api/v1/dags/load/dagRuns", &key, json!({})).await.ok(200);
    finish(&server, &success(), 1).await;
    let made = until_runs(&client, "after_success", 1).await.remove(0);
    until_runs(&client, "after_any", 1).await;
    let told = &made.conf["triggering_run"];
    assert_eq!((&told["dag_id"], &told["dag_run_id"], &told["state"]), (&json!("load"), &load["dag_run_id"], &json!("success")));
    assert_eq!(serde_json::to_value(made.data_interval_start).unwrap(), load["data_interval_start"]);

    // Those of the two that followed.
    finish(&server, &success(), 2).await;
    server.clock.advance(chrono::TimeDelta::seconds(1));
    server.post("/api/v1/dags/load/dagRuns", &key, json!({})).await.ok(200);
    finish(&server, &Ending::failure(Reason::Fatal, "no"), 1).await;
    until_runs(&client, "after_failure", 1).await;
    until_runs(&client, "after_any", 2).await;
    assert_eq!(runs(&client, "after_success").await.len(), 1);
}

#[tokio::test]
async fn overlap_holds_for_runs_that_follow() {
    let (server, key, client) = server().await;
    let mut skipping = dag("skipping", json!({ "assets": ORDERS }), json!([]));
    skipping["overlap"] = json!("skip");
    let mut cancelling = dag("cancelling", json!({ "assets": ORDERS }), json!([]));
    cancelling["overlap"] = json!("cancel_previous");
    server.post("/api/v1/dags", &key, skipping).await.ok(201);
    server.post("/api/v1/dags", &key, cancelling).await.ok(201);
    tell(&client, ORDERS, json!(1)).await;
    until_runs(&client, "skipping", 1).await;
    until_runs(&client, "cancelling", 1).await;
    tell(&client, ORDERS, json!(2)).await;
    let both = until_runs(&client, "cancelling", 2).await;
    assert_eq!((both[0].cancel_requested, both[1].cancel_requested), (true, false));
    // When the first run has ended, the third event makes one; the second is used up.
    let lease = loop {
        let skipping = |(job, _): &(cofferdam_domain::job::Job, _)| job.context.dag_id.as_str() == "skipping";
        if let Some((_, lease)) = server.claim().await.into_iter().find(skipping) {
            break lease;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    server.report(lease, success(), XComValue::Inline("1".to_owned())).await;
    let first = runs(&client, "skipping").await.remove(0);
    assert!(first.end_date.is_some());
    tell(&client, ORDERS, json!(3)).await;
    let two = until_runs(&client, "skipping", 2).await;
    assert_eq!(two[1].conf["asset_events"][0]["extra"], 3);
}
