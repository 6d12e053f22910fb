use super::super::words::diagnostic;
use super::text::read;
use super::{changes, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, QueryParams};
use crate::scripts;
use axum::Json;
use axum::extract::{Request, State};
use cofferdam_api_types::{AppliedDag, ErrorCode, Problem};
use cofferdam_domain::definition::{Diagnostic, Source};
use cofferdam_engine::{ApplyError, ApplyOptions};
use cofferdam_store::audit::Action;
use cofferdam_store::{StoreError, dags};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
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

/// The answer to a definition with mistakes.
fn invalid(diagnostics: Vec<Diagnostic>, source: &Source) -> ApiError {
    let errors = diagnostics.iter().filter(|problem| problem.is_error()).count();
    let detail = match diagnostics.iter().find(|problem| problem.is_error()) {
        Some(only) if errors == 1 => crate::error::sentence(&only.message),
        _ => format!("The definition has {errors} mistakes; 'diagnostics' lists them."),
    };
    let first = diagnostics.first().map(|diagnostic| diagnostic.pointer.clone());
    let located = diagnostics.into_iter().map(|problem| diagnostic(problem, Some(source))).collect();
    let mut problem = Problem::new(ErrorCode::InvalidDag, detail).with_diagnostics(located);
    problem.pointer = first;
    problem.into()
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
    let text = read(request).await?;
    let definition = text.value()?;
    let mut wrong = scripts::check(&app, &context, &definition).await?;
    if !wrong.is_empty() {
        // Those that applying would find are told with them.
        wrong.extend(app.state.engine.compile_dag(&context, &definition).await?.diagnostics);
        return Err(invalid(wrong, &text.source()));
    }
    let options = ApplyOptions { dry_run: query.dry_run, ..ApplyOptions::default() };
    let applied = match app.state.engine.apply_dag(&context, definition, options).await {
        Ok(applied) => applied,
        Err(ApplyError::Invalid(diagnostics)) => return Err(invalid(diagnostics, &text.source())),
        Err(ApplyError::Engine(error)) => return Err(error.into()),
    };
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
        diagnostics: match applied.diagnostics {
            none if none.is_empty() => Vec::new(),
            some => {
                let source = text.source();
                some.into_iter().map(|problem| diagnostic(problem, Some(&source))).collect()
            }
        },
        changes: changes(applied.changes),
    };
    Ok((status, Json(body)))
}
