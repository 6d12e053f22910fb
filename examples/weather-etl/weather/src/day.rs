//! A day of the calendar.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// A day of the Gregorian calendar, written `2012-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: i32,
    month: u32,
    day: u32,
}

/// A text is not a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDay(String);

impl fmt::Display for InvalidDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a day such as 2012-01-31", self.0)
    }
}

impl std::error::Error for InvalidDay {}

/// Days before each month of a common year.
const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

impl Day {
    /// A day, when the calendar has it.
    #[must_use]
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap(year) => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(Self { year, month, day })
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.year
    }

    /// The month, from 1.
    #[must_use]
    pub const fn month(self) -> u32 {
        self.month
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::new(self.year, self.month, self.day + 1).or_else(|| Self::new(self.year, self.month + 1, 1)).unwrap_or(Self {
            year: self.year + 1,
            month: 1,
            day: 1,
        })
    }

    /// Days since the 1st of January, from 0 to 364; the 29th of February counts as the 28th.
    #[must_use]
    pub fn index_in_common_year(self) -> usize {
        let day = if self.month == 2 { self.day.min(28) } else { self.day };
        (BEFORE[self.month as usize - 1] + day - 1) as usize
    }
}

const fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let mut parts = text.splitn(3, '-');
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let day = match (number(), number(), number()) {
            (Some(year), Some(month), Some(day)) => i32::try_from(year).ok().and_then(|year| Self::new(year, month, day)),
            _ => None,
        };
        day.ok_or_else(|| InvalidDay(text.to_owned()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_day_knows_months_and_leap_years() {
        for (this, next) in [
            ("2012-01-31", "2012-02-01"),
            ("2012-02-28", "2012-02-29"),
            ("2013-02-28", "2013-03-01"),
            ("2100-02-28", "2100-03-01"),
            ("2015-12-31", "2016-01-01"),
        ] {
            assert_eq!(day(this).next(), day(next));
        }
    }

    #[test]
    fn a_year_has_365_indices() {
        assert_eq!(day("2012-01-01").index_in_common_year(), 0);
        assert_eq!(day("2012-02-29").index_in_common_year(), day("2012-02-28").index_in_common_year());
        assert_eq!(day("2012-03-01").index_in_common_year(), 59);
        assert_eq!(day("2013-12-31").index_in_common_year(), 364);
    }

    #[test]
    fn what_the_calendar_has_not_is_refused() {
        for text in ["2013-02-29", "2012-13-01", "2012-04-31", "2012-00-01", "2012-01", "weather", ""] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
