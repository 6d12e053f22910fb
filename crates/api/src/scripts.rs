//! Scripts in dags, checked when the dag is applied: their own interpreters read them, in a sandbox of this process.

use crate::App;
use crate::error::ApiError;
use crate::operators::COMPILING;
use crate::trials::{self, TrialHost};
use cofferdam_domain::context::Context;
use cofferdam_domain::definition::{self, Diagnostic, DiagnosticCode, ScriptDefinition, ScriptLanguage, TextPlace};
use cofferdam_domain::ending::Ending;
use cofferdam_domain::job::Entry;
use cofferdam_ids::Digest;
use cofferdam_sandbox::Program;
use cofferdam_store::StoreError;
use cofferdam_store::components::{self, VersionRef};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Interpreters that stay loaded.
const KEPT: usize = 8;

/// The interpreters, loaded once each.
#[derive(Default)]
pub(crate) struct Interpreters(Mutex<HashMap<Digest, Arc<OnceCell<Program>>>>);

/// What an interpreter answers about a script that is wrong.
#[derive(Deserialize)]
struct Problem {
    message: String,
    line: u32,
    column: u32,
}

/// What is wrong with the scripts of a definition. One that cannot be read as a definition has no scripts here: the engine tells
/// what is wrong with it. Where an interpreter is not installed, the plan says so.
pub(crate) async fn check(app: &App, context: &Context, definition: &Value) -> Result<Vec<Diagnostic>, ApiError> {
    let Ok(dag) = definition::parse(definition.clone()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (at, script) in dag.scripts() {
        let Some(program) = interpreter(app, context, script.language).await? else { continue };
        if let Some(problem) = ask(app, &program, &script).await? {
            let place = TextPlace { line: problem.line.max(1), column: problem.column.max(1) };
            let message = format!("line {}, column {} of the script: {}", place.line, place.column, problem.message);
            found.push(Diagnostic::error(DiagnosticCode::InvalidScript, format!("{at}/source"), message).place(place));
        }
    }
    Ok(found)
}

async fn ask(app: &App, program: &Program, script: &ScriptDefinition) -> Result<Option<Problem>, ApiError> {
    let attempt = trials::attempt(Entry::Task, Some(script.check()), app.now())?;
    let host = Arc::new(TrialHost::new(Arc::clone(&app.state.clock)));
    match app.state.sandbox.run(program, attempt, host, CancellationToken::new()).await.ending {
        Ending::Success { output } => serde_json::from_str(&output).map_err(ApiError::internal),
        // It could not even be read: too large for the limits, for one.
        Ending::Failure { message, .. } => Ok(Some(Problem { message, line: 1, column: 1 })),
        Ending::Skip { .. } | Ending::Reschedule { .. } | Ending::Defer { .. } => Ok(None),
    }
}

/// The interpreter of a language, as the tenant has it.
async fn interpreter(app: &App, context: &Context, language: ScriptLanguage) -> Result<Option<Program>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let digest = match components::get(&mut tx, &language.component().name, &VersionRef::Latest).await {
        Ok(version) => version.digest,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    tx.rollback().await?;
    let slot = {
        let mut kept = app.interpreters.0.lock();
        if kept.len() >= KEPT && !kept.contains_key(&digest) {
            kept.clear();
        }
        Arc::clone(kept.entry(digest.clone()).or_default())
    };
    let load = || async {
        let _compiling = COMPILING.lock().await;
        trials::load(app, context.tenant, &digest).await
    };
    Ok(Some(slot.get_or_try_init(load).await?.clone()))
}
