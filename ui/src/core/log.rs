//! The lines of a log: which are shown, how high each is, and where a text occurs in them.

use crate::core::ansi::{self, Look};
use crate::core::clock;
use cofferdam_api_types::{LogLevel, LogLine, LogStream};
use serde_json::Value;

/// The height of one row of text in pixels.
pub const ROW: usize = 18;

/// Which lines are shown, and where each begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Positions in the log of the lines shown.
    pub shown: Vec<u32>,
    /// The first row of each of them, and the number of rows of all at the end.
    pub tops: Vec<u32>,
}

impl Shape {
    /// Chooses the lines that matter at least as much as `least`. With `columns`, lines are broken after so many characters.
    #[must_use]
    pub fn new(lines: &[LogLine], least: LogLevel, columns: Option<usize>) -> Self {
        let mut shape = Self { shown: Vec::new(), tops: vec![0] };
        let mut top = 0;
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| line.level >= least) {
            let rows = columns.map_or(1, |columns| plain(line).chars().count().max(1).div_ceil(columns.max(1)));
            top += rows as u32;
            shape.shown.push(i as u32);
            shape.tops.push(top);
        }
        shape
    }

    /// The number of rows of all lines.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tops.last().copied().unwrap_or(0) as usize
    }

    /// The lines (by their place among those shown) that have a row in `from..to`.
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let first = self.tops.partition_point(|top| (*top as usize) <= from).saturating_sub(1);
        let last = self.tops.partition_point(|top| (*top as usize) < to).min(self.shown.len());
        first.min(last)..last
    }
}

/// The text of a line without colours, its fields included.
#[must_use]
pub fn plain(line: &LogLine) -> String {
    let mut text = ansi::plain(&line.message);
    for (name, value) in &line.fields {
        text.push_str(&format!(" {name}={}", field(value)));
    }
    text
}

/// The value of a field: a text as it is, anything else as JSON.
#[must_use]
pub fn field(value: &Value) -> String {
    match value {
        Value::String(text) => ansi::plain(text),
        other => other.to_string(),
    }
}

/// The word of a line's level, or of its stream where that says more.
#[must_use]
pub const fn word(line: &LogLine) -> &'static str {
    match (line.stream, line.level) {
        (LogStream::Stdout, LogLevel::Info) => "out",
        (LogStream::Stderr, LogLevel::Info) => "err",
        (_, LogLevel::Trace) => "trace",
        (_, LogLevel::Debug) => "debug",
        (_, LogLevel::Info) => "info",
        (_, LogLevel::Warn) => "warn",
        (_, LogLevel::Error) => "error",
    }
}

/// The log as a text file.
#[must_use]
pub fn as_text(lines: &[LogLine]) -> String {
    lines.iter().map(|line| format!("{} {:<5} {}\n", clock::utc(line.at), word(line), plain(line))).collect()
}

/// A stretch of a line: how it looks, whether it was searched for, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its look.
    pub look: Look,
    /// Whether the text was searched for.
    pub found: bool,
    /// Its text.
    pub text: String,
}

/// Splits the message of a line by look and by where `needle` (lower case) occurs.
#[must_use]
pub fn pieces(message: &str, needle: &str) -> Vec<Piece> {
    let spans = ansi::spans(message);
    let whole: String = spans.iter().map(|(_, text)| text.as_str()).collect();
    let found = occurrences(&whole, needle);
    let mut pieces = Vec::new();
    let mut at = 0;
    for (look, text) in spans {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let inside = found.iter().find(|range| range.contains(&at));
            let until = inside.map_or_else(
                || found.iter().map(|range| range.start).find(|start| *start > at).unwrap_or(usize::MAX),
                |range| range.end,
            );
            let len = rest.len().min(until - at);
            pieces.push(Piece { look, found: inside.is_some(), text: rest[..len].to_owned() });
            at += len;
            rest = &rest[len..];
        }
    }
    pieces
}

/// Where `needle` occurs, without regard to the case of ASCII letters.
fn occurrences(text: &str, needle: &str) -> Vec<std::ops::Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    let text = text.to_ascii_lowercase();
    text.match_indices(&needle.to_ascii_lowercase()).map(|(at, found)| at..at + found.len()).collect()
}

/// The lines that hold `needle`, by their place among those shown.
#[must_use]
pub fn matches(lines: &[LogLine], shape: &Shape, needle: &str) -> Vec<usize> {
    if needle.is_empty() {
        return Vec::new();
    }
    let needle = needle.to_ascii_lowercase();
    let holds = |i: u32| plain(&lines[i as usize]).to_ascii_lowercase().contains(&needle);
    shape.shown.iter().enumerate().filter(|(_, i)| holds(**i)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn line(level: LogLevel, message: &str) -> LogLine {
        LogLine {
            at: DateTime::UNIX_EPOCH,
            stream: LogStream::Log,
            level,
            message: message.to_owned(),
            fields: Default::default(),
        }
    }

    #[test]
    fn rows_of_broken_lines_add_up() {
        let lines = [
            line(LogLevel::Info, "abcdefgh"),
            line(LogLevel::Debug, ""),
            line(LogLevel::Warn, "\u{1b}[31mabcd\u{1b}[0m"),
            line(LogLevel::Error, "x"),
        ];
        let shape = Shape::new(&lines, LogLevel::Trace, Some(4));
        assert_eq!(shape.tops, vec![0, 2, 3, 4, 5]);
        assert_eq!(shape.between(0, 1), 0..1);
        assert_eq!(shape.between(1, 3), 0..2);
        assert_eq!(shape.between(4, 99), 3..4);
        let shape = Shape::new(&lines, LogLevel::Warn, None);
        assert_eq!((shape.shown.as_slice(), shape.rows()), ([2, 3].as_slice(), 2));
        assert_eq!(Shape::new(&[], LogLevel::Trace, None).between(0, 9), 0..0);
    }

    #[test]
    fn what_is_searched_for_is_found_across_colours() {
        let pieces = pieces("a\u{1b}[31mBc\u{1b}[0md", "bcD");
        let texts: Vec<(bool, &str)> = pieces.iter().map(|piece| (piece.found, piece.text.as_str())).collect();
        assert_eq!(texts, vec![(false, "a"), (true, "Bc"), (true, "d")]);
        assert_eq!(pieces[1].look.colour, 31);
    }

    #[test]
    fn lines_that_match_are_counted_among_those_shown() {
        let lines = [line(LogLevel::Debug, "one"), line(LogLevel::Info, "two"), line(LogLevel::Info, "ONE")];
        let shape = Shape::new(&lines, LogLevel::Info, None);
        assert_eq!(matches(&lines, &shape, "one"), vec![1]);
    }

    #[test]
    fn a_downloaded_log_has_no_escapes() {
        let mut it = line(LogLevel::Warn, "\u{1b}[33mslow");
        it.fields.insert("ms".into(), 12.into());
        assert_eq!(as_text(&[it]), "1970-01-01T00:00:00Z warn  slow ms=12\n");
    }
}
