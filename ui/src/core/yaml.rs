//! Writes JSON values as YAML, for reading.

use serde_json::Value;
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

/// Writes `value` where the line already has what stands before it. `fresh` says that nothing does.
fn write_value(out: &mut String, value: &Value, depth: usize, fresh: bool) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Array(list) if list.is_empty() => out.push_str("[]"),
        Value::Object(map) => {
            for (i, (key, value)) in map.iter().enumerate() {
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
    let safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ' | '(' | ')' | '+' | '$' | ';' | '=');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'))
        && !text.ends_with(' ')
        && text.chars().all(safe)
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
        ] {
            let text = to_yaml(&value);
            let back: Value = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(back, value, "{text}");
        }
    }

    #[test]
    fn the_usual_definition_looks_as_written_by_hand() {
        let value = json!({"dag_id": "weather", "tasks": [{"task_id": "clean", "upstream": ["fetch"]}]});
        assert_eq!(to_yaml(&value), "dag_id: weather\ntasks:\n  - task_id: clean\n    upstream:\n      - fetch\n");
    }
}
