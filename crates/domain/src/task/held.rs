//! Whether a report of a worker is to be believed.

use super::{TaskState, Why};
use cofferdam_ids::LeaseToken;

/// What a believed report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// A try whose end counts.
    Counting,
    /// A try that is being stopped for good.
    Cancelling,
    /// A try that is being stopped to start anew.
    Restarting,
}

/// Checks the try and the lease of a report against the state.
///
/// In `running` and `restarting` the recorded lease and any later one are believed: a later one means that the queue gave
/// the try to another worker before the record of it came. In the states that wait in the queue, and in `scheduled`
/// (withdrawn perhaps too late), a lease later than the last one is believed: the record of `running` was lost or is late.
pub(super) fn held(state: &TaskState, try_number: u32, lease: LeaseToken) -> Result<Held, Why> {
    match state {
        TaskState::Scheduled { try_number: due, last_lease, .. }
        | TaskState::Queued { try_number: due, last_lease, .. }
        | TaskState::UpForReschedule { try_number: due, last_lease, .. } => {
            check(try_number, *due, lease, *last_lease, lease > *last_lease)?;
            Ok(Held::Counting)
        }
        TaskState::UpForRetry { try_number: failed, last_lease, .. } => {
            check(try_number, failed.saturating_add(1), lease, *last_lease, lease > *last_lease)?;
            Ok(Held::Counting)
        }
        TaskState::Running { try_number: due, lease: known, cancel_requested, .. } => {
            check(try_number, *due, lease, *known, lease >= *known)?;
            Ok(if *cancel_requested { Held::Cancelling } else { Held::Counting })
        }
        TaskState::Restarting { try_number: due, lease: known, .. } => {
            check(try_number, *due, lease, *known, lease >= *known)?;
            Ok(Held::Restarting)
        }
        TaskState::None { .. } | TaskState::Deferred { .. } => Err(Why::NotHeld),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}

pub(super) const fn check(given: u32, due: u32, lease: LeaseToken, known: LeaseToken, fresh: bool) -> Result<(), Why> {
    if given != due {
        Err(Why::OtherTry { given, due })
    } else if !fresh {
        Err(Why::OldLease { given: lease, known })
    } else {
        Ok(())
    }
}
