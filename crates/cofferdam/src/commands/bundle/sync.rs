//! `bundle sync`.

use super::super::session::Session;
use super::files::{content, git};
use super::{files_broken, in_words};
use crate::cli::BundleSyncArgs;
use crate::failure::{Exit, Failure};
use crate::output::style::{Tone, paint};
use cofferdam_bundles::{BundleError, GitSource, Snapshot, is_git_url, without_credentials};
use cofferdam_client::api::{
    BundleFileListQuery, BundleKind, BundleSource, BundleSynced, SyncBundle, SyncContent, SyncOutcome, SyncedFile,
};
use cofferdam_client::{Client, ClientError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most bytes of what is sent at once, and the most files.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_FILES: usize = 200;
/// The most entries of one request for a list.
const PAGE: u32 = 1000;

/// Where a bundle is read from. What is fetched with git is kept while the command runs.
enum Origin {
    Directory(PathBuf),
    Git { source: GitSource, _cache: tempfile::TempDir },
}

impl Origin {
    fn of(session: &Session, args: &BundleSyncArgs) -> Result<Self, Failure> {
        if !is_git_url(&args.source) {
            let path = std::path::absolute(&args.source)?;
            return Ok(Self::Directory(path));
        }
        let folder =
            tempfile::tempdir().map_err(|error| Failure::new(Exit::Failed, "no temporary folder can be made").because(&error))?;
        let cache = folder.path().join("git");
        let source = GitSource { program: git(session)?, url: args.source.clone(), reference: args.reference.clone(), cache };
        Ok(Self::Git { source, _cache: folder })
    }

    fn snapshot(&self) -> Result<Snapshot, Failure> {
        let read = match self {
            Self::Directory(path) => Snapshot::of_directory(path),
            Self::Git { source, .. } => Snapshot::of_git(source),
        };
        read.map_err(|error| {
            let exit = if matches!(error, BundleError::Directory { .. }) { Exit::NotFound } else { Exit::Failed };
            Failure::new(exit, error.to_string()).because_of(std::error::Error::source(&error))
        })
    }

    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Git { .. } => None,
        }
    }

    fn source(&self, commit: Option<String>) -> BundleSource {
        match self {
            Self::Directory(path) => {
                BundleSource { kind: BundleKind::Directory, location: path.display().to_string(), reference: None, commit }
            }
            Self::Git { source, .. } => BundleSource {
                kind: BundleKind::Git,
                location: without_credentials(&source.url),
                reference: Some(source.reference.clone()),
                commit,
            },
        }
    }
}

/// Syncs a bundle, once or until it is stopped.
pub async fn sync(session: &Session, args: &BundleSyncArgs) -> Result<(), Failure> {
    let origin = Origin::of(session, args)?;
    let client = session.client().await?;
    if !args.watch {
        let synced = once(session, &client, args, &origin).await?;
        session.output.say(&synced, |synced| told(synced, args.dry_run, true))?;
        return match synced.files.iter().filter(|file| file.outcome == SyncOutcome::Broken).count() {
            0 => Ok(()),
            files => Err(files_broken(files)),
        };
    }
    // What was told last: a file that stays broken is told once.
    let mut before: BTreeMap<String, SyncedFile> = BTreeMap::new();
    let mut first = true;
    loop {
        match once(session, &client, args, &origin).await {
            Ok(synced) => {
                let broken = synced.files.iter().filter(|file| file.outcome == SyncOutcome::Broken);
                let broken: BTreeMap<String, SyncedFile> = broken.map(|file| (file.path.clone(), file.clone())).collect();
                let files = synced.files.into_iter().filter(|file| before.get(&file.path) != Some(file)).collect();
                let news = BundleSynced { files, ..synced };
                if first || !told(&news, false, false).is_empty() {
                    session.output.say(&news, |news| told(news, false, first))?;
                }
                (before, first) = (broken, false);
            }
            // A server that is being restarted, a repository that cannot be reached: the next look may find them.
            Err(failure)
                if matches!(failure.exit, Exit::Unreachable | Exit::Server | Exit::Failed | Exit::NotFound) && !first =>
            {
                session.output.note(&format!("{}; trying again", failure.what));
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            () = tokio::time::sleep(args.interval) => {}
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                return Ok(());
            }
        }
    }
}

/// Reads the bundle and sends what is new in it.
async fn once(session: &Session, client: &Client, args: &BundleSyncArgs, origin: &Origin) -> Result<BundleSynced, Failure> {
    let mut snapshot = origin.snapshot()?;
    let known = known(session, client, args).await?;
    let request = SyncBundle {
        source: origin.source(snapshot.commit.clone()),
        present: snapshot.entries.iter().map(|entry| entry.path.clone()).collect(),
        prune: args.prune,
        dry_run: args.dry_run,
        ..SyncBundle::default()
    };
    let mut synced = BundleSynced::default();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for entry in snapshot.entries.clone() {
        if entry.hash.as_ref().is_ok_and(|hash| known.get(&entry.path) == Some(hash)) {
            let path = entry.path;
            let diagnostics = Vec::new();
            synced.files.push(SyncedFile { path, outcome: SyncOutcome::Unchanged, dags: Vec::new(), diagnostics });
            continue;
        }
        let file = content(session, client, &args.bundle, origin.directory(), &mut snapshot, &entry, args.dry_run).await?;
        let size = size(&file.content);
        if bytes + size > BATCH_BYTES || batch.len() >= BATCH_FILES {
            let files = std::mem::take(&mut batch);
            let sent = send(session, client, args, &SyncBundle { files, ..request.clone() }).await?;
            synced.files.extend(sent.files);
            bytes = 0;
        }
        bytes += size;
        batch.push(file);
    }
    let last = send(session, client, args, &SyncBundle { files: batch, finish: true, ..request }).await?;
    synced.files.extend(last.files);
    synced.files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(BundleSynced { files: synced.files, ..last })
}

fn size(content: &SyncContent) -> usize {
    match content {
        SyncContent::Definition(text) => text.len(),
        SyncContent::Program(written) => serde_json::to_vec(written).map_or(0, |text| text.len()),
        SyncContent::Component(_) | SyncContent::Broken(_) => 0,
    }
}

async fn send(session: &Session, client: &Client, args: &BundleSyncArgs, sync: &SyncBundle) -> Result<BundleSynced, Failure> {
    client.sync_bundle(&args.bundle, sync).await.map_err(|error| session.failure(error))
}

/// The hashes of the files that are applied as they are.
async fn known(session: &Session, client: &Client, args: &BundleSyncArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut known = BTreeMap::new();
    let mut offset = 0;
    loop {
        let query = BundleFileListQuery { limit: PAGE, offset, only_broken: None };
        let page = match client.list_bundle_files(&args.bundle, &query).await {
            Ok(page) => page,
            // It is new.
            Err(ClientError::Problem(problem)) if problem.status == 404 => return Ok(known),
            Err(error) => return Err(session.failure(error)),
        };
        offset += PAGE;
        let is_last = page.files.is_empty() || page.total_entries <= u64::from(offset);
        known.extend(page.files.into_iter().filter(|file| file.import_error_id.is_none()).map(|file| (file.path, file.hash)));
        if is_last {
            return Ok(known);
        }
    }
}

/// What happened, a line for each file, and a sum when it is asked for.
fn told(synced: &BundleSynced, dry_run: bool, sum: bool) -> String {
    let mut lines = Vec::new();
    for file in &synced.files {
        match file.outcome {
            SyncOutcome::Unchanged => {}
            SyncOutcome::Applied => {
                let dags = file.dags.iter().map(|dag| {
                    let changed = if dag.changed { "" } else { ", not changed" };
                    format!("{} (version {}{changed})", paint(Tone::Strong, dag.dag_id.as_str()), dag.version_number)
                });
                let verb = if dry_run { "would apply" } else { "applied" };
                let dags = dags.collect::<Vec<_>>().join(", ");
                lines.push(format!("{}: {verb} {}", file.path, if dags.is_empty() { "no dags".to_owned() } else { dags }));
                if !file.diagnostics.is_empty() {
                    lines.push(in_words(&file.path, &file.diagnostics));
                }
            }
            SyncOutcome::Broken => lines.push(in_words(&file.path, &file.diagnostics)),
        }
    }
    let would = if dry_run { "would be " } else { "" };
    lines.extend(synced.removed_files.iter().map(|path| format!("{path}: gone")));
    lines.extend(synced.deactivated_dags.iter().map(|dag| format!("{dag}: {would}paused, since its file is gone")));
    lines.extend(synced.deleted_dags.iter().map(|dag| format!("{dag}: {would}deleted, since its file is gone")));
    if sum {
        let count = |outcome| synced.files.iter().filter(|file| file.outcome == outcome).count();
        lines.push(format!(
            "{} files: {} applied, {} unchanged, {} broken, {} gone.",
            synced.files.len(),
            count(SyncOutcome::Applied),
            count(SyncOutcome::Unchanged),
            count(SyncOutcome::Broken),
            synced.removed_files.len(),
        ));
    }
    lines.join("\n")
}
