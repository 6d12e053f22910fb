use super::BundlePath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::bundles;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// Forgets a bundle with its files and import errors. Its dags stay, as if they had been applied by themselves. One that a server watches
/// comes back.
#[utoipa::path(
    delete,
    path = "/api/v1/bundles/{bundle_name}",
    tag = "bundles",
    operation_id = "delete_bundle",
    params(("bundle_name" = String, Path, description = "The bundle.")),
    responses((status = 204, description = "It is forgotten."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<BundlePath>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    bundles::delete(&mut tx, &path.bundle_name).await?;
    let done = Action { action: "bundle.delete", target_kind: "bundle", target: path.bundle_name.as_str() };
    audit::append(&mut tx, done, &json!({}), app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
