//! Bundles: what the files of a directory or of a git repository say is applied, each file by itself.
//!
//! Both ways in end here: a client sends the files (`endpoints/bundles/sync.rs`), or a server reads them by itself ([`watch`]).

mod excerpt;
mod reading;
mod settle;
mod watch;

pub use watch::{WatchedBundle, WatchedSource, watch};

pub(crate) use reading::broken;

use crate::App;
use crate::endpoints::{audit_after, words};
use crate::error::{ApiError, sentence};
use cofferdam_api_types::{BundleSynced, Diagnostic, ErrorCode, SyncFile, SyncOutcome, SyncedDag, SyncedFile};
use cofferdam_domain::context::{Context, Role};
use cofferdam_engine::{Applied, FileRefused};
use cofferdam_ids::{BundleId, BundleName};
use cofferdam_store::audit::Action;
use cofferdam_store::bundles::{self, BundleSource, KnownFile, Origin, Owner};
use reading::{Reading, read};
use serde_json::{Value, json};
use settle::{Claimants, settle};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be applied of a bundle.
#[derive(Debug)]
pub(crate) struct Sync {
    /// The bundle.
    pub name: BundleName,
    /// What it is read from.
    pub source: BundleSource,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Whether a server reads it by itself.
    pub watched: bool,
    /// All files that there are.
    pub present: Vec<String>,
    /// The files to be applied.
    pub files: Vec<SyncFile>,
    /// Whether no more are to follow.
    pub finish: bool,
    /// Whether dags whose file is gone are deleted.
    pub prune: bool,
    /// Whether nothing is changed.
    pub dry_run: bool,
}

/// What is known of a bundle before its files are looked at.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Its key; none before it is known, which after a dry run it still is not.
    pub id: Option<BundleId>,
    /// Its files, by path.
    pub files: BTreeMap<String, KnownFile>,
    /// Its dags.
    pub dags: Vec<Owner>,
}

impl Known {
    /// Whether a file is applied as it is.
    pub(crate) fn is_applied(&self, path: &str, hash: &str) -> bool {
        self.files.get(path).is_some_and(|known| !known.broken && known.content_hash == hash)
    }
}

/// Makes a bundle known, and reads what is known of it.
pub(crate) async fn begin(app: &App, context: &Context, sync: &Sync) -> Result<Known, ApiError> {
    context.require(Role::Editor)?;
    let mut tx = app.state.store.begin(context).await?;
    let id = match sync.dry_run {
        true => bundles::find(&mut tx, &sync.name).await?,
        false => Some(bundles::put(&mut tx, &sync.name, &sync.source, sync.watched, app.now()).await?),
    };
    let mut known = Known { id, ..Known::default() };
    if let Some(id) = id {
        let files = bundles::known_files(&mut tx, id).await?;
        known.files = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        known.dags = bundles::dags(&mut tx, id).await?;
    }
    tx.commit().await?;
    Ok(known)
}

/// Applies files of a bundle, and at the end of it finishes what came from files that are gone.
pub(crate) async fn apply(app: &App, context: &Context, sync: Sync, known: Known) -> Result<BundleSynced, ApiError> {
    let mut synced = BundleSynced::default();
    let mut readings = Vec::new();
    for file in &sync.files {
        if known.is_applied(&file.path, file.hash.as_str()) {
            let (path, dags) = (file.path.clone(), Vec::new());
            synced.files.push(SyncedFile { path, outcome: SyncOutcome::Unchanged, dags, diagnostics: Vec::new() });
        } else {
            readings.push((file, read(app, context, file).await?));
        }
    }
    readings.sort_by(|(one, _), (other, _)| one.path.cmp(&other.path));
    let claims = settle(&known, &sync.present, &readings);
    for (file, reading) in readings {
        let mut done = one(app, context, &sync, &known, file, reading, &claims).await?;
        excerpt::add(file, &mut done.diagnostics);
        if !sync.dry_run
            && let Some(id) = known.id
        {
            let problems = (done.outcome == SyncOutcome::Broken).then(|| serde_json::to_value(&done.diagnostics));
            let problems = problems.transpose().map_err(ApiError::internal)?;
            let mut tx = app.state.store.begin(context).await?;
            bundles::put_file(&mut tx, id, &file.path, file.hash.as_str(), problems.as_ref(), app.now()).await?;
            tx.commit().await?;
        }
        synced.files.push(done);
    }
    synced.files.sort_by(|one, other| one.path.cmp(&other.path));
    if sync.finish {
        finish(app, context, &sync, &known, &claims, &mut synced).await?;
    }
    Ok(synced)
}

/// Applies one file.
async fn one(
    app: &App,
    context: &Context,
    sync: &Sync,
    known: &Known,
    file: &SyncFile,
    reading: Reading,
    claims: &Claimants,
) -> Result<SyncedFile, ApiError> {
    let path = file.path.clone();
    let refused = |path, diagnostics| SyncedFile { path, outcome: SyncOutcome::Broken, dags: Vec::new(), diagnostics };
    let dags = match reading {
        Reading::Wrong(diagnostics) => return Ok(refused(path, diagnostics)),
        Reading::Dags(dags) => dags,
    };
    let taken: Vec<Diagnostic> = dags
        .iter()
        .filter_map(|(definition, source)| {
            let message = claims.conflict(definition, &path)?;
            let dag = definition.get("dag_id").and_then(Value::as_str).unwrap_or_default();
            Some(words::located(duplicate(dag, message), source))
        })
        .collect();
    if !taken.is_empty() {
        return Ok(refused(path, taken));
    }
    let (definitions, sources): (Vec<Value>, Vec<_>) = dags.into_iter().unzip();
    let origin = Origin { bundle: sync.name.clone(), path: path.clone(), commit: sync.commit.clone() };
    match app.state.engine.apply_file(context, known.id, &origin, definitions, sync.dry_run).await {
        Ok(all) => {
            for applied in all.iter().filter(|applied| applied.changed && !sync.dry_run) {
                let done = Action { action: "dag.apply", target_kind: "dag", target: applied.dag_id.as_str() };
                let detail = json!({ "version_number": applied.version_number, "bundle": sync.name, "path": path });
                audit_after(app, context, done, detail).await;
            }
            let mut diagnostics = Vec::new();
            let mut dags = Vec::new();
            for (Applied { dag_id, version_number, changed, diagnostics: found, .. }, source) in all.into_iter().zip(&sources) {
                diagnostics.extend(found.into_iter().map(|found| words::diagnostic(found, Some(source))));
                let version_number = u32::try_from(version_number).map_err(ApiError::internal)?;
                dags.push(SyncedDag { dag_id, version_number, changed });
            }
            Ok(SyncedFile { path, outcome: SyncOutcome::Applied, dags, diagnostics })
        }
        Err(FileRefused::Invalid { index, diagnostics }) => {
            let source = sources.get(index);
            Ok(refused(path, diagnostics.into_iter().map(|found| words::diagnostic(found, source)).collect()))
        }
        Err(FileRefused::Taken { index, owner }) => {
            let from = owner.path.as_deref().unwrap_or("a file that is gone");
            let message = format!("the dag '{}' comes from {from} of the bundle '{}' already", owner.dag_id, owner.bundle);
            let found = duplicate(owner.dag_id.as_str(), message);
            Ok(refused(
                path,
                vec![sources.get(index).map_or_else(|| found.clone(), |source| words::located(found.clone(), source))],
            ))
        }
        Err(FileRefused::Engine(error)) => {
            let error = ApiError::from(error);
            // Somebody made the dag meanwhile, or something in it cannot be stored: that is about this file, and not about the others.
            if matches!(error.problem().code, ErrorCode::Conflict | ErrorCode::InvalidBody) {
                Ok(refused(path, vec![broken(error.problem().code.as_str(), &error.problem().detail, None)]))
            } else {
                Err(error)
            }
        }
    }
}

fn duplicate(dag: &str, message: String) -> Diagnostic {
    let help = format!("give one of them another dag_id than '{dag}', or remove it");
    Diagnostic { pointer: "/dag_id".to_owned(), ..broken("duplicate_dag", &message, Some(&help)) }
}

/// Finishes: notes that all was read, and ends what came from files that are gone.
async fn finish(
    app: &App,
    context: &Context,
    sync: &Sync,
    known: &Known,
    claims: &Claimants,
    synced: &mut BundleSynced,
) -> Result<(), ApiError> {
    if sync.dry_run {
        let present: BTreeSet<&str> = sync.present.iter().map(String::as_str).collect();
        synced.removed_files = known.files.keys().filter(|path| !present.contains(path.as_str())).cloned().collect();
        let orphans = known.dags.iter().filter(|owner| !claims.has(&owner.dag_id));
        let orphans = orphans.filter(|owner| sync.prune || owner.stale_since.is_none()).map(|owner| owner.dag_id.clone());
        let orphans = orphans.collect();
        *(if sync.prune { &mut synced.deleted_dags } else { &mut synced.deactivated_dags }) = orphans;
        return Ok(());
    }
    let Some(id) = known.id else { return Ok(()) };
    let (removed, orphaned) = app.state.engine.keep_files(context, id, &sync.present, sync.prune).await?;
    synced.removed_files = removed;
    synced.removed_files.sort();
    (synced.deactivated_dags, synced.deleted_dags) = (orphaned.deactivated, orphaned.deleted);
    let mut tx = app.state.store.begin(context).await?;
    bundles::checked(&mut tx, id, Ok(sync.commit.as_deref()), app.now()).await?;
    tx.commit().await?;
    for (action, dags) in [("dag.deactivate", &synced.deactivated_dags), ("dag.delete", &synced.deleted_dags)] {
        for dag in dags {
            let done = Action { action, target_kind: "dag", target: dag.as_str() };
            audit_after(app, context, done, json!({ "bundle": sync.name })).await;
        }
    }
    Ok(())
}

/// What is wrong with a file, as it is stored.
pub(crate) fn stored(problems: Option<Value>) -> Result<Vec<Diagnostic>, ApiError> {
    problems.map_or_else(|| Ok(Vec::new()), |problems| serde_json::from_value(problems).map_err(ApiError::internal))
}

/// What is wrong with a file, in sentences for a log or a terminal.
pub(crate) fn in_words(path: &str, diagnostics: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place = found.span.map_or_else(|| path.to_owned(), |span| format!("{path}:{}:{}", span.line, span.column));
        let help = found.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        format!("{place}: {}[{}]: {}{help}", severity(found), found.code, sentence(&found.message))
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

const fn severity(found: &Diagnostic) -> &'static str {
    match found.severity {
        cofferdam_api_types::Severity::Error => "error",
        cofferdam_api_types::Severity::Warning => "warning",
    }
}
