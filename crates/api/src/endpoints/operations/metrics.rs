use crate::state::OperationsState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_domain::dead_letter::DeadLetterKind;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_store::{Store, StoreError, stats};
use http::{HeaderValue, header};
use metrics::gauge;
use std::time::Duration;

/// How long database and queue may take; figures that are not there in time keep their last value.
const PATIENCE: Duration = Duration::from_secs(2);

/// The metrics of this process, in the text format of Prometheus. Queue and pool figures are taken at this moment.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    operation_id = "metrics",
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(crate) async fn handler(State(state): State<OperationsState>) -> Response {
    if tokio::time::timeout(PATIENCE, refresh(&state)).await.is_err() {
        tracing::warn!("the figures were not there in time");
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], state.metrics.render()).into_response()
}

async fn refresh(state: &OperationsState) {
    if let Err(error) = count_states(&state.figures).await {
        tracing::warn!("states could not be counted: {}", crate::error::chain(&error));
    }
    let pool = state.store.status();
    gauge!("cofferdam_database_connections", "state" => "idle").set(pool.idle);
    gauge!("cofferdam_database_connections", "state" => "used").set(pool.open.saturating_sub(pool.idle));
    gauge!("cofferdam_database_connections_max").set(pool.max);
    let (depth, workers) = tokio::join!(state.queue.depth(), state.queue.workers());
    if let Ok(depth) = depth {
        gauge!("cofferdam_queue_messages", "state" => "ready").set(depth.ready as f64);
        gauge!("cofferdam_queue_messages", "state" => "delayed").set(depth.delayed as f64);
        gauge!("cofferdam_queue_messages", "state" => "leased").set(depth.leased as f64);
        let age = depth.oldest.map_or(0.0, |oldest| (state.clock.now() - oldest).as_seconds_f64().max(0.0));
        gauge!("cofferdam_queue_oldest_seconds").set(age);
    }
    if let Ok(workers) = workers {
        gauge!("cofferdam_workers", "state" => "working").set(workers.iter().filter(|worker| !worker.draining).count() as f64);
        gauge!("cofferdam_workers", "state" => "draining").set(workers.iter().filter(|worker| worker.draining).count() as f64);
        gauge!("cofferdam_worker_slots").set(workers.iter().map(|worker| f64::from(worker.slots)).sum::<f64>());
        gauge!("cofferdam_worker_slots_busy").set(workers.iter().map(|worker| f64::from(worker.busy)).sum::<f64>());
    }
}

/// Counts what something will happen to, of every tenant.
async fn count_states(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin_across_tenants("metrics").await?;
    let (tasks, runs) = (stats::active_tasks(&mut tx).await?, stats::active_runs(&mut tx).await?);
    let letters = stats::open_letters(&mut tx).await?;
    tx.rollback().await?;
    for kind in DeadLetterKind::ALL {
        let count = letters.iter().find(|(counted, _)| counted == kind).map_or(0, |(_, count)| *count);
        gauge!("cofferdam_dead_letters_open", "kind" => kind.as_str()).set(count as f64);
    }
    // States that are not in the answer count nought.
    for state in TaskStateName::ALL.iter().filter(|state| !state.is_finished()) {
        let count = tasks.iter().find(|(counted, _)| counted == state).map_or(0, |(_, count)| *count);
        gauge!("cofferdam_task_instances", "state" => state.as_str()).set(count as f64);
    }
    for state in RunStateName::ALL.iter().filter(|state| !state.is_finished()) {
        let count = runs.iter().find(|(counted, _)| counted == state).map_or(0, |(_, count)| *count);
        gauge!("cofferdam_dag_runs", "state" => state.as_str()).set(count as f64);
    }
    Ok(())
}
