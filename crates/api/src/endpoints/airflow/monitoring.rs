//! Health, configuration, plugins and providers.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use cofferdam_api_types::{
    AirflowHealth, ConfigOption, ConfigSection, ConfigSections, ConnectionTest, DagProcessorStatus, NewConnection, Page,
    PartStatus, PluginCollection, Provider, ProviderCollection, SchedulerStatus, TriggererStatus,
};
use cofferdam_domain::plan::DEFAULT_MAX_ACTIVE_RUNS;
use cofferdam_store::{components, schedulers};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// A scheduler that was not heard of for so long is not at work.
const LOST: TimeDelta = TimeDelta::seconds(30);

/// Whether the database answers and tasks can be run, as Airflow says it. `/health/deep` tells more.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    tag = "operations",
    operation_id = "get_airflow_health",
    responses((status = 200, body = AirflowHealth))
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Json<AirflowHealth> {
    let (seen, queue) = tokio::join!(schedulers::last_seen(&app.state.store), app.state.queue.ping());
    let word = |well: bool| if well { "healthy".to_owned() } else { "unhealthy".to_owned() };
    let database = seen.is_ok();
    let last = seen.ok().flatten();
    // Schedulers give work out over the queue: without it none is done.
    let at_work = queue.is_ok() && last.is_some_and(|last| app.now() - last <= LOST);
    Json(AirflowHealth {
        metadatabase: PartStatus { status: word(database) },
        scheduler: SchedulerStatus { status: word(at_work), latest_scheduler_heartbeat: last.map(|last| last.to_rfc3339()) },
        triggerer: TriggererStatus::default(),
        dag_processor: DagProcessorStatus::default(),
    })
}

/// What of the configuration concerns clients, and is safe to show.
fn sections(app: &App) -> Vec<ConfigSection> {
    let option = |key: &str, value: String| ConfigOption { key: key.to_owned(), value };
    let section = |name: &str, options| ConfigSection { name: name.to_owned(), options };
    let config = &app.state.config;
    vec![
        section(
            "core",
            vec![
                option("default_timezone", "utc".to_owned()),
                option("max_active_runs_per_dag", DEFAULT_MAX_ACTIVE_RUNS.to_string()),
                option("dags_are_paused_at_creation", "False".to_owned()),
            ],
        ),
        section(
            "api",
            vec![
                option("maximum_page_limit", Page::MAX_LIMIT.to_string()),
                option("fallback_page_limit", Page::default().limit.to_string()),
                option("access_token_valid_s", config.access_token_valid.num_seconds().to_string()),
            ],
        ),
        section("uploads", vec![option("maximum_bytes", config.upload.bytes.to_string())]),
    ]
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionQuery {
    /// Only this section.
    section: Option<String>,
}

/// What of the configuration concerns clients, as JSON or with `Accept: text/plain` as text. Nothing that is secret is here, and nothing of the servers behind it.
#[utoipa::path(
    get,
    path = "/api/v1/config",
    tag = "operations",
    operation_id = "get_config",
    params(SectionQuery),
    responses((status = 200, content((ConfigSections = "application/json"), (String = "text/plain"))))
)]
pub(crate) async fn config(
    State(app): State<Arc<App>>,
    _: Caller<Viewer>,
    QueryParams(query): QueryParams<SectionQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut sections = sections(&app);
    if let Some(wanted) = query.section {
        sections.retain(|section| section.name == wanted);
        if sections.is_empty() {
            return Err(ApiError::not_found(format!("The section '{wanted}'")));
        }
    }
    Ok(written(&headers, sections))
}

/// The sections as JSON, or as the text of a configuration file when that is asked for.
fn written(headers: &HeaderMap, sections: Vec<ConfigSection>) -> Response {
    if !headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain")) {
        return Json(ConfigSections { sections }).into_response();
    }
    let mut lines: Vec<String> = Vec::new();
    for section in sections {
        lines.push(format!("[{}]", section.name));
        lines.extend(section.options.into_iter().map(|option| format!("{} = {}", option.key, option.value)));
        lines.push(String::new());
    }
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], lines.join("\n")).into_response()
}

#[derive(Deserialize)]
pub(crate) struct OptionPath {
    section: String,
    option: String,
}

/// One option of the configuration.
#[utoipa::path(
    get,
    path = "/api/v1/config/section/{section}/option/{option}",
    tag = "operations",
    operation_id = "get_config_value",
    params(
        ("section" = String, Path, description = "The section."),
        ("option" = String, Path, description = "The option.")
    ),
    responses((status = 200, content((ConfigSections = "application/json"), (String = "text/plain"))))
)]
pub(crate) async fn config_value(
    State(app): State<Arc<App>>,
    _: Caller<Viewer>,
    PathParams(path): PathParams<OptionPath>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut sections = sections(&app);
    for section in &mut sections {
        section.options.retain(|option| section.name == path.section && option.key == path.option);
    }
    sections.retain(|section| !section.options.is_empty());
    if sections.is_empty() {
        return Err(ApiError::not_found(format!("The option '{}' of the section '{}'", path.option, path.section)));
    }
    Ok(written(&headers, sections))
}

/// Plugins of the server: none, since nothing of a tenant runs in it.
#[utoipa::path(
    get,
    path = "/api/v1/plugins",
    tag = "operations",
    operation_id = "get_plugins",
    params(Page),
    responses((status = 200, body = PluginCollection))
)]
pub(crate) async fn plugins(_: State<Arc<App>>, _: Caller<Viewer>, _: QueryParams<Page>) -> Json<PluginCollection> {
    Json(PluginCollection { plugins: Vec::new(), total_entries: 0 })
}

/// What tasks can be made of: the components of the tenant, the operators under `std/` among them.
#[utoipa::path(
    get,
    path = "/api/v1/providers",
    tag = "operations",
    operation_id = "get_providers",
    params(Page),
    responses((status = 200, body = ProviderCollection))
)]
pub(crate) async fn providers(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<ProviderCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = components::list(&mut tx, page).await?;
    let providers = listed.items.into_iter().map(|component| Provider {
        package_name: component.name.to_string(),
        description: format!("A component of the kind '{}'.", component.latest.kind),
        version: component.latest.label.unwrap_or_else(|| component.latest.version_number.to_string()),
    });
    Ok(Json(ProviderCollection { providers: providers.collect(), total_entries: listed.total }))
}

/// Checks the form of a connection. The server reaches nothing on behalf of a tenant, so `status` is false and `message` says how a
/// task does it.
#[utoipa::path(
    post,
    path = "/api/v1/connections/test",
    tag = "connections",
    operation_id = "test_connection",
    request_body = NewConnection,
    responses((status = 200, body = ConnectionTest))
)]
pub(crate) async fn test_connection(
    _: State<Arc<App>>,
    _: Caller<Editor>,
    JsonBody(request): JsonBody<NewConnection>,
) -> Result<Json<ConnectionTest>, ApiError> {
    super::super::connections::check_extra(request.extra)?;
    let message = format!(
        "The form of the connection '{}' is right. It was not tried: the server reaches nothing on behalf of a tenant. Run a task whose \
         grant names the connection, such as one of the operator std/http.",
        request.connection_id
    );
    Ok(Json(ConnectionTest { status: false, message }))
}
