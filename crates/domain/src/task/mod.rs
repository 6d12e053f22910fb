//! The state machine of a task instance: every state, every event, every transition.
//!
//! ```text
//! none ──UpstreamsDone──▶ queued ──Started──▶ running ──Ended──▶ success │ failed │ skipped
//!   │                     ▲ │ ▲                │ ├─▶ up_for_retry ──────┐
//!   ├─▶ skipped       Rel.│ │ │                │ ├─▶ up_for_reschedule ─┤
//!   └─▶ upstream_failed   │ ▼ └────────────────┼─┴─▶ deferred ──────────┘ WakeUp, EventArrived, Settled
//!                     scheduled                └──Cleared──▶ restarting ──▶ none
//! ```
//!
//! [`TaskState::apply`] is the only way from one state to another. It decides and does nothing: what is to be done it
//! returns as [`Effect`]s. Each group of transitions has a file of its own, with a match over all states.
//!
//! **Fencing.** A report of a worker names the try and the lease under which it ran. It is believed when the try is the
//! one that is due and the lease is not older than any seen before. So a result is accepted even when the record of
//! `running` was lost or is not written yet, and is accepted once.

mod cancel;
mod clear;
mod dispatch;
mod event;
mod held;
mod mapping;
mod mark;
#[cfg(test)]
mod properties;
mod report;
mod state;
#[cfg(test)]
mod tests;
mod upstreams;
mod wake;

pub use crate::trigger_rule::Outcome;
pub use event::{Effect, LeftOut, Refused, Rules, Step, TaskEvent, Why};
pub use state::{TaskState, TaskStateName};

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;

impl TaskState {
    /// Lets an event happen: the state after it and what is to be done, or why it cannot happen in this state. Nothing
    /// has changed then, and [`Refused`] gives the state back.
    ///
    /// # Errors
    /// When the state does not accept the event; each [`TaskEvent`] names those that do.
    pub fn apply(self, event: TaskEvent, rules: &Rules, now: DateTime<Utc>, rng: &mut impl Rng) -> Result<Step, Refused> {
        let before = self.clone();
        let name = event.name();
        let step = match event {
            TaskEvent::UpstreamsDone(verdict) => upstreams::upstreams_done(self, verdict, rules, now),
            TaskEvent::Bypassed(reason) => upstreams::bypassed(self, reason, now),
            TaskEvent::Hold => dispatch::hold(self, now),
            TaskEvent::Release => dispatch::release(self, now),
            TaskEvent::Enqueued => dispatch::enqueued(self, now),
            TaskEvent::Started { try_number, lease, worker } => dispatch::started(self, try_number, lease, worker, now),
            TaskEvent::Ended { try_number, lease, ending } => report::ended(self, try_number, lease, ending, rules, now, rng),
            TaskEvent::LeaseExpired { try_number, lease } => report::lease_expired(self, try_number, lease, rules, now, rng),
            TaskEvent::HandedBack { try_number, lease } => report::handed_back(self, try_number, lease, rules, now),
            TaskEvent::WakeUp => wake::wake_up(self, rules, now),
            TaskEvent::EventArrived { name } => wake::event_arrived(self, &name, rules, now),
            TaskEvent::Settled { try_number, lease, ending } => report::settled(self, try_number, lease, ending, rules, now, rng),
            TaskEvent::CancelRequested => cancel::cancel_requested(self, now),
            TaskEvent::Cleared => clear::cleared(self),
            TaskEvent::MarkedSuccess => mark::marked(self, mark::Mark::Success, now),
            TaskEvent::MarkedFailed => mark::marked(self, mark::Mark::Failed, now),
            TaskEvent::MarkedSkipped => mark::marked(self, mark::Mark::Skipped, now),
            TaskEvent::Removed => mark::removed(self, now),
            TaskEvent::LeftOut(why) => mapping::left_out(self, why, now),
            TaskEvent::Restored => mapping::restored(self),
        };
        step.map_err(|why| Refused { state: before, event: name, why })
    }
}

/// `now` and so many milliseconds, or the end of time.
fn later(now: DateTime<Utc>, ms: u64) -> DateTime<Utc> {
    i64::try_from(ms)
        .ok()
        .and_then(TimeDelta::try_milliseconds)
        .and_then(|delta| now.checked_add_signed(delta))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
