//! What is wrong with a crontab expression, in words.

use super::pattern::{Field, fields};

/// The time zone that other programs take in front of an expression.
pub(super) fn zone(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    word.strip_prefix("TZ=").or_else(|| word.strip_prefix("CRON_TZ="))
}

/// Which field of an expression with five to seven cannot be read, and what could stand there.
pub(super) fn of(text: &str) -> Option<String> {
    let all: Vec<&str> = text.split_whitespace().collect();
    let (written, field) = all.iter().zip(fields(all.len())).find(|(written, field)| field.read(written).is_none())?;
    let mut told = format!("'{written}' is no {} ({} to {}{})", field.name, field.least, field.most, field.besides);
    for part in written.split(',') {
        if let Some(hint) = hint(part, field) {
            told.push_str("; ");
            told.push_str(&hint);
        }
    }
    if all.len() == 6 {
        told.push_str("; an expression of six fields begins with the second");
    }
    Some(told)
}

/// What to write instead, for mistakes that are often made.
fn hint(part: &str, field: &Field) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    // The last that a name can stand for: Sunday is once enough.
    let most =
        field.names.len().checked_sub(1).map_or(Some(field.most), |count| Some(field.least + u32::try_from(count).ok()?))?;
    if let (Some(step), Some(from)) = (step, field.number(range)) {
        return Some(format!("write {from}-{most}/{step}"));
    }
    let (from, to) = range.split_once('-')?;
    let (from, to) = (field.number(from)?, field.number(to)?);
    (from > to && step.is_none()).then(|| {
        let list = |from: u32, to: u32| if from == to { from.to_string() } else { format!("{from}-{to}") };
        format!("a range goes upwards: write {},{}", list(from, most), list(field.least, to))
    })
}
