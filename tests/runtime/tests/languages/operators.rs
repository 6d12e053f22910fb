//! The operators under `std/`, against a server of this process.

use crate::site::Site;
use cofferdam_api_types::{ComponentUpload, DagRunState as RunState, ErrorCode};
use cofferdam_client::ClientError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers `/echo` with what it was sent, `/busy` with 503, `/gone` with 410, and `/state` with `open`, and from the third time on with
/// `done`.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                let mut received = Vec::new();
                let mut piece = [0; 4096];
                let request = loop {
                    let count = stream.read(&mut piece).await.unwrap_or(0);
                    received.extend_from_slice(&piece[..count]);
                    let text = String::from_utf8_lossy(&received).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length =
                            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                        if body.len() >= length.unwrap_or(0) {
                            break text;
                        }
                    }
                    if count == 0 {
                        break text;
                    }
                };
                let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
                let line = head.lines().next().unwrap_or_default().to_owned();
                let (status, answer) = match line.split(' ').nth(1).unwrap_or_default() {
                    "/state" if asked.fetch_add(1, Ordering::SeqCst) < 2 => (200, json!({ "state": "open" })),
                    "/state" => (200, json!({ "state": "done", "rows": 3 })),
                    "/busy" => (503, json!("later")),
                    "/gone" => (410, json!("never again")),
                    _ => (200, json!({ "line": line, "head": head.to_lowercase(), "body": body })),
                };
                let answer = answer.to_string();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", answer.len());
                drop(stream.write_all(format!("{head}connection: close\r\n\r\n{answer}").as_bytes()).await);
            });
        }
    });
    port
}

fn grant(port: u16) -> Value {
    json!({ "http": [{ "host": "127.0.0.1", "port": port, "scheme": "http", "methods": ["GET", "POST"] }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_sensors() {
    let (site, port) = (Site::get().await, server().await);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let task = |id: &str, component: &str, input: Value| json!({ "task_id": id, "component": component, "input": input, "grant": grant(port) });
    let python = "from cofferdam import http\n\ndef main(url):\n    answer = http.post(url, json={'ü': 1}, headers={'X-A': 'b'}, timeout=10)\n    \
                  return [answer.status, answer.json()['line'], answer.json()['body'], 'x-a: b' in answer.json()['head']]\n";
    let javascript = "function main(url) {\n  const answer = cofferdam.http.request('POST', url, { json: { 'ü': 1 }, headers: { 'X-A': 'b' }, timeout: 10000 });\n  \
                      const body = answer.json();\n  return [answer.status, body.line, body.body, body.head.includes('x-a: b')];\n}\n";
    let script = |id: &str, language: &str, source: &str| json!({ "task_id": id, "script": { "language": language, "source": source }, "input": url("/echo?q=1"), "grant": grant(port) });
    let run = site
        .run(json!({ "dag_id": "http_operators", "tasks": [
            task("get", "std/http-request", json!({ "url": url("/echo"), "headers": { "x-token": "t" } })),
            task("post", "std/http-request", json!({ "url": url("/echo"), "body": { "a": [1] } })),
            task("busy", "std/http-request", json!({ "url": url("/busy") })),
            task("gone", "std/http-request", json!({ "url": url("/gone") })),
            task("accepted", "std/http-request", json!({ "url": url("/gone"), "accept": [410] })),
            json!({ "task_id": "refused", "component": "std/http-request", "input": { "url": url("/echo"), "text": "x" } }),
            json!({ "task_id": "js_refused", "script": { "language": "javascript", "source": javascript }, "input": url("/echo") }),
            json!({ "task_id": "py_refused", "script": { "language": "python", "source": python }, "input": url("/echo") }),
            task("sensor", "std/http-sensor", json!({
                "url": url("/state"), "at": "/state", "condition": { "equals": "done" }, "every_ms": 50,
            })),
            script("py", "python", python),
            script("js", "javascript", javascript),
        ]}))
        .await;
    assert_eq!(run.state(), RunState::Failed, "three of them fail");
    let got = run.result("get").await;
    assert_eq!((&got["status"], &got["body"]["line"]), (&json!(200), &json!("GET /echo HTTP/1.1")));
    assert!(got["body"]["head"].as_str().unwrap().contains("x-token: t"), "{got}");
    assert_eq!(got["headers"]["content-type"], "application/json");
    let posted = run.result("post").await;
    assert_eq!((&posted["body"]["line"], &posted["body"]["body"]), (&json!("POST /echo HTTP/1.1"), &json!("{\"a\":[1]}")));
    assert_eq!(run.result("accepted").await["body"], "never again");
    let (_, reason, message) = run.ending("busy").await;
    assert!(reason == "guest_error" && message.contains("503"), "{reason} {message}");
    let (_, reason, message) = run.ending("gone").await;
    assert!(reason == "fatal" && message.contains("410"), "{reason} {message}");
    for task in ["refused", "js_refused", "py_refused"] {
        let (state, _, message) = run.ending(task).await;
        assert!(
            state == "failed" && message.to_lowercase().replace([' ', '-'], "").contains("requestdenied"),
            "{task}: {message}"
        );
    }
    assert_eq!(run.result("sensor").await, json!({ "state": "done", "rows": 3 }));
    let expected = json!([200, "POST /echo?q=1 HTTP/1.1", "{\"ü\": 1}", true]);
    assert_eq!(run.result("py").await, expected);
    assert_eq!(run.result("js").await, json!([200, "POST /echo?q=1 HTTP/1.1", "{\"ü\":1}", true]));
}

/// The path of the webhook is the connection's password, and is told to nobody but the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_its_webhook() {
    let (site, port) = (Site::get().await, server().await);
    for (id, path) in [("alerts_on", "hooks/T0/secret"), ("alerts_off", "gone")] {
        let connection = json!({
            "connection_id": id, "conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": path,
        });
        site.client.create_connection(&serde_json::from_value(connection).unwrap()).await.unwrap();
    }
    let mut grant = grant(port);
    grant["connections"] = json!(["alerts_*"]);
    let post = |id: &str, connection: &str| json!({ "task_id": id, "component": "std/slack-webhook", "input": { "connection": connection, "text": "hello" }, "grant": grant });
    let run = site.run(json!({ "dag_id": "messages", "tasks": [post("sent", "alerts_on"), post("gone", "alerts_off")] })).await;
    assert_eq!(run.ending("sent").await.0, "success", "{:?}", run.ending("sent").await);
    let (state, reason, message) = run.ending("gone").await;
    assert_eq!((state.as_str(), reason.as_str()), ("failed", "fatal"));
    assert!(message.starts_with("the webhook answered 410"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_tables_and_waiting() {
    let site = Site::get().await;
    #[expect(clippy::disallowed_methods, reason = "the task itself looks at the computer's clock")]
    let soon = (chrono::Utc::now() + chrono::Duration::milliseconds(1500)).to_rfc3339();
    let run = site
        .run(json!({ "dag_id": "plain_operators", "tasks": [
            { "task_id": "csv", "component": "std/csv-to-json", "input": { "text": "city,t\nOslo,3\n\"Rome, IT\",21.5\n" } },
            { "task_id": "warm", "component": "std/json-transform", "input": { "value": { "$from": "csv" }, "steps": [
                { "keep": { "at": "/t", "condition": { "above": 10 } } }, { "each": "/city" },
            ] } },
            { "task_id": "some", "component": "std/branch", "input": { "value": { "$from": "warm" }, "condition": { "contains": "Rome, IT" } } },
            { "task_id": "none", "component": "std/branch", "input": { "value": { "$from": "warm" }, "condition": { "equals": [] } } },
            { "task_id": "after_none", "component": "std/json-transform", "input": { "value": { "$from": "none" }, "steps": ["count"] } },
            { "task_id": "choose", "component": "std/branch", "branch": true, "input": {
                "value": { "$from": "warm" }, "condition": { "contains": "Oslo" }, "then": "cold", "otherwise": ["hot"],
            } },
            { "task_id": "cold", "component": "std/json-transform", "depends_on": ["choose"], "input": { "value": { "a": 1 }, "steps": ["keys"] } },
            { "task_id": "hot", "component": "std/json-transform", "depends_on": ["choose"], "input": { "value": { "b": 1 }, "steps": ["keys"] } },
            { "task_id": "wait", "component": "std/wait-until", "input": { "until": soon } },
            { "task_id": "past", "component": "std/wait-until", "input": { "until": "2020-01-01T00:00:00+01:00" } },
            { "task_id": "unfit", "component": "std/json-transform", "input": { "value": 1, "steps": ["reverse"] } },
            { "task_id": "slack", "component": "std/slack-webhook", "input": { "connection": "alerts", "text": "hello" } },
        ]}))
        .await;
    assert_eq!(run.state(), RunState::Failed);
    assert_eq!(run.result("csv").await, json!([{ "city": "Oslo", "t": 3 }, { "city": "Rome, IT", "t": 21.5 }]));
    assert_eq!(run.result("some").await, json!(["Rome, IT"]));
    assert_eq!(run.ending("none").await.1, "skipped_by_task");
    assert_eq!(run.ending("after_none").await.0, "skipped");
    assert_eq!(run.ending("cold").await.1, "branch_not_chosen");
    assert_eq!(run.result("hot").await, json!(["b"]));
    assert_eq!(run.result("wait").await, json!(soon));
    assert_eq!(run.result("past").await, json!("2020-01-01T00:00:00+01:00"));
    assert_eq!(run.ending("unfit").await.2, "step 1: it needs a list, not a number");
    let (_, _, message) = run.ending("slack").await;
    assert!(message.contains("alerts"), "what is not granted is refused: {message}");
}

/// What a component may be asked for is told by the component itself, whatever language it is written in.
#[tokio::test(flavor = "multi_thread")]
async fn functions_and_their_types_are_documented() {
    let site = Site::get().await;
    let about = async |name: &str| {
        let name = name.parse().unwrap();
        let component = site.client.get_component(&name).await.unwrap();
        let version = site.client.inspect_component(&name, &component.versions[0].digest).await.unwrap();
        serde_json::to_value(version).unwrap()["functions"].clone()
    };
    let in_rust = ["branch", "csv-to-json", "http-request", "http-sensor", "json-transform", "slack-webhook", "wait-until"];
    for name in in_rust.into_iter().chain(["python", "javascript"]) {
        let functions = about(&format!("std/{name}")).await;
        assert_eq!(functions.as_array().map(Vec::len), Some(1), "{functions}");
        assert!(functions[0]["docs"].as_str().is_some_and(|docs| docs.len() > 40), "{functions}");
    }
    // A type of another interface of the package, and its cases.
    let condition = about("std/branch").await[0]["input_schema"]["properties"]["condition"].clone();
    assert_eq!(condition["description"], "What a value must be.");
    assert_eq!(condition["oneOf"][0]["description"], "It is there and not null.");
    for (name, file) in [("documented/python", "py-weather"), ("documented/typescript", "js-weather")] {
        let upload = ComponentUpload { name: name.parse().unwrap(), label: None, approve: false };
        let bytes = cofferdam_test_guests::artefacts::bytes(file);
        site.client.upload_component(&upload, bytes.into(), |_| ()).await.unwrap();
        let functions = about(name).await;
        let summarize = functions.as_array().unwrap().iter().find(|function| function["name"] == "local:weather/tasks#summarize");
        let summarize = summarize.unwrap_or_else(|| panic!("{functions}"));
        assert!(summarize["docs"].as_str().is_some_and(|docs| docs.starts_with("Sums up")), "{summarize}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_uploads_under_std() {
    let site = Site::get().await;
    let upload = ComponentUpload { name: "std/python".parse().unwrap(), label: None, approve: false };
    let bytes = cofferdam_test_guests::artefacts::bytes("trivial");
    let refused = site.client.upload_component(&upload, bytes.into(), |_| ()).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Problem(problem) if problem.code == ErrorCode::InvalidParameter), "{refused}");
}
