//! Sources and figures of dags, and what is wrong with them.

use super::super::words;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{
    DagSource, DagStats, DagStatsCollection, DagStatsState, ErrorCode, ImportError, ImportErrorCollection,
};
use cofferdam_ids::{BundleName, DagId};
use cofferdam_store::bundles::{self, FileField, FileFilter};
use cofferdam_store::{dags, runs};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize)]
pub(crate) struct DagPath {
    pub dag_id: DagId,
}

#[derive(Deserialize)]
pub(crate) struct TokenPath {
    file_token: DagId,
}

/// The definition of a dag, as it was applied: in a JSON document, or with `Accept: text/plain` as it is. The `file_token` of a
/// dag is its name.
#[utoipa::path(
    get,
    path = "/api/v1/dagSources/{file_token}",
    tag = "dags",
    operation_id = "get_dag_source",
    params(("file_token" = String, Path, description = "The `file_token` of the dag.")),
    responses((status = 200, content((DagSource = "application/json"), (String = "text/plain"))))
)]
pub(crate) async fn source(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TokenPath>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = dags::get_version(&mut tx, &path.file_token, None).await?;
    let content = serde_json::to_string_pretty(&version.definition).map_err(ApiError::internal)?;
    let plain = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    Ok(if plain {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], content).into_response()
    } else {
        Json(DagSource { content, origin: version.origin.map(words::origin) }).into_response()
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    /// Names of dags, separated by commas; all when left out.
    dag_ids: Option<String>,
}

/// How many runs of dags are in each state.
#[utoipa::path(
    get,
    path = "/api/v1/dagStats",
    tag = "dags",
    operation_id = "get_dag_stats",
    params(StatsQuery),
    responses((status = 200, body = DagStatsCollection))
)]
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<StatsQuery>,
) -> Result<Json<DagStatsCollection>, ApiError> {
    let names = query.dag_ids.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let wanted = names
        .map(|name| DagId::new(name).map_err(|error| ApiError::new(ErrorCode::InvalidParameter, crate::error::sentence(&error))));
    let wanted: Vec<DagId> = wanted.collect::<Result<_, _>>()?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let mut dags: Vec<DagStats> = Vec::new();
    for (dag_id, state, count) in runs::count_by_state(&mut tx, &wanted).await? {
        if dags.last().is_none_or(|last| last.dag_id != dag_id) {
            let stats = cofferdam_domain::run::RunStateName::ALL.iter();
            let stats = stats.map(|state| DagStatsState { state: state.to_string(), count: 0 }).collect();
            dags.push(DagStats { dag_id, stats });
        }
        let entries = dags.last_mut().into_iter().flat_map(|last| &mut last.stats);
        entries.filter(|entry| state.is_some_and(|state| entry.state == state.as_str())).for_each(|entry| entry.count = count);
    }
    Ok(Json(DagStatsCollection { total_entries: dags.len() as u64, dags }))
}

const ERROR_FIELDS: [(&str, FileField); 3] =
    [("import_error_id", FileField::Number), ("timestamp", FileField::Changed), ("filename", FileField::Path)];

/// Files of bundles with something wrong, as Airflow tells it; `diagnostics` has each with its place in the file.
#[utoipa::path(
    get,
    path = "/api/v1/importErrors",
    tag = "dags",
    operation_id = "get_import_errors",
    params(ImportErrorQuery),
    responses((status = 200, body = ImportErrorCollection))
)]
pub(crate) async fn import_errors(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<ImportErrorQuery>,
) -> Result<Json<ImportErrorCollection>, ApiError> {
    let order = order(query.order_by.as_deref(), &ERROR_FIELDS)?;
    let page = page(query.limit, query.offset)?;
    let filter = FileFilter { broken: true, order, bundle: query.bundle_name.as_ref(), ..FileFilter::default() };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = bundles::files(&mut tx, filter, page).await?;
    let import_errors = listed.items.into_iter().map(import_error_of).collect::<Result<_, _>>()?;
    Ok(Json(ImportErrorCollection { import_errors, total_entries: listed.total }))
}

/// What is wrong with a file of a bundle.
#[utoipa::path(
    get,
    path = "/api/v1/importErrors/{import_error_id}",
    tag = "dags",
    operation_id = "get_import_error",
    params(("import_error_id" = i64, Path, description = "The number of the import error.")),
    responses((status = 200, body = ImportError))
)]
pub(crate) async fn import_error(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<ImportErrorPath>,
) -> Result<Json<ImportError>, ApiError> {
    let filter = FileFilter { broken: true, id: Some(path.import_error_id), ..FileFilter::default() };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let found = bundles::files(&mut tx, filter, cofferdam_store::Page::first(1)).await?.items.pop();
    let found = found.ok_or_else(|| ApiError::not_found(format!("The import error {}", path.import_error_id)))?;
    import_error_of(found).map(Json)
}

#[derive(Deserialize)]
pub(crate) struct ImportErrorPath {
    import_error_id: i64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ImportErrorQuery {
    /// The most to answer with, from 1 to 1000.
    limit: u32,
    /// How many to pass over.
    offset: u32,
    /// `import_error_id` (the default), `timestamp` or `filename`, with `-` before it for the other direction.
    order_by: Option<String>,
    /// Only those of this bundle.
    #[param(value_type = Option<String>)]
    bundle_name: Option<BundleName>,
}

impl Default for ImportErrorQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, order_by: None, bundle_name: None }
    }
}

fn import_error_of(file: bundles::BundleFile) -> Result<ImportError, ApiError> {
    let diagnostics = crate::bundles::stored(file.problems)?;
    Ok(ImportError {
        import_error_id: file.id,
        timestamp: file.changed_at,
        stack_trace: crate::bundles::in_words(&file.path, &diagnostics),
        filename: file.path,
        bundle_name: Some(file.bundle),
        diagnostics,
    })
}

/// By what Airflow lets warnings be ordered.
const WARNING_FIELDS: [(&str, ()); 4] = [("timestamp", ()), ("dag_id", ()), ("warning_type", ()), ("message", ())];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarningQuery {
    /// Only about this dag.
    #[serde(rename = "dag_id")]
    _dag_id: Option<String>,
    /// Only of this kind.
    #[serde(rename = "warning_type")]
    _warning_type: Option<String>,
    /// The most to answer with, from 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// `timestamp` (the default), `dag_id`, `warning_type` or `message`, with `-` before it for the other direction.
    order_by: Option<String>,
}

/// Warnings about dags, such as that a pool is missing: none, since such a dag is not applied. (The list has the name that Airflow
/// gives it.)
#[utoipa::path(
    get,
    path = "/api/v1/dagWarnings",
    tag = "dags",
    operation_id = "get_dag_warnings",
    params(WarningQuery),
    responses((status = 200, body = ImportErrorCollection))
)]
pub(crate) async fn warnings(
    _: State<Arc<App>>,
    _: Caller<Viewer>,
    QueryParams(query): QueryParams<WarningQuery>,
) -> Result<Json<ImportErrorCollection>, ApiError> {
    page(query.limit.unwrap_or(100), query.offset.unwrap_or(0))?;
    order(query.order_by.as_deref(), &WARNING_FIELDS)?;
    Ok(Json(ImportErrorCollection { import_errors: Vec::new(), total_entries: 0 }))
}
