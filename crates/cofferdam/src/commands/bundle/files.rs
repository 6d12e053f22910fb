//! What stands in the files of a bundle, as it is sent.

use super::super::session::Session;
use super::super::{program, task, tools};
use crate::failure::{Failure, Finding, Severity};
use cofferdam_bundles::{Entry, FileError, FileKind, Snapshot};
use cofferdam_client::Client;
use cofferdam_client::api::{
    ComponentUpload, Diagnostic, Severity as ApiSeverity, SyncContent, SyncFile, TextSpan, WorkflowReference, WrittenDag,
    WrittenDags,
};
use cofferdam_ids::{BundleName, ComponentName, Digest};
use std::collections::BTreeMap;
use std::path::Path;

/// What is hashed in place of a file that cannot be read: nothing. It is sent again each time.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Reads a file. A program is run here, when the bundle is a directory; a workflow component is uploaded.
pub async fn content(
    session: &Session,
    client: &Client,
    bundle: &BundleName,
    directory: Option<&Path>,
    snapshot: &mut Snapshot,
    entry: &Entry,
    dry_run: bool,
) -> Result<SyncFile, Failure> {
    let read = match &entry.hash {
        Ok(_) => snapshot.read(entry),
        Err(error) => Err(error.clone()),
    };
    let (bytes, hash) = match read {
        Ok(read) => read,
        Err(error) => return file(entry, NOTHING, unreadable(&error)),
    };
    let content = match (entry.kind, directory) {
        (FileKind::Component, _) => component(session, client, bundle, &entry.path, bytes, dry_run).await?,
        (FileKind::Definition, _) => match String::from_utf8(bytes) {
            Ok(text) => SyncContent::Definition(text),
            Err(_) => broken("not_utf8", "the file is not text in UTF-8", Some("save it as UTF-8")),
        },
        (FileKind::Program, None) => broken(
            "program_not_run",
            "programs of a git repository are not run",
            Some("clone the repository, and sync the directory that you get"),
        ),
        (FileKind::Program, Some(directory)) => match program::written(&directory.join(&entry.path), &session.tools) {
            Ok(written) => SyncContent::Program(written),
            Err(failure) => SyncContent::Broken(found(failure)),
        },
    };
    file(entry, &hash, content)
}

fn file(entry: &Entry, hash: &str, content: SyncContent) -> Result<SyncFile, Failure> {
    let hash = Digest::new(hash).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(SyncFile { path: entry.path.clone(), hash, content })
}

async fn component(
    session: &Session,
    client: &Client,
    bundle: &BundleName,
    path: &str,
    bytes: Vec<u8>,
    dry_run: bool,
) -> Result<SyncContent, Failure> {
    let name = match ComponentName::new(format!("{bundle}/{}", path.trim_end_matches(".wasm"))) {
        Ok(name) => name,
        Err(error) => return Ok(broken("invalid_path", &error.to_string(), Some("rename the file"))),
    };
    if dry_run {
        // Uploading it would be a change, so it writes its dags down here.
        return Ok(match task::define(&bytes).await {
            Ok(definitions) => {
                let dags = definitions.into_iter().map(|definition| WrittenDag { definition, lines: BTreeMap::new() }).collect();
                SyncContent::Program(WrittenDags { text: String::new(), dags })
            }
            Err(failure) => SyncContent::Broken(found(failure)),
        });
    }
    let upload = ComponentUpload { name, label: None, approve: false };
    match client.upload_component(&upload, bytes.into(), |_| {}).await {
        Ok(version) => Ok(SyncContent::Component(WorkflowReference { name: version.name, digest: version.digest })),
        Err(cofferdam_client::ClientError::Problem(problem)) if (400..500).contains(&problem.status) && problem.status != 401 => {
            Ok(broken(problem.code.as_str(), &problem.detail, None))
        }
        Err(error) => Err(session.failure(error)),
    }
}

fn unreadable(error: &FileError) -> SyncContent {
    broken(error.code(), &error.to_string(), Some(error.remedy()))
}

fn broken(code: &str, message: &str, help: Option<&str>) -> SyncContent {
    let mut finding = Finding::new(Severity::Error, code, "", message);
    finding.help = help.map(str::to_owned);
    SyncContent::Broken(vec![diagnostic(finding)])
}

/// Why a program wrote no dags down.
fn found(failure: Failure) -> Vec<Diagnostic> {
    if !failure.findings.is_empty() {
        return failure.findings.into_iter().map(diagnostic).collect();
    }
    let causes = failure.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
    let mut finding = Finding::new(Severity::Error, "invalid_program", "", format!("{}{causes}", failure.what));
    finding.help = failure.remedy;
    vec![diagnostic(finding)]
}

fn diagnostic(finding: Finding) -> Diagnostic {
    let span = finding.line.zip(finding.column).map(|(line, column)| TextSpan {
        line,
        column,
        end_line: finding.end_line.unwrap_or(line),
        end_column: finding.end_column.unwrap_or(column),
    });
    Diagnostic {
        severity: match finding.severity {
            Severity::Error => ApiSeverity::Error,
            Severity::Warning => ApiSeverity::Warning,
        },
        code: finding.code,
        pointer: finding.pointer,
        message: finding.message,
        help: finding.help,
        span,
        place: None,
        labels: Vec::new(),
        suggestion: None,
        source: Vec::new(),
    }
}

/// The program `git`.
pub fn git(session: &Session) -> Result<std::path::PathBuf, Failure> {
    session.tools.find("git").ok_or_else(|| tools::missing("git", "install it, as by `apt-get install git`, or sync a directory"))
}
