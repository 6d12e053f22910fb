use crate::harness::Server;
use cofferdam_client::EventStream;
use cofferdam_client::api::{Event, StreamMessage};
use cofferdam_domain::context::Role;
use cofferdam_queue::{Queue, Signal};
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;

async fn next(stream: &mut EventStream) -> StreamMessage {
    tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("a message in time").unwrap().unwrap()
}

#[tokio::test]
async fn a_change_is_told_to_its_tenant_only() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let elsewhere = server.found_tenant("elsewhere").await;
    let foreign = server.key(elsewhere, Role::Admin).await;
    let (mut own, mut other) = (server.client(&key).events(), server.client(&foreign).events());
    assert_eq!(next(&mut own).await, StreamMessage::Ready);
    assert_eq!(next(&mut other).await, StreamMessage::Ready);

    server.demo_run(&key).await;
    let StreamMessage::Changes { events } = next(&mut own).await else { panic!("a change") };
    assert_eq!(events, [Event::Dag { dag_id: "demo".parse().unwrap() }]);

    // The next that the other tenant hears of is its own.
    let payload = json!([{ "type": "dag", "dag_id": "theirs" }]).to_string();
    server.queue.publish(&Signal::Event { tenant: elsewhere, payload }).await.unwrap();
    let StreamMessage::Changes { events } = next(&mut other).await else { panic!("a change") };
    assert_eq!(events, [Event::Dag { dag_id: "theirs".parse().unwrap() }]);
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_to_read_again() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Viewer).await;
    let response = server.request("GET", "/api/v1/events").bearer_auth(&key).send().await.unwrap();
    let mut bytes = response.bytes_stream();
    let first = bytes.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: ready"), "{first:?}");
    // More than the connection and the buffers hold, while nobody reads.
    let payload = json!(vec![json!({ "type": "dag", "dag_id": "x".repeat(250) }); 40]).to_string();
    for _ in 0..6_000 {
        server.queue.publish(&Signal::Event { tenant: server.tenant, payload: payload.clone() }).await.unwrap();
        tokio::task::consume_budget().await;
    }
    let mut text = String::new();
    let read = async {
        while !text.contains("event: resync") {
            text = text.split_off(text.len().saturating_sub(20));
            text.push_str(&String::from_utf8_lossy(&bytes.next().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("a resync in time");
}

#[tokio::test]
async fn a_web_socket_serves_as_well_but_not_for_another_origin() {
    let server = Server::start().await;
    let login = json!({ "username": "admin", "password": crate::harness::PASSWORD });
    let token = server.post("/api/v1/auth/login", "", login).await.ok(200)["refresh_token"].as_str().unwrap().to_owned();
    let upgrade = |origin: &str| {
        let request = server.request("GET", "/api/v1/events/ws").header("cookie", format!("cofferdam_session={token}"));
        request
            .header("origin", origin)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    server.send(upgrade("https://evil.test")).await.problem(403, "cross_site_request");
    let accepted = upgrade(&server.address).send().await.unwrap();
    assert_eq!(accepted.status(), 101);
    // Each frame is short enough for a header of two bytes: text, length.
    let mut socket = accepted.upgrade().await.unwrap();
    let mut frame = async || {
        let mut header = [0; 2];
        socket.read_exact(&mut header).await.unwrap();
        let mut text = vec![0; usize::from(header[1])];
        socket.read_exact(&mut text).await.unwrap();
        (header[0], String::from_utf8(text).unwrap())
    };
    let mut text = async || loop {
        if let (0x81, text) = frame().await {
            return text;
        }
    };
    assert_eq!(text().await, r#"{"kind":"ready"}"#);
    let payload = json!([{ "type": "dag", "dag_id": "demo" }]).to_string();
    server.queue.publish(&Signal::Event { tenant: server.tenant, payload }).await.unwrap();
    assert_eq!(text().await, r#"{"kind":"changes","events":[{"type":"dag","dag_id":"demo"}]}"#);

    let key = server.key(server.tenant, Role::Viewer).await;
    server.get("/api/v1/events/ws", &key).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn open_streams_do_not_keep_the_server_from_stopping() {
    let mut server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let run = server.demo_run(&key).await;
    let mut events = server.client(&key).events();
    assert_eq!(next(&mut events).await, StreamMessage::Ready);
    let path = format!("/api/v1/dags/demo/dagRuns/{}/taskInstances/first/logs/1?follow=true", run.as_str().replace('+', "%2B"));
    let log = server.request("GET", &path).bearer_auth(&key).send().await.unwrap();
    assert_eq!(log.status(), 200);
    server.stop.cancel();
    // The client tries again, and must not find an open door.
    drop(events);
    tokio::time::timeout(Duration::from_secs(20), &mut server.serving).await.expect("the server stops").unwrap().unwrap();
    assert_eq!(log.text().await.unwrap(), "");
}
