//! Webhooks: only what is signed with the dag's secret makes a run, and the same event makes one.

use crate::harness::{Answer, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use cofferdam_client::Client;
use cofferdam_client::api::{DagRunListQuery, DagRunType, Page, WebhookCollection, WebhookListQuery, WebhookRefusal};
use cofferdam_domain::context::Role;
use cofferdam_ids::DagId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

const PATH: &str = "/api/v1/webhooks/default/orders";

fn dag_id() -> DagId {
    DagId::new("orders").unwrap()
}

/// A server with a dag `orders`, a client of an editor, and the secret of the dag's webhook.
async fn server() -> (Server, Client, String) {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    let dag =
        json!({ "dag_id": "orders", "params": { "city": "Bern" }, "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    server.post("/api/v1/dags", &key, dag).await.ok(201);
    let client = server.client(&key);
    let made = client.put_webhook(&dag_id()).await.unwrap();
    assert_eq!(made.path, PATH);
    let secret = made.secret.unwrap();
    (server, client, secret)
}

struct Event<'a> {
    id: &'a str,
    body: &'a str,
    headers: &'a [(&'a str, &'a str)],
    late: TimeDelta,
}

impl<'a> Event<'a> {
    fn new(id: &'a str, body: &'a str) -> Self {
        Self { id, body, headers: &[("content-type", "application/json")], late: TimeDelta::zero() }
    }

    /// Signs it and sends it to a path.
    async fn send_to(&self, server: &Server, path: &str, secret: &str) -> Answer {
        let timestamp = (cofferdam_domain::clock::Clock::now(&server.clock) - self.late).timestamp();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{timestamp}.{}", self.id, self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let mut request = server
            .request("POST", path)
            .header("webhook-id", self.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(self.body.to_owned());
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        server.send(request).await
    }

    async fn send(&self, server: &Server, secret: &str) -> Answer {
        self.send_to(server, PATH, secret).await
    }
}

async fn confs(client: &Client) -> Vec<Value> {
    let query = DagRunListQuery { order_by: Some("queued_at".to_owned()), ..DagRunListQuery::default() };
    let listed = client.list_dag_runs(&dag_id(), &query).await.unwrap();
    listed.dag_runs.into_iter().map(|run| run.conf).collect()
}

#[tokio::test]
async fn a_signed_event_makes_one_run() {
    let (server, client, secret) = server().await;
    let event = Event::new("msg_1", r#"{"order": 3}"#);
    let answer = event.send(&server, &secret).await.ok(202);
    assert_eq!(answer["outcome"], "made");
    assert_eq!(confs(&client).await, [json!({ "order": 3, "city": "Bern" })]);
    let run = client.list_dag_runs(&dag_id(), &DagRunListQuery::default()).await.unwrap().dag_runs.remove(0);
    assert_eq!((run.run_type, run.dag_run_id.as_str()), (DagRunType::Event, answer["dag_run_id"].as_str().unwrap()));
    // Sent again, also with another body: it is the same event.
    let again = Event::new("msg_1", r#"{"order": 4}"#).send(&server, &secret).await.ok(202);
    assert_eq!((&again["outcome"], &again["dag_run_id"]), (&json!("duplicate"), &answer["dag_run_id"]));
    assert_eq!(confs(&client).await.len(), 1);
    assert!(client.get_webhook(&dag_id()).await.unwrap().last_received_at.is_some());
    assert_eq!(server.claim().await.len(), 1, "its task waits for a worker");
}

#[tokio::test]
async fn what_is_not_signed_as_it_should_be_is_refused() {
    let (server, client, secret) = server().await;
    let event = Event::new("msg_1", "{}");
    let other = format!("whsec_{}", STANDARD.encode([7; 32]));
    event.send(&server, &other).await.problem(401, "unauthenticated");
    for path in ["/api/v1/webhooks/default/other", "/api/v1/webhooks/elsewhere/orders"] {
        event.send_to(&server, path, &secret).await.problem(401, "unauthenticated");
    }
    for late in [TimeDelta::minutes(6), TimeDelta::minutes(-6)] {
        Event { late, ..Event::new("msg_1", "{}") }.send(&server, &secret).await.problem(401, "unauthenticated");
    }
    server.send(server.request("POST", PATH).body("{}")).await.problem(401, "unauthenticated");
    // A new secret makes the old one worthless; without a webhook there is none.
    let renewed = client.put_webhook(&dag_id()).await.unwrap().secret.unwrap();
    event.send(&server, &secret).await.problem(401, "unauthenticated");
    event.send(&server, &renewed).await.ok(202);
    client.delete_webhook(&dag_id()).await.unwrap();
    Event::new("msg_2", "{}").send(&server, &renewed).await.problem(401, "unauthenticated");
    assert_eq!(confs(&client).await.len(), 1);
}

#[tokio::test]
async fn cloud_events_are_taken_in_both_modes() {
    let (server, client, secret) = server().await;
    let body = r#"{"specversion":"1.0","id":"7","source":"/shop","type":"order.made","data":{"order":3}}"#;
    let structured = Event { headers: &[("content-type", "application/cloudevents+json")], ..Event::new("msg_1", body) };
    structured.send(&server, &secret).await.ok(202);
    // The same event in the other mode and with another delivery: source and id tell.
    let headers = [("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/shop"), ("ce-type", "order.made")];
    let binary = Event { headers: &headers, ..Event::new("msg_2", r#"{"order":3}"#) };
    assert_eq!(binary.send(&server, &secret).await.ok(202)["outcome"], "duplicate");
    let confs = confs(&client).await;
    assert_eq!((confs.len(), &confs[0]["order"], &confs[0]["cloud_event"]["source"]), (1, &json!(3), &json!("/shop")));
    let half = Event { headers: &headers[..2], ..Event::new("msg_3", "{}") };
    half.send(&server, &secret).await.problem(422, "invalid_body");
    Event::new("msg_4", "[1]").send(&server, &secret).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn size_and_number_are_bounded() {
    let (server, client, secret) = server().await;
    let large = format!("\"{}\"", "x".repeat(300 << 10));
    Event::new("msg_1", &large).send(&server, &secret).await.problem(413, "payload_too_large");
    let ids: Vec<String> = (0..301).map(|number| format!("n_{number}")).collect();
    for id in &ids[..300] {
        Event::new(id, "{}").send(&server, &secret).await.ok(202);
    }
    let refused = Event::new(&ids[300], "{}").send(&server, &secret).await;
    refused.problem(429, "too_many_events");
    assert_eq!(refused.headers["retry-after"], "60");
    server.clock.advance(TimeDelta::seconds(61));
    Event::new(&ids[300], "{}").send(&server, &secret).await.ok(202);
    let listed = client.list_dag_runs(&dag_id(), &DagRunListQuery { limit: 1, ..DagRunListQuery::default() }).await.unwrap();
    assert_eq!(listed.total_entries, 301);
}

/// The webhooks of the tenant, once they have refused so many requests: refusals are written a moment later.
async fn refused(client: &Client, query: &WebhookListQuery, count: u64) -> WebhookCollection {
    loop {
        let listed = client.list_webhooks(query).await.unwrap();
        if listed.webhooks.iter().map(|webhook| webhook.refused).sum::<u64>() >= count {
            return listed;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_webhooks_received_and_refused_is_listed() {
    let (server, client, secret) = server().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let other = json!({ "dag_id": "another", "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    server.post("/api/v1/dags", &key, other).await.ok(201);
    client.put_webhook(&DagId::new("another").unwrap()).await.unwrap();
    let run = Event::new("msg_1", "{}").send(&server, &secret).await.ok(202)["dag_run_id"].clone();
    server.clock.advance(TimeDelta::seconds(1));
    Event::new("msg_2", "{}").send(&server, &secret).await.ok(202);
    Event::new("msg_2", "{}").send(&server, &secret).await.ok(202);
    let wrong = format!("whsec_{}", STANDARD.encode([7; 32]));
    Event::new("msg_3", "{}").send(&server, &wrong).await.problem(401, "unauthenticated");
    Event { late: TimeDelta::minutes(6), ..Event::new("msg_3", "{}") }
        .send(&server, &secret)
        .await
        .problem(401, "unauthenticated");
    Event::new("msg_3", "[1]").send(&server, &secret).await.problem(422, "invalid_body");
    let order_by = Some("-refused".to_owned());
    let query = WebhookListQuery { order_by, ..WebhookListQuery::default() };
    let listed = refused(&client, &query, 3).await;
    assert_eq!(listed.webhooks.iter().map(|one| one.dag_id.as_str()).collect::<Vec<_>>(), ["orders", "another"]);
    let orders = &listed.webhooks[0];
    assert_eq!((orders.path.as_str(), &orders.secret, orders.events_last_day, orders.refused), (PATH, &None, 2, 3));
    assert_eq!((orders.last_refusal, listed.webhooks[1].refused), (Some(WebhookRefusal::Body), 0));
    assert_eq!(orders.last_refused_at, orders.last_received_at, "at the same moment of the clock");
    let query = WebhookListQuery { limit: 1, dag_id_pattern: Some("NOTH".to_owned()), ..WebhookListQuery::default() };
    let found = client.list_webhooks(&query).await.unwrap();
    assert_eq!((found.total_entries, found.webhooks[0].dag_id.as_str()), (1, "another"));
    server.get("/api/v1/webhooks?order_by=secret", &key).await.problem(400, "invalid_parameter");

    let deliveries = client.list_webhook_deliveries(&dag_id(), &Page::default()).await.unwrap();
    let events: Vec<&str> = deliveries.deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect();
    assert_eq!((deliveries.total_entries, events), (2, vec!["msg_2", "msg_1"]));
    assert_eq!(deliveries.deliveries[1].dag_run_id.as_ref().map(ToString::to_string).as_deref(), run.as_str());
    // What is a day old is neither shown nor counted.
    server.clock.advance(TimeDelta::days(1));
    assert_eq!(client.get_webhook(&dag_id()).await.unwrap().events_last_day, 0);
    assert_eq!(client.list_webhook_deliveries(&dag_id(), &Page::default()).await.unwrap().deliveries, []);
}
