use crate::App;
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::VersionInfo;
use std::sync::Arc;

/// The server's version.
#[utoipa::path(get, path = "/api/v1/version", tag = "operations", operation_id = "version", responses((status = 200, body = VersionInfo)))]
pub(crate) async fn handler(State(app): State<Arc<App>>) -> Json<VersionInfo> {
    Json(VersionInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: app.state.compatibility_hash.clone(),
        git_version: None,
    })
}
