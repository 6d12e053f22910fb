//! When a dag is due: crontab expressions, aliases and intervals, in a time zone.
//!
//! Users' expressions are crontab(5)'s, parsed by `croner`; why that one is in `docs/decisions/0001-croner-for-crontab.md`.
//! What is accepted, and what happens when clocks change, is in `docs/schedules.md`; the tests here hold it to that.

mod jitter;
mod mistake;
mod pattern;
mod words;

pub use jitter::jitter;

use crate::definition::TimeSpan;
use crate::definition::suggest::closest;
use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};
use croner::{Cron, Direction};
use serde::{Deserialize, Serialize};

/// The interval of data that a run covers: from `start`, up to but not including `end`. The run is due at `end`, and its
/// `logical_date` is `start` (Airflow's data interval).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// Its first moment.
    pub start: DateTime<Utc>,
    /// The first moment after it.
    pub end: DateTime<Utc>,
}

/// When a dag is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    text: String,
    timezone: Tz,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Never,
    /// Once, at the start date.
    Once,
    /// At these moments, in order, each once.
    Moments(Vec<DateTime<Utc>>),
    Every(TimeDelta),
    Cron(Box<Cron>),
    /// Whenever one of several ticks.
    Any(Vec<Schedule>),
}

/// A schedule or a time zone that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing was given.
    #[error("a schedule must not be empty")]
    Empty,
    /// An alias of other programs that says no time.
    #[error("'{given}' says no time")]
    NoTime {
        /// The word.
        given: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A word that begins with '@' and is not known.
    #[error("'{given}' is not a known alias")]
    UnknownAlias {
        /// The word.
        given: String,
        /// The known alias that is most like it.
        closest: Option<&'static str>,
    },
    /// Not as many fields as a crontab expression has.
    #[error(
        "a crontab expression has 5 fields (minute, hour, day of month, month, day of week), 6 with seconds in front, or 7 with a year \
         at the end besides; this one has {found}"
    )]
    FieldCount {
        /// How many it has.
        found: usize,
    },
    /// A field that cannot be read.
    #[error("'{given}' is not a crontab expression: {why}")]
    Pattern {
        /// The expression.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// A date that no calendar has, such as 30 February.
    #[error("'{given}' never happens")]
    NeverHappens {
        /// The expression.
        given: String,
    },
    /// An interval that cannot be read, or is shorter than a second.
    #[error("'{given}' is not an interval of at least a second")]
    Every {
        /// The interval.
        given: String,
    },
    /// A time zone that is not in the IANA database.
    #[error("'{given}' is not a time zone of the IANA database")]
    UnknownTimezone {
        /// Its name.
        given: String,
        /// The known zone that is most like it.
        closest: Option<&'static str>,
    },
}

impl ScheduleError {
    /// What would mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Empty => Some("write null for a dag that only runs when triggered".to_owned()),
            Self::NoTime { instead, .. } => Some((*instead).to_owned()),
            Self::UnknownAlias { closest: Some(alias), .. } => Some(format!("did you mean '{alias}'?")),
            Self::UnknownAlias { closest: None, .. } => {
                Some(format!("the aliases are {}, @once and 'every 15m'", ALIASES.map(|(alias, _)| alias).join(", ")))
            }
            Self::FieldCount { .. } => Some("for example '0 6 * * *': every day at 06:00".to_owned()),
            Self::Pattern { .. } | Self::NeverHappens { .. } => None,
            Self::Every { .. } => Some("for example 'every 15m' or 'every 1h30m'".to_owned()),
            Self::UnknownTimezone { closest: Some(zone), .. } => Some(format!("did you mean '{zone}'?")),
            Self::UnknownTimezone { closest: None, .. } => Some("for example 'Europe/Berlin' or 'UTC'".to_owned()),
        }
    }
}

const ALIASES: [(&str, &str); 8] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@quarterly", "0 0 1 */3 *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Aliases of cron and of Airflow that are understood, and that no clock can follow.
const WITHOUT_TIME: [(&str, &str); 2] = [
    ("@reboot", "trigger the dag when the machine has started, or let a webhook run it"),
    ("@continuous", "write 'every 1s' with overlap: skip: a run begins when the one before has ended"),
];

/// Reads the name of a time zone.
///
/// # Errors
/// When the IANA database has none of that name.
pub fn parse_timezone(name: &str) -> Result<Tz, ScheduleError> {
    name.parse().map_err(|_| ScheduleError::UnknownTimezone {
        given: name.to_owned(),
        closest: closest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())),
    })
}

impl Schedule {
    /// The schedule of a dag that has none: it runs when triggered.
    #[must_use]
    pub const fn never() -> Self {
        Self { text: String::new(), timezone: Tz::UTC, kind: Kind::Never }
    }

    /// Reads a schedule: a crontab expression of five fields (six with seconds first, seven with years last besides), an alias such
    /// as `@daily`, `@once`, or `every 15m`.
    ///
    /// # Errors
    /// When it is none of these, or names a date that never happens.
    pub fn parse(text: &str, timezone: Tz) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let kind = if text.is_empty() {
            return Err(ScheduleError::Empty);
        } else if text == "@once" {
            Kind::Once
        } else if let Some(interval) = interval_of(text) {
            Kind::Every(every(interval)?)
        } else if text.starts_with('@') {
            if let Some((_, instead)) = WITHOUT_TIME.iter().find(|(alias, _)| text == *alias) {
                return Err(ScheduleError::NoTime { given: text.to_owned(), instead });
            }
            let Some((_, pattern)) = ALIASES.iter().find(|(alias, _)| text == *alias) else {
                let known = ALIASES.iter().map(|(alias, _)| *alias).chain(["@once", "@every"]);
                return Err(ScheduleError::UnknownAlias { given: text.to_owned(), closest: closest(text, known) });
            };
            Kind::Cron(Box::new(crontab(pattern)?))
        } else {
            Kind::Cron(Box::new(crontab(text)?))
        };
        Ok(Self { text: text.to_owned(), timezone, kind })
    }

    /// One run at each of these moments.
    #[must_use]
    pub fn at(times: impl IntoIterator<Item = DateTime<Utc>>, timezone: Tz) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        times.dedup();
        Self { text: String::new(), timezone, kind: Kind::Moments(times) }
    }

    /// Several schedules as one that ticks whenever one of them does. Those that never tick are left out; moments that stand alone
    /// stay moments.
    #[must_use]
    pub fn any(schedules: impl IntoIterator<Item = Self>) -> Self {
        let mut ticking: Vec<Self> = schedules.into_iter().filter(Self::is_some).collect();
        if ticking.len() < 2 {
            return ticking.pop().unwrap_or_else(Self::never);
        }
        let timezone = ticking.first().map_or(Tz::UTC, |first| first.timezone);
        let moments: Option<Vec<_>> = ticking
            .iter()
            .map(|schedule| match &schedule.kind {
                Kind::Moments(times) => Some(times.iter().copied()),
                Kind::Never | Kind::Once | Kind::Every(_) | Kind::Cron(_) | Kind::Any(_) => None,
            })
            .collect();
        match moments {
            Some(moments) => Self::at(moments.into_iter().flatten(), timezone),
            None => Self { text: String::new(), timezone, kind: Kind::Any(ticking) },
        }
    }

    /// The schedule as it was written; empty when there is none, or when it is put together of several.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The time zone in which it is read.
    #[must_use]
    pub const fn timezone(&self) -> Tz {
        self.timezone
    }

    /// Whether runs come from it at all.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.kind != Kind::Never
    }

    /// The first moment after `time`, not `time` itself, at which the schedule ticks. `@once` and no schedule never tick.
    #[must_use]
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.kind {
            Kind::Never | Kind::Once => None,
            Kind::Moments(times) => times.iter().copied().find(|moment| *moment > time),
            Kind::Any(schedules) => schedules.iter().filter_map(|schedule| schedule.next_after(time)).min(),
            Kind::Every(step) => time.duration_trunc(*step).ok()?.checked_add_signed(*step),
            Kind::Cron(cron) => {
                // Ticks are at full seconds, so the fraction of a second does not matter here.
                let local = whole_second(time)?.with_timezone(&self.timezone);
                occurrence(cron, &local, false, Direction::Forward).map(|found| found.with_timezone(&Utc))
            }
        }
    }

    /// The last moment before `time`, not `time` itself, at which the schedule ticked.
    #[must_use]
    pub fn previous_before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.kind {
            Kind::Never | Kind::Once => None,
            Kind::Moments(times) => times.iter().copied().rev().find(|moment| *moment < time),
            Kind::Any(schedules) => schedules.iter().filter_map(|schedule| schedule.previous_before(time)).max(),
            Kind::Every(step) => {
                let tick = time.duration_trunc(*step).ok()?;
                if tick < time { Some(tick) } else { tick.checked_sub_signed(*step) }
            }
            Kind::Cron(cron) => {
                let second = whole_second(time)?;
                // Half a second past a tick, that tick is before.
                let inclusive = second < time;
                let local = second.with_timezone(&self.timezone);
                occurrence(cron, &local, inclusive, Direction::Backward).map(|found| found.with_timezone(&Utc))
            }
        }
    }

    /// The first tick at or after `time`.
    #[must_use]
    pub fn at_or_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.next_after(time.checked_sub_signed(TimeDelta::microseconds(1))?)
            .filter(|tick| *tick >= time)
            .or_else(|| self.next_after(time))
    }

    /// The last tick at or before `time`.
    #[must_use]
    pub fn at_or_before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.previous_before(time.checked_add_signed(TimeDelta::microseconds(1))?)
            .filter(|tick| *tick <= time)
            .or_else(|| self.previous_before(time))
    }

    /// The interval of the next scheduled run, be it due already (`end <= now`) or later; `None` when there is no next one.
    ///
    /// `last` is the logical date of the last scheduled run. Intervals follow each other without a gap. Without a last run
    /// the first interval begins at the first tick at or after `start_date`. Without `catchup`, intervals that have passed
    /// are left out but for the latest. The logical dates of scheduled runs always grow, also when the schedule was
    /// changed since the last one.
    #[must_use]
    pub fn due(
        &self,
        last: Option<DateTime<Utc>>,
        start_date: DateTime<Utc>,
        now: DateTime<Utc>,
        catchup: bool,
    ) -> Option<Interval> {
        match &self.kind {
            Kind::Never => None,
            Kind::Moments(times) => {
                let left = times.iter().copied().filter(|time| *time >= start_date && last.is_none_or(|last| *time > last));
                let left: Vec<_> = left.collect();
                let latest = if catchup { None } else { left.iter().copied().rev().find(|time| *time <= now) };
                latest.or(left.first().copied()).map(|time| Interval { start: time, end: time })
            }
            Kind::Once => match last {
                Some(_) => None,
                None => Some(Interval { start: start_date, end: start_date }),
            },
            Kind::Every(_) | Kind::Cron(_) | Kind::Any(_) => {
                let first = self.at_or_after(start_date)?;
                let mut start = match last {
                    Some(last) => self.next_after(last)?.max(first),
                    None => first,
                };
                if !catchup {
                    let latest = self.at_or_before(now).and_then(|end| self.previous_before(end));
                    start = latest.map_or(start, |latest| latest.max(start));
                }
                // Years can be given, so there can be a last tick. If it is the only one, the run is for the moment.
                let end = self.next_after(start).or(if last.is_none() { Some(start) } else { None })?;
                Some(Interval { start, end })
            }
        }
    }

    /// Whether it has intervals: whether it is a schedule other than `@once`, whose moment is not its own.
    #[must_use]
    pub fn has_ticks(&self) -> bool {
        match self.kind {
            Kind::Never | Kind::Once => false,
            Kind::Moments(_) | Kind::Every(_) | Kind::Cron(_) | Kind::Any(_) => true,
        }
    }

    /// The first interval that begins at `time` or later.
    #[must_use]
    pub fn interval_from(&self, time: DateTime<Utc>) -> Option<Interval> {
        self.interval_at(self.at_or_after(time)?)
    }

    /// The first interval that begins after `time`.
    #[must_use]
    pub fn interval_after(&self, time: DateTime<Utc>) -> Option<Interval> {
        self.interval_at(self.next_after(time)?)
    }

    /// The interval that begins with a tick; of a moment that stands alone, the moment itself.
    fn interval_at(&self, tick: DateTime<Utc>) -> Option<Interval> {
        let end = if matches!(self.kind, Kind::Moments(_)) { tick } else { self.next_after(tick)? };
        Some(Interval { start: tick, end })
    }

    /// The interval that a run triggered by hand at `time` covers: the last one that had ended by then (Airflow's rule),
    /// or the moment itself when the schedule has no intervals.
    #[must_use]
    pub fn interval_of_manual_run(&self, time: DateTime<Utc>) -> Interval {
        let ended = || {
            if matches!(self.kind, Kind::Moments(_)) {
                return None;
            }
            let end = self.at_or_before(time)?;
            Some(Interval { start: self.previous_before(end)?, end })
        };
        ended().unwrap_or(Interval { start: time, end: time })
    }

    /// The schedule in words, for people: `every day at 06:00 (Europe/Berlin)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Never => "only when triggered".to_owned(),
            Kind::Once => "once".to_owned(),
            Kind::Moments(times) => {
                let format =
                    |time: &DateTime<Utc>| if time.timestamp() % 60 == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
                let local = |time: &DateTime<Utc>| time.with_timezone(&self.timezone).format(format(time)).to_string();
                let times: Vec<String> = times.iter().map(local).collect();
                format!("once at {} ({})", times.join(", "), self.timezone.name())
            }
            Kind::Any(schedules) => schedules.iter().map(Self::describe).collect::<Vec<_>>().join("; "),
            Kind::Every(step) => {
                let ms = u64::try_from(step.num_milliseconds()).unwrap_or_default();
                format!("every {}", TimeSpan::from_ms(ms))
            }
            Kind::Cron(cron) => format!("{} ({})", words::describe(self.pattern(), cron), self.timezone.name()),
        }
    }

    /// The crontab expression behind an alias, or the expression itself.
    fn pattern(&self) -> &str {
        let alias = ALIASES.iter().find(|(alias, _)| self.text == *alias);
        alias.map_or(self.text.as_str(), |(_, pattern)| pattern)
    }
}

/// The length of time in `@every 15m` and `every 15m`.
fn interval_of(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    (word.eq_ignore_ascii_case("@every") || word.eq_ignore_ascii_case("every")).then(|| text.get(word.len()..))?
}

fn every(text: &str) -> Result<TimeDelta, ScheduleError> {
    let error = || ScheduleError::Every { given: text.trim().to_owned() };
    let span: TimeSpan = text.trim().parse().map_err(|_| error())?;
    // The grid of intervals is found by nanoseconds in an i64: about 292 years.
    i64::try_from(span.ms())
        .ok()
        .filter(|ms| (1_000..=i64::MAX / 1_000_000).contains(ms))
        .and_then(TimeDelta::try_milliseconds)
        .ok_or_else(error)
}

fn crontab(text: &str) -> Result<Cron, ScheduleError> {
    if let Some(zone) = mistake::zone(text) {
        let why = format!("the time zone has a field of its own: timezone: {zone}");
        return Err(ScheduleError::Pattern { given: text.to_owned(), why });
    }
    let fields = text.split_whitespace().count();
    if !(5..=7).contains(&fields) {
        return Err(ScheduleError::FieldCount { found: fields });
    }
    let Some(cron) = pattern::read(text) else {
        let why = mistake::of(text).unwrap_or_else(|| "its fields do not go together".to_owned());
        return Err(ScheduleError::Pattern { given: text.to_owned(), why });
    };
    // A year without clock changes or leap day is as good a start as any: the search goes on for centuries.
    let start = NaiveDate::from_ymd_opt(2001, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap_or_default();
    if cron.find_next_occurrence(&start.and_utc(), true).is_err() {
        return Err(ScheduleError::NeverHappens { given: text.to_owned() });
    }
    Ok(cron)
}

/// The next time of an expression, or the one before.
fn occurrence(cron: &Cron, local: &DateTime<Tz>, inclusive: bool, direction: Direction) -> Option<DateTime<Tz>> {
    let from = |local: &DateTime<Tz>, inclusive| match direction {
        Direction::Forward => cron.find_next_occurrence(local, inclusive).ok(),
        Direction::Backward => cron.find_previous_occurrence(local, inclusive).ok(),
    };
    from(local, inclusive).or_else(|| from(&beyond_skipped_day(cron, local, direction)?, true))
}

/// The first moment on the other side of a day that the zone skipped altogether, when that is what is in the way. Zones that moved to
/// the other side of the date line have such days; croner takes them for the end of all times.
fn beyond_skipped_day(cron: &Cron, local: &DateTime<Tz>, direction: Direction) -> Option<DateTime<Tz>> {
    let zone = local.timezone();
    let mut wall = local.naive_local();
    // Between them and the day there can only be times that croner passed over, in changes of clocks.
    for _ in 0..100 {
        wall = match direction {
            Direction::Forward => cron.find_next_occurrence(&wall, false).ok()?,
            Direction::Backward => cron.find_previous_occurrence(&wall, false).ok()?,
        };
        let Some(GapInfo { begin: Some((begin, _)), end: Some(end) }) = GapInfo::new(&wall, &zone) else { continue };
        if end.naive_local() - begin > LONGEST_CLOCK_CHANGE {
            return match direction {
                Direction::Forward => Some(end),
                Direction::Backward => zone.from_local_datetime(&(begin - TimeDelta::seconds(1))).latest(),
            };
        }
    }
    None
}

/// What is longer is no change of clocks; so croner has it.
const LONGEST_CLOCK_CHANGE: TimeDelta = TimeDelta::hours(2);

fn whole_second(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.timestamp(), 0)
}

#[cfg(test)]
mod tests;
