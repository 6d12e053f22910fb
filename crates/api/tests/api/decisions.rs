//! Approvals: what tasks ask people.

use crate::harness::{Server, task};
use cofferdam_client::api::{ApprovalListQuery, ApprovalSelection, ApprovalState, Approve, DagRunState, ErrorCode, Reject};
use cofferdam_client::{Client, ClientError};
use cofferdam_domain::context::Role;
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde_json::json;

fn query(mine: bool) -> ApprovalListQuery {
    ApprovalListQuery { mine: Some(mine), ..ApprovalListQuery::default() }
}

async fn run(server: &Server, key: &str) -> DagRunId {
    // Each run is for a moment of its own.
    server.clock.advance(chrono::TimeDelta::seconds(1));
    let run = server.post("/api/v1/dags/demo/dagRuns", key, json!({})).await.ok(200);
    run["dag_run_id"].as_str().unwrap().parse().unwrap()
}

async fn state(client: &Client, run: &DagRunId) -> DagRunState {
    client.get_dag_run(&DagId::new("demo").unwrap(), run).await.unwrap().state
}

fn code(result: Result<impl std::fmt::Debug, ClientError>) -> Option<ErrorCode> {
    result.unwrap_err().code()
}

/// The example of the documentation: its mistakes would be told when it is applied.
fn example() -> serde_json::Value {
    let page = include_str!("../../../../docs/approvals.md");
    let yaml = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (mut definition, _) = cofferdam_domain::definition::Source::read(yaml).unwrap();
    definition["dag_id"] = json!("demo");
    definition
}

#[tokio::test]
async fn the_example_of_the_documentation_is_approved_and_rejected() {
    let server = Server::start().await;
    let editor = server.key(server.tenant, Role::Editor).await;
    let viewer = server.key(server.tenant, Role::Viewer).await;
    let (client, reader) = (server.client(&editor), server.client(&viewer));
    server.component(server.tenant, "demo/echo").await;
    server.post("/api/v1/dags", &editor, example()).await.ok(201);
    let first = run(&server, &editor).await;
    let ask = task(&first, "ask");

    // Everybody sees it; who is asked may decide.
    let listed = client.list_approvals(&query(true)).await.unwrap();
    assert_eq!((listed.total_entries, listed.approvals[0].may_decide), (1, true));
    assert_eq!(listed.approvals[0].message, "Publish the figures of berlin?");
    assert_eq!(listed.approvals[0].options, ["everywhere", "here"]);
    let seen = reader.list_approvals(&query(false)).await.unwrap();
    assert_eq!((seen.total_entries, seen.approvals[0].may_decide), (1, false));
    assert_eq!(reader.list_approvals(&query(true)).await.unwrap().total_entries, 0);
    let approve =
        |choice: Option<&str>| Approve { choice: choice.map(str::to_owned), note: Some("go".to_owned()), map_index: None };
    assert_eq!(code(reader.approve(&ask, &approve(Some("here"))).await), Some(ErrorCode::NotAsked));
    assert_eq!(code(client.approve(&ask, &approve(None)).await), Some(ErrorCode::InvalidBody));
    assert_eq!(code(client.approve(&ask, &approve(Some("nowhere"))).await), Some(ErrorCode::InvalidBody));

    let decided = client.approve(&ask, &approve(Some("here"))).await.unwrap();
    assert_eq!((decided.state, decided.may_decide), (ApprovalState::Approved, false));
    let decision = decided.decision.unwrap();
    assert_eq!((decision.choice.as_deref(), decision.note.as_deref()), (Some("here"), Some("go")));
    assert_eq!(code(client.reject(&ask, &Reject::default()).await), Some(ErrorCode::Conflict));
    let (job, _) = server.claim().await.remove(0);
    assert_eq!((job.context.task_id.as_str(), &job.input["where"]), ("publish", &json!("here")));

    let second = run(&server, &editor).await;
    let why = Reject { note: Some("not today".to_owned()), map_index: None };
    let rejected = client.reject(&task(&second, "ask"), &why).await.unwrap();
    assert_eq!(rejected.state, ApprovalState::Rejected);
    assert_eq!(state(&client, &second).await, DagRunState::Success, "it is skipped, with what waits for it");
    for (order_by, backwards) in [(None, true), (Some("asked_at"), false), (Some("-asked_at"), true), (Some("dag_id"), true)] {
        let order_by = order_by.map(str::to_owned);
        let all = ApprovalListQuery { state: Some(ApprovalSelection::Settled), order_by, ..ApprovalListQuery::default() };
        let all = reader.list_approvals(&all).await.unwrap();
        let all: Vec<_> = all.approvals.iter().map(|one| (one.dag_run_id.clone(), one.state)).collect();
        let mut expected = [(first.clone(), ApprovalState::Approved), (second.clone(), ApprovalState::Rejected)];
        if backwards {
            expected.reverse();
        }
        assert_eq!(all, expected);
    }
    assert_eq!(reader.get_approval(&ask, -1).await.unwrap().state, ApprovalState::Approved);
    let nothing = task(&first, TaskId::new("publish").unwrap().as_str());
    assert_eq!(code(reader.get_approval(&nothing, -1).await), Some(ErrorCode::NotFound));
    let audited = server.audited().await;
    for action in ["approval.approve", "approval.reject"] {
        assert!(audited.iter().any(|entry| entry.contains(action) && entry.ends_with("/ask")), "{action}: {audited:?}");
    }
}

#[tokio::test]
async fn what_is_marked_or_cleared_is_withdrawn() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let client = server.client(&key);
    server.component(server.tenant, "demo/echo").await;
    server.post("/api/v1/dags", &key, example()).await.ok(201);
    let run = run(&server, &key).await;
    let path = format!("/api/v1/dags/demo/dagRuns/{}/taskInstances/ask", run.as_str().replace('+', "%2B").replace(':', "%3A"));
    server.call("PATCH", &path, &key, Some(&json!({ "dry_run": false, "new_state": "failed" }))).await.ok(200);
    let ask = task(&run, "ask");
    assert_eq!(client.get_approval(&ask, -1).await.unwrap().state, ApprovalState::Withdrawn);
    assert_eq!(client.list_approvals(&query(false)).await.unwrap().total_entries, 0);
    let approve = Approve { choice: Some("here".to_owned()), ..Approve::default() };
    assert_eq!(code(client.approve(&ask, &approve).await), Some(ErrorCode::Conflict));
}
