//! Backfills: runs of intervals that have passed. Paths and bodies are those of Airflow 3.

mod cancel;
mod create;
mod dry_run;
mod get;
mod list;
mod pause;
mod unpause;

use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use cofferdam_api_types as wire;
use cofferdam_domain::backfill::{BackfillState, Forecast, Reprocess};
use cofferdam_domain::context::Context;
use cofferdam_engine::BackfillRequest;
use cofferdam_ids::BackfillId;
use cofferdam_store::audit::Action;
use cofferdam_store::backfills::{self, Progress};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create::handler, list::handler))
        .routes(routes!(dry_run::handler))
        .routes(routes!(get::handler))
        .routes(routes!(pause::handler))
        .routes(routes!(unpause::handler))
        .routes(routes!(cancel::handler))
}

/// Names a backfill.
#[derive(Deserialize)]
struct BackfillPath {
    backfill_id: BackfillId,
}

fn request(new: wire::NewBackfill) -> BackfillRequest {
    BackfillRequest {
        dag_id: new.dag_id,
        from: new.from_date,
        to: new.to_date,
        backwards: new.run_backwards,
        reprocess: match new.reprocess_behavior {
            wire::ReprocessBehavior::None => Reprocess::None,
            wire::ReprocessBehavior::Failed => Reprocess::Failed,
            wire::ReprocessBehavior::Completed => Reprocess::Completed,
        },
        max_active_runs: new.max_active_runs,
        conf: new.dag_run_conf.map_or(Value::Null, Value::Object),
    }
}

const fn reprocess(behaviour: Reprocess) -> wire::ReprocessBehavior {
    match behaviour {
        Reprocess::None => wire::ReprocessBehavior::None,
        Reprocess::Failed => wire::ReprocessBehavior::Failed,
        Reprocess::Completed => wire::ReprocessBehavior::Completed,
    }
}

const fn state(state: BackfillState) -> wire::BackfillState {
    match state {
        BackfillState::Running => wire::BackfillState::Running,
        BackfillState::Paused => wire::BackfillState::Paused,
        BackfillState::Completed => wire::BackfillState::Completed,
        BackfillState::Cancelled => wire::BackfillState::Cancelled,
    }
}

const fn forecast(forecast: Forecast) -> wire::BackfillForecast {
    let Forecast { learnt_from, fuel, cpu_ms, tries, wall_ms } = forecast;
    wire::BackfillForecast { learnt_from, fuel, cpu_ms, tries, wall_ms }
}

fn wire(backfill: backfills::Backfill) -> wire::Backfill {
    let Progress { total, waiting, left_out, queued, running, success, failed, deleted } = backfill.progress;
    wire::Backfill {
        id: backfill.id,
        dag_id: backfill.dag_id,
        from_date: backfill.from,
        to_date: backfill.to,
        run_backwards: backfill.backwards,
        dag_run_conf: backfill.conf,
        reprocess_behavior: reprocess(backfill.reprocess),
        max_active_runs: backfill.max_active_runs,
        state: state(backfill.state),
        is_paused: backfill.state == BackfillState::Paused,
        progress: wire::BackfillProgress { total, waiting, left_out, queued, running, success, failed, deleted },
        created_at: backfill.created_at,
        updated_at: backfill.updated_at,
        completed_at: backfill.ended_at,
    }
}

/// Notes what was done to a backfill, and shows it.
async fn done(app: &App, context: &Context, action: &'static str, id: BackfillId) -> Result<wire::Backfill, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let backfill = backfills::get(&mut tx, id).await?;
    drop(tx);
    let target = id.to_string();
    audit_after(app, context, Action { action, target_kind: "backfill", target: &target }, json!({ "dag_id": backfill.dag_id }))
        .await;
    Ok(wire(backfill))
}
