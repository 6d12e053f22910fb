use axum::Json;
use cofferdam_api_types::{Health, HealthStatus};

/// Whether the process answers.
#[utoipa::path(get, path = "/health/live", tag = "operations", operation_id = "health_live", responses((status = 200, body = Health)))]
pub(crate) async fn handler() -> Json<Health> {
    Json(Health { status: HealthStatus::Healthy })
}
