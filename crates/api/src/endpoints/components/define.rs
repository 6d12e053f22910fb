use super::inspection;
use crate::App;
use crate::endpoints::{audit_after, words};
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use crate::trials::{TrialHost, attempt, load, printed};
use axum::Json;
use axum::extract::State;
use chrono::DateTime;
use cofferdam_api_types::{ErrorCode, WorkflowDefined};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::Ending;
use cofferdam_domain::grant::Grant;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_sandbox::{Host, Stream};
use cofferdam_store::audit::Action;
use cofferdam_store::components::{self, VersionRef};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a program that writes dags down exports. See `wit/workflow`.
pub const WORKFLOW_FUNCTION: &str = "cofferdam:workflow/definitions@0.1.0#define";
/// The fuel that it may use: some seconds.
pub const WORKFLOW_FUEL: u64 = 10_000_000_000;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: ComponentName,
    digest: Digest,
}

/// Lets a workflow component write its dags down. It runs in the sandbox without a clock, without chance and without anything that a
/// grant could give, so that the same version always writes the same; it has bounded fuel and 15 seconds. Nothing is applied.
#[utoipa::path(
    post,
    path = "/api/v1/components/{name}/versions/{digest}/define",
    tag = "components",
    operation_id = "define_dags",
    params(
        ("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fdags`."),
        ("digest" = String, Path, description = "The SHA-256 of its bytes, in hexadecimal.")
    ),
    responses((status = 200, body = WorkflowDefined))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<WorkflowDefined>, ApiError> {
    define(&app, &caller.context, &path.name, &path.digest).await.map(Json)
}

/// Lets a workflow component write its dags down.
pub(crate) async fn define(
    app: &App,
    context: &Context,
    name: &ComponentName,
    digest: &Digest,
) -> Result<WorkflowDefined, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let version = components::get(&mut tx, name, &VersionRef::Digest(digest.clone())).await?;
    tx.rollback().await?;
    let entry = inspection(&version)?.entry(Some(WORKFLOW_FUNCTION)).map_err(|error| {
        let detail =
            format!("{} exports no '{WORKFLOW_FUNCTION}', as a program that writes dags down does: {error}.", version.name);
        ApiError::new(ErrorCode::UnknownFunction, detail)
    })?;
    let _trial = app.trials.begin(context.tenant)?;
    let program = load(app, context.tenant, &version.digest).await?;
    let host = Arc::new(TrialHost::new(Arc::clone(&app.state.clock)));
    let mut attempt = attempt(entry, None, app.now())?;
    attempt.grant = Grant { clock: false, random: false, ..Grant::default() };
    // Where its clock stands still.
    attempt.context.logical_date = DateTime::UNIX_EPOCH;
    attempt.limits = Limits { fuel: WORKFLOW_FUEL, ..attempt.limits };
    let for_run: Arc<dyn Host> = Arc::clone(&host) as _;
    let report = app.state.sandbox.run(&program, attempt, for_run, CancellationToken::new()).await;
    let output = printed(&host.take(), |stream| stream != Stream::Log);
    let target = format!("{}@{}", version.name, version.digest);
    let done = Action { action: "component.define", target_kind: "component", target: &target };
    audit_after(app, context, done, json!({})).await;
    match report.ending {
        Ending::Success { output: written } => {
            let receipt = words::receipt(report.receipt);
            Ok(WorkflowDefined { definitions: definitions(&written)?, output, receipt })
        }
        Ending::Failure { message, .. } => Err(failed(&message, &output)),
        Ending::Skip { .. } | Ending::Reschedule { .. } | Ending::Defer { .. } => {
            Err(failed("it ended as only a task can", &output))
        }
    }
}

fn failed(message: &str, output: &str) -> ApiError {
    let said = if output.is_empty() { String::new() } else { format!(" It printed: {}", output.trim_end()) };
    ApiError::new(ErrorCode::WorkflowFailed, format!("The program wrote no dags down: {message}.{said}"))
}

/// The texts that the program returned, read.
fn definitions(written: &str) -> Result<Vec<Value>, ApiError> {
    let texts: Vec<String> = serde_json::from_str(written).map_err(ApiError::internal)?;
    let read = |(index, text): (usize, &String)| {
        serde_json::from_str(text).map_err(|error| {
            let detail = format!("What the program wrote is no JSON: {error}.");
            ApiError::new(ErrorCode::WorkflowFailed, detail).at(format!("/{index}"))
        })
    };
    texts.iter().enumerate().map(read).collect()
}
