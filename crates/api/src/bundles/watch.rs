//! Bundles that a server reads by itself. Any number of servers may be told to; the one that has the lead does it.

use super::{Sync, apply, begin, broken, in_words};
use crate::endpoints::upload_for;
use crate::{ApiState, App};
use cofferdam_api_types::{BundleSynced, ComponentUpload, Diagnostic, SyncContent, SyncFile, SyncOutcome, WorkflowReference};
use cofferdam_bundles::{BundleError, Entry, FileKind, GitSource, Snapshot, without_credentials};
use cofferdam_domain::context::Context;
use cofferdam_ids::{BundleName, ComponentName, Digest, TenantName};
use cofferdam_store::{bundles, tenants};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The role that is led.
const ROLE: &str = "bundles";
/// How long the lead holds without being renewed.
const LEAD: Duration = Duration::from_secs(15);
/// Files that are applied at once; what they hold is in memory then.
const BATCH: usize = 50;
/// After how many turns a component that is broken, and has not changed, is compiled and run once more.
const COMPONENTS_AGAIN: u64 = 20;

/// A bundle that is to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedBundle {
    /// Its name.
    pub name: BundleName,
    /// The tenant whose dags they are.
    pub tenant: TenantName,
    /// What it is read from.
    pub source: WatchedSource,
    /// How long to wait between two looks.
    pub interval: Duration,
    /// Whether dags whose file is gone are deleted.
    pub prune: bool,
}

/// What a watched bundle is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedSource {
    /// A directory.
    Directory(PathBuf),
    /// A repository; `cache` is the folder of this bundle alone.
    Git(GitSource),
}

impl WatchedSource {
    fn snapshot(&self) -> Result<Snapshot, BundleError> {
        match self {
            Self::Directory(path) => Snapshot::of_directory(path),
            Self::Git(source) => Snapshot::of_git(source),
        }
    }

    fn stored(&self) -> bundles::BundleSource {
        match self {
            Self::Directory(path) => {
                bundles::BundleSource { is_git: false, location: path.display().to_string(), reference: None }
            }
            Self::Git(source) => bundles::BundleSource {
                is_git: true,
                location: without_credentials(&source.url),
                reference: Some(source.reference.clone()),
            },
        }
    }
}

/// Why a turn came to nothing. What is wrong with the bundle is no such reason: that is kept with it.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("there is no tenant '{0}'; make it, or correct the configuration key `bundles`")]
    NoTenant(TenantName),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] cofferdam_store::StoreError),
    #[error("a thread could not be started or stopped on the way")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<crate::error::ApiError> for TurnError {
    fn from(error: crate::error::ApiError) -> Self {
        Self::Refused(error.problem().detail.clone())
    }
}

/// Reads bundles again and again until the API stops.
pub async fn watch(state: ApiState, watched: Vec<WatchedBundle>) {
    if watched.is_empty() {
        return;
    }
    let app = Arc::new(App::new(state));
    let leads = Arc::new(AtomicBool::new(false));
    let mut loops = tokio::task::JoinSet::new();
    for bundle in watched {
        loops.spawn(turns(Arc::clone(&app), bundle, Arc::clone(&leads)));
    }
    let holder = uuid::Uuid::now_v7().to_string();
    while !app.state.shutdown.is_cancelled() {
        let lead = app.state.queue.lead(ROLE, &holder, LEAD).await;
        leads.store(matches!(lead, Ok(Some(_))), Ordering::Relaxed);
        if let Err(error) = lead {
            tracing::warn!(error = &error as &dyn std::error::Error, "bundles are not read while the queue does not answer");
        }
        tokio::select! {
            () = app.state.shutdown.cancelled() => {}
            () = tokio::time::sleep(LEAD / 3) => {}
        }
    }
    loops.shutdown().await;
    if let Err(error) = app.state.queue.resign(ROLE, &holder).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "the lead could not be given up; it will run out");
    }
}

async fn turns(app: Arc<App>, bundle: WatchedBundle, leads: Arc<AtomicBool>) {
    let mut count = 0_u64;
    while !app.state.shutdown.is_cancelled() {
        let pause = if leads.load(Ordering::Relaxed) {
            let again = count.is_multiple_of(COMPONENTS_AGAIN);
            count += 1;
            if let Err(error) = turn(&app, &bundle, again).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    bundle.name = %bundle.name,
                    "a bundle was not read; trying again"
                );
            }
            bundle.interval
        } else {
            bundle.interval.min(Duration::from_millis(500))
        };
        tokio::select! {
            () = app.state.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn turn(app: &Arc<App>, bundle: &WatchedBundle, components_again: bool) -> Result<(), TurnError> {
    let tenant = tenants::find_id(&app.state.figures, &bundle.tenant).await?;
    let context = Context::system(tenant.ok_or_else(|| TurnError::NoTenant(bundle.tenant.clone()))?, ROLE);
    let source = bundle.source.clone();
    let found = tokio::task::spawn_blocking(move || source.snapshot()).await?;
    let sync = |present: Vec<String>, commit: Option<String>| Sync {
        name: bundle.name.clone(),
        source: bundle.source.stored(),
        commit,
        watched: true,
        present,
        files: Vec::new(),
        finish: false,
        prune: bundle.prune,
        dry_run: false,
    };
    let snapshot = match found {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let known = begin(app, &context, &sync(Vec::new(), None)).await?;
            let Some(id) = known.id else { return Ok(()) };
            let mut tx = app.state.store.begin(&context).await?;
            bundles::checked(&mut tx, id, Err(&crate::error::chain(&error)), app.now()).await?;
            tx.commit().await?;
            tracing::warn!(error = &error as &dyn std::error::Error, bundle.name = %bundle.name, "a bundle cannot be read");
            return Ok(());
        }
    };
    let present: Vec<String> = snapshot.entries.iter().map(|entry| entry.path.clone()).collect();
    let commit = snapshot.commit.clone();
    let known = begin(app, &context, &sync(present.clone(), commit.clone())).await?;
    let is_new = |entry: &&Entry| {
        let Ok(hash) = &entry.hash else { return true };
        let seen = known.files.get(&entry.path).is_some_and(|known| known.content_hash == *hash);
        !(known.is_applied(&entry.path, hash) || (seen && entry.kind == FileKind::Component && !components_again))
    };
    let new: Vec<Entry> = snapshot.entries.iter().filter(is_new).cloned().collect();
    let mut snapshot = snapshot;
    let mut told = BundleSynced::default();
    for batch in new.chunks(BATCH) {
        let (from, entries) = (snapshot, batch.to_vec());
        let (read, from) = tokio::task::spawn_blocking(move || {
            let mut from = from;
            let read: Vec<_> = entries.into_iter().map(|entry| (from.read(&entry), entry)).collect();
            (read, from)
        })
        .await?;
        snapshot = from;
        let mut files = Vec::with_capacity(read.len());
        for (bytes, entry) in read {
            files.push(content(app, &context, bundle, entry, bytes).await?);
        }
        let request = Sync { files, ..sync(present.clone(), commit.clone()) };
        let known = begin(app, &context, &request).await?;
        told.files.extend(apply(app, &context, request, known).await?.files);
    }
    let request = Sync { finish: true, ..sync(present, commit) };
    let known = begin(app, &context, &request).await?;
    let finished = apply(app, &context, request, known).await?;
    tell(bundle, &BundleSynced { files: told.files, ..finished });
    Ok(())
}

/// What stands in a file, as far as a server may find out: programs of users run in sandboxes only.
async fn content(
    app: &Arc<App>,
    context: &Context,
    bundle: &WatchedBundle,
    entry: Entry,
    read: Result<(Vec<u8>, String), cofferdam_bundles::FileError>,
) -> Result<SyncFile, TurnError> {
    let wrong = |code: &str, message: &str, help: &str| SyncContent::Broken(vec![broken(code, message, Some(help))]);
    // What cannot be read has no hash; it is looked at again each time anyhow.
    let nothing = || cofferdam_objects::digest_of(b"").to_string();
    let read = match entry.hash {
        Ok(_) => read,
        Err(error) => Err(error),
    };
    let (content, hash) = match read {
        Err(error) => (wrong(error.code(), &error.to_string(), error.remedy()), nothing()),
        Ok((bytes, hash)) => {
            let content = match entry.kind {
                FileKind::Definition => match String::from_utf8(bytes) {
                    Ok(text) => SyncContent::Definition(text),
                    Err(_) => wrong("not_utf8", "the file is not text in UTF-8", "save it as UTF-8"),
                },
                FileKind::Program => {
                    let help = format!(
                        "run `cofferdam bundle sync DIR --bundle {}`, as in your CI; it runs the program where you are",
                        bundle.name
                    );
                    wrong("program_not_run", "a server does not run programs that write dags down", &help)
                }
                FileKind::Component => component(app, context, &bundle.name, &entry.path, bytes).await?,
            };
            (content, hash)
        }
    };
    let hash = Digest::new(hash).map_err(|error| TurnError::Refused(error.to_string()))?;
    Ok(SyncFile { path: entry.path, hash, content })
}

/// Uploads a workflow component.
async fn component(
    app: &Arc<App>,
    context: &Context,
    bundle: &BundleName,
    path: &str,
    bytes: Vec<u8>,
) -> Result<SyncContent, TurnError> {
    let refused = |found: Diagnostic| Ok(SyncContent::Broken(vec![found]));
    let name = match ComponentName::new(format!("{bundle}/{}", path.trim_end_matches(".wasm"))) {
        Ok(name) => name,
        Err(error) => return refused(broken("invalid_path", &error.to_string(), Some("rename the file"))),
    };
    let upload = ComponentUpload { name, label: None, approve: false };
    match upload_for(app, context, upload, bytes.into()).await {
        Ok(version) => Ok(SyncContent::Component(WorkflowReference { name: version.name, digest: version.digest })),
        Err(error) if error.problem().status < 500 => {
            refused(broken(error.problem().code.as_str(), &error.problem().detail, None))
        }
        Err(error) => Err(error.into()),
    }
}

/// Says in the log what a turn did.
fn tell(bundle: &WatchedBundle, synced: &BundleSynced) {
    for file in synced.files.iter().filter(|file| file.outcome == SyncOutcome::Broken) {
        tracing::debug!(bundle.name = %bundle.name, "{}", in_words(&file.path, &file.diagnostics));
    }
    let count = |outcome| synced.files.iter().filter(|file| file.outcome == outcome).count();
    let applied = count(SyncOutcome::Applied);
    if applied + synced.removed_files.len() > 0 {
        tracing::info!(
            bundle.name = %bundle.name,
            files.applied = applied,
            files.broken = count(SyncOutcome::Broken),
            files.removed = synced.removed_files.len(),
            dags.deactivated = synced.deactivated_dags.len(),
            dags.deleted = synced.deleted_dags.len(),
            "bundle synced"
        );
    }
}
