//! Tables: plain columns, without lines, so that they can be read and cut.

use super::style::{self, Tone};
use chrono::{DateTime, Utc};
use console::measure_text_width;
use std::fmt;

/// Between two columns.
const GAP: &str = "  ";

/// A table. A cell may have colours; they take no room.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    empty: Option<&'static str>,
}

impl Table {
    /// A table with these column names, and what to say when it has no rows.
    #[must_use]
    pub fn new(columns: &[&str], empty: &'static str) -> Self {
        let header = columns.iter().map(|name| style::paint(Tone::Dim, &name.to_uppercase())).collect();
        Self { rows: vec![header], empty: Some(empty) }
    }

    /// A table of names and values, without a header.
    #[must_use]
    pub fn properties(rows: Vec<(&str, String)>) -> Self {
        Self { rows: rows.into_iter().map(|(name, value)| vec![style::paint(Tone::Dim, name), value]).collect(), empty: None }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(empty), 0 | 1) = (self.empty, self.rows.len()) {
            return f.write_str(empty);
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell)).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            // Nothing is written behind the last cell, so that lines have no trailing blanks.
            let last = row.iter().rposition(|cell| !cell.is_empty()).unwrap_or(0);
            for (column, cell) in row.iter().enumerate().take(last + 1) {
                f.write_str(cell)?;
                if column < last {
                    write!(f, "{:blank$}{GAP}", "", blank = widths[column].saturating_sub(measure_text_width(cell)))?;
                }
            }
        }
        Ok(())
    }
}

/// A state, in its colour.
#[must_use]
pub fn state(state: &str) -> String {
    style::paint(Tone::of_state(state), state)
}

/// A time, to the second, in UTC.
#[must_use]
pub fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A time that may be missing.
#[must_use]
pub fn maybe_time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// Bytes with a unit.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let scaled = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", scaled(1 << 10)),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", scaled(1 << 20)),
        _ => format!("{:.1} GiB", scaled(1 << 30)),
    }
}

/// Microseconds with a unit.
#[must_use]
pub fn micros(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let scaled = |unit: u64| us as f64 / unit as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", scaled(1_000)),
        1_000_000..60_000_000 => format!("{:.1} s", scaled(1_000_000)),
        _ => format!("{}m {:02}s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// Seconds with a unit.
#[must_use]
pub fn seconds(seconds: Option<f64>) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are positive and short")]
    seconds.map_or_else(|| "-".to_owned(), |seconds| micros((seconds.max(0.0) * 1e6) as u64))
}

/// A number with its thousands set apart.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_lines() {
        let mut table = Table::new(&["name", "state"], "none");
        table.row(["a-long-name".into(), "success".into()]);
        table.row(["b".into(), "failed".into()]);
        insta::assert_snapshot!(table.to_string(), @r"
        NAME         STATE
        a-long-name  success
        b            failed
        ");
        assert_eq!(Table::new(&["name"], "There are none.").to_string(), "There are none.");
    }

    #[test]
    fn colours_take_no_room() {
        let painted = |text: &str| console::Style::new().green().force_styling(true).apply_to(text).to_string();
        let mut table = Table::new(&["state", "task"], "none");
        table.row([painted("success"), "a".into()]);
        table.row(["up_for_retry".into(), "b".into()]);
        let plain = console::strip_ansi_codes(&table.to_string()).into_owned();
        insta::assert_snapshot!(plain, @r"
        STATE         TASK
        success       a
        up_for_retry  b
        ");
    }

    #[test]
    fn amounts_have_units() {
        assert_eq!([bytes(12), bytes(65_536), bytes(64 << 20)], ["12 B", "64.0 KiB", "64.0 MiB"]);
        assert_eq!([micros(31), micros(1_500), micros(2_000_000), micros(61_000_000)], ["31 µs", "1.5 ms", "2.0 s", "1m 01s"]);
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
