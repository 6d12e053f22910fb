//! Values as text, as Airflow's API has them.

use serde_json::Value;
use std::fmt::Write as _;

/// The value as Airflow says it when it is asked for text, which it is unless `stringify` is false: what Python's `str` makes of it. A text
/// is itself; within lists and objects it stands in quotes.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => {
            let mut out = String::new();
            write(&mut out, other);
            out
        }
    }
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quoted(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                quoted(out, name);
                out.push_str(": ");
                write(out, field);
            }
            out.push('}');
        }
    }
}

/// A text as Python writes it down: in single quotes, unless there are such in it and no double ones.
fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_in_python() {
        let cases = [
            (json!("plain 'text'"), "plain 'text'"),
            (json!(2026), "2026"),
            (json!(0.5), "0.5"),
            (json!(null), "None"),
            (json!([true, false, null]), "[True, False, None]"),
            (json!({ "rows": 3 }), "{'rows': 3}"),
            (json!({ "a": 1, "b": [{}] }), "{'a': 1, 'b': [{}]}"),
            (json!(["a", "it's", "\"it's\"", "x\\y\n\u{1}"]), r#"['a', "it's", '"it\'s"', 'x\\y\n\x01']"#),
            (json!([]), "[]"),
            (json!({}), "{}"),
        ];
        for (value, text) in cases {
            assert_eq!(as_text(&value), text);
        }
    }
}
