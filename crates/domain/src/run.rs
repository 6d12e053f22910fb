//! The state machine of a dag run, and how runs are named.

use crate::ending::Reason;
use chrono::{DateTime, SecondsFormat, Utc};
use cofferdam_ids::DagRunId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunType {
    /// A person or the API.
    Manual,
    /// The schedule.
    Scheduled,
    /// A backfill.
    Backfill,
    /// An event or an asset.
    Event,
}

impl RunType {
    /// Every type.
    pub const ALL: &[Self] = &[Self::Manual, Self::Scheduled, Self::Backfill, Self::Event];

    /// The type as it is stored and sent, and the first part of the run's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Scheduled => "scheduled",
            Self::Backfill => "backfill",
            Self::Event => "event",
        }
    }

    /// Reads what [`RunType::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|run_type| run_type.as_str() == text)
    }

    /// The type that a run's name tells; a name without a known first part is that of a manual run.
    #[must_use]
    pub fn of(run_id: &DagRunId) -> Self {
        run_id.as_str().split_once("__").and_then(|(first, _)| Self::parse(first)).unwrap_or(Self::Manual)
    }
}

impl fmt::Display for RunType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of the run of this type for this moment, as Airflow writes it: `scheduled__2026-11-21T06:00:00+00:00`.
/// Microseconds are there when they are not 0.
///
/// # Panics
/// Never: such a name is valid for every time.
#[must_use]
pub fn run_id(run_type: RunType, logical_date: DateTime<Utc>) -> DagRunId {
    let format = if logical_date.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    let time = logical_date.to_rfc3339_opts(format, false);
    DagRunId::new(format!("{run_type}__{time}")).expect("letters, digits, '_', '-', ':', '.' and '+' are allowed")
}

/// The name of a [`RunState`], as it is stored and sent (Airflow's names).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStateName {
    /// It waits for its turn (`max_active_runs`).
    Queued,
    /// Its tasks run.
    Running,
    /// All its last tasks succeeded or were skipped.
    Success,
    /// One of its last tasks failed, or it was stopped.
    Failed,
}

impl RunStateName {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Queued, Self::Running, Self::Success, Self::Failed];

    /// The state as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`RunStateName::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }

    /// Whether the run has come to its end: only clearing or marking leads on.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Success | Self::Failed => true,
        }
    }
}

impl fmt::Display for RunStateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a dag run stands, with what that state has and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// It waits for its turn.
    Queued {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Its tasks run.
    Running {
        /// Since when.
        since: DateTime<Utc>,
        /// Why its tasks are being stopped (`cancelled` or `timed_out`), when they are.
        stopping: Option<Reason>,
    },
    /// All its last tasks succeeded or were skipped, or a person says so.
    Success {
        /// When.
        at: DateTime<Utc>,
        /// `marked_by_user`, or nothing.
        reason: Option<Reason>,
    },
    /// It failed.
    Failed {
        /// `upstream_failed` (one of its last tasks failed), `cancelled`, `timed_out` or `marked_by_user`.
        reason: Reason,
        /// When.
        at: DateTime<Utc>,
    },
}

/// What can happen to a dag run. States that an event does not name refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEvent {
    /// There is room for it (`max_active_runs`). Accepted in `queued`: becomes `running`.
    Admitted,
    /// One of its task instances finished. Accepted in `running`: stays.
    InstanceFinished,
    /// All of its task instances are finished. Accepted in `running`: becomes `success` or `failed`.
    AllFinished {
        /// Whether a task that has none downstream ended as `failed` or `upstream_failed`.
        any_leaf_failed: bool,
    },
    /// A person or the API wants it stopped. Accepted in `queued`: becomes `failed`; and in `running`: stays until all its
    /// task instances are finished, then becomes `failed`.
    CancelRequested,
    /// It took longer than it may. Accepted in `running`, as `CancelRequested` is.
    TimedOut,
    /// Some of its task instances were cleared. Accepted in all states: `running` is no longer being stopped, finished
    /// ones become `queued`.
    Cleared,
    /// A person says that it succeeded. Accepted in all states: becomes `success`.
    MarkedSuccess,
    /// A person says that it failed. Accepted in all states: becomes `failed`.
    MarkedFailed,
}

impl RunEvent {
    /// The name of the event, for messages and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::InstanceFinished => "instance_finished",
            Self::AllFinished { .. } => "all_finished",
            Self::CancelRequested => "cancel_requested",
            Self::TimedOut => "timed_out",
            Self::Cleared => "cleared",
            Self::MarkedSuccess => "marked_success",
            Self::MarkedFailed => "marked_failed",
        }
    }
}

/// What is to be done after a transition, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEffect {
    /// Ask the trigger rules of the instances that wait for nothing.
    StartInstances,
    /// Look whether all instances are finished.
    CheckFinished,
    /// Request the cancelling of every instance that is not finished.
    CancelInstances,
    /// Another run of the dag may have room now.
    AdmitNext,
}

/// The state after an event, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// The state.
    pub state: RunState,
    /// What is to be done.
    pub effects: Vec<RunEffect>,
}

/// An event that the state does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a dag run that is {} does not accept '{event}'", state.name())]
pub struct RunRefused {
    /// The state, unchanged.
    pub state: RunState,
    /// The name of the event.
    pub event: &'static str,
}

impl RunState {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> RunStateName {
        match self {
            Self::Queued { .. } => RunStateName::Queued,
            Self::Running { .. } => RunStateName::Running,
            Self::Success { .. } => RunStateName::Success,
            Self::Failed { .. } => RunStateName::Failed,
        }
    }

    /// Why it is as it is, where the state alone does not say.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Queued { .. } => None,
            Self::Running { stopping, .. } => *stopping,
            Self::Success { reason, .. } => *reason,
            Self::Failed { reason, .. } => Some(*reason),
        }
    }

    /// Lets an event happen.
    ///
    /// # Errors
    /// When the state does not accept the event; each [`RunEvent`] names those that do.
    pub fn apply(self, event: RunEvent, now: DateTime<Utc>) -> Result<RunStep, RunRefused> {
        match event {
            RunEvent::Admitted => self.admitted(now),
            RunEvent::InstanceFinished => self.instance_finished(),
            RunEvent::AllFinished { any_leaf_failed } => self.all_finished(any_leaf_failed, now),
            RunEvent::CancelRequested => self.cancel_requested(now),
            RunEvent::TimedOut => self.timed_out(),
            RunEvent::Cleared => self.cleared(now),
            RunEvent::MarkedSuccess => Ok(self.marked(Self::Success { at: now, reason: Some(Reason::MarkedByUser) })),
            RunEvent::MarkedFailed => Ok(self.marked(Self::Failed { reason: Reason::MarkedByUser, at: now })),
        }
        .map_err(|state| RunRefused { state, event: event.name() })
    }

    fn admitted(self, now: DateTime<Utc>) -> Result<RunStep, Self> {
        match self {
            Self::Queued { .. } => {
                Ok(step(Self::Running { since: now, stopping: None }, [RunEffect::StartInstances, RunEffect::CheckFinished]))
            }
            Self::Running { .. } | Self::Success { .. } | Self::Failed { .. } => Err(self),
        }
    }

    fn instance_finished(self) -> Result<RunStep, Self> {
        match self {
            Self::Running { .. } => Ok(step(self, [RunEffect::CheckFinished])),
            Self::Queued { .. } | Self::Success { .. } | Self::Failed { .. } => Err(self),
        }
    }

    fn all_finished(self, any_leaf_failed: bool, now: DateTime<Utc>) -> Result<RunStep, Self> {
        let state = match self {
            Self::Running { stopping: Some(reason), .. } => Self::Failed { reason, at: now },
            Self::Running { stopping: None, .. } if any_leaf_failed => Self::Failed { reason: Reason::UpstreamFailed, at: now },
            Self::Running { stopping: None, .. } => Self::Success { at: now, reason: None },
            Self::Queued { .. } | Self::Success { .. } | Self::Failed { .. } => return Err(self),
        };
        Ok(step(state, [RunEffect::AdmitNext]))
    }

    fn cancel_requested(self, now: DateTime<Utc>) -> Result<RunStep, Self> {
        match self {
            // A cleared run is queued while some of its instances still run.
            Self::Queued { .. } => {
                Ok(step(Self::Failed { reason: Reason::Cancelled, at: now }, [RunEffect::CancelInstances, RunEffect::AdmitNext]))
            }
            Self::Running { since, stopping } => Ok(step(
                Self::Running { since, stopping: Some(stopping.unwrap_or(Reason::Cancelled)) },
                [RunEffect::CancelInstances, RunEffect::CheckFinished],
            )),
            Self::Success { .. } | Self::Failed { .. } => Err(self),
        }
    }

    fn timed_out(self) -> Result<RunStep, Self> {
        match self {
            Self::Running { since, stopping } => Ok(step(
                Self::Running { since, stopping: Some(stopping.unwrap_or(Reason::TimedOut)) },
                [RunEffect::CancelInstances, RunEffect::CheckFinished],
            )),
            Self::Queued { .. } | Self::Success { .. } | Self::Failed { .. } => Err(self),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "all transitions have the same shape")]
    fn cleared(self, now: DateTime<Utc>) -> Result<RunStep, Self> {
        Ok(match self {
            Self::Queued { .. } => step(self, []),
            Self::Running { since, .. } => step(Self::Running { since, stopping: None }, [RunEffect::StartInstances]),
            Self::Success { .. } | Self::Failed { .. } => step(Self::Queued { since: now }, [RunEffect::AdmitNext]),
        })
    }

    fn marked(self, state: Self) -> RunStep {
        match self {
            Self::Queued { .. } | Self::Running { .. } => step(state, [RunEffect::CancelInstances, RunEffect::AdmitNext]),
            Self::Success { .. } | Self::Failed { .. } => step(state, []),
        }
    }
}

fn step(state: RunState, effects: impl Into<Vec<RunEffect>>) -> RunStep {
    RunStep { state, effects: effects.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn at(second: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 6, 0, second).unwrap()
    }

    const EVENTS: [RunEvent; 9] = [
        RunEvent::Admitted,
        RunEvent::InstanceFinished,
        RunEvent::AllFinished { any_leaf_failed: false },
        RunEvent::AllFinished { any_leaf_failed: true },
        RunEvent::CancelRequested,
        RunEvent::TimedOut,
        RunEvent::Cleared,
        RunEvent::MarkedSuccess,
        RunEvent::MarkedFailed,
    ];

    #[test]
    fn runs_are_named_as_airflow_does() {
        assert_eq!(run_id(RunType::Scheduled, at(0)).as_str(), "scheduled__2026-11-21T06:00:00+00:00");
        let odd = at(7) + chrono::Duration::microseconds(120);
        assert_eq!(run_id(RunType::Manual, odd).as_str(), "manual__2026-11-21T06:00:07.000120+00:00");
        for run_type in RunType::ALL {
            assert_eq!(RunType::of(&run_id(*run_type, at(0))), *run_type);
            assert_eq!(RunType::parse(run_type.as_str()), Some(*run_type));
        }
        assert_eq!(RunType::of(&DagRunId::new("my-run").unwrap()), RunType::Manual);
        assert_eq!(run_id(RunType::Manual, DateTime::<Utc>::MAX_UTC).as_str().split("__").next(), Some("manual"));
    }

    #[test]
    fn names_read_back() {
        for state in RunStateName::ALL {
            assert_eq!(RunStateName::parse(state.as_str()), Some(*state));
        }
    }

    #[test]
    fn a_run_succeeds_or_fails_by_its_leaves() {
        let running = RunState::Queued { since: at(0) }.apply(RunEvent::Admitted, at(1)).unwrap();
        assert_eq!(running.effects, [RunEffect::StartInstances, RunEffect::CheckFinished]);
        let done = running.state.clone().apply(RunEvent::AllFinished { any_leaf_failed: false }, at(2)).unwrap();
        assert_eq!(done.state, RunState::Success { at: at(2), reason: None });
        let failed = running.state.apply(RunEvent::AllFinished { any_leaf_failed: true }, at(2)).unwrap();
        assert_eq!(failed.state, RunState::Failed { reason: Reason::UpstreamFailed, at: at(2) });
    }

    #[test]
    fn a_cancelled_run_fails_when_its_last_instance_has_stopped() {
        let running = RunState::Running { since: at(0), stopping: None };
        let stopping = running.apply(RunEvent::CancelRequested, at(1)).unwrap();
        assert_eq!(stopping.state, RunState::Running { since: at(0), stopping: Some(Reason::Cancelled) });
        assert_eq!(stopping.effects, [RunEffect::CancelInstances, RunEffect::CheckFinished]);
        let end = stopping.state.apply(RunEvent::AllFinished { any_leaf_failed: false }, at(2)).unwrap();
        assert_eq!(end.state, RunState::Failed { reason: Reason::Cancelled, at: at(2) });
        let error = end.state.apply(RunEvent::CancelRequested, at(3)).unwrap_err();
        assert_eq!(error.to_string(), "a dag run that is failed does not accept 'cancel_requested'");
    }

    /// Which events each state accepts, and the states it may come to: the whole machine in one table.
    #[test]
    fn every_state_accepts_what_its_events_say() {
        use RunStateName as N;
        let table: [(RunState, [Option<N>; 9]); 5] = [
            (
                RunState::Queued { since: at(0) },
                [Some(N::Running), None, None, None, Some(N::Failed), None, Some(N::Queued), Some(N::Success), Some(N::Failed)],
            ),
            (
                RunState::Running { since: at(0), stopping: None },
                [
                    None,
                    Some(N::Running),
                    Some(N::Success),
                    Some(N::Failed),
                    Some(N::Running),
                    Some(N::Running),
                    Some(N::Running),
                    Some(N::Success),
                    Some(N::Failed),
                ],
            ),
            (
                RunState::Running { since: at(0), stopping: Some(Reason::TimedOut) },
                [
                    None,
                    Some(N::Running),
                    Some(N::Failed),
                    Some(N::Failed),
                    Some(N::Running),
                    Some(N::Running),
                    Some(N::Running),
                    Some(N::Success),
                    Some(N::Failed),
                ],
            ),
            (
                RunState::Success { at: at(0), reason: None },
                [None, None, None, None, None, None, Some(N::Queued), Some(N::Success), Some(N::Failed)],
            ),
            (
                RunState::Failed { reason: Reason::Cancelled, at: at(0) },
                [None, None, None, None, None, None, Some(N::Queued), Some(N::Success), Some(N::Failed)],
            ),
        ];
        for (state, expected) in table {
            for (event, name) in EVENTS.into_iter().zip(expected) {
                let after = state.clone().apply(event, at(1));
                assert_eq!(after.as_ref().ok().map(|step| step.state.name()), name, "{state:?} {event:?}");
                if let Err(refused) = after {
                    assert_eq!(refused.state, state, "a refused event gives the state back");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_run_stays_in_its_machine(events in proptest::collection::vec(0..EVENTS.len(), 0..40)) {
            let mut state = RunState::Queued { since: at(0) };
            for index in events {
                let event = EVENTS[index];
                let before = state.clone();
                match state.apply(event, at(1)) {
                    Ok(step) => {
                        if before.name().is_finished() {
                            prop_assert!(matches!(event, RunEvent::Cleared | RunEvent::MarkedSuccess | RunEvent::MarkedFailed));
                        }
                        // Room for another run comes exactly when this one stops being active or begins to wait.
                        let freed = !before.name().is_finished() && step.state.name().is_finished();
                        prop_assert!(!freed || step.effects.contains(&RunEffect::AdmitNext));
                        state = step.state;
                    }
                    Err(refused) => {
                        prop_assert_eq!(&refused.state, &before);
                        state = refused.state;
                    }
                }
            }
        }
    }
}
