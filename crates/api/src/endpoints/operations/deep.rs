use crate::error::chain;
use crate::state::OperationsState;
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{CheckedPart, DeepHealth, HealthStatus, WorkerSummary, WorkerWall};
use cofferdam_queue::{Wall, WorkerBeat};
use http::StatusCode;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How each part does: database, queue, objects, workers. Status 503 when one does not work.
#[utoipa::path(
    get,
    path = "/health/deep",
    tag = "operations",
    operation_id = "health_deep",
    responses((status = 200, body = DeepHealth), (status = 503, body = DeepHealth))
)]
pub(crate) async fn handler(State(state): State<OperationsState>) -> (StatusCode, Json<DeepHealth>) {
    let (database, queue, objects, workers) = tokio::join!(
        check(state.store.ping()),
        check(state.queue.ping()),
        check(state.objects.ping()),
        tokio::time::timeout(PATIENCE, state.queue.workers()),
    );
    let workers: Vec<WorkerSummary> = workers.ok().and_then(Result::ok).unwrap_or_default().into_iter().map(summary).collect();
    let checks =
        BTreeMap::from([("database".to_owned(), database), ("queue".to_owned(), queue), ("objects".to_owned(), objects)]);
    let status = if checks.values().any(|part| part.status == HealthStatus::Unhealthy) {
        HealthStatus::Unhealthy
    } else if workers.iter().all(|worker| worker.draining) {
        // Everything answers, and nobody would run a task.
        HealthStatus::Degraded
    } else {
        HealthStatus::Healthy
    };
    let code = if status == HealthStatus::Unhealthy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(DeepHealth { status, version: env!("CARGO_PKG_VERSION").to_owned(), checks, workers }))
}

async fn check<E: Error>(part: impl Future<Output = Result<(), E>>) -> CheckedPart {
    let started = Instant::now();
    let detail = match tokio::time::timeout(PATIENCE, part).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!("a health check failed: {}", chain(&error));
            Some(error.to_string())
        }
        Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    let status = if detail.is_none() { HealthStatus::Healthy } else { HealthStatus::Unhealthy };
    CheckedPart { status, latency_ms: started.elapsed().as_secs_f64() * 1000.0, detail }
}

fn summary(beat: WorkerBeat) -> WorkerSummary {
    WorkerSummary {
        worker_id: beat.worker,
        name: beat.name,
        queues: beat.queues,
        slots: beat.slots,
        busy: beat.busy,
        started_at: beat.started_at,
        draining: beat.draining,
        walls: beat.walls.into_iter().map(|Wall { name, active, detail }| WorkerWall { name, active, detail }).collect(),
    }
}
