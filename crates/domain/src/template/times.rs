//! Dates and times in templates, with the names that Airflow's and Python's have.

use super::item::{Item, iso};
use chrono::format::{Item as FormatItem, StrftimeItems};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use std::fmt::Write as _;

/// Why something about a time cannot be done.
pub(super) type Wrong = String;

/// The most characters of a format.
const MAX_FORMAT: usize = 200;

pub(super) fn in_utc(time: DateTime<Utc>) -> DateTime<Tz> {
    time.with_timezone(&chrono_tz::UTC)
}

/// `2026-11-21`.
pub(super) fn ds(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

/// `20261121`.
pub(super) fn ds_nodash(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

/// `2026-11-21T06:00:00+00:00`.
pub(super) fn ts(time: &DateTime<Tz>) -> String {
    iso(time)
}

/// `20261121T060000`.
pub(super) fn ts_nodash(time: &DateTime<Tz>) -> String {
    time.format("%Y%m%dT%H%M%S").to_string()
}

/// `20261121T060000+0000`.
pub(super) fn ts_nodash_with_tz(time: &DateTime<Tz>) -> String {
    time.format("%Y%m%dT%H%M%S%z").to_string()
}

/// Formats as Python's `strftime` does.
pub(super) fn strftime(time: &DateTime<Tz>, format: &str) -> Result<String, Wrong> {
    let items = format_items(format)?;
    let mut text = String::new();
    // What can be parsed can still be refused while it is written.
    write!(text, "{}", time.format_with_items(items.iter())).map_err(|_| format!("{format:?} cannot be written"))?;
    Ok(text)
}

fn format_items(format: &str) -> Result<Vec<FormatItem<'_>>, Wrong> {
    if format.len() > MAX_FORMAT {
        return Err(format!("a format has at most {MAX_FORMAT} bytes"));
    }
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if items.iter().any(|item| matches!(item, FormatItem::Error)) {
        return Err(format!("{format:?} is no format of strftime"));
    }
    Ok(items)
}

/// Reads as Python's `strptime` does; what has no zone is meant in UTC.
pub(super) fn strptime(text: &str, format: &str) -> Result<DateTime<Tz>, Wrong> {
    format_items(format)?;
    let wrong = || format!("{text:?} is not written as {format:?} says");
    if let Ok(time) = DateTime::parse_from_str(text, format) {
        return in_range(in_utc(time.with_timezone(&Utc)));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
        return in_range(in_utc(time.and_utc()));
    }
    let date = NaiveDate::parse_from_str(text, format).map_err(|_| wrong())?;
    in_range(in_utc(date.and_time(NaiveTime::MIN).and_utc()))
}

/// A day: `2026-11-21`, or a moment's.
pub(super) fn day(text: &str) -> Result<NaiveDate, Wrong> {
    NaiveDate::parse_from_str(text.get(..10).unwrap_or(text), "%Y-%m-%d")
        .map_err(|_| format!("{text:?} is no day; write it as 2026-11-21"))
}

/// The moment that a text tells, as templates and RFC 3339 write it.
pub(super) fn moment(text: &str) -> Result<DateTime<Tz>, Wrong> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => in_range(in_utc(time.with_timezone(&Utc))),
        Err(_) => text
            .parse::<crate::definition::Moment>()
            .map(|moment| in_utc(moment.resolve(chrono_tz::UTC)))
            .map_err(|_| format!("{text:?} is no moment; write it as 2026-11-21T06:00:00+00:00")),
    }
}

pub(super) fn plus(time: &DateTime<Tz>, span: TimeDelta) -> Result<DateTime<Tz>, Wrong> {
    time.checked_add_signed(span).ok_or_else(too_far).and_then(in_range)
}

/// Keeps to the years 1 to 9999, far from the ends of chrono's calendar.
fn in_range(time: DateTime<Tz>) -> Result<DateTime<Tz>, Wrong> {
    if (1..=9999).contains(&time.naive_utc().year()) { Ok(time) } else { Err(too_far()) }
}

fn too_far() -> Wrong {
    "the moment is too far away".to_owned()
}

/// Lengths of time by their names: `add(months=1, days=2)`.
#[derive(Default)]
pub(super) struct Shift {
    months: i64,
    days: i64,
    rest: TimeDelta,
}

impl Shift {
    pub(super) fn add(&mut self, name: &str, amount: f64) -> Result<(), Wrong> {
        let whole = || {
            if amount.fract() == 0.0 && amount.abs() < 1e9 {
                #[expect(clippy::cast_possible_truncation, reason = "it was found to be whole and small")]
                Ok(amount as i64)
            } else {
                Err(format!("{name} must be a whole number"))
            }
        };
        let milliseconds = |factor: f64| {
            let ms = amount * factor;
            #[expect(clippy::cast_possible_truncation, reason = "it was found to be small")]
            if ms.abs() < 9e15 { TimeDelta::try_milliseconds(ms.round() as i64).ok_or_else(too_far) } else { Err(too_far()) }
        };
        match name {
            "years" => self.months += whole()? * 12,
            "months" => self.months += whole()?,
            "weeks" => self.days += whole()? * 7,
            "days" => self.days += whole()?,
            "hours" => self.rest += milliseconds(3_600_000.0)?,
            "minutes" => self.rest += milliseconds(60_000.0)?,
            "seconds" => self.rest += milliseconds(1_000.0)?,
            "milliseconds" => self.rest += milliseconds(1.0)?,
            "microseconds" => self.rest += milliseconds(0.001)?,
            other => {
                return Err(format!(
                    "'{other}' is no length of time; there are years, months, weeks, days, hours, minutes, seconds"
                ));
            }
        }
        Ok(())
    }

    /// The moment so much later, or earlier: months and days by the calendar of the moment's zone.
    pub(super) fn apply(&self, time: &DateTime<Tz>, sign: i64) -> Result<DateTime<Tz>, Wrong> {
        let shift_months = |time: DateTime<Tz>, months: i64| {
            let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            if months < 0 { time.checked_sub_months(count) } else { time.checked_add_months(count) }
        };
        let shift_days = |time: DateTime<Tz>, days: i64| {
            let count = Days::new(days.unsigned_abs());
            if days < 0 { time.checked_sub_days(count) } else { time.checked_add_days(count) }
        };
        let time = shift_months(*time, self.months * sign).ok_or_else(too_far)?;
        let time = shift_days(time, self.days * sign).ok_or_else(too_far)?;
        plus(&time, if sign < 0 { -self.rest } else { self.rest })
    }

    /// As a length of time, which has no months.
    pub(super) fn span(&self) -> Result<TimeDelta, Wrong> {
        if self.months != 0 {
            return Err("a timedelta has no months and years, which differ in length; use .add(months=1)".to_owned());
        }
        let days = TimeDelta::try_days(self.days).ok_or_else(too_far)?;
        days.checked_add(&self.rest).ok_or_else(too_far)
    }
}

/// The beginning of the hour, day, week, month or year, or the last second of it.
pub(super) fn edge(time: &DateTime<Tz>, unit: &str, end: bool) -> Result<DateTime<Tz>, Wrong> {
    let local = time.naive_local();
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
    let start = match unit {
        "hour" => midnight(local.date()) + TimeDelta::hours(i64::from(local.hour())),
        "day" => midnight(local.date()),
        "week" => midnight(local.date() - TimeDelta::days(i64::from(local.weekday().num_days_from_monday()))),
        "month" => midnight(local.date().with_day(1).ok_or_else(too_far)?),
        "year" => midnight(local.date().with_ordinal(1).ok_or_else(too_far)?),
        other => return Err(format!("'{other}' is no unit; there are hour, day, week, month and year")),
    };
    let edge = if end {
        let next = match unit {
            "hour" => Some(start + TimeDelta::hours(1)),
            "day" => Some(start + TimeDelta::days(1)),
            "week" => Some(start + TimeDelta::days(7)),
            "month" => start.checked_add_months(Months::new(1)),
            _ => start.checked_add_months(Months::new(12)),
        };
        next.ok_or_else(too_far)? - TimeDelta::microseconds(1)
    } else {
        start
    };
    in_zone(time.timezone(), edge)
}

/// A time of a zone's clocks; one that they pass over is an hour later.
fn in_zone(zone: Tz, local: NaiveDateTime) -> Result<DateTime<Tz>, Wrong> {
    let later = || zone.from_local_datetime(&local.checked_add_signed(TimeDelta::hours(1))?).earliest();
    zone.from_local_datetime(&local).earliest().or_else(later).ok_or_else(too_far)
}

/// `replace(hour=0, minute=30)`: the moment with other parts, by the clocks of its zone.
pub(super) fn replace(time: &DateTime<Tz>, parts: &[(&str, i64)]) -> Result<DateTime<Tz>, Wrong> {
    let mut local = time.naive_local();
    for (part, value) in parts {
        let wrong = || format!("there is no {part} {value}");
        let number = u32::try_from(*value).map_err(|_| wrong());
        local = match *part {
            "year" => local.with_year(i32::try_from(*value).map_err(|_| wrong())?),
            "month" => local.with_month(number?),
            "day" => local.with_day(number?),
            "hour" => local.with_hour(number?),
            "minute" => local.with_minute(number?),
            "second" => local.with_second(number?),
            "microsecond" => {
                local.with_nanosecond(number?.checked_mul(1_000).filter(|nanos| *nanos < 1_000_000_000).ok_or_else(wrong)?)
            }
            other => {
                return Err(format!("a moment has no '{other}' to replace; there are year, month, day, hour, minute, second"));
            }
        }
        .ok_or_else(wrong)?;
    }
    in_zone(time.timezone(), local).and_then(in_range)
}

/// `datetime(2026, 11, 21, 6)`.
pub(super) fn datetime(parts: &[i64]) -> Result<DateTime<Tz>, Wrong> {
    let wrong = || "there is no such moment".to_owned();
    let part = |index: usize, default: i64| parts.get(index).copied().unwrap_or(default);
    let small = |value: i64| u32::try_from(value).map_err(|_| wrong());
    let year = i32::try_from(part(0, 1)).map_err(|_| wrong())?;
    let date = NaiveDate::from_ymd_opt(year, small(part(1, 1))?, small(part(2, 1))?).ok_or_else(wrong)?;
    let time = date.and_hms_micro_opt(small(part(3, 0))?, small(part(4, 0))?, small(part(5, 0))?, small(part(6, 0))?);
    in_range(in_utc(time.ok_or_else(wrong)?.and_utc()))
}

/// A part of a moment by its name.
pub(super) fn part(time: &DateTime<Tz>, name: &str) -> Option<Item<'static>> {
    Some(match name {
        "hour" => Item::made(time.hour()),
        "minute" => Item::made(time.minute()),
        "second" => Item::made(time.second()),
        "microsecond" => Item::made(time.timestamp_subsec_micros()),
        "int_timestamp" => Item::made(time.timestamp()),
        "timezone_name" => Item::made(time.timezone().name()),
        _ => return part_of_day(time.date_naive(), name),
    })
}

/// A part of a day by its name.
pub(super) fn part_of_day(date: NaiveDate, name: &str) -> Option<Item<'static>> {
    Some(match name {
        "year" => Item::made(date.year()),
        "month" => Item::made(date.month()),
        "day" => Item::made(date.day()),
        "day_of_year" => Item::made(date.ordinal()),
        "week_of_year" => Item::made(date.iso_week().week()),
        "quarter" => Item::made(date.month0() / 3 + 1),
        // As in pendulum 3: Monday is 0.
        "day_of_week" => Item::made(date.weekday().num_days_from_monday()),
        _ => return None,
    })
}
