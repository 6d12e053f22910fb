//! Reads crontab expressions: exactly what the Open Cron Pattern Specification allows in each field, in the form that `croner` takes.
//!
//! `croner` alone takes more than was meant: a name of a month as a minute, `15W3` for `15W`. It steps over years from the year 1, and
//! knows no `*` in a list.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A field of an expression: what it is called, its bounds, and what else it can be.
pub(super) struct Field {
    /// What it is called.
    pub name: &'static str,
    /// The least number that it takes.
    pub least: u32,
    /// The highest number that it takes.
    pub most: u32,
    /// Names for numbers, from the least on.
    pub names: &'static [&'static str],
    /// What else it takes, as a message tells it.
    pub besides: &'static str,
    marks: Marks,
}

/// What a field takes besides numbers, ranges and steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    None,
    /// `?`, `L`, `LW` and `15W`.
    DayOfMonth,
    /// `?`, `+`, `5L`, `5#L` and `5#3`.
    DayOfWeek,
    /// Steps over all of them are counted from the least.
    Year,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn field(
    name: &'static str,
    (least, most): (u32, u32),
    names: &'static [&'static str],
    besides: &'static str,
    marks: Marks,
) -> Field {
    Field { name, least, most, names, besides, marks }
}

static FIELDS: [Field; 7] = [
    field("second", (0, 59), &[], "", Marks::None),
    field("minute", (0, 59), &[], "", Marks::None),
    field("hour", (0, 23), &[], "", Marks::None),
    field("day of the month", (1, 31), &[], ", L, LW, 15W", Marks::DayOfMonth),
    field("month", (1, 12), &MONTHS, ", JAN to DEC", Marks::None),
    field("day of the week", (0, 7), &DAYS, ", SUN to SAT, 5L, 5#3", Marks::DayOfWeek),
    // The first is even, so that `*/2` is every even year.
    field("year", (1970, 5000), &[], "", Marks::Year),
];

/// The fields of an expression that has so many, from five to seven.
pub(super) fn fields(count: usize) -> &'static [Field] {
    match count {
        5 => &FIELDS[1..6],
        6 => &FIELDS[..6],
        _ => &FIELDS,
    }
}

/// Reads an expression of five to seven fields; nothing when it is not one.
pub(super) fn read(text: &str) -> Option<Cron> {
    let written: Vec<&str> = text.split_whitespace().collect();
    let read = written.iter().zip(fields(written.len())).map(|(written, field)| field.read(written));
    let plain = read.collect::<Option<Vec<_>>>()?.join(" ");
    CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build().parse(&plain).ok()
}

impl Field {
    /// The field as `croner` takes it; nothing when it cannot be read.
    pub(super) fn read(&self, text: &str) -> Option<String> {
        if text == "*" || text == "?" && matches!(self.marks, Marks::DayOfMonth | Marks::DayOfWeek) {
            return Some("*".to_owned());
        }
        if self.marks == Marks::DayOfWeek
            && let Some(both) = text.strip_prefix('+')
        {
            let without = self.read(both).filter(|_| !both.starts_with('+'))?;
            return Some(format!("+{without}"));
        }
        let parts: Vec<String> = text.split(',').map(|part| self.part(part)).collect::<Option<_>>()?;
        // croner takes a list with both for `LW` alone.
        let (last, last_weekday) = (parts.iter().any(|part| part == "L"), parts.iter().any(|part| part == "LW"));
        (!(last && last_weekday)).then(|| parts.join(","))
    }

    /// A part of a list.
    fn part(&self, text: &str) -> Option<String> {
        if let Some(marked) = self.marked(text) {
            return Some(marked);
        }
        let (range, step) = match text.split_once('/') {
            // All steps beyond the highest number are alike.
            Some((range, step)) => (range, Some(digits(step).filter(|step| *step > 0)?.min(self.most + 1))),
            None => (text, None),
        };
        let with_step = |range: String| step.map_or_else(|| range.clone(), |step| format!("{range}/{step}"));
        if range == "*" {
            let all = if self.marks == Marks::Year { format!("{}-{}", self.least, self.most) } else { "*".to_owned() };
            return Some(format!("{all}/{}", step.unwrap_or(1)));
        }
        if let Some((from, to)) = range.split_once('-') {
            let (first, mut last) = (self.number(from)?, self.number(to)?);
            // Sunday ends a week as well as it begins one.
            if self.marks == Marks::DayOfWeek && last == 0 && first > 0 {
                last = self.most;
            }
            return (first <= last).then(|| with_step(format!("{first}-{last}")));
        }
        self.number(range).filter(|_| step.is_none()).map(|number| number.to_string())
    }

    /// A part with one of the marks of this field.
    fn marked(&self, text: &str) -> Option<String> {
        match self.marks {
            Marks::None | Marks::Year => None,
            Marks::DayOfMonth if matches!(text, "L" | "LW") => Some(text.to_owned()),
            Marks::DayOfMonth => Some(format!("{}W", self.number(text.strip_suffix('W')?)?)),
            Marks::DayOfWeek => {
                let (day, which) = match text.split_once('#') {
                    Some(nth) => nth,
                    None => (text.strip_suffix('L')?, "L"),
                };
                let which = matches!(which, "1" | "2" | "3" | "4" | "5" | "L").then_some(which)?;
                Some(format!("{}#{which}", self.number(day)?))
            }
        }
    }

    /// The number that a text stands for in this field.
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        let named = || {
            let at = self.names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            u32::try_from(at).ok().map(|at| self.least + at)
        };
        digits(text).or_else(named).filter(|number| (self.least..=self.most).contains(number))
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
