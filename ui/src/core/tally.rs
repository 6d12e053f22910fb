//! Task instances together: how many are in which state, and what that amounts to.

use crate::core::status::Status;
use crate::core::{clock, format};
use cofferdam_api_types::{TaskState, TaskSummary};
use std::collections::BTreeMap;

/// How many instances are in which state.
pub type Tally = BTreeMap<TaskState, u64>;

/// Of several states, the one that matters most has the highest rank.
#[must_use]
pub const fn rank(state: TaskState) -> u8 {
    match state {
        TaskState::Failed => 9,
        TaskState::UpstreamFailed => 8,
        TaskState::UpForRetry | TaskState::UpForReschedule => 7,
        TaskState::Running | TaskState::Restarting => 6,
        TaskState::Deferred => 5,
        TaskState::Queued | TaskState::Scheduled => 4,
        TaskState::None => 3,
        TaskState::Success => 2,
        TaskState::Skipped => 1,
        TaskState::Removed => 0,
    }
}

/// The state that matters most.
#[must_use]
pub fn worst(tally: &Tally) -> Option<TaskState> {
    tally.iter().filter(|(_, count)| **count > 0).map(|(state, _)| *state).max_by_key(|state| rank(*state))
}

/// All of several tallies.
#[must_use]
pub fn sum<'a>(all: impl IntoIterator<Item = &'a Tally>) -> Tally {
    let mut sum = Tally::new();
    for tally in all {
        for (state, count) in tally {
            *sum.entry(*state).or_default() += count;
        }
    }
    sum
}

/// How many instances there are.
#[must_use]
pub fn total(tally: &Tally) -> u64 {
    tally.values().sum()
}

/// The tally in words, what matters most first: `2 failed, 7 success`.
#[must_use]
pub fn words(tally: &Tally) -> String {
    let mut states: Vec<(TaskState, u64)> =
        tally.iter().filter(|(_, count)| **count > 0).map(|(state, count)| (*state, *count)).collect();
    states.sort_by_key(|(state, _)| std::cmp::Reverse(rank(*state)));
    let words: Vec<String> = states
        .iter()
        .map(|(state, count)| format!("{} {}", format::grouped(*count), Status::from(*state).label().to_lowercase()))
        .collect();
    words.join(", ")
}

/// How many of a mapped task's instances are done, with those that failed: `7 of 10 · 2 failed`.
#[must_use]
pub fn progress(tally: &Tally) -> String {
    let of = |wanted: &dyn Fn(TaskState) -> bool| {
        tally.iter().filter(|(state, _)| wanted(**state)).map(|(_, count)| count).sum::<u64>()
    };
    let done = of(&|state| state.is_finished());
    let failed = of(&|state| matches!(state, TaskState::Failed | TaskState::UpstreamFailed));
    let mut text = format!("{} of {}", format::grouped(done), format::grouped(total(tally)));
    if failed > 0 {
        text.push_str(&format!(" · {} failed", format::grouped(failed)));
    }
    text
}

/// From the start of the first instance to the end of the last, in seconds; to now, while one is not finished.
#[must_use]
pub fn seconds(summary: &TaskSummary) -> Option<f64> {
    let start = summary.start_date?;
    let end = summary.end_date.map_or_else(clock::tracked_now_ms, |end| end.timestamp_millis());
    Some(((end - start.timestamp_millis()) as f64 / 1e3).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outranks_everything_else() {
        assert_eq!(TaskState::ALL.iter().copied().max_by_key(|state| rank(*state)), Some(TaskState::Failed));
        let tally = Tally::from([(TaskState::Success, 7), (TaskState::Failed, 0), (TaskState::Running, 1)]);
        assert_eq!(worst(&tally), Some(TaskState::Running));
        assert_eq!(worst(&Tally::new()), None);
    }

    #[test]
    fn a_tally_reads_as_a_sentence() {
        let a = Tally::from([(TaskState::Success, 7), (TaskState::Failed, 2)]);
        let b = Tally::from([(TaskState::Success, 1), (TaskState::None, 1_200)]);
        let both = sum([&a, &b]);
        assert_eq!(words(&both), "2 failed, 1\u{202f}200 waiting, 8 success");
        assert_eq!(progress(&both), "10 of 1\u{202f}210 · 2 failed");
        assert_eq!(total(&both), 1_210);
    }
}
