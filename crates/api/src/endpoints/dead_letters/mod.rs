//! Dead letters: tasks that came to nothing, and messages that no worker could read.

mod discard;
mod get;
mod list;
mod retention;
mod retry;

use super::words::{reason, task_state};
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::dag_runs::note::LONGEST_NOTE;
use crate::error::ApiError;
use cofferdam_api_types as wire;
use cofferdam_api_types::{DeadLetter, DeadLetterReference, DeadLettersChanged, ErrorCode};
use cofferdam_domain::context::Context;
use cofferdam_domain::dead_letter::{DeadLetterKind, DeadLetterState, Resolution};
use cofferdam_domain::ending::Reason;
use cofferdam_engine::{LettersDone, NotRetried};
use cofferdam_ids::{DagId, DeadLetterId};
use cofferdam_store::audit::Action;
use cofferdam_store::dead_letters;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(retention::get, retention::set))
        .routes(routes!(get::handler))
        .routes(routes!(retry::one))
        .routes(routes!(retry::many))
        .routes(routes!(discard::one))
        .routes(routes!(discard::many))
}

/// Names a letter.
#[derive(Deserialize)]
pub(crate) struct LetterPath {
    dead_letter_id: DeadLetterId,
}

const fn kind(kind: DeadLetterKind) -> wire::DeadLetterKind {
    match kind {
        DeadLetterKind::Task => wire::DeadLetterKind::Task,
        DeadLetterKind::Message => wire::DeadLetterKind::Message,
    }
}

const fn state(state: DeadLetterState) -> wire::DeadLetterState {
    match state {
        DeadLetterState::Open => wire::DeadLetterState::Open,
        DeadLetterState::Resolved => wire::DeadLetterState::Resolved,
        DeadLetterState::Discarded => wire::DeadLetterState::Discarded,
    }
}

const fn resolution(way: Resolution) -> wire::DeadLetterResolution {
    match way {
        Resolution::Succeeded => wire::DeadLetterResolution::Succeeded,
        Resolution::Skipped => wire::DeadLetterResolution::Skipped,
        Resolution::MarkedSuccess => wire::DeadLetterResolution::MarkedSuccess,
        Resolution::MarkedSkipped => wire::DeadLetterResolution::MarkedSkipped,
    }
}

fn wire(letter: dead_letters::DeadLetter) -> DeadLetter {
    DeadLetter {
        dead_letter_id: letter.id,
        kind: kind(letter.kind),
        state: state(letter.state),
        dag_id: letter.dag_id,
        dag_run_id: letter.dag_run_id,
        task_id: letter.task_id,
        map_index: letter.map_index,
        logical_date: letter.logical_date,
        task_state: letter.instance.map(|(_, state)| task_state(state)),
        try_number: letter.try_number,
        reason: reason(letter.reason),
        message: letter.message,
        tries: letter.tries,
        times: letter.times,
        first_at: letter.first_at,
        at: letter.at,
        retried_at: letter.retried_at,
        retries: letter.retries,
        closed_at: letter.closed_at,
        resolution: letter.resolution.map(resolution),
        discarded_by: letter.discarded_by,
        note: letter.note,
    }
}

/// Open letters that a body means.
fn filter(wanted: wire::DeadLetterFilter) -> dead_letters::DeadLetterFilter {
    let ids = wanted.dead_letter_ids.unwrap_or_default();
    // Who names closed letters is told that they are closed.
    let states = if ids.is_empty() { vec![DeadLetterState::Open] } else { Vec::new() };
    dead_letters::DeadLetterFilter {
        ids,
        dags: wanted.dag_ids.unwrap_or_default(),
        runs: wanted.dag_run_ids.unwrap_or_default(),
        tasks: wanted.task_ids.unwrap_or_default(),
        reasons: wanted.reasons.unwrap_or_default().into_iter().filter_map(|reason| Reason::parse(reason.as_str())).collect(),
        kinds: wanted.kinds.unwrap_or_default().into_iter().filter_map(|kind| DeadLetterKind::parse(kind.as_str())).collect(),
        states,
        at: (wanted.at_gte, wanted.at_lte),
    }
}

/// A list of ids that is there and empty means no letter, not all of them.
fn names_none(wanted: &wire::DeadLetterFilter) -> bool {
    wanted.dead_letter_ids.as_ref().is_some_and(Vec::is_empty)
}

fn checked_note(note: Option<&str>) -> Result<Option<&str>, ApiError> {
    if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let detail = format!("A note has at most {LONGEST_NOTE} characters.");
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/note"));
    }
    Ok(note.filter(|note| !note.is_empty()))
}

fn changed(done: LettersDone, dry_run: bool) -> DeadLettersChanged {
    let dead_letters: Vec<_> = done.done.into_iter().map(|letter| reference(letter, None)).collect();
    DeadLettersChanged {
        dry_run,
        total_entries: dead_letters.len() as u64,
        dead_letters,
        left_out: done.left_out.into_iter().map(|(letter, why)| reference(letter, Some(words(why)))).collect(),
    }
}

fn reference(letter: dead_letters::DeadLetter, why: Option<String>) -> DeadLetterReference {
    DeadLetterReference {
        dead_letter_id: letter.id,
        dag_id: letter.dag_id,
        dag_run_id: letter.dag_run_id,
        task_id: letter.task_id,
        map_index: letter.map_index,
        why,
    }
}

fn words(why: NotRetried) -> String {
    match why {
        NotRetried::Closed => "The dead letter was resolved or discarded.".to_owned(),
        NotRetried::RunDeleted => "Its run was deleted; trigger the dag anew.".to_owned(),
        NotRetried::NotFailed(state) => format!("Its task is '{state}' now, not 'failed'."),
    }
}

/// One entry for each dag, with its letters while they are few.
async fn audit(app: &App, context: &Context, action: &str, done: &LettersDone, note: Option<&str>) {
    let mut by_dag: BTreeMap<&DagId, Vec<&dead_letters::DeadLetter>> = BTreeMap::new();
    for letter in &done.done {
        by_dag.entry(&letter.dag_id).or_default().push(letter);
    }
    for (dag, letters) in by_dag {
        let named: Vec<Value> = letters
            .iter()
            .take(50)
            .map(|letter| {
                json!({
                    "dead_letter_id": letter.id,
                    "dag_run_id": letter.dag_run_id,
                    "task_id": letter.task_id,
                    "map_index": letter.map_index,
                })
            })
            .collect();
        let done = Action { action, target_kind: "dead_letter", target: dag.as_str() };
        audit_after(app, context, done, json!({ "count": letters.len(), "dead_letters": named, "note": note })).await;
    }
}

/// The letter after a change of it alone; an error when it was left out.
async fn shown(app: &App, context: &Context, id: DeadLetterId, done: &LettersDone) -> Result<DeadLetter, ApiError> {
    if let Some((_, why)) = done.left_out.first() {
        return Err(ApiError::new(ErrorCode::Conflict, words(*why)));
    }
    let mut tx = app.state.store.begin(context).await?;
    Ok(wire(dead_letters::get(&mut tx, id).await?))
}
