use super::super::words::{diagnostic, syntax};
use super::text::read;
use super::{changes, edges, task};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor};
use crate::scripts;
use axum::Json;
use axum::extract::{Request, State};
use cofferdam_api_types::CompiledDag;
use std::sync::Arc;

/// Compiles a dag definition, in JSON or YAML, and stores nothing: what is wrong with it, each with its place in the text, what it
/// would become, and what differs from the dag's current version. A definition with mistakes is answered with 200 as well, also a
/// text that is neither YAML nor JSON: an editor asks as one types.
#[utoipa::path(
    post,
    path = "/api/v1/compile",
    tag = "dags",
    operation_id = "compile_dag",
    request_body(
        content((Value = "application/json"), (String = "application/yaml")),
        description = "The definition, as the JSON Schema of dags describes it."
    ),
    responses((status = 200, body = CompiledDag))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    request: Request,
) -> Result<Json<CompiledDag>, ApiError> {
    let context = caller.context;
    let text = read(request).await?;
    let mut answer =
        CompiledDag { is_valid: false, diagnostics: Vec::new(), tasks: Vec::new(), edges: Vec::new(), changes: None };
    let definition = match text.parse() {
        Ok(definition) => definition,
        Err(error) => {
            answer.diagnostics.push(syntax(error));
            return Ok(Json(answer));
        }
    };
    let mut found = scripts::check(&app, &context, &definition).await?;
    let compiled = app.state.engine.compile_dag(&context, &definition).await?;
    found.extend(compiled.diagnostics);
    found.sort_by_key(|problem| !problem.is_error());
    answer.is_valid = !found.iter().any(|problem| problem.is_error());
    let source = text.source();
    answer.diagnostics = found.into_iter().map(|problem| diagnostic(problem, Some(&source))).collect();
    answer.changes = compiled.changes.map(changes);
    if let Some(plan) = compiled.plan {
        answer.edges = edges(&plan);
        answer.tasks = plan.tasks.into_iter().map(task).collect();
    }
    Ok(Json(answer))
}
