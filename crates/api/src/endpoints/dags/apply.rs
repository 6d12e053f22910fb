use super::super::words::diagnostic;
use super::wire;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, MAX_BODY, QueryParams, media_type, read_body};
use crate::scripts;
use axum::Json;
use axum::extract::{Request, State};
use cofferdam_api_types::{AppliedDag, ErrorCode, Problem};
use cofferdam_domain::context::Context;
use cofferdam_domain::definition::Diagnostic;
use cofferdam_engine::{ApplyError, ApplyOptions};
use cofferdam_store::audit::Action;
use cofferdam_store::{StoreError, dags};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::IntoParams;

/// The query of `POST /dags`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyQuery {
    /// Checks the definition and stores nothing.
    #[serde(default)]
    dry_run: bool,
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Invalid(diagnostics) => {
                let detail = match diagnostics.as_slice() {
                    [only] => crate::error::sentence(&only.message),
                    all => format!("The definition has {} mistakes; 'diagnostics' lists them.", all.len()),
                };
                let first = diagnostics.first().map(|diagnostic| diagnostic.pointer.clone());
                let mut problem = Problem::new(ErrorCode::InvalidDag, detail)
                    .with_diagnostics(diagnostics.into_iter().map(diagnostic).collect());
                problem.pointer = first;
                problem.into()
            }
            ApplyError::Engine(error) => error.into(),
        }
    }
}

/// Applies a dag definition, in JSON or YAML: makes the dag, or a new version of it. Runs that exist keep their version. The
/// same definition again changes nothing, so the request can be repeated.
#[utoipa::path(
    post,
    path = "/api/v1/dags",
    tag = "dags",
    operation_id = "apply_dag",
    params(ApplyQuery),
    request_body(
        content((Value = "application/json"), (String = "application/yaml")),
        description = "The definition, as the JSON Schema of dags describes it."
    ),
    responses((status = 201, body = AppliedDag), (status = 200, body = AppliedDag))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    QueryParams(query): QueryParams<ApplyQuery>,
    request: Request,
) -> Result<(StatusCode, Json<AppliedDag>), ApiError> {
    let context = caller.context;
    let definition = read(request).await?;
    let wrong = scripts::check(&app, &context, &definition).await?;
    if !wrong.is_empty() {
        return Err(with_all_mistakes(&app, &context, definition, wrong).await);
    }
    let applied = app.state.engine.apply_dag(&context, definition, ApplyOptions { dry_run: query.dry_run }).await?;
    if !query.dry_run && applied.changed {
        let done = Action { action: "dag.apply", target_kind: "dag", target: applied.dag_id.as_str() };
        audit_after(&app, &context, done, json!({ "version_number": applied.version_number })).await;
    }
    let mut tx = app.state.store.begin(&context).await?;
    let dag = match dags::get(&mut tx, &applied.dag_id).await {
        Ok(dag) => Some(wire(dag)),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let status = if applied.created && !query.dry_run { StatusCode::CREATED } else { StatusCode::OK };
    let body = AppliedDag {
        dag_id: applied.dag_id,
        dag,
        version_number: u32::try_from(applied.version_number).map_err(ApiError::internal)?,
        changed: applied.changed,
        dry_run: query.dry_run,
        diagnostics: applied.diagnostics.into_iter().map(diagnostic).collect(),
    };
    Ok((status, Json(body)))
}

/// The mistakes in scripts, and those that applying would find.
async fn with_all_mistakes(app: &App, context: &Context, definition: Value, mut wrong: Vec<Diagnostic>) -> ApiError {
    match app.state.engine.apply_dag(context, definition, ApplyOptions { dry_run: true }).await {
        Ok(applied) => wrong.extend(applied.diagnostics),
        Err(ApplyError::Invalid(others)) => wrong.extend(others),
        Err(ApplyError::Engine(error)) => return error.into(),
    }
    ApplyError::Invalid(wrong).into()
}

/// Reads the definition, by its media type.
async fn read(request: Request) -> Result<Value, ApiError> {
    let (parts, body) = request.into_parts();
    let kind = media_type(&parts.headers);
    let bytes = read_body(&parts.headers, body, MAX_BODY).await?;
    match kind.as_deref() {
        None | Some("application/json") => serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ApiError::new(ErrorCode::MalformedBody, format!("The body is not valid JSON, at line {line}, column {column}."))
        }),
        Some("application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml") => {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| ApiError::new(ErrorCode::MalformedBody, "The body is not text in UTF-8."))?;
            serde_saphyr::from_str(text)
                .map_err(|error| ApiError::new(ErrorCode::MalformedBody, format!("The body is not valid YAML: {error}")))
        }
        Some(other) => Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            format!("Send the definition as 'application/json' or 'application/yaml', not as '{other}'."),
        )),
    }
}
