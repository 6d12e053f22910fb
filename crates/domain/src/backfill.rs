//! Backfills: runs of intervals that have passed.

use crate::run::RunStateName;
use crate::schedule::{Interval, Schedule};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many intervals a backfill may have.
pub const MAX_INTERVALS: usize = 10_000;

/// How many of its runs may be active at once.
pub const MAX_ACTIVE_RUNS: u32 = 1_000;

/// How many are, when nobody says (Airflow's default).
pub const DEFAULT_ACTIVE_RUNS: u32 = 10;

/// Which intervals are run again that have a run (Airflow's `reprocess_behavior`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reprocess {
    /// None.
    #[default]
    None,
    /// Those whose last run failed.
    Failed,
    /// Those whose last run is finished.
    Completed,
}

impl Reprocess {
    /// Every behaviour.
    pub const ALL: &[Self] = &[Self::None, Self::Failed, Self::Completed];

    /// The behaviour as it is written and stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// Reads what [`Reprocess::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|behaviour| behaviour.as_str() == text)
    }

    /// Whether an interval is run whose last run, if it has one, is in this state. One that is not finished is never doubled.
    #[must_use]
    pub const fn runs(self, last: Option<RunStateName>) -> bool {
        match (last, self) {
            (None, _)
            | (Some(RunStateName::Failed), Self::Failed | Self::Completed)
            | (Some(RunStateName::Success), Self::Completed) => true,
            (Some(RunStateName::Queued | RunStateName::Running), _)
            | (Some(RunStateName::Failed), Self::None)
            | (Some(RunStateName::Success), Self::None | Self::Failed) => false,
        }
    }
}

/// Where a backfill stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// It makes runs.
    Running,
    /// It makes none until it is resumed; those that it made go on.
    Paused,
    /// All its intervals had their turn, and all its runs are finished.
    Completed,
    /// Somebody ended it.
    Cancelled,
}

impl BackfillState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Running, Self::Paused, Self::Completed, Self::Cancelled];

    /// The state as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads what [`BackfillState::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }

    /// Whether nothing leads on from it.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Running | Self::Paused => false,
            Self::Completed | Self::Cancelled => true,
        }
    }
}

/// Why there are no intervals to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackfillError {
    /// The dag runs by no clock.
    #[error("the dag has no schedule with times, so it has no intervals to run")]
    NoTimes,
    /// The dates are the wrong way round.
    #[error("to_date is before from_date")]
    Dates,
    /// None begins there, or none has ended.
    #[error("no interval of the schedule begins between the dates and has ended by now")]
    Nothing,
    /// Too many.
    #[error("there are more than {MAX_INTERVALS} intervals between the dates: make several backfills of them")]
    TooMany,
}

/// The intervals of a schedule that begin from `from` up to `to`, both included, and have ended at `now`: the earliest first.
///
/// # Errors
/// When there are none or too many.
pub fn intervals(
    schedule: &Schedule,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Interval>, BackfillError> {
    if !schedule.has_ticks() {
        return Err(BackfillError::NoTimes);
    }
    if to < from {
        return Err(BackfillError::Dates);
    }
    let mut found = Vec::new();
    let mut next = schedule.interval_from(from);
    while let Some(interval) = next.filter(|interval| interval.start <= to && interval.end <= now) {
        if found.len() == MAX_INTERVALS {
            return Err(BackfillError::TooMany);
        }
        found.push(interval);
        next = schedule.interval_after(interval.start);
    }
    if found.is_empty() { Err(BackfillError::Nothing) } else { Ok(found) }
}

/// What a run of a dag used lately, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PastRuns {
    /// How many runs that is learnt from.
    pub runs: u32,
    /// Fuel of all tries of a run.
    pub fuel: f64,
    /// Milliseconds of CPU of all tries of a run.
    pub cpu_ms: f64,
    /// Milliseconds from its start to its end.
    pub wall_ms: f64,
    /// Tries.
    pub tries: f64,
}

/// What runs will likely use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// How many past runs that is learnt from.
    pub learnt_from: u32,
    /// Fuel of all runs together.
    pub fuel: u64,
    /// Milliseconds of CPU of all runs together.
    pub cpu_ms: u64,
    /// Tries of all runs together.
    pub tries: u64,
    /// Milliseconds until the last has ended, so many at once.
    pub wall_ms: u64,
}

impl PastRuns {
    /// What `runs` runs will likely use, `at_once` at a time; nothing when there is nothing to learn from.
    #[must_use]
    pub fn forecast(&self, runs: usize, at_once: u32) -> Option<Forecast> {
        if self.runs == 0 {
            return None;
        }
        let rounds = runs.div_ceil(usize::try_from(at_once.max(1)).unwrap_or(usize::MAX));
        Some(Forecast {
            learnt_from: self.runs,
            fuel: times(self.fuel, runs),
            cpu_ms: times(self.cpu_ms, runs),
            tries: times(self.tries, runs),
            wall_ms: times(self.wall_ms, rounds),
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; a float turned into an integer stays within its bounds"
)]
fn times(each: f64, count: usize) -> u64 {
    (each.max(0.0) * count as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    fn time(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    fn starts(schedule: &Schedule, from: &str, to: &str) -> Result<Vec<String>, BackfillError> {
        let found = intervals(schedule, time(from), time(to), time("2026-11-21T12:00"))?;
        Ok(found.iter().map(|interval| interval.start.format("%m-%dT%H:%M").to_string()).collect())
    }

    #[test]
    fn intervals_begin_between_the_dates_and_have_ended() {
        let daily = Schedule::parse("0 6 * * *", Tz::UTC).unwrap();
        assert_eq!(
            starts(&daily, "2026-11-01T06:00", "2026-11-03T06:00").unwrap(),
            ["11-01T06:00", "11-02T06:00", "11-03T06:00"]
        );
        assert_eq!(starts(&daily, "2026-11-01T06:01", "2026-11-03T05:59").unwrap(), ["11-02T06:00"]);
        // That of the 21st has not ended.
        assert_eq!(starts(&daily, "2026-11-20T00:00", "2026-12-31T00:00").unwrap(), ["11-20T06:00"]);
        let moments = Schedule::at([time("2026-11-02T00:00"), time("2026-11-01T00:00"), time("2026-12-24T00:00")], Tz::UTC);
        assert_eq!(starts(&moments, "2026-01-01T00:00", "2027-01-01T00:00").unwrap(), ["11-01T00:00", "11-02T00:00"]);
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        let daily = Schedule::parse("0 6 * * *", Tz::UTC).unwrap();
        let minutely = Schedule::parse("* * * * *", Tz::UTC).unwrap();
        assert_eq!(starts(&daily, "2026-11-03T00:00", "2026-11-01T00:00"), Err(BackfillError::Dates));
        assert_eq!(starts(&daily, "2026-12-01T00:00", "2026-12-05T00:00"), Err(BackfillError::Nothing));
        assert_eq!(starts(&minutely, "2026-11-01T00:00", "2026-11-20T00:00"), Err(BackfillError::TooMany));
        assert_eq!(starts(&Schedule::never(), "2026-11-01T00:00", "2026-11-20T00:00"), Err(BackfillError::NoTimes));
    }

    #[test]
    fn an_unfinished_run_is_never_doubled() {
        use RunStateName::{Failed, Queued, Running, Success};
        for (behaviour, again) in [
            (Reprocess::None, vec![None]),
            (Reprocess::Failed, vec![None, Some(Failed)]),
            (Reprocess::Completed, vec![None, Some(Failed), Some(Success)]),
        ] {
            for last in [None, Some(Queued), Some(Running), Some(Success), Some(Failed)] {
                assert_eq!(behaviour.runs(last), again.contains(&last), "{behaviour:?} {last:?}");
            }
            assert_eq!(Reprocess::parse(behaviour.as_str()), Some(behaviour));
        }
    }

    #[test]
    fn the_past_tells_what_is_to_come() {
        let past = PastRuns { runs: 4, fuel: 1_000.0, cpu_ms: 2.5, wall_ms: 100.0, tries: 3.0 };
        let forecast = past.forecast(10, 4).unwrap();
        assert_eq!((forecast.fuel, forecast.cpu_ms, forecast.tries), (10_000, 25, 30));
        assert_eq!(forecast.wall_ms, 300, "three rounds");
        assert_eq!(PastRuns::default().forecast(10, 4), None);
    }
}
