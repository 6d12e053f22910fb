//! Times and sizes as people write them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A length of time: `"30s"`, `"1h30m"`, `"500ms"`, or a number of seconds. Kept in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct TimeSpan(u64);

/// A number of bytes: `"64MiB"`, `"1GB"`, or a number. `KB` is 1,000 bytes, `KiB` is 1,024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct ByteSize(u64);

/// A time or a size that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not {kind}: write {examples}")]
pub struct QuantityError {
    given: String,
    kind: &'static str,
    examples: &'static str,
}

impl QuantityError {
    fn span(given: impl fmt::Display) -> Self {
        Self {
            given: given.to_string(),
            kind: "a length of time",
            examples: "for example \"30s\", \"5m\", \"1h30m\", or a number of seconds",
        }
    }

    fn size(given: impl fmt::Display) -> Self {
        Self {
            given: given.to_string(),
            kind: "a size",
            examples: "for example \"64MiB\", \"512KiB\", \"1GB\", or a number of bytes",
        }
    }
}

pub(super) const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
pub(super) const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl TimeSpan {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// The milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Takes digits, and then letters, off the front of a text.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    Some((number.parse().ok()?, unit, rest.trim_start()))
}

impl FromStr for TimeSpan {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::span(format_args!("{text:?}"));
        let mut rest = text.trim();
        let (mut total, mut smallest) = (0_u64, u64::MAX);
        loop {
            let (number, unit, after) = number_and_unit(rest).ok_or_else(error)?;
            let (_, ms) = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
            // From the largest unit down, each once: "30m1h" is more likely a slip than an hour and a half.
            if *ms >= smallest {
                return Err(error());
            }
            smallest = *ms;
            total = number.checked_mul(*ms).and_then(|part| total.checked_add(part)).ok_or_else(error)?;
            if after.is_empty() {
                return Ok(Self(total));
            }
            rest = after;
        }
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::size(format_args!("{text:?}"));
        let (number, unit, after) = number_and_unit(text.trim()).ok_or_else(error)?;
        let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        if !after.is_empty() {
            return Err(error());
        }
        number.checked_mul(*bytes).map(Self).ok_or_else(error)
    }
}

impl TryFrom<Value> for TimeSpan {
    type Error = QuantityError;

    fn try_from(value: Value) -> Result<Self, QuantityError> {
        match &value {
            Value::String(text) => text.parse(),
            Value::Number(seconds) => {
                let seconds = seconds.as_f64().filter(|s| (0.0..=1e15).contains(s)).ok_or_else(|| QuantityError::span(&value))?;
                Ok(Self((seconds * 1_000.0).round() as u64))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(QuantityError::span(&value)),
        }
    }
}

impl TryFrom<Value> for ByteSize {
    type Error = QuantityError;

    fn try_from(value: Value) -> Result<Self, QuantityError> {
        match &value {
            Value::String(text) => text.parse(),
            Value::Number(bytes) => bytes.as_u64().map(Self).ok_or_else(|| QuantityError::size(&value)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(QuantityError::size(&value)),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (name, ms) in TIME_UNITS {
            if rest >= ms {
                write!(f, "{}{name}", rest / ms)?;
                rest %= ms;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes)) {
            Some((name, bytes)) => write!(f, "{}{name}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl From<TimeSpan> for String {
    fn from(span: TimeSpan) -> Self {
        span.to_string()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn span(value: Value) -> Result<u64, QuantityError> {
        TimeSpan::try_from(value).map(TimeSpan::ms)
    }

    fn size(value: Value) -> Result<u64, QuantityError> {
        ByteSize::try_from(value).map(ByteSize::bytes)
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(span(json!("30s")), Ok(30_000));
        assert_eq!(span(json!("1h30m")), Ok(5_400_000));
        assert_eq!(span(json!("1d 2h")), Ok(93_600_000));
        assert_eq!(span(json!("500ms")), Ok(500));
        assert_eq!(span(json!(90)), Ok(90_000));
        assert_eq!(span(json!(0.25)), Ok(250));
        for wrong in [
            json!("30"),
            json!("5 minutes"),
            json!("30m1h"),
            json!("1h1h"),
            json!(""),
            json!(-1),
            json!([]),
            json!("99999999999999999999d"),
        ] {
            assert!(span(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(
            span(json!("5x")).unwrap_err().to_string(),
            "\"5x\" is not a length of time: write for example \"30s\", \"5m\", \"1h30m\", or a number of seconds"
        );
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size(json!("64MiB")), Ok(64 << 20));
        assert_eq!(size(json!("1 GB")), Ok(1_000_000_000));
        assert_eq!(size(json!(4096)), Ok(4096));
        for wrong in
            [json!("64M"), json!("64mib"), json!("MiB"), json!(1.5), json!(-1), json!("1MiB2KiB"), json!("99999999999TiB")]
        {
            assert!(size(wrong.clone()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number: u64) {
            prop_assert_eq!(TimeSpan(number).to_string().parse::<TimeSpan>(), Ok(TimeSpan(number)));
            prop_assert_eq!(ByteSize(number).to_string().parse::<ByteSize>(), Ok(ByteSize(number)));
        }
    }
}
