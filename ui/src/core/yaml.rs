//! Writes JSON values as YAML, for reading, and definitions in the order in which people write them.

use serde_json::{Map, Value};
use std::fmt::Write;

/// The value as block YAML. Texts that could be read as something else are quoted.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0, true);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// The members that come first where they are, in this order; then come those that are not named here.
const FIRST: &[&str] = &[
    "dag_id",
    "task_id",
    "description",
    "owners",
    "tags",
    "schedule",
    "timezone",
    "start_date",
    "end_date",
    "catchup",
    "component",
    "function",
    "run_dag",
    "script",
    "language",
    "source",
    "group",
    "depends_on",
    "$from",
    "$param",
    "$conf",
    "path",
    "input",
    "expand",
];

/// The members that come last, in this order.
const LAST: &[&str] = &["defaults", "params", "groups", "tasks", "doc", "doc_md"];

/// The members of an object as a person would write those of a definition. The server keeps no order.
fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| {
        let first = FIRST.iter().position(|it| *it == key);
        first.unwrap_or_else(|| FIRST.len() + LAST.iter().position(|it| *it == key).map_or(0, |at| at + 1))
    };
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by_key(|(key, _)| rank(key));
    members
}

/// The value as JSON on several lines, in the same order.
#[must_use]
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value, 0);
    out.push('\n');
    out
}

fn write_json(out: &mut String, value: &Value, depth: usize) {
    let list = |out: &mut String, brackets: [char; 2], items: Vec<(Option<&String>, &Value)>| {
        out.push(brackets[0]);
        for (i, (key, value)) in items.into_iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            break_line(out, depth + 1);
            if let Some(key) = key {
                let _ = write!(out, "{}: ", Value::String(key.clone()));
            }
            write_json(out, value, depth + 1);
        }
        break_line(out, depth);
        out.push(brackets[1]);
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            list(out, ['{', '}'], ordered(map).into_iter().map(|(key, value)| (Some(key), value)).collect());
        }
        Value::Array(items) if !items.is_empty() => list(out, ['[', ']'], items.iter().map(|value| (None, value)).collect()),
        other => drop(write!(out, "{other}")),
    }
}

/// Writes `value` where the line already has what stands before it. `fresh` says that nothing does.
fn write_value(out: &mut String, value: &Value, depth: usize, fresh: bool) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Array(list) if list.is_empty() => out.push_str("[]"),
        Value::Object(map) => {
            for (i, (key, value)) in ordered(map).into_iter().enumerate() {
                if i > 0 || !fresh {
                    break_line(out, depth);
                }
                let _ = write!(out, "{}:", scalar(key));
                write_member(out, value, depth);
            }
        }
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate() {
                if i > 0 || !fresh {
                    break_line(out, depth);
                }
                out.push_str("- ");
                write_value(out, value, depth + 1, true);
            }
        }
        Value::String(text) => write_text(out, text, depth),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn write_member(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => write_value(out, value, depth + 1, false),
        Value::Array(list) if !list.is_empty() => write_value(out, value, depth + 1, false),
        _ => {
            out.push(' ');
            write_value(out, value, depth + 1, true);
        }
    }
}

fn write_text(out: &mut String, text: &str, depth: usize) {
    let block = text.contains('\n') && !text.starts_with([' ', '\n']) && text.chars().all(|c| c == '\n' || !c.is_control());
    if !block {
        out.push_str(&scalar(text));
        return;
    }
    let kept = text.trim_end_matches('\n');
    out.push_str(match text.len() - kept.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if line.is_empty() {
            out.push('\n')
        } else {
            break_line(out, depth.max(1))
        }
        out.push_str(line);
    }
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A text on one line: plain when nothing could mistake it, else as JSON, which is YAML too.
fn scalar(text: &str) -> String {
    const SIGNS: &str = "_-./ ()+$;=',@%!?<>&*\"~";
    let safe = |(at, c): (usize, char)| match c {
        // What follows would make a member of it.
        ':' => text[at + 1..].starts_with(|c: char| !c.is_whitespace()),
        c => c.is_alphanumeric() || SIGNS.contains(c),
    };
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/' | '$'))
        && !text.ends_with(' ')
        && text.char_indices().all(safe)
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back() {
        for value in [
            json!({}),
            json!([]),
            json!("plain"),
            json!({"a": [1, 2.5, null, true], "b": {"c": [], "d": {}}, "empty": ""}),
            json!({"schedule": "0 6 * * *", "yes": "no", "n": "12", "version": "1.0", "when": "2026-11-21", "tilde": "~"}),
            json!([[1, [2, 3]], {"x": [{"y": 1, "z": 2}, {"y": 3}]}]),
            json!({"text": "one\ntwo\n", "cut": "one\n\ntwo", "more": "a\n\n", "led": "  a\nb", "tab": "a\tb\nc"}),
            json!({"quote": "say \"hi\": # no", "{{ ds }}": "{{ params.x }}", "colon": "a: b", "dash": "- a"}),
            json!(["a\nb", {"deep": {"text": "x\ny"}}]),
            json!({"url": "s3://a:b/c", "end": "a:", "said": "it's, \"so\"", "$from": "a #b", "é": "ü: x", "amp": "a & *b", "nan": ".nan"}),
        ] {
            let text = to_yaml(&value);
            let back: Value = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(back, value, "{text}");
            assert_eq!(serde_json::from_str::<Value>(&to_json(&value)).unwrap(), value);
        }
    }

    #[test]
    fn the_usual_definition_looks_as_written_by_hand() {
        let value = json!({"dag_id": "weather", "tasks": [{"task_id": "clean", "upstream": ["fetch"]}]});
        assert_eq!(to_yaml(&value), "dag_id: weather\ntasks:\n  - task_id: clean\n    upstream:\n      - fetch\n");
        let value =
            json!({"tasks": [{"component": "a/b", "doc": "", "retries": 1, "task_id": "x"}], "catchup": true, "dag_id": "d"});
        assert_eq!(
            to_yaml(&value),
            "dag_id: d\ncatchup: true\ntasks:\n  - task_id: x\n    component: a/b\n    retries: 1\n    doc: \"\"\n"
        );
        assert_eq!(to_json(&json!({"tasks": [], "dag_id": "d"})), "{\n  \"dag_id\": \"d\",\n  \"tasks\": []\n}\n");
    }
}
