//! Bundles: directories and git repositories whose dags are kept applied. See `docs/bundles.md`.

mod files;
mod sync;

use super::session::Session;
use crate::cli::BundleCommand;
use crate::failure::{Exit, Failure};
use crate::output::{Table, table};
use cofferdam_client::api::{BundleCollection, BundleDetail, BundleFileListQuery, BundleSource, Diagnostic, Page, Severity};
use serde::Serialize;
use serde_json::json;

/// The most entries of one request for a list.
const PAGE: u32 = 1000;

/// What is wrong with a file.
#[derive(Serialize)]
struct BrokenFile {
    bundle: Option<String>,
    path: String,
    diagnostics: Vec<Diagnostic>,
}

/// Syncs bundles, and shows them and what is wrong with their files.
pub async fn run(session: &Session, command: BundleCommand) -> Result<(), Failure> {
    if let BundleCommand::Sync(args) = command {
        return sync::sync(session, &args).await;
    }
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        BundleCommand::Sync(_) => Ok(()),
        BundleCommand::List { page } => {
            let listed = client.list_bundles(&Page { limit: page.limit, offset: page.offset }).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        BundleCommand::Show { name } => {
            let shown = client.get_bundle(&name).await.map_err(refused)?;
            session.output.say(&shown, show)
        }
        BundleCommand::Errors { name } => {
            let mut broken = Vec::new();
            match name {
                Some(name) => loop {
                    let offset = u32::try_from(broken.len()).unwrap_or(u32::MAX);
                    let query = BundleFileListQuery { limit: PAGE, offset, only_broken: Some(true) };
                    let page = client.list_bundle_files(&name, &query).await.map_err(refused)?;
                    let is_last = page.files.is_empty() || page.total_entries <= (broken.len() + page.files.len()) as u64;
                    broken.extend(page.files.into_iter().map(|file| BrokenFile {
                        bundle: Some(name.to_string()),
                        path: file.path,
                        diagnostics: file.diagnostics,
                    }));
                    if is_last {
                        break;
                    }
                },
                None => loop {
                    let offset = u32::try_from(broken.len()).unwrap_or(u32::MAX);
                    let page = client.list_import_errors(&Page { limit: PAGE, offset }).await.map_err(refused)?;
                    let is_last =
                        page.import_errors.is_empty() || page.total_entries <= (broken.len() + page.import_errors.len()) as u64;
                    broken.extend(page.import_errors.into_iter().map(|error| BrokenFile {
                        bundle: error.bundle_name.map(String::from),
                        path: error.filename,
                        diagnostics: error.diagnostics,
                    }));
                    if is_last {
                        break;
                    }
                },
            }
            session.output.say(&broken, |broken| {
                let file = |file: &BrokenFile| {
                    let bundle = file.bundle.as_deref().unwrap_or_default();
                    in_words(&format!("{bundle}/{}", file.path), &file.diagnostics)
                };
                let files: Vec<String> = broken.iter().map(file).collect();
                if files.is_empty() { "Nothing is wrong.".to_owned() } else { files.join("\n") }
            })?;
            match broken.len() {
                0 => Ok(()),
                files => Err(files_broken(files)),
            }
        }
        BundleCommand::Delete { name } => {
            client.delete_bundle(&name).await.map_err(refused)?;
            session
                .output
                .say(&json!({ "name": name, "deleted": true }), |_| format!("The bundle '{name}' is forgotten; its dags stay."))
        }
    }
}

fn files_broken(files: usize) -> Failure {
    Failure::new(Exit::Failed, if files == 1 { "1 file is broken".to_owned() } else { format!("{files} files are broken") })
}

fn list(bundles: &BundleCollection) -> Table {
    let mut rows = Table::new(
        &["bundle", "from", "dags", "stale", "files", "broken", "synced", "watched"],
        "There are no bundles; `cofferdam bundle sync DIR --bundle NAME` makes one.",
    );
    for bundle in &bundles.bundles {
        rows.row([
            bundle.name.to_string(),
            from(&bundle.source),
            table::number(bundle.dags),
            table::number(bundle.stale_dags),
            table::number(bundle.files),
            if bundle.problem.is_some() { "unreadable".to_owned() } else { table::number(bundle.broken_files) },
            table::maybe_time(bundle.synced_at),
            if bundle.is_watched { "by the server" } else { "-" }.to_owned(),
        ]);
    }
    rows
}

fn from(source: &BundleSource) -> String {
    match &source.reference {
        Some(reference) => format!("{} {reference}", source.location),
        None => source.location.clone(),
    }
}

fn show(detail: &BundleDetail) -> String {
    let bundle = &detail.bundle;
    let mut properties = vec![("bundle", bundle.name.to_string()), ("from", from(&bundle.source))];
    properties.extend(bundle.source.commit.clone().map(|commit| ("commit", commit)));
    properties.extend([
        ("watched", if bundle.is_watched { "by the server" } else { "no" }.to_owned()),
        ("synced", table::maybe_time(bundle.synced_at)),
        ("files", table::number(bundle.files)),
        ("broken files", table::number(bundle.broken_files)),
    ]);
    properties.extend(bundle.problem.clone().map(|problem| ("problem", problem)));
    let mut dags = Table::new(&["dag", "file", "gone since"], "No dags come from it.");
    for dag in &detail.bundle_dags {
        dags.row([
            dag.dag_id.to_string(),
            dag.path.clone().unwrap_or_else(|| "-".to_owned()),
            table::maybe_time(dag.stale_since),
        ]);
    }
    format!("{}\n\n{dags}", Table::properties(properties))
}

/// What is wrong with a file, each on a line of its own.
fn in_words(path: &str, diagnostics: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place = found.span.map_or_else(|| path.to_owned(), |span| format!("{path}:{}:{}", span.line, span.column));
        let severity = if found.severity == Severity::Error { "error" } else { "warning" };
        let help = found.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        let lines: String = found.source.iter().map(|line| format!("\n  {:>5} | {}", line.line, line.text)).collect();
        format!("{place}: {severity}[{}]: {}{lines}{help}", found.code, found.message)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}
