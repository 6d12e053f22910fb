//! Dead letters: filed when a task comes to nothing or its message cannot be read, resolved when it comes right.

use super::{Pass, planned};
use crate::EngineError;
use crate::record::Undecodable;
use cofferdam_domain::dead_letter::{DeadLetterKind, Resolution, assets_of, is_told_of_dead_letters};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::rendered::as_written;
use cofferdam_domain::task::{TaskEvent, TaskState, TaskStateName};
use cofferdam_ids::{DeadLetterId, TaskInstanceId};
use cofferdam_store::Tx;
use cofferdam_store::execution::letters::{self, NewLetter};
use cofferdam_store::execution::transition::LockedInstance;
use cofferdam_store::execution::triggers::NewAssetEvent;
use serde_json::{Value, json};

/// Characters of an error that whoever is told of a letter is given.
const TOLD_CHARS: usize = 1_000;

/// What becomes of letters in one pass.
#[derive(Default)]
pub(super) struct Letters {
    failed: Vec<NewLetter>,
    retried: Vec<TaskInstanceId>,
    ended: Vec<(TaskInstanceId, Resolution)>,
}

/// Who made an instance change, as far as letters are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The end of a try.
    Try,
    /// A person who has it run again.
    Retry,
    /// A person who says that it succeeded.
    MarkSuccess,
    /// A person who leaves it out.
    MarkSkipped,
    /// Anybody else.
    Other,
}

impl By {
    pub(super) const fn of(event: &TaskEvent) -> Self {
        match event {
            TaskEvent::Ended { .. } | TaskEvent::Settled { .. } | TaskEvent::LeaseExpired { .. } => Self::Try,
            TaskEvent::Cleared => Self::Retry,
            TaskEvent::MarkedSuccess => Self::MarkSuccess,
            TaskEvent::MarkedSkipped => Self::MarkSkipped,
            TaskEvent::UpstreamsDone(_)
            | TaskEvent::Bypassed(_)
            | TaskEvent::Hold
            | TaskEvent::Release
            | TaskEvent::Enqueued
            | TaskEvent::Started { .. }
            | TaskEvent::HandedBack { .. }
            | TaskEvent::WakeUp
            | TaskEvent::EventArrived { .. }
            | TaskEvent::CancelRequested
            | TaskEvent::MarkedFailed
            | TaskEvent::Removed
            | TaskEvent::LeftOut(_)
            | TaskEvent::Restored => Self::Other,
        }
    }
}

impl Letters {
    /// Notes the end of a try: a letter, when its message could not be read, or when no other try follows. What somebody stopped or
    /// rejected is none.
    pub(super) fn note_failure(
        &mut self,
        instance: TaskInstanceId,
        try_number: u32,
        state: &TaskState,
        (reason, message): (Option<Reason>, Option<&str>),
        undecodable: Option<Undecodable>,
    ) {
        let Some(reason) = reason else { return };
        let failed = matches!(state, TaskState::Failed { .. });
        let decided = matches!(state.reason(), Some(Reason::Cancelled | Reason::Rejected));
        if decided || !(failed || undecodable.is_some()) {
            return;
        }
        self.failed.push(NewLetter {
            instance,
            kind: if undecodable.is_some() { DeadLetterKind::Message } else { DeadLetterKind::Task },
            try_number,
            reason,
            message: message.map(str::to_owned),
            as_written: None,
            body: undecodable.map(|found| (found.queue, found.kept, found.size_bytes)),
        });
    }

    /// Notes a change of an instance that may have a letter: one that is run again, or that has come right.
    pub(super) fn note_change(&mut self, instance: TaskInstanceId, by: By, before: &TaskState, after: &TaskState) {
        match (by, after.name()) {
            (By::Retry, _) if before.name() == TaskStateName::Failed => self.retried.push(instance),
            (By::MarkSuccess, TaskStateName::Success) => self.ended.push((instance, Resolution::MarkedSuccess)),
            (By::MarkSkipped, TaskStateName::Skipped) => self.ended.push((instance, Resolution::MarkedSkipped)),
            // The first try of a task that has a letter has failed.
            (By::Try, TaskStateName::Success) if after.try_number() > 1 => self.ended.push((instance, Resolution::Succeeded)),
            (By::Try, TaskStateName::Skipped) if after.try_number() > 1 => self.ended.push((instance, Resolution::Skipped)),
            _ => {}
        }
    }
}

impl Pass<'_> {
    /// Writes what was noted, and tells the dags that wait for dead letters.
    pub(super) async fn file_letters(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let Letters { mut failed, retried, ended } = std::mem::take(&mut self.letters);
        if !retried.is_empty() {
            letters::retried(tx, &retried, self.now).await?;
        }
        if !ended.is_empty() {
            letters::resolve(tx, &ended, self.now).await?;
        }
        if failed.is_empty() {
            return Ok(());
        }
        for letter in &mut failed {
            if let Some(working) = self.working.get(&letter.instance) {
                letter.as_written = as_written(planned(&self.plans, &working.locked)?);
            }
        }
        let ids = letters::file(tx, &failed, self.now).await?;
        for (letter, id) in failed.iter().zip(ids) {
            self.followups.letters.push(letter.kind);
            let Some(working) = self.working.get(&letter.instance) else { continue };
            let told = self.told(&working.locked, letter, id);
            self.produced.extend(told);
        }
        Ok(())
    }

    /// What a letter tells those who wait for it.
    fn told(&self, locked: &LockedInstance, letter: &NewLetter, id: DeadLetterId) -> Vec<NewAssetEvent> {
        let (Some(facts), Some(plan)) = (self.facts.get(&locked.run), self.plans.get(&locked.version)) else { return Vec::new() };
        if is_told_of_dead_letters(plan) {
            return Vec::new();
        }
        let said: Option<String> = letter.message.as_ref().map(|message| message.chars().take(TOLD_CHARS).collect());
        let extra: Value = json!({
            "dead_letter_id": id,
            "kind": letter.kind.as_str(),
            "dag_id": facts.dag_id,
            "dag_run_id": facts.dag_run_id,
            "task_id": locked.task_id,
            "map_index": locked.map_index,
            "try_number": letter.try_number,
            "reason": letter.reason,
            "message": said,
        });
        assets_of(&facts.dag_id)
            .into_iter()
            .map(|uri| NewAssetEvent {
                tenant: locked.tenant,
                uri,
                extra: Some(extra.clone()),
                run: locked.run,
                task_id: locked.task_id.clone(),
                map_index: locked.map_index,
            })
            .collect()
    }
}
