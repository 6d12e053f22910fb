//! What stands in a file of a bundle.

use crate::App;
use crate::endpoints::{define, words};
use crate::error::ApiError;
use crate::scripts;
use cofferdam_api_types::{Diagnostic, Severity, SyncContent, SyncFile, WorkflowReference};
use cofferdam_domain::context::Context;
use cofferdam_domain::definition::Source;
use serde_json::Value;

/// The dags of a file, or what is wrong with it.
#[derive(Debug)]
pub(crate) enum Reading {
    Dags(Vec<(Value, Source)>),
    Wrong(Vec<Diagnostic>),
}

/// Reads a file. Scripts in its dags are read by their interpreters, and a workflow component is run, both in sandboxes.
pub(crate) async fn read(app: &App, context: &Context, file: &SyncFile) -> Result<Reading, ApiError> {
    let dags = match &file.content {
        SyncContent::Broken(diagnostics) if diagnostics.is_empty() => {
            return Ok(Reading::Wrong(vec![broken("file_unreadable", "the file cannot be read", None)]));
        }
        SyncContent::Broken(diagnostics) => return Ok(Reading::Wrong(diagnostics.clone())),
        SyncContent::Definition(text) => match Source::read(text) {
            Ok((definition, source)) => vec![(definition, source)],
            Err(error) => return Ok(Reading::Wrong(vec![words::syntax(error)])),
        },
        SyncContent::Program(written) => {
            let dags = written.dags.iter();
            dags.map(|dag| (dag.definition.clone(), Source::of_program(&written.text, &dag.lines))).collect()
        }
        SyncContent::Component(WorkflowReference { name, digest }) => match define(app, context, name, digest).await {
            Ok(defined) => defined.definitions.into_iter().map(|dag| (dag, Source::of(""))).collect(),
            Err(error) if error.problem().status < 500 => {
                return Ok(Reading::Wrong(vec![broken(error.problem().code.as_str(), &error.problem().detail, None)]));
            }
            Err(error) => return Err(error),
        },
    };
    let mut wrong = Vec::new();
    for (definition, source) in &dags {
        let found = scripts::check(app, context, definition).await?;
        if !found.is_empty() {
            // Those that applying would find are told with them.
            let compiled = app.state.engine.compile_dag(context, definition).await?.diagnostics;
            wrong.extend(found.into_iter().chain(compiled).map(|found| words::diagnostic(found, Some(source))));
        }
    }
    Ok(if wrong.is_empty() { Reading::Dags(dags) } else { Reading::Wrong(wrong) })
}

/// Something wrong with a whole file.
pub(crate) fn broken(code: &str, message: &str, help: Option<&str>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: code.to_owned(),
        pointer: String::new(),
        message: message.to_owned(),
        help: help.map(str::to_owned),
        span: None,
        place: None,
        labels: Vec::new(),
        suggestion: None,
        source: Vec::new(),
    }
}
