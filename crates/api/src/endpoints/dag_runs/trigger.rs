use super::wire;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
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
    params(("dag_id" = String, Path, description = "The dag.")),
    request_body = TriggerDagRun,
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<Path>,
    JsonBody(request): JsonBody<TriggerDagRun>,
) -> Result<Json<DagRun>, ApiError> {
    let context = caller.context;
    if request.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let detail = format!("A note has at most {LONGEST_NOTE} characters.");
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/note"));
    }
    trigger(&app, &context, &path.dag_id, request).await.map(Json)
}

async fn trigger(app: &App, context: &Context, dag: &DagId, request: TriggerDagRun) -> Result<DagRun, ApiError> {
    let interval = match (request.data_interval_start, request.data_interval_end) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        (given, _) => {
            let missing = if given.is_some() { "/data_interval_end" } else { "/data_interval_start" };
            let detail = "An interval of data has a start and an end: give both or none.";
            return Err(ApiError::new(ErrorCode::InvalidBody, detail).at(missing));
        }
    };
    let trigger = Trigger {
        interval,
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
