use super::BundlePath;
use crate::App;
use crate::bundles::stored;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BundleFile, BundleFileCollection, BundleFileListQuery};
use cofferdam_store::bundles::{self, FileFilter};
use std::sync::Arc;

/// The files of a bundle, by path, with their dags and what is wrong with them.
#[utoipa::path(
    get,
    path = "/api/v1/bundles/{bundle_name}/files",
    tag = "bundles",
    operation_id = "list_bundle_files",
    params(("bundle_name" = String, Path, description = "The bundle."), BundleFileListQuery),
    responses((status = 200, body = BundleFileCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<BundlePath>,
    QueryParams(query): QueryParams<BundleFileListQuery>,
) -> Result<Json<BundleFileCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let bundle = bundles::get(&mut tx, &path.bundle_name).await?;
    let broken = query.only_broken.unwrap_or_default();
    let listed =
        bundles::files(&mut tx, FileFilter { bundle: Some(&bundle.name), broken, ..FileFilter::default() }, page).await?;
    let file = |file: bundles::BundleFile| {
        Ok::<_, ApiError>(BundleFile {
            path: file.path,
            hash: file.content_hash,
            changed_at: file.changed_at,
            dags: file.dags,
            import_error_id: file.problems.as_ref().map(|_| file.id),
            diagnostics: stored(file.problems)?,
        })
    };
    let files = listed.items.into_iter().map(file).collect::<Result<_, _>>()?;
    Ok(Json(BundleFileCollection { files, total_entries: listed.total }))
}
