//! When a dag is due: crontab expressions, aliases and intervals, in a time zone.
//!
//! Users' expressions are crontab(5)'s, parsed by `croner`; why that one is in `docs/decisions/0001-croner-for-crontab.md`.
//! What is accepted, and what happens when clocks change, is in `docs/schedules.md`; the tests here hold it to that.

use crate::definition::TimeSpan;
use crate::definition::suggest::closest;
use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
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
    Once,
    Every(TimeDelta),
    Cron(Box<Cron>),
}

/// A schedule or a time zone that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing was given.
    #[error("a schedule must not be empty")]
    Empty,
    /// A word that begins with '@' and is not known.
    #[error("'{given}' is not a known alias")]
    UnknownAlias {
        /// The word.
        given: String,
        /// The known alias that is most like it.
        closest: Option<&'static str>,
    },
    /// Not as many fields as a crontab expression has.
    #[error("a crontab expression has 5 fields (minute, hour, day of month, month, day of week); this one has {found}")]
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
            Self::UnknownAlias { closest: Some(alias), .. } => Some(format!("did you mean '{alias}'?")),
            Self::UnknownAlias { closest: None, .. } => {
                Some(format!("the aliases are {}, @once and '@every 15m'", ALIASES.map(|(alias, _)| alias).join(", ")))
            }
            Self::FieldCount { .. } => Some("for example '0 6 * * *': every day at 06:00".to_owned()),
            Self::Pattern { .. } | Self::NeverHappens { .. } => None,
            Self::Every { .. } => Some("for example '@every 15m' or '@every 1h30m'".to_owned()),
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

    /// Reads a schedule: a crontab expression of five fields (six with seconds first), an alias such as `@daily`, `@once`,
    /// or `@every 15m`.
    ///
    /// # Errors
    /// When it is none of these, or names a date that never happens.
    pub fn parse(text: &str, timezone: Tz) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let kind = if text.is_empty() {
            return Err(ScheduleError::Empty);
        } else if text.eq_ignore_ascii_case("@once") {
            Kind::Once
        } else if let Some(interval) = text.strip_prefix("@every") {
            Kind::Every(every(interval)?)
        } else if text.starts_with('@') {
            let Some((_, pattern)) = ALIASES.iter().find(|(alias, _)| text.eq_ignore_ascii_case(alias)) else {
                let known = ALIASES.iter().map(|(alias, _)| *alias).chain(["@once", "@every"]);
                return Err(ScheduleError::UnknownAlias { given: text.to_owned(), closest: closest(text, known) });
            };
            Kind::Cron(Box::new(crontab(pattern)?))
        } else {
            Kind::Cron(Box::new(crontab(text)?))
        };
        Ok(Self { text: text.to_owned(), timezone, kind })
    }

    /// The schedule as it was written; empty when there is none.
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
            Kind::Every(step) => time.duration_trunc(*step).ok()?.checked_add_signed(*step),
            Kind::Cron(cron) => {
                // Ticks are at full seconds, so the fraction of a second does not matter here.
                let local = whole_second(time)?.with_timezone(&self.timezone);
                cron.find_next_occurrence(&local, false).ok().map(|found| found.with_timezone(&Utc))
            }
        }
    }

    /// The last moment before `time`, not `time` itself, at which the schedule ticked.
    #[must_use]
    pub fn previous_before(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.kind {
            Kind::Never | Kind::Once => None,
            Kind::Every(step) => {
                let tick = time.duration_trunc(*step).ok()?;
                if tick < time { Some(tick) } else { tick.checked_sub_signed(*step) }
            }
            Kind::Cron(cron) => {
                let second = whole_second(time)?;
                // Half a second past a tick, that tick is before.
                let inclusive = second < time;
                let local = second.with_timezone(&self.timezone);
                cron.find_previous_occurrence(&local, inclusive).ok().map(|found| found.with_timezone(&Utc))
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
        match self.kind {
            Kind::Never => None,
            Kind::Once => match last {
                Some(_) => None,
                None => Some(Interval { start: start_date, end: start_date }),
            },
            Kind::Every(_) | Kind::Cron(_) => {
                let first = self.at_or_after(start_date)?;
                let mut start = match last {
                    Some(last) => self.next_after(last)?.max(first),
                    None => first,
                };
                if !catchup {
                    let latest = self.at_or_before(now).and_then(|end| self.previous_before(end));
                    start = latest.map_or(start, |latest| latest.max(start));
                }
                Some(Interval { start, end: self.next_after(start)? })
            }
        }
    }

    /// The interval that a run triggered by hand at `time` covers: the last one that had ended by then (Airflow's rule),
    /// or the moment itself when the schedule has no intervals.
    #[must_use]
    pub fn interval_of_manual_run(&self, time: DateTime<Utc>) -> Interval {
        let ended = || {
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
            Kind::Every(step) => {
                let ms = u64::try_from(step.num_milliseconds()).unwrap_or_default();
                format!("every {}", TimeSpan::from_ms(ms))
            }
            Kind::Cron(cron) => format!("{} ({})", words::describe(self.pattern(), cron), self.timezone.name()),
        }
    }

    /// The crontab expression behind an alias, or the expression itself.
    fn pattern(&self) -> &str {
        let alias = ALIASES.iter().find(|(alias, _)| self.text.eq_ignore_ascii_case(alias));
        alias.map_or(self.text.as_str(), |(_, pattern)| pattern)
    }
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
    let fields = text.split_whitespace().count();
    if !(5..=6).contains(&fields) {
        return Err(ScheduleError::FieldCount { found: fields });
    }
    // croner reads `1,,2` as `1,2`; more likely a number was forgotten.
    if text.split_whitespace().flat_map(|field| field.split(',')).any(str::is_empty) {
        return Err(ScheduleError::Pattern { given: text.to_owned(), why: "a list has an empty place".to_owned() });
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| ScheduleError::Pattern { given: text.to_owned(), why: error.to_string() })?;
    // A year without clock changes or leap day is as good a start as any: the search goes on for centuries.
    let start = NaiveDate::from_ymd_opt(2001, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap_or_default();
    if cron.find_next_occurrence(&start.and_utc(), true).is_err() {
        return Err(ScheduleError::NeverHappens { given: text.to_owned() });
    }
    Ok(cron)
}

fn whole_second(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.timestamp(), 0)
}

/// Crontab expressions in words.
mod words {
    use croner::Cron;

    const DAYS: [&str; 8] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    /// The shapes that most schedules have are put into plain words here; all others croner describes.
    pub(super) fn describe(pattern: &str, cron: &Cron) -> String {
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        common(&fields).unwrap_or_else(|| {
            let text = cron.describe();
            let text = text.trim_end_matches('.');
            let text = text.strip_prefix("At every ").map_or_else(|| text.to_owned(), |rest| format!("every {rest}"));
            let mut chars = text.chars();
            chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
        })
    }

    fn common(fields: &[&str]) -> Option<String> {
        let [minute, hour, day, month, weekday] = *fields else { return None };
        let at = || {
            let minute = number(minute, 59)?;
            let times = hour.split(',').map(|hour| Some(format!("{:02}:{minute:02}", number(hour, 23)?)));
            let times: Vec<String> = times.collect::<Option<_>>()?;
            match times.split_last()? {
                (last, []) => Some(format!("at {last}")),
                (last, others) => Some(format!("at {} and {last}", others.join(", "))),
            }
        };
        match (minute, hour, day, month, weekday) {
            ("*", "*", "*", "*", "*") => Some("every minute".to_owned()),
            ("0", "*", "*", "*", "*") => Some("every hour".to_owned()),
            (step, "*", "*", "*", "*") if step.starts_with("*/") => {
                // Only steps that divide the hour have the same distance all along.
                let step = number(step.strip_prefix("*/")?, 59).filter(|step| *step > 1 && 60 % step == 0)?;
                Some(format!("every {step} minutes"))
            }
            (_, "*", "*", "*", "*") => Some(format!("every hour at minute {}", number(minute, 59)?)),
            ("0", step, "*", "*", "*") if step.starts_with("*/") => {
                let step = number(step.strip_prefix("*/")?, 23).filter(|step| *step > 1 && 24 % step == 0)?;
                Some(format!("every {step} hours"))
            }
            (_, _, "*", "*", "*") => Some(format!("every day {}", at()?)),
            (_, _, "*", "*", "1-5" | "MON-FRI" | "mon-fri") => Some(format!("Monday to Friday {}", at()?)),
            (_, _, "*", "*", _) => Some(format!("every {} {}", DAYS.get(number(weekday, 7)?)?, at()?)),
            (_, _, "L", "*", "*") => Some(format!("on the last day of every month {}", at()?)),
            (_, _, _, "*", "*") => Some(format!("on day {} of every month {}", number(day, 31)?, at()?)),
            _ => None,
        }
    }

    fn number(text: &str, max: usize) -> Option<usize> {
        text.parse().ok().filter(|number| *number <= max)
    }
}

#[cfg(test)]
mod tests;
