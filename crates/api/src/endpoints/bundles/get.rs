use super::{BundlePath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BundleDag, BundleDetail};
use cofferdam_store::bundles;
use std::sync::Arc;

/// A bundle, with its dags.
#[utoipa::path(
    get,
    path = "/api/v1/bundles/{bundle_name}",
    tag = "bundles",
    operation_id = "get_bundle",
    params(("bundle_name" = String, Path, description = "The bundle.")),
    responses((status = 200, body = BundleDetail))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<BundlePath>,
) -> Result<Json<BundleDetail>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let bundle = bundles::get(&mut tx, &path.bundle_name).await?;
    let dags = bundles::dags(&mut tx, bundle.id).await?.into_iter();
    let bundle_dags = dags.map(|dag| BundleDag { dag_id: dag.dag_id, path: dag.path, stale_since: dag.stale_since });
    Ok(Json(BundleDetail { bundle: wire(bundle), bundle_dags: bundle_dags.collect() }))
}
