//! Runs of dags: triggered, listed, cancelled.

mod callbacks;
mod cancel;
mod clear;
mod delete;
pub(super) mod get;
pub(super) mod list;
mod mark;
pub(crate) mod note;
pub(super) mod trigger;

use super::words::{reason, run_state, run_type};
use crate::App;
use chrono::{DateTime, Utc};
use cofferdam_api_types::DagRun;
use cofferdam_domain::run::RunType;
use cofferdam_ids::{DagId, DagRunId};
use cofferdam_store::runs;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(trigger::handler, list::handler))
        .routes(routes!(get::handler, mark::handler, delete::handler))
        .routes(routes!(callbacks::list))
        .routes(routes!(callbacks::deadlines))
        .routes(routes!(cancel::handler))
        .routes(routes!(clear::handler))
        .routes(routes!(note::handler))
}

/// Whether it is only to be told what would be touched.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DryRunQuery {
    /// With `true` nothing changes, and the answer is the task instances that would be touched.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
pub(crate) struct RunPath {
    pub dag_id: DagId,
    pub dag_run_id: DagRunId,
}

pub(super) fn wire(run: runs::Run) -> DagRun {
    DagRun {
        execution_date: run.logical_date,
        external_trigger: matches!(run.run_type, RunType::Manual),
        last_scheduling_decision: Some(run.ended_at.or(run.started_at).unwrap_or(run.queued_at)),
        dag_id: run.dag_id,
        dag_run_id: run.dag_run_id,
        run_type: run_type(run.run_type),
        state: run_state(run.state),
        reason: run.reason.map(reason),
        logical_date: run.logical_date,
        data_interval_start: run.data_interval_start,
        data_interval_end: run.data_interval_end,
        conf: run.conf,
        note: run.note,
        version_number: run.version_number,
        queued_at: run.queued_at,
        start_date: run.started_at,
        end_date: run.ended_at,
        duration: duration_s(run.started_at, run.ended_at),
        cancel_requested: run.cancel_requested_at.is_some(),
    }
}

/// Seconds from start to end.
pub(super) fn duration_s(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Option<f64> {
    start.zip(end).map(|(start, end)| (end - start).as_seconds_f64())
}
