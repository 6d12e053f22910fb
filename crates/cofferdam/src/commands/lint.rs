//! `dag lint` and what `dag apply` shares with it.

use super::session::Session;
use super::{problem, program};
use crate::document::Document;
use crate::failure::{Exit, Failure, Finding, FoundLabel, FoundSuggestion, Severity, Within};
use crate::output::print_finding;
use cofferdam_client::DagSource;
use cofferdam_client::api::{AppliedDag, CompiledDag};
use cofferdam_domain::definition;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Serialize)]
struct Linted {
    file: String,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Finding>,
}

/// Checks definitions, here or on the server. Fails when one has errors.
pub async fn lint(session: &Session, files: &[PathBuf], server: bool) -> Result<(), Failure> {
    let client = if server { Some(session.client().await?) } else { None };
    let mut results = Vec::new();
    for file in files {
        let found = match program::read(file, &session.tools) {
            Ok(documents) => {
                let mut found = Vec::new();
                for document in &documents {
                    found.extend(match &client {
                        None => offline(document),
                        Some(client) => compile(session, client, document).await?.1,
                    });
                }
                found
            }
            Err(failure) if !failure.findings.is_empty() => failure.findings,
            Err(failure) => return Err(failure),
        };
        let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
        results.push(Linted { file: file.display().to_string(), errors, warnings: found.len() - errors, diagnostics: found });
    }
    let errors: usize = results.iter().map(|result| result.errors).sum();
    if session.output.json {
        session.output.say(&results, |_| String::new())?;
    } else {
        for result in &results {
            result.diagnostics.iter().for_each(print_finding);
            if result.errors == 0 {
                session.output.line(&format!("{}: no errors, {} warnings", result.file, result.warnings))?;
            }
        }
    }
    match errors {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "there is 1 error")),
        _ => Err(Failure::new(Exit::Failed, format!("there are {errors} errors"))),
    }
}

/// What the definition's own rules say, without a server.
pub fn offline(document: &Document) -> Vec<Finding> {
    let found = match definition::parse(document.value.clone()) {
        Ok(dag) => definition::validate(&dag),
        Err(found) => found,
    };
    found.into_iter().map(|diagnostic| document.locate(own(diagnostic))).collect()
}

/// A diagnostic of the domain. Its place in the document comes later.
pub fn own(diagnostic: definition::Diagnostic) -> Finding {
    let severity = if diagnostic.is_error() { Severity::Error } else { Severity::Warning };
    Finding {
        help: diagnostic.help,
        within: diagnostic.place.map(|place| Within { line: place.line, column: place.column }),
        labels: diagnostic.labels.into_iter().map(|label| FoundLabel::new(label.pointer, label.message)).collect(),
        suggestion: diagnostic.suggestion.map(|to| FoundSuggestion::new(to.pointer, to.is_key, to.replacement)),
        ..Finding::new(severity, diagnostic.code.as_str(), diagnostic.pointer, diagnostic.message)
    }
}

/// Sends a definition to be compiled; what the server finds is located in the document.
pub async fn compile(
    session: &Session,
    client: &cofferdam_client::Client,
    document: &Document,
) -> Result<(CompiledDag, Vec<Finding>), Failure> {
    let compiled = client.compile_dag(&DagSource::Json(document.value.clone())).await.map_err(|error| session.failure(error))?;
    let found = compiled.diagnostics.iter().cloned().map(|diagnostic| document.locate(problem::finding(diagnostic))).collect();
    Ok((compiled, found))
}

/// Sends a definition; what the server finds is shown at its place in the document.
pub async fn apply(
    session: &Session,
    client: &cofferdam_client::Client,
    document: &Document,
    dry_run: bool,
) -> Result<(AppliedDag, Vec<Finding>), Failure> {
    let applied = client.apply_dag(&DagSource::Json(document.value.clone()), dry_run).await.map_err(|error| {
        let mut failure = session.failure(error);
        failure.findings = failure.findings.into_iter().map(|finding| document.locate(finding)).collect();
        if !failure.findings.is_empty() {
            failure.place = Some(document.name.clone());
        }
        failure
    })?;
    let warnings = applied.diagnostics.iter().cloned().map(|diagnostic| document.locate(problem::finding(diagnostic))).collect();
    Ok((applied, warnings))
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_offline_where_they_stand() {
        let text = "dag_id: weather\ntasks:\n  - task_id: a\n    component: x\n    retriez: 3\n";
        let found = offline(&Document::parse("dag.yaml", text).unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place(), "dag.yaml:5:5");
        assert_eq!((found[0].severity, found[0].code.as_str()), (Severity::Error, "unknown_field"));
        assert!(found[0].help.as_deref().is_some_and(|help| help.contains("retries")), "{found:?}");
    }
}
