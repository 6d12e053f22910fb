use super::{forecast, request};
use crate::App;
use crate::endpoints::words::run_state;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DryRunBackfill, DryRunInterval, NewBackfill};
use std::sync::Arc;

/// Tells what a backfill would do and what that likely costs. Makes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/backfills/dry_run",
    tag = "backfills",
    operation_id = "create_backfill_dry_run",
    request_body = NewBackfill,
    responses((status = 200, body = DryRunBackfill))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(new): JsonBody<NewBackfill>,
) -> Result<Json<DryRunBackfill>, ApiError> {
    let plan = app.state.engine.plan_backfill(&caller.context, &request(new)).await?;
    let intervals = plan.intervals.into_iter().map(|(interval, last, runs)| DryRunInterval {
        logical_date: interval.start,
        data_interval_end: interval.end,
        last_run: last.map(run_state),
        runs,
    });
    let backfills: Vec<DryRunInterval> = intervals.collect();
    Ok(Json(DryRunBackfill {
        total_entries: backfills.len() as u64,
        runs: backfills.iter().filter(|interval| interval.runs).count() as u64,
        backfills,
        forecast: plan.forecast.map(forecast),
    }))
}
