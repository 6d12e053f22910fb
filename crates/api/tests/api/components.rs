use crate::harness::{Server, UPLOAD_BYTES};
use cofferdam_client::api::ComponentUpload;
use cofferdam_domain::context::Role;
use cofferdam_ids::ComponentName;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A component of nothing: the smallest that compiles.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

async fn upload(server: &Server, key: &str, query: &str, body: impl Into<reqwest::Body>) -> crate::harness::Answer {
    let request = server.request("POST", &format!("/api/v1/components?{query}")).bearer_auth(key);
    server.send(request.header("content-type", "application/wasm").body(body)).await
}

#[tokio::test]
async fn an_upload_is_inspected_compiled_and_kept() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let made = upload(&server, &key, "name=tests/empty&label=v1", EMPTY).await.ok(201);
    assert_eq!(made["name"], "tests/empty");
    assert_eq!((&made["kind"], &made["size_bytes"], &made["label"]), (&json!("library"), &json!(8), &json!("v1")));
    assert_eq!((&made["created"], &made["version_number"]), (&json!(true), &json!(1)));
    assert!(made["compile_ms"].is_u64(), "{made}");
    let digest = cofferdam_objects::digest_of(EMPTY);
    assert_eq!(made["digest"], digest.as_str());
    // It can be run: its code is stored.
    assert!(server.objects.get_compiled(&digest, "test").await.unwrap().is_some());
    assert_eq!(server.objects.get_component(server.tenant, &digest).await.unwrap(), EMPTY);

    let again = upload(&server, &key, "name=tests/empty", EMPTY).await.ok(200);
    assert_eq!((&again["created"], &again["label"]), (&json!(false), &json!("v1")));
    assert!(again.get("compile_ms").is_none(), "{again}");

    let listed = server.get("/api/v1/components", &key).await.ok(200);
    assert_eq!(listed["total_entries"], 1);
    assert_eq!(listed["components"][0]["version_count"], 1);
    let path = format!("/api/v1/components/tests%2Fempty/versions/{digest}");
    let inspected = server.get(&path, &key).await.ok(200);
    assert!(inspected["wit"].as_str().unwrap().contains("world root"), "{inspected}");
    let audited = server.audited().await;
    assert!(audited.iter().any(|entry| entry.contains("component.upload tests/empty@")), "{audited:?}");
}

#[tokio::test]
async fn a_form_serves_as_well() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let form =
        |field: &'static str, bytes: Vec<u8>| Form::new().text("note", "x").part(field, Part::bytes(bytes).file_name("a.wasm"));
    let send = |form: Form| server.send(server.request("POST", "/api/v1/components?name=a").bearer_auth(&key).multipart(form));
    send(form("file", EMPTY.to_vec())).await.ok(201);
    send(form("other", EMPTY.to_vec())).await.problem(400, "malformed_body");
    send(form("file", vec![0; UPLOAD_BYTES as usize + 1])).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn what_is_no_component_is_named() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    for (bytes, code, says) in [
        (&b"#!/bin/sh\n"[..], "not_wasm", "it is text"),
        (b"", "not_wasm", "it is empty"),
        (b"\0asm\x01\0\0\0", "core_module", "wasm32-wasip2"),
        (b"\0asm\x0d\0\x01\0\x01\x80", "component_truncated", "send it again"),
        (b"\0asm\x0d\0\x01\0\x63\x01\0", "component_invalid", "not valid"),
    ] {
        let problem = upload(&server, &key, "name=a", bytes).await.problem(422, code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    assert_eq!(server.get("/api/v1/components", &key).await.ok(200)["total_entries"], 0);
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_cut_off() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    upload(&server, &key, "name=a", vec![0; UPLOAD_BYTES as usize + 1]).await.problem(413, "payload_too_large");
    // Without a length that could be believed.
    let chunks = (0..=UPLOAD_BYTES / 1024).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1024]));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    upload(&server, &key, "name=a", body).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn parameters_are_checked() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    for query in ["", "name=Bad%20Name", "name=a&label=", "name=a&colour=red"] {
        upload(&server, &key, query, EMPTY).await.problem(400, "invalid_parameter");
    }
    let json = server.request("POST", "/api/v1/components?name=a").bearer_auth(&key).json(&json!({}));
    server.send(json).await.problem(415, "unsupported_media_type");
    server.get("/api/v1/components?limit=0", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/components?limit=1001", &key).await.problem(400, "invalid_parameter");
    server.get("/api/v1/components/nothing", &key).await.problem(404, "not_found");

    upload(&server, &key, "name=a&label=v1", EMPTY).await.ok(201);
    upload(&server, &key, "name=a&label=v2", EMPTY).await.problem(409, "conflict");
}

#[tokio::test]
async fn the_client_tells_how_far_an_upload_is() {
    let server = Server::start().await;
    let client = server.client(&server.key(server.tenant, Role::Editor).await);
    let sent = Arc::new(AtomicU64::new(0));
    let progress = {
        let sent = sent.clone();
        move |bytes| sent.store(bytes, Ordering::SeqCst)
    };
    let name = ComponentName::new("tests/empty").unwrap();
    let upload = ComponentUpload { name: name.clone(), label: None, approve: false };
    let version = client.upload_component(&upload, EMPTY.into(), progress).await.unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 8);
    assert_eq!(client.get_component(&name).await.unwrap().versions.len(), 1);
    assert_eq!(client.inspect_component(&name, &version.digest).await.unwrap().functions, []);
}
