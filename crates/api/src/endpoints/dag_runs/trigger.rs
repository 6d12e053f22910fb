use super::wire;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Decision, IdempotencyKey, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DagRun, ErrorCode, TriggerDagRun};
use cofferdam_domain::context::Context;
use cofferdam_engine::Trigger;
use cofferdam_ids::DagId;
use cofferdam_store::audit::Action;
use cofferdam_store::runs;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most characters of a note.
const LONGEST_NOTE: usize = 4000;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: DagId,
}

/// Triggers a run. With an `Idempotency-Key`, the same request again returns the run made the first time.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns",
    tag = "dag-runs",
    operation_id = "trigger_dag_run",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat: up to 255 characters.")
    ),
    request_body = TriggerDagRun,
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<Path>,
    key: IdempotencyKey,
    JsonBody(request): JsonBody<TriggerDagRun>,
) -> Result<Json<DagRun>, ApiError> {
    let context = caller.context;
    if request.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let detail = format!("A note has at most {LONGEST_NOTE} characters.");
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/note"));
    }
    let scope = format!("trigger {}", path.dag_id.as_str().chars().take(240).collect::<String>());
    let taken = match key.begin(&app, &context, scope, &(&path.dag_id, &request)).await? {
        Decision::Work(taken) => taken,
        Decision::Replay(body) => return serde_json::from_value(body).map(Json).map_err(ApiError::internal),
    };
    let result = trigger(&app, &context, &path.dag_id, request).await;
    if let Some(taken) = taken {
        taken.finish(&app, &context, &result).await;
    }
    result.map(Json)
}

async fn trigger(app: &App, context: &Context, dag: &DagId, request: TriggerDagRun) -> Result<DagRun, ApiError> {
    let trigger = Trigger {
        dag_run_id: request.dag_run_id,
        logical_date: request.logical_date,
        conf: request.conf.map_or(Value::Null, Value::Object),
        note: request.note,
    };
    let triggered = app.state.engine.trigger(context, dag, trigger).await?;
    let target = format!("{dag}/{}", triggered.dag_run_id);
    let done = Action { action: "dag_run.trigger", target_kind: "dag_run", target: &target };
    audit_after(app, context, done, json!({})).await;
    let mut tx = app.state.store.begin(context).await?;
    Ok(wire(runs::get(&mut tx, dag, &triggered.dag_run_id).await?))
}
