//! What JSON a task may hand over.
//!
//! The text goes into PostgreSQL and is read by many programs, so it is checked more strictly than RFC 8259 asks: at most
//! 127 levels, numbers that fit, no lone surrogates, and no U+0000. One task's result must not be able to break the
//! transaction that records many.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Checks a text without building anything of it.
///
/// # Errors
/// What is wrong, with line and column.
pub(crate) fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Checked>(text).map(|Checked| ())
}

struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Checked, E> {
        if text.contains('\0') { Err(E::custom("a string contains the character U+0000")) } else { Ok(Checked) }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
        while seq.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        while map.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(Checked)
    }
}

/// Makes a text of a guest fit to be kept and shown: without U+0000, and at most `max` bytes.
pub(crate) fn clean(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" …");
    }
    if text.contains('\0') { text.replace('\0', "\u{2400}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_not_be_kept_is_refused_with_its_place() {
        for (text, problem) in [
            ("", "EOF while parsing"),
            ("{\"a\":1,}", "trailing comma"),
            ("\"a\\u0000b\"", "U+0000"),
            ("{\"a\\u0000\":1}", "U+0000"),
            ("\"\\ud800\"", "end of hex escape"),
            ("1e400", "number out of range"),
            (&format!("{}{}", "[".repeat(200), "]".repeat(200)), "recursion limit"),
            ("1 2", "trailing characters"),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("line"), "{text:.40}: {error}");
        }
    }

    #[test]
    fn long_texts_end_at_a_character() {
        assert_eq!(clean("äöü".to_owned(), 3), "ä …");
        assert_eq!(clean("a\0b".to_owned(), 30), "a\u{2400}b");
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_arbitrary_text(text in "[\\[\\]{}\",:0-9a-ftrulsn .eE+-]{0,40}") {
            prop_assert_eq!(check(&text).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
