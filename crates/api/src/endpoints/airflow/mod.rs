//! Resources that are there for clients of Airflow's REST API 2.10, and what such clients ask of other resources.
//! `docs/airflow-compatibility.md` lists all of its operations.

mod access;
mod dags;
mod datasets;
mod dependencies;
mod event_logs;
mod monitoring;
mod runs;
mod tasks;

use crate::App;
use crate::error::ApiError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(tasks::all))
        .routes(routes!(tasks::one))
        .routes(routes!(dags::source))
        .routes(routes!(dags::stats))
        .routes(routes!(dags::warnings))
        .routes(routes!(dags::import_errors))
        .routes(routes!(dags::import_error))
        .routes(routes!(datasets::list))
        .routes(routes!(datasets::get))
        .routes(routes!(datasets::events, datasets::create_event))
        .routes(routes!(datasets::upstream))
        .routes(routes!(datasets::queued_of_dag, datasets::forget_of_dag))
        .routes(routes!(datasets::queued_of_both, datasets::forget_of_both))
        .routes(routes!(datasets::queued_of_dataset, datasets::forget_of_dataset))
        .routes(routes!(runs::batch))
        .routes(routes!(runs::links))
        .routes(routes!(dependencies::plain))
        .routes(routes!(dependencies::mapped))
        .routes(routes!(event_logs::list))
        .routes(routes!(event_logs::get))
        .routes(routes!(access::roles))
        .routes(routes!(access::role))
        .routes(routes!(access::permissions))
        .routes(routes!(monitoring::health))
        .routes(routes!(monitoring::config))
        .routes(routes!(monitoring::config_value))
        .routes(routes!(monitoring::plugins))
        .routes(routes!(monitoring::providers))
        .routes(routes!(monitoring::test_connection))
}

/// Which fields of an answer are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsQuery {
    /// Only these fields, separated by commas.
    pub fields: Option<String>,
}

/// An answer with only the fields that are wanted: of the entries of the list called `list`, or of the body itself.
pub(crate) fn only_fields(body: &impl Serialize, list: Option<&str>, fields: Option<&str>) -> Result<Response, ApiError> {
    let Some(fields) = fields else { return Ok(Json(body).into_response()) };
    let wanted: Vec<&str> = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).collect();
    let mut value = serde_json::to_value(body).map_err(ApiError::internal)?;
    let keep = |entry: &mut Value| {
        if let Value::Object(entry) = entry {
            entry.retain(|name, _| wanted.contains(&name.as_str()));
        }
    };
    match list {
        None => keep(&mut value),
        Some(list) => value[list].as_array_mut().into_iter().flatten().for_each(keep),
    }
    Ok(Json(value).into_response())
}
