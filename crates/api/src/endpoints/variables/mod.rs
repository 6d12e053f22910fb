//! Variables: values that tasks read by name. Paths and bodies are those of Airflow 2.10.

mod create;
mod delete;
mod get;
mod list;
mod patch;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{ErrorCode, Variable};
use cofferdam_ids::VariableKey;
use cofferdam_store::variables::StoredVariable;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(
        get::handler,
        patch::handler,
        delete::handler
    ))
}

/// Names a variable.
#[derive(Deserialize)]
struct VariablePath {
    variable_key: VariableKey,
}

/// The variable, with its value unless that is secret.
fn wire(app: &App, stored: &StoredVariable) -> Result<Variable, ApiError> {
    Ok(Variable {
        key: stored.key.clone(),
        value: if stored.secret { None } else { Some(stored.open(&app.state.keys)?) },
        description: stored.description.clone(),
        is_secret: stored.secret,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

/// The names of fields that a change is about; none when it is about all that are given.
pub(crate) fn masked<'a>(mask: Option<&'a str>, known: &[&str]) -> Result<Option<Vec<&'a str>>, ApiError> {
    let Some(mask) = mask else { return Ok(None) };
    let names: Vec<&str> = mask.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    match names.iter().find(|name| !known.contains(name)) {
        Some(name) => {
            let detail = format!("'update_mask' names '{name}'; there are {}.", known.join(", "));
            Err(ApiError::new(ErrorCode::InvalidParameter, detail))
        }
        None => Ok(Some(names)),
    }
}
