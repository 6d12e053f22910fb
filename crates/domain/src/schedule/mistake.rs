//! What is wrong with a crontab expression, in words.

/// A field of an expression: what it is called, its bounds, and what else it can be.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    besides: &'static str,
}

const fn field(name: &'static str, (least, most): (u32, u32), besides: &'static str) -> Field {
    Field { name, least, most, besides }
}

const FIELDS: [Field; 7] = [
    field("second", (0, 59), ""),
    field("minute", (0, 59), ""),
    field("hour", (0, 23), ""),
    field("day of the month", (1, 31), ", L, 15W"),
    field("month", (1, 12), ", JAN to DEC"),
    field("day of the week", (0, 7), ", SUN to SAT, 5L, 5#3"),
    field("year", (1, 5000), ""),
];

/// The time zone that other programs take in front of an expression.
pub(super) fn zone(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    word.strip_prefix("TZ=").or_else(|| word.strip_prefix("CRON_TZ="))
}

/// Which field of an expression with five to seven cannot be read, and what could stand there; nothing when each can be by itself.
pub(super) fn of(text: &str, can_be_read: impl Fn(&str) -> bool) -> Option<String> {
    let written: Vec<&str> = text.split_whitespace().collect();
    let fields = match written.len() {
        5 => FIELDS.get(1..6)?,
        6 => FIELDS.get(..6)?,
        _ => FIELDS.as_slice(),
    };
    let alone = |at: usize| {
        let others = (0..written.len()).map(|other| if other == at { written[at] } else { "*" });
        others.collect::<Vec<_>>().join(" ")
    };
    let at = (0..fields.len().min(written.len())).find(|at| !can_be_read(&alone(*at)))?;
    let (written, field) = (written[at], &fields[at]);
    let mut told = format!("'{written}' is no {} ({} to {}{})", field.name, field.least, field.most, field.besides);
    for part in written.split(',') {
        if let Some(hint) = hint(part, field) {
            told.push_str("; ");
            told.push_str(&hint);
        }
    }
    if fields.len() == 6 {
        told.push_str("; an expression of six fields begins with the second");
    }
    Some(told)
}

/// What to write instead, for mistakes that are often made.
fn hint(part: &str, field: &Field) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if let (Some(step), Ok(from)) = (step, range.parse::<u32>()) {
        return Some(format!("write {from}-{}/{step}", field.most));
    }
    let (from, to) = range.split_once('-')?;
    let (from, to) = (from.parse::<u32>().ok()?, to.parse::<u32>().ok()?);
    let is_round = from > to && from <= field.most && to >= field.least && step.is_none();
    is_round.then(|| {
        let list = |from: u32, to: u32| if from == to { from.to_string() } else { format!("{from}-{to}") };
        format!("a range goes upwards: write {},{}", list(from, field.most), list(field.least, to))
    })
}
