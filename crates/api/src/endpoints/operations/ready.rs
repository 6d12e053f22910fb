use crate::error::ApiError;
use crate::state::OperationsState;
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, Health, HealthStatus};
use std::time::Duration;

/// How long the parts may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the process can work: its database and its queue answer.
#[utoipa::path(get, path = "/health/ready", tag = "operations", operation_id = "health_ready", responses((status = 200, body = Health)))]
pub(crate) async fn handler(State(state): State<OperationsState>) -> Result<Json<Health>, ApiError> {
    let asked = async {
        let (store, queue) = tokio::join!(state.store.ping(), state.queue.ping());
        store?;
        queue?;
        Ok::<_, ApiError>(())
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| ApiError::new(ErrorCode::Unavailable, "The database or the queue does not answer in time."))??;
    Ok(Json(Health { status: HealthStatus::Healthy }))
}
