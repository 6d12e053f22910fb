//! Assets under Airflow's name for them, datasets: the same rows, in its bodies.

use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::words::run_state;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use cofferdam_api_types::{
    CreateDatasetEvent, Dataset, DatasetCollection, DatasetConsumer, DatasetDagRun, DatasetEvent, DatasetEventCollection,
    DatasetProducer, ErrorCode, QueuedEvent, QueuedEventCollection,
};
use cofferdam_domain::asset::AssetUri;
use cofferdam_domain::run::RunStateName;
use cofferdam_ids::{DagId, DagRunId};
use cofferdam_store::assets::{self, AssetEventField, AssetField, EventFilter, QueuedFilter};
use cofferdam_store::audit::Action;
use cofferdam_store::{Page, StoreError, dags, runs};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::str::FromStr;
use std::sync::Arc;
use utoipa::IntoParams;

const FIELDS: [(&str, AssetField); 4] = [
    ("uri", AssetField::Name),
    ("id", AssetField::Number),
    ("created_at", AssetField::Made),
    ("updated_at", AssetField::Changed),
];

const EVENT_FIELDS: [(&str, AssetEventField); 5] = [
    ("timestamp", AssetEventField::Time),
    ("source_dag_id", AssetEventField::Dag),
    ("source_task_id", AssetEventField::Task),
    ("source_run_id", AssetEventField::Run),
    ("source_map_index", AssetEventField::MapIndex),
];

/// The query of `GET /datasets`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetsQuery {
    /// The most to answer with, from 1 to 1000.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// `uri` (the default), `id`, `created_at` or `updated_at`, with `-` before it for the other direction.
    order_by: Option<String>,
    /// Only those whose name contains this.
    uri_pattern: Option<String>,
    /// Only those that one of these dags produces or waits for, separated by commas.
    dag_ids: Option<String>,
}

/// The query of `GET /datasets/events`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetEventsQuery {
    /// The most to answer with, from 1 to 1000.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// `timestamp` (the default), `source_dag_id`, `source_task_id`, `source_run_id` or `source_map_index`, with `-` before it for the
    /// other direction.
    order_by: Option<String>,
    /// Only those of the dataset of this number.
    dataset_id: Option<i64>,
    /// Only those that a task of this dag produced.
    source_dag_id: Option<String>,
    /// Only those that a task of this name produced.
    source_task_id: Option<String>,
    /// Only those of a run of this name.
    source_run_id: Option<String>,
    /// Only those of this place in a mapped task.
    source_map_index: Option<i32>,
}

/// The query of queued events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueuedQuery {
    /// Only those from before this time.
    before: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
pub(crate) struct UriPath {
    uri: String,
}

#[derive(Deserialize)]
pub(crate) struct DagPath {
    dag_id: DagId,
}

#[derive(Deserialize)]
pub(crate) struct DagUriPath {
    dag_id: DagId,
    uri: String,
}

#[derive(Deserialize)]
pub(crate) struct RunPath {
    dag_id: DagId,
    dag_run_id: DagRunId,
}

fn unknown(uri: &str) -> ApiError {
    ApiError::not_found(format!("The dataset '{uri}'"))
}

/// A name as it was stored.
fn name<T: FromStr>(column: &'static str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| StoreError::corrupt("assets", column, text).into())
}

fn wire(asset: assets::Asset) -> Result<Dataset, ApiError> {
    let at = asset.created_at;
    let consumers = asset.consumers.iter().map(|dag| -> Result<DatasetConsumer, ApiError> {
        Ok(DatasetConsumer { dag_id: name("dag_id", dag)?, created_at: at, updated_at: at })
    });
    let producers = asset.producers.iter().map(|(dag, task)| -> Result<DatasetProducer, ApiError> {
        Ok(DatasetProducer { dag_id: name("dag_id", dag)?, task_id: name("task_id", task)?, created_at: at, updated_at: at })
    });
    Ok(Dataset {
        id: asset.id,
        consuming_dags: consumers.collect::<Result<_, _>>()?,
        producing_tasks: producers.collect::<Result<_, _>>()?,
        uri: asset.uri.into(),
        extra: None,
        created_at: at,
        updated_at: asset.last_event_at.unwrap_or(at),
    })
}

fn wire_event(event: assets::AssetEvent) -> Result<DatasetEvent, ApiError> {
    let made = event.made.iter().map(|(dag, run, state)| -> Result<DatasetDagRun, ApiError> {
        let known = RunStateName::parse(state).ok_or_else(|| StoreError::corrupt("dag_runs", "state", run))?;
        Ok(DatasetDagRun { dag_id: name("dag_id", dag)?, run_id: name("dag_run_id", run)?, state: run_state(known) })
    });
    Ok(DatasetEvent {
        dataset_id: event.asset_id,
        created_dagruns: made.collect::<Result<_, _>>()?,
        dataset_uri: event.uri.into(),
        extra: event.extra.map(|extra| match extra {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        }),
        source_dag_id: event.source_dag_id,
        source_task_id: event.source_task_id,
        source_run_id: event.source_run_id,
        source_map_index: event.source_map_index,
        timestamp: event.at,
    })
}

fn wire_queued(queued: assets::Queued) -> QueuedEvent {
    QueuedEvent { uri: queued.uri.into(), dag_id: queued.dag_id, created_at: queued.since }
}

/// What assets there are.
#[utoipa::path(
    get,
    path = "/api/v1/datasets",
    tag = "assets",
    operation_id = "get_datasets",
    params(DatasetsQuery),
    responses((status = 200, body = DatasetCollection))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<DatasetsQuery>,
) -> Result<Json<DatasetCollection>, ApiError> {
    let page = page(query.limit.unwrap_or(100), query.offset.unwrap_or(0))?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let of_dags = query.dag_ids.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|dag| !dag.is_empty());
    let of_dags: Vec<String> = of_dags.map(str::to_owned).collect();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = assets::search(&mut tx, query.uri_pattern.as_deref(), &of_dags, order, page).await?;
    let datasets = listed.items.into_iter().map(wire).collect::<Result<_, _>>()?;
    Ok(Json(DatasetCollection { datasets, total_entries: listed.total }))
}

/// An asset.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/{uri}",
    tag = "assets",
    operation_id = "get_dataset",
    params(("uri" = String, Path, description = "The dataset, percent-encoded.")),
    responses((status = 200, body = Dataset))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<UriPath>,
) -> Result<Json<Dataset>, ApiError> {
    let uri: AssetUri = path.uri.parse().map_err(|_| unknown(&path.uri))?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    wire(assets::get(&mut tx, &uri).await?).map(Json)
}

/// What has happened to assets.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/events",
    tag = "assets",
    operation_id = "get_dataset_events",
    params(DatasetEventsQuery),
    responses((status = 200, body = DatasetEventCollection))
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<DatasetEventsQuery>,
) -> Result<Json<DatasetEventCollection>, ApiError> {
    let page = page(query.limit.unwrap_or(100), query.offset.unwrap_or(0))?;
    let filter = EventFilter {
        asset_id: query.dataset_id,
        source_dag_id: query.source_dag_id,
        source_task_id: query.source_task_id,
        source_run_id: query.source_run_id,
        source_map_index: query.source_map_index,
        order: order(query.order_by.as_deref(), &EVENT_FIELDS)?,
        ..EventFilter::default()
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    found(assets::events(&mut tx, &filter, page).await?)
}

fn found(listed: cofferdam_store::Listed<assets::AssetEvent>) -> Result<Json<DatasetEventCollection>, ApiError> {
    let dataset_events = listed.items.into_iter().map(wire_event).collect::<Result<_, _>>()?;
    Ok(Json(DatasetEventCollection { dataset_events, total_entries: listed.total }))
}

/// Tells that an asset has changed.
#[utoipa::path(
    post,
    path = "/api/v1/datasets/events",
    tag = "assets",
    operation_id = "create_dataset_event",
    request_body = CreateDatasetEvent,
    responses((status = 200, body = DatasetEvent))
)]
pub(crate) async fn create_event(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(new): JsonBody<CreateDatasetEvent>,
) -> Result<Json<DatasetEvent>, ApiError> {
    let context = caller.context;
    let uri: AssetUri = new.dataset_uri.parse().map_err(|error: cofferdam_domain::asset::AssetError| {
        ApiError::new(ErrorCode::InvalidBody, format!("{error}.")).at("/dataset_uri")
    })?;
    let id = app.state.engine.send_asset_event(&context, &uri, new.extra.map(Value::Object).as_ref()).await?;
    let target: String = uri.as_str().chars().take(600).collect();
    let done = Action { action: "asset.event", target_kind: "asset", target: &target };
    audit_after(&app, &context, done, json!({ "event": id })).await;
    let mut tx = app.state.store.begin(&context).await?;
    let filter = EventFilter { id: Some(id), ..EventFilter::default() };
    let told = assets::events(&mut tx, &filter, Page::first(1)).await?.items.pop();
    wire_event(told.ok_or_else(|| unknown(uri.as_str()))?).map(Json)
}

/// The changes of assets that made a run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamDatasetEvents",
    tag = "assets",
    operation_id = "get_upstream_dataset_events",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = DatasetEventCollection))
)]
pub(crate) async fn upstream(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<DatasetEventCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let filter = EventFilter { made_run: Some(run.key), ..EventFilter::default() };
    // A run is made of at most so many.
    found(assets::events(&mut tx, &filter, Page::first(10_000)).await?)
}

/// The queued events that a path and a query mean.
async fn queued(app: &App, caller: Caller<Viewer>, filter: QueuedFilter) -> Result<Vec<assets::Queued>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    if let Some(dag) = &filter.dag {
        dags::get(&mut tx, dag).await?;
    }
    Ok(assets::queued(&mut tx, &filter).await?)
}

/// Forgets queued events, if there are any.
async fn forget(app: &App, caller: Caller<Operator>, filter: QueuedFilter) -> Result<StatusCode, ApiError> {
    let context = caller.context;
    let mut tx = app.state.store.begin(&context).await?;
    if let Some(dag) = &filter.dag {
        dags::get(&mut tx, dag).await?;
    }
    let forgotten = assets::forget_queued(&mut tx, &filter).await?;
    tx.commit().await?;
    if forgotten == 0 {
        return Ok(StatusCode::NO_CONTENT);
    }
    let target: String = match (&filter.dag, &filter.uri) {
        (Some(dag), _) => dag.to_string(),
        (None, Some(uri)) => uri.as_str().chars().take(600).collect(),
        (None, None) => String::new(),
    };
    let done = Action { action: "asset.forget_queued", target_kind: "asset", target: &target };
    audit_after(app, &context, done, json!({ "count": forgotten })).await;
    Ok(StatusCode::NO_CONTENT)
}

fn collection(queued: Vec<assets::Queued>) -> Json<QueuedEventCollection> {
    let queued_events: Vec<QueuedEvent> = queued.into_iter().map(wire_queued).collect();
    Json(QueuedEventCollection { total_entries: queued_events.len() as u64, queued_events })
}

fn one_uri(text: &str) -> Result<Option<AssetUri>, ApiError> {
    text.parse().map(Some).map_err(|_| unknown(text))
}

/// The changes of assets for which a dag has not run yet.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/datasets/queuedEvent",
    tag = "assets",
    operation_id = "get_dag_dataset_queued_events",
    params(("dag_id" = String, Path, description = "The dag."), QueuedQuery),
    responses((status = 200, body = QueuedEventCollection))
)]
pub(crate) async fn queued_of_dag(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<Json<QueuedEventCollection>, ApiError> {
    let filter = QueuedFilter { dag: Some(path.dag_id), uri: None, before: query.before };
    queued(&app, caller, filter).await.map(collection)
}

/// The change of an asset for which a dag has not run yet.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/datasets/queuedEvent/{uri}",
    tag = "assets",
    operation_id = "get_dag_dataset_queued_event",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("uri" = String, Path, description = "The dataset, percent-encoded."),
        QueuedQuery
    ),
    responses((status = 200, body = QueuedEvent))
)]
pub(crate) async fn queued_of_both(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagUriPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<Json<QueuedEvent>, ApiError> {
    let filter = QueuedFilter { dag: Some(path.dag_id), uri: one_uri(&path.uri)?, before: query.before };
    let found = queued(&app, caller, filter).await?.into_iter().next();
    found.map(|queued| Json(wire_queued(queued))).ok_or_else(|| ApiError::not_found("A queued event of that dag and dataset"))
}

/// The changes of an asset for which dags have not run yet.
#[utoipa::path(
    get,
    path = "/api/v1/datasets/queuedEvent/{uri}",
    tag = "assets",
    operation_id = "get_dataset_queued_events",
    params(("uri" = String, Path, description = "The dataset, percent-encoded."), QueuedQuery),
    responses((status = 200, body = QueuedEventCollection))
)]
pub(crate) async fn queued_of_dataset(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<UriPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<Json<QueuedEventCollection>, ApiError> {
    let filter = QueuedFilter { dag: None, uri: one_uri(&path.uri)?, before: query.before };
    queued(&app, caller, filter).await.map(collection)
}

/// Forgets the changes of assets for which a dag has not run yet.
#[utoipa::path(
    delete,
    path = "/api/v1/dags/{dag_id}/datasets/queuedEvent",
    tag = "assets",
    operation_id = "delete_dag_dataset_queued_events",
    params(("dag_id" = String, Path, description = "The dag."), QueuedQuery),
    responses((status = 204))
)]
pub(crate) async fn forget_of_dag(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<StatusCode, ApiError> {
    forget(&app, caller, QueuedFilter { dag: Some(path.dag_id), uri: None, before: query.before }).await
}

/// Forgets the changes of an asset for which a dag has not run yet.
#[utoipa::path(
    delete,
    path = "/api/v1/dags/{dag_id}/datasets/queuedEvent/{uri}",
    tag = "assets",
    operation_id = "delete_dag_dataset_queued_event",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("uri" = String, Path, description = "The dataset, percent-encoded."),
        QueuedQuery
    ),
    responses((status = 204))
)]
pub(crate) async fn forget_of_both(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<DagUriPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<StatusCode, ApiError> {
    forget(&app, caller, QueuedFilter { dag: Some(path.dag_id), uri: one_uri(&path.uri)?, before: query.before }).await
}

/// Forgets the changes of an asset for which dags have not run yet.
#[utoipa::path(
    delete,
    path = "/api/v1/datasets/queuedEvent/{uri}",
    tag = "assets",
    operation_id = "delete_dataset_queued_events",
    params(("uri" = String, Path, description = "The dataset, percent-encoded."), QueuedQuery),
    responses((status = 204))
)]
pub(crate) async fn forget_of_dataset(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<UriPath>,
    QueryParams(query): QueryParams<QueuedQuery>,
) -> Result<StatusCode, ApiError> {
    forget(&app, caller, QueuedFilter { dag: None, uri: one_uri(&path.uri)?, before: query.before }).await
}
