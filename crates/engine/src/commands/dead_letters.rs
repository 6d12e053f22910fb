//! Dead letters: running their tasks again, and putting them aside.

use crate::commands::act::{Act, MOST_RUNS, Selection};
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::dead_letter::DeadLetterState;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::dead_letters::{self, DeadLetter, DeadLetterFilter, DeadLetterOrder};
use cofferdam_store::execution::actions::RunScope;
use cofferdam_store::{Page, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The most letters that one call is about.
pub const MOST_LETTERS: u32 = 10_000;

/// What came of a call about letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LettersDone {
    /// Those that it was done to, or would be.
    pub done: Vec<DeadLetter>,
    /// Those that it cannot be done to.
    pub left_out: Vec<(DeadLetter, NotRetried)>,
}

/// Why a task is not run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRetried {
    /// The letter was resolved or discarded.
    Closed,
    /// Its run was deleted.
    RunDeleted,
    /// Its task is in this state now, not in `failed`.
    NotFailed(TaskStateName),
}

impl Engine {
    /// Runs the tasks of the letters again that pass the filter, as if somebody had cleared them one by one; or with `dry_run` only says
    /// which they are. What was not run because they had failed waits for them anew.
    ///
    /// # Errors
    /// When there are too many letters, or the caller is no operator.
    pub async fn retry_letters(
        &self,
        context: &Context,
        filter: &DeadLetterFilter,
        dry_run: bool,
    ) -> Result<LettersDone, EngineError> {
        context.require(Role::Operator)?;
        let mut answer = LettersDone::default();
        let mut by_dag: BTreeMap<DagId, BTreeMap<DagRunId, Vec<DeadLetter>>> = BTreeMap::new();
        for letter in self.letters(context, filter).await? {
            match why_not(&letter) {
                Some(why) => answer.left_out.push((letter, why)),
                None => {
                    by_dag.entry(letter.dag_id.clone()).or_default().entry(letter.dag_run_id.clone()).or_default().push(letter);
                }
            }
        }
        for (dag, runs) in by_dag {
            let runs: Vec<(DagRunId, Vec<DeadLetter>)> = runs.into_iter().collect();
            for some in runs.chunks(usize::try_from(MOST_RUNS).unwrap_or(usize::MAX)) {
                let letters: Vec<&DeadLetter> = some.iter().flat_map(|(_, letters)| letters).collect();
                let touched = self.act(context, &dag, &selection(some, &letters), Act::Retry, dry_run).await?;
                let touched: HashSet<(&DagRunId, &TaskId, i32)> =
                    touched.iter().map(|one| (&one.dag_run_id, &one.task_id, one.map_index)).collect();
                for letter in letters {
                    let state = letter.instance.map_or(TaskStateName::None, |(_, state)| state);
                    if touched.contains(&(&letter.dag_run_id, &letter.task_id, letter.map_index)) {
                        answer.done.push(letter.clone());
                    } else {
                        // Somebody else came first.
                        answer.left_out.push((letter.clone(), NotRetried::NotFailed(state)));
                    }
                }
            }
        }
        Ok(answer)
    }

    /// Puts the open letters aside that pass the filter, with a remark; or with `dry_run` only says which they are.
    ///
    /// # Errors
    /// When there are too many letters, or the caller is no operator.
    pub async fn discard_letters(
        &self,
        context: &Context,
        filter: &DeadLetterFilter,
        note: Option<&str>,
        dry_run: bool,
    ) -> Result<LettersDone, EngineError> {
        context.require(Role::Operator)?;
        let (open, closed): (Vec<_>, Vec<_>) =
            self.letters(context, filter).await?.into_iter().partition(|letter| letter.state == DeadLetterState::Open);
        let mut answer =
            LettersDone { done: open, left_out: closed.into_iter().map(|letter| (letter, NotRetried::Closed)).collect() };
        if dry_run || answer.done.is_empty() {
            return Ok(answer);
        }
        let ids: Vec<_> = answer.done.iter().map(|letter| letter.id).collect();
        let mut tx = self.store.begin(context).await?;
        let by = context.principal.to_string();
        let discarded = dead_letters::discard(&mut tx, &ids, &by, note, self.clock.now()).await?;
        tx.commit().await?;
        let (done, late): (Vec<_>, Vec<_>) = answer.done.into_iter().partition(|letter| discarded.contains(&letter.id));
        answer.done = done;
        answer.left_out.extend(late.into_iter().map(|letter| (letter, NotRetried::Closed)));
        Ok(answer)
    }

    /// The letters that pass a filter, the earliest first. Ids that name none are an error.
    async fn letters(&self, context: &Context, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, EngineError> {
        let mut tx = self.store.begin(context).await?;
        let listed = dead_letters::list(&mut tx, filter, DeadLetterOrder::Earliest, Page::first(MOST_LETTERS)).await?;
        tx.rollback().await?;
        if listed.total > u64::from(MOST_LETTERS) {
            let message = format!(
                "{} dead letters are selected, and at most {MOST_LETTERS} can be at once; narrow the filter to a dag, a task or a time",
                listed.total
            );
            return Err(EngineError::Invalid { pointer: "".into(), message });
        }
        let found: BTreeSet<_> = listed.items.iter().map(|letter| letter.id).collect();
        if let Some(missing) = filter.ids.iter().find(|id| !found.contains(id)) {
            return Err(StoreError::not_found("dead letter", missing).into());
        }
        Ok(listed.items)
    }
}

/// Why the task of a letter is not run again, if it is not.
fn why_not(letter: &DeadLetter) -> Option<NotRetried> {
    match (letter.state, letter.instance) {
        (DeadLetterState::Resolved | DeadLetterState::Discarded, _) => Some(NotRetried::Closed),
        (DeadLetterState::Open, None) => Some(NotRetried::RunDeleted),
        (DeadLetterState::Open, Some((_, TaskStateName::Failed))) => None,
        (DeadLetterState::Open, Some((_, state))) => Some(NotRetried::NotFailed(state)),
    }
}

/// The instances of letters of some runs.
fn selection(runs: &[(DagRunId, Vec<DeadLetter>)], letters: &[&DeadLetter]) -> Selection {
    let tasks: BTreeSet<&TaskId> = letters.iter().map(|letter| &letter.task_id).collect();
    Selection {
        tasks: Some(tasks.into_iter().cloned().collect()),
        runs: RunScope { dag_run_ids: Some(runs.iter().map(|(run, _)| run.clone()).collect()), ..RunScope::default() },
        instances: Some(letters.iter().filter_map(|letter| Some(letter.instance?.0)).collect()),
        ..Selection::default()
    }
}
