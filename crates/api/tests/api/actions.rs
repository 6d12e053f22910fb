//! Clearing, marking, running one task, notes.

use crate::harness::{Server, now, task};
use chrono::TimeDelta;
use cofferdam_client::api::{
    ClearTaskInstances, DagRunState, ErrorCode, MarkedRunState, MarkedState, TaskState, UpdateTaskInstancesState,
};
use cofferdam_client::{Client, ClientError};
use cofferdam_domain::context::Role;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

fn demo() -> DagId {
    DagId::new("demo").unwrap()
}

/// Ends the only try that waits: well, or for good.
async fn end(server: &Server, expected: &str, well: bool) {
    let (job, lease) = server.claim().await.remove(0);
    assert_eq!(job.context.task_id.as_str(), expected);
    server.clock.advance(TimeDelta::seconds(1));
    let ending = if well { Ending::Success { output: "1".to_owned() } } else { Ending::failure(Reason::Fatal, "broken") };
    server.report(lease, ending, XComValue::Inline("1".to_owned())).await;
}

async fn states(client: &Client, run: &DagRunId) -> (DagRunState, Vec<TaskState>) {
    let tasks = client.list_task_instances(&demo(), run).await.unwrap().task_instances;
    (client.get_dag_run(&demo(), run).await.unwrap().state, tasks.iter().map(|task| task.state).collect())
}

fn clear(run: &DagRunId) -> ClearTaskInstances {
    ClearTaskInstances { dry_run: false, dag_run_id: Some(run.clone()), only_failed: false, ..ClearTaskInstances::default() }
}

fn mark(run: &DagRunId, task: &str, new_state: MarkedState) -> UpdateTaskInstancesState {
    UpdateTaskInstancesState {
        dry_run: false,
        task_id: TaskId::new(task).unwrap(),
        map_index: None,
        dag_run_id: Some(run.clone()),
        execution_date: None,
        include_upstream: false,
        include_downstream: false,
        include_future: false,
        include_past: false,
        new_state,
    }
}

struct Scene {
    server: Server,
    client: Client,
    key: String,
    run: DagRunId,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    let run = server.demo_run(&key).await;
    Scene { client: server.client(&key), server, key, run }
}

#[tokio::test]
async fn a_failed_task_is_cleared_with_what_waits_for_it() {
    let Scene { server, client, run, .. } = scene().await;
    end(&server, "first", false).await;
    assert_eq!(states(&client, &run).await, (DagRunState::Failed, vec![TaskState::Failed, TaskState::UpstreamFailed]));
    // Airflow's defaults: only what failed, and only said.
    let said = client.clear_task_instances(&demo(), &ClearTaskInstances::default()).await.unwrap();
    let said: Vec<_> = said.task_instances.iter().map(|one| (one.task_id.as_str(), one.state)).collect();
    assert_eq!(said, [("first", TaskState::Failed), ("second", TaskState::UpstreamFailed)]);
    assert_eq!(states(&client, &run).await.0, DagRunState::Failed);

    let request = ClearTaskInstances {
        task_ids: Some(vec![TaskId::new("first").unwrap()]),
        include_downstream: true,
        only_failed: true,
        ..clear(&run)
    };
    assert_eq!(client.clear_task_instances(&demo(), &request).await.unwrap().total_entries, 2);
    assert_eq!(states(&client, &run).await, (DagRunState::Running, vec![TaskState::Queued, TaskState::None]));
    // The same again finds nothing that failed.
    assert_eq!(client.clear_task_instances(&demo(), &request).await.unwrap().total_entries, 0);
    end(&server, "first", true).await;
    end(&server, "second", true).await;
    assert_eq!(states(&client, &run).await, (DagRunState::Success, vec![TaskState::Success; 2]));
    // The tries of the former time are kept, and the numbers go on.
    let tries = client.list_tries(&task(&run, "first")).await.unwrap().tries;
    assert_eq!(tries.iter().map(|one| one.try_number).collect::<Vec<_>>(), [1, 2]);
    let first = client.get_task_instance(&task(&run, "first")).await.unwrap();
    assert_eq!((first.try_number, first.max_tries), (2, 2), "one more than before it was cleared");
    let audited = server.audited().await;
    assert!(audited.iter().any(|entry| entry.ends_with("task_instance.clear demo")), "{audited:?}");
}

#[tokio::test]
async fn clearing_a_task_in_the_middle_leaves_the_others() {
    let Scene { server, client, run, .. } = scene().await;
    end(&server, "first", true).await;
    end(&server, "second", true).await;
    let request = ClearTaskInstances { task_ids: Some(vec![TaskId::new("first").unwrap()]), ..clear(&run) };
    client.clear_task_instances(&demo(), &request).await.unwrap();
    assert_eq!(states(&client, &run).await, (DagRunState::Running, vec![TaskState::Queued, TaskState::Success]));
    let gone = client.get_xcom(&task(&run, "first"), &"return_value".parse().unwrap()).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NotFound), "what it returned before is not taken for new");
    end(&server, "first", true).await;
    assert_eq!(states(&client, &run).await, (DagRunState::Success, vec![TaskState::Success; 2]));
    assert!(server.claim().await.is_empty());
}

#[tokio::test]
async fn a_whole_run_is_cleared_and_a_running_task_starts_anew() {
    let Scene { server, client, run, key } = scene().await;
    let (_, lease) = server.claim().await.remove(0);
    server
        .engine
        .record_started(&[cofferdam_engine::Started {
            lease,
            worker: crate::harness::worker(),
            at: now(&server),
            rendered: None,
        }])
        .await
        .unwrap();
    let path = format!("/api/v1/dags/demo/dagRuns/{}/clear", run.as_str().replace('+', "%2B"));
    let said = server.post(&path, &key, json!({})).await.ok(200);
    assert_eq!((said["total_entries"].clone(), said["task_instances"][0]["state"].clone()), (json!(1), json!("running")));
    assert_eq!(client.clear_dag_run(&demo(), &run).await.unwrap().state, DagRunState::Running);
    assert_eq!(states(&client, &run).await.1[0], TaskState::Restarting);
    // Whatever the stopped try says, it starts anew.
    server.report(lease, Ending::failure(Reason::Cancelled, "stopped"), XComValue::Inline("1".to_owned())).await;
    end(&server, "first", true).await;
    end(&server, "second", true).await;
    assert_eq!(states(&client, &run).await, (DagRunState::Success, vec![TaskState::Success; 2]));
}

#[tokio::test]
async fn runs_before_and_after_are_meant_too() {
    let Scene { server, client, run, .. } = scene().await;
    let mut runs = vec![run];
    for _ in 0..2 {
        server.clock.advance(TimeDelta::seconds(1));
        runs.push(client.trigger(&demo(), &Default::default(), None).await.unwrap().dag_run_id);
    }
    let first = TaskId::new("first").unwrap();
    let meant = |past, future| ClearTaskInstances {
        dry_run: true,
        task_ids: Some(vec![first.clone()]),
        include_past: past,
        include_future: future,
        ..clear(&runs[1])
    };
    for (past, future, expected) in [(false, false, 1), (true, false, 2), (false, true, 2), (true, true, 3)] {
        let said = client.clear_task_instances(&demo(), &meant(past, future)).await.unwrap();
        assert_eq!(said.total_entries, expected, "{past} {future}");
    }
    let marked = UpdateTaskInstancesState { include_past: true, ..mark(&runs[2], "first", MarkedState::Skipped) };
    assert_eq!(client.mark_task_instances(&demo(), &marked).await.unwrap().total_entries, 3);
    for run in &runs {
        assert_eq!(states(&client, run).await, (DagRunState::Success, vec![TaskState::Skipped; 2]));
    }
}

#[tokio::test]
async fn a_mark_decides_how_the_run_goes_on() {
    let Scene { server, client, run, .. } = scene().await;
    end(&server, "first", false).await;
    assert_eq!(client.mark_task_instances(&demo(), &mark(&run, "first", MarkedState::Success)).await.unwrap().total_entries, 1);
    // What was not run because it had failed is run now.
    assert_eq!(states(&client, &run).await, (DagRunState::Running, vec![TaskState::Success, TaskState::Queued]));
    assert_eq!(client.mark_task_instances(&demo(), &mark(&run, "first", MarkedState::Success)).await.unwrap().total_entries, 0);
    end(&server, "second", false).await;
    assert_eq!(states(&client, &run).await, (DagRunState::Failed, vec![TaskState::Success, TaskState::Failed]));
    // A finished run ends differently when its last task is marked.
    client.mark_task_instances(&demo(), &mark(&run, "second", MarkedState::Skipped)).await.unwrap();
    assert_eq!(states(&client, &run).await, (DagRunState::Success, vec![TaskState::Success, TaskState::Skipped]));
}

#[tokio::test]
async fn a_run_is_marked_and_the_mark_taken_back() {
    let Scene { server, client, run, .. } = scene().await;
    let would = client.preview_mark_dag_run(&demo(), &run, MarkedRunState::Failed).await.unwrap();
    let touched: Vec<(&str, TaskState)> = would.task_instances.iter().map(|one| (one.task_id.as_str(), one.state)).collect();
    assert_eq!(touched, [("first", TaskState::Queued), ("second", TaskState::None)]);
    assert_eq!(states(&client, &run).await, (DagRunState::Running, vec![TaskState::Queued, TaskState::None]), "a dry run");
    let failed = client.mark_dag_run(&demo(), &run, MarkedRunState::Failed).await.unwrap();
    assert_eq!(failed.state, DagRunState::Failed);
    assert_eq!(client.preview_mark_dag_run(&demo(), &run, MarkedRunState::Failed).await.unwrap().total_entries, 0);
    assert_eq!(states(&client, &run).await.1, vec![TaskState::Skipped; 2]);
    assert!(server.claim().await.is_empty(), "what waited is withdrawn");
    let by_tasks = client.mark_dag_run(&demo(), &run, MarkedRunState::Queued).await.unwrap();
    assert_eq!((by_tasks.state, by_tasks.reason), (DagRunState::Success, None), "its tasks were skipped");
    let success = client.mark_dag_run(&demo(), &run, MarkedRunState::Success).await.unwrap();
    assert_eq!(success.state, DagRunState::Success);
    assert_eq!(states(&client, &run).await.1, vec![TaskState::Success; 2]);
    client.clear_dag_run(&demo(), &run).await.unwrap();
    end(&server, "first", true).await;
    let refused = client.delete_dag_run(&demo(), &run).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict));
    let refused = client.preview_delete_dag_run(&demo(), &run).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Conflict), "as when it is deleted");
    end(&server, "second", true).await;
    assert_eq!(client.preview_delete_dag_run(&demo(), &run).await.unwrap().total_entries, 2);
    assert_eq!(client.get_dag_run(&demo(), &run).await.unwrap().state, DagRunState::Success, "a dry run");
    client.delete_dag_run(&demo(), &run).await.unwrap();
    let gone = client.get_dag_run(&demo(), &run).await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NotFound));
}

#[tokio::test]
async fn one_task_is_run_by_itself() {
    let Scene { server, client, run, .. } = scene().await;
    let busy = client.run_task(&task(&run, "first"), None).await.unwrap_err();
    assert_eq!(busy.code(), Some(ErrorCode::Conflict));
    // Whatever it waits for.
    assert_eq!(client.run_task(&task(&run, "second"), None).await.unwrap().state, TaskState::Queued);
    let mut waiting: Vec<_> = server.claim().await;
    waiting.sort_by_key(|(job, _)| job.context.task_id.clone());
    for (_, lease) in waiting {
        server.report(lease, Ending::Success { output: "1".to_owned() }, XComValue::Inline("1".to_owned())).await;
    }
    assert_eq!(states(&client, &run).await, (DagRunState::Success, vec![TaskState::Success; 2]));
    client.run_task(&task(&run, "first"), None).await.unwrap();
    assert_eq!(states(&client, &run).await, (DagRunState::Running, vec![TaskState::Queued, TaskState::Success]));
    end(&server, "first", true).await;
    assert_eq!(states(&client, &run).await.0, DagRunState::Success);
}

#[tokio::test]
async fn notes_are_written_and_removed() {
    let Scene { server, client, run, key } = scene().await;
    assert_eq!(client.note_dag_run(&demo(), &run, "looked at").await.unwrap().note.as_deref(), Some("looked at"));
    assert_eq!(client.note_dag_run(&demo(), &run, "").await.unwrap().note, None);
    let noted = client.note_task_instance(&task(&run, "first"), -1, "slow today").await.unwrap();
    assert_eq!(noted.note.as_deref(), Some("slow today"));
    assert_eq!(client.get_task_instance(&task(&run, "first")).await.unwrap().note.as_deref(), Some("slow today"));
    let too_long: ClientError = client.note_dag_run(&demo(), &run, &"x".repeat(4001)).await.unwrap_err();
    assert_eq!(too_long.code(), Some(ErrorCode::InvalidBody));
    let missing = client.note_task_instance(&task(&run, "third"), -1, "n").await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::NotFound));
    let path = format!("/api/v1/dags/demo/dagRuns/{}/taskInstances/first/-1", run.as_str().replace('+', "%2B"));
    assert_eq!(server.get(&path, &key).await.ok(200)["note"], "slow today");
}

#[tokio::test]
async fn a_selection_is_checked() {
    let Scene { server, run, key, .. } = scene().await;
    for (body, pointer) in [
        (json!({ "dag_run_id": run, "start_date": "2026-01-01T00:00:00Z" }), "/dag_run_id"),
        (json!({ "include_past": true }), "/dag_run_id"),
        (json!({ "only_running": true }), "/only_running"),
    ] {
        let problem = server.post("/api/v1/dags/demo/clearTaskInstances", &key, body).await.problem(422, "invalid_body");
        assert_eq!(problem["pointer"], pointer);
    }
    for body in [json!({ "dag_run_id": "nothing" }), json!({ "task_ids": ["nothing"] })] {
        server.post("/api/v1/dags/demo/clearTaskInstances", &key, body).await.problem(404, "not_found");
    }
    server.post("/api/v1/dags/nothing/clearTaskInstances", &key, json!({})).await.problem(404, "not_found");
    let twice = json!({ "task_id": "first", "new_state": "failed", "dag_run_id": run, "execution_date": "2026-01-01T00:00:00Z" });
    server.post("/api/v1/dags/demo/updateTaskInstancesState", &key, twice).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let Scene { server, client, key, run } = scene().await;
    end(&server, "first", true).await;
    end(&server, "second", true).await;
    let send = async |method: &str, path: String, name: &str, body: Value| {
        server.send(server.request(method, &path).bearer_auth(&key).header("idempotency-key", name).json(&body)).await
    };
    let clear = json!({ "dry_run": false, "only_failed": false, "dag_run_id": run, "task_ids": ["second"] });
    let path = "/api/v1/dags/demo/clearTaskInstances".to_owned();
    let first = send("POST", path.clone(), "one", clear.clone()).await.ok(200);
    assert_eq!(first["total_entries"], 1);
    end(&server, "second", true).await;
    assert_eq!(send("POST", path.clone(), "one", clear.clone()).await.ok(200), first, "the answer to the first");
    assert_eq!(states(&client, &run).await.0, DagRunState::Success, "and nothing was done");
    send("POST", path, "one", json!({ "dry_run": false, "dag_run_id": run })).await.problem(409, "idempotency_key_reused");
    // A key of one endpoint is none of another's.
    let path = format!("/api/v1/dags/demo/dagRuns/{run}");
    let marked = send("PATCH", path.clone(), "one", json!({ "state": "failed" })).await.ok(200);
    client.mark_dag_run(&demo(), &run, MarkedRunState::Success).await.unwrap();
    assert_eq!(send("PATCH", path.clone(), "one", json!({ "state": "failed" })).await.ok(200), marked);
    assert_eq!(states(&client, &run).await.0, DagRunState::Success);
    // Without a body, and for what is gone after the first.
    for _ in 0..2 {
        assert_eq!(send("DELETE", path.clone(), "gone", Value::Null).await.status.as_u16(), 204);
    }
    // What was refused can be sent again.
    for _ in 0..2 {
        send("DELETE", path.clone(), "two", Value::Null).await.problem(404, "not_found");
    }
    // Another person's key is another key.
    let other = server.key(server.tenant, Role::Editor).await;
    let request = server.request("DELETE", &path).bearer_auth(&other).header("idempotency-key", "gone").json(&Value::Null);
    server.send(request).await.problem(404, "not_found");
}
