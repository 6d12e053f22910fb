use super::BundlePath;
use crate::App;
use crate::bundles::{Sync, apply, begin};
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams, parse, read_body};
use axum::Json;
use axum::extract::{Request, State};
use cofferdam_api_types::{BundleKind, BundleSynced, ErrorCode, SyncBundle};
use cofferdam_store::audit::Action;
use cofferdam_store::bundles::BundleSource;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most bytes of the body.
const MAX_SYNC: u64 = 16 << 20;
/// The most files of a bundle.
const MAX_FILES: usize = 10_000;
/// The most characters of a path.
const MAX_PATH: usize = 500;

/// Applies files of a bundle, each by itself: what is wrong with one is kept as its import error and hides no other. Nothing of a broken
/// file is applied, and its dags stay as they were. The dags of files that are gone are paused and marked when the last request says
/// `finish`; a dag that another file has now goes on.
#[utoipa::path(
    post,
    path = "/api/v1/bundles/{bundle_name}/sync",
    tag = "bundles",
    operation_id = "sync_bundle",
    params(("bundle_name" = String, Path, description = "The bundle, which need not exist yet.")),
    request_body = SyncBundle,
    responses((status = 200, body = BundleSynced))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<BundlePath>,
    request: Request,
) -> Result<Json<BundleSynced>, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(&parts.headers, body, MAX_SYNC).await?;
    let asked: SyncBundle = parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
    check(&asked)?;
    let context = caller.context;
    let sync = Sync {
        name: path.bundle_name,
        source: BundleSource {
            is_git: asked.source.kind == BundleKind::Git,
            location: asked.source.location,
            reference: asked.source.reference,
        },
        commit: asked.source.commit,
        watched: false,
        present: asked.present,
        files: asked.files,
        finish: asked.finish,
        prune: asked.prune,
        dry_run: asked.dry_run,
    };
    let known = begin(&app, &context, &sync).await?;
    let (name, told) = (sync.name.clone(), sync.finish && !sync.dry_run);
    let synced = apply(&app, &context, sync, known).await?;
    if told {
        let done = Action { action: "bundle.sync", target_kind: "bundle", target: name.as_str() };
        audit_after(&app, &context, done, json!({ "removed_files": synced.removed_files.len() })).await;
    }
    Ok(Json(synced))
}

/// Checks what the types do not say.
fn check(asked: &SyncBundle) -> Result<(), ApiError> {
    let wrong = |detail: String, at: String| Err(ApiError::new(ErrorCode::InvalidBody, detail).at(at));
    let text = |text: &str, max: usize| (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !text(&asked.source.location, 2000) {
        return wrong("'location' has from 1 to 2000 printable characters.".to_owned(), "/source/location".to_owned());
    }
    for (name, value, max) in [("reference", &asked.source.reference, 250), ("commit", &asked.source.commit, 64)] {
        if value.as_ref().is_some_and(|value| !text(value, max)) {
            return wrong(format!("'{name}' has from 1 to {max} printable characters."), format!("/source/{name}"));
        }
    }
    if asked.present.len() > MAX_FILES {
        return wrong(format!("A bundle has at most {MAX_FILES} files; split it."), "/present".to_owned());
    }
    let is_path = |path: &str| text(path, MAX_PATH) && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if let Some(index) = asked.present.iter().position(|path| !is_path(path)) {
        let detail = format!("A path has from 1 to {MAX_PATH} printable characters, and no part of it is empty, '.' or '..'.");
        return wrong(detail, format!("/present/{index}"));
    }
    let present: BTreeSet<&String> = asked.present.iter().collect();
    if let Some(index) = asked.files.iter().position(|file| !present.contains(&file.path)) {
        return wrong("A file that is sent must be among those in 'present'.".to_owned(), format!("/files/{index}/path"));
    }
    let mut sent = BTreeSet::new();
    match asked.files.iter().position(|file| !sent.insert(&file.path)) {
        Some(index) => wrong("The file is sent twice.".to_owned(), format!("/files/{index}/path")),
        None => Ok(()),
    }
}
