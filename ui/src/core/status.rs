//! States of runs and tasks, in words.

use cofferdam_api_types::{DagRunState, DagRunType, Reason, TaskState};

/// The state of a run or of a task instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(TaskState);

impl From<TaskState> for Status {
    fn from(state: TaskState) -> Self {
        Self(state)
    }
}

impl From<DagRunState> for Status {
    fn from(state: DagRunState) -> Self {
        Self(match state {
            DagRunState::Queued => TaskState::Queued,
            DagRunState::Running => TaskState::Running,
            DagRunState::Success => TaskState::Success,
            DagRunState::Failed => TaskState::Failed,
        })
    }
}

impl Status {
    /// The name, as the API and the style sheet know it.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.0.as_str()
    }

    /// The name, as people read it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self.0 {
            TaskState::None => "Waiting",
            TaskState::Scheduled => "Scheduled",
            TaskState::Queued => "Queued",
            TaskState::Running => "Running",
            TaskState::Success => "Success",
            TaskState::Failed => "Failed",
            TaskState::UpForRetry => "Up for retry",
            TaskState::UpForReschedule => "Rescheduled",
            TaskState::Deferred => "Deferred",
            TaskState::UpstreamFailed => "Upstream failed",
            TaskState::Skipped => "Skipped",
            TaskState::Removed => "Removed",
            TaskState::Restarting => "Restarting",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            TaskState::None => "It waits for its upstream tasks.",
            TaskState::Scheduled => "It may run and waits for room.",
            TaskState::Queued => "It waits for a free worker.",
            TaskState::Running => "It is running.",
            TaskState::Success => "It returned a result.",
            TaskState::Failed => "It failed and will not be tried again.",
            TaskState::UpForRetry => "The last try failed; another one follows.",
            TaskState::UpForReschedule => "It asked to be run again later.",
            TaskState::Deferred => "It waits for an event.",
            TaskState::UpstreamFailed => "It did not run, since a task before it failed.",
            TaskState::Skipped => "It was left out.",
            TaskState::Removed => "It is no longer part of the dag.",
            TaskState::Restarting => "It runs and will be run again.",
        }
    }

    /// The shape that tells it apart without colour.
    #[must_use]
    pub const fn icon(self) -> &'static str {
        match self.0 {
            TaskState::None => "circle-dotted",
            TaskState::Scheduled => "clock",
            TaskState::Queued => "circle",
            TaskState::Running | TaskState::Restarting => "running",
            TaskState::Success => "check-circle",
            TaskState::Failed => "x-circle",
            TaskState::UpForRetry | TaskState::UpForReschedule => "retry",
            TaskState::Deferred => "pause-circle",
            TaskState::UpstreamFailed => "blocked",
            TaskState::Skipped => "skip",
            TaskState::Removed => "minus-circle",
        }
    }

    /// The sign inside a square of the grid.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self.0 {
            TaskState::Success => "glyph-check",
            TaskState::Failed => "glyph-x",
            TaskState::Running | TaskState::Restarting => "glyph-play",
            TaskState::UpForRetry | TaskState::UpForReschedule => "glyph-retry",
            TaskState::Deferred => "glyph-pause",
            TaskState::UpstreamFailed => "glyph-up",
            TaskState::Skipped => "glyph-skip",
            TaskState::Queued | TaskState::Scheduled => "glyph-dots",
            TaskState::None | TaskState::Removed => "glyph-none",
        }
    }

    /// Whether something is still going to happen.
    #[must_use]
    pub const fn is_active(self) -> bool {
        !self.0.is_finished()
    }

    /// Whether it is running now.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self.0, TaskState::Running | TaskState::Restarting)
    }
}

/// What made a run, in a word, with its icon.
#[must_use]
pub const fn run_type(kind: DagRunType) -> (&'static str, &'static str) {
    match kind {
        DagRunType::Manual => ("Manual", "hand"),
        DagRunType::Scheduled => ("Scheduled", "clock"),
        DagRunType::Backfill => ("Backfill", "retry"),
        DagRunType::Event => ("Event", "bolt"),
    }
}

/// What happened, and what to do about it.
#[must_use]
pub const fn reason(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::GuestError => {
            ("The task returned an error", "Read its message and its log. It is tried again while tries are left.")
        }
        Reason::Fatal => ("The task returned an error that rules out another try", "Mend its cause, then trigger a new run."),
        Reason::Trap => (
            "The task crashed inside its sandbox",
            "A panic or an uncaught exception: the log usually ends with where it happened. Nothing outside the sandbox was touched.",
        ),
        Reason::StackOverflow => ("The task's call stack overflowed", "Look for recursion without an end."),
        Reason::OutOfFuel => (
            "The task used up its fuel",
            "It ran more instructions than its limit allows. Look for an endless loop, or raise the task's fuel limit.",
        ),
        Reason::OutOfMemory => {
            ("The task reached its memory limit", "Let it work on smaller pieces, or raise the task's memory limit.")
        }
        Reason::TimedOut => ("The task took longer than it may", "See where it waits, or raise the task's timeout."),
        Reason::Cancelled => ("Somebody stopped it", "Trigger a new run when it should run after all."),
        Reason::WorkerLost => (
            "The worker stopped reporting",
            "The machine or process went away. The try is repeated on another worker; its late result, if any, is refused.",
        ),
        Reason::PermissionDenied => (
            "The task asked for something that it was not granted",
            "Compare the permissions of its component with the grant in the dag's definition.",
        ),
        Reason::InvalidInput => {
            ("The input does not fit what the task takes", "Check the run's conf and what upstream tasks returned.")
        }
        Reason::InvalidOutput => {
            ("The result is not what the task promises", "It must be JSON, fit its type, and stay below the size limit.")
        }
        Reason::InvalidComponent => {
            ("The component cannot be run", "Check that it exports what the task names, and upload it again.")
        }
        Reason::LimitExceeded => {
            ("The task used too many instances, tables or handles", "See the limits of the sandbox in the documentation.")
        }
        Reason::SkippedByTask => ("The task asked to be skipped", "Nothing to do."),
        Reason::SkippedByRule => ("Its trigger rule left it out", "Nothing to do, if the upstream tasks ended as meant."),
        Reason::BranchNotChosen => ("A branch before it chose other tasks", "Nothing to do, if the branch chose as meant."),
        Reason::ShortCircuited => {
            ("A short circuit before it skipped what follows", "Nothing to do, if its result was as meant.")
        }
        Reason::NothingToMap => {
            ("The list that it is mapped over is empty", "Nothing to do, if an empty list was to be expected.")
        }
        Reason::UpstreamFailed => ("A task before it failed", "Mend the task that failed first."),
        Reason::MarkedByUser => ("Somebody set this state by hand", "The audit log says who."),
        Reason::Removed => ("The task left the dag before it ran", "Nothing to do."),
        Reason::ChildFailed => ("The run that the task made failed", "Mend what failed in that run; its name is in the message."),
        Reason::Rejected => ("Somebody who was asked rejected it", "The message says who, and why."),
        Reason::Undecodable => {
            ("The worker could not read what it was told", "It is told again. The dead letters have what could be read.")
        }
        Reason::Internal => {
            ("Cofferdam itself failed", "Not the task's fault: it is tried again. The server's log has the cause.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_states_that_matter_share_an_icon() {
        let mut seen = Vec::new();
        for state in TaskState::ALL {
            let status = Status::from(*state);
            assert!(!status.label().is_empty());
            assert!(status.meaning().ends_with('.'));
            let twin = matches!(state, TaskState::Restarting | TaskState::UpForReschedule);
            assert!(twin || !seen.contains(&status.icon()), "{state}");
            seen.push(status.icon());
        }
    }

    #[test]
    fn every_reason_says_what_to_do() {
        for it in Reason::ALL {
            let (what, advice) = reason(*it);
            assert!(!what.ends_with('.') && advice.ends_with('.'), "{it}");
        }
    }
}
