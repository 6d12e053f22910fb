//! What is kept of the input of a try, for people to look at: bounded, and without what its names call secret.

use crate::connection::tells_of_secret;
use crate::job::Entry;
use crate::plan::{TaskPlan, TaskWork};
use crate::template::Scope;
use serde_json::{Map, Value, json};

/// Bytes of JSON that are kept of one try.
pub const MAX_RENDERED: usize = 16 << 10;
/// What a long text and a long list are cut to when the whole is too large.
const CUT_TEXT: usize = 200;
const CUT_LIST: usize = 20;
/// Under which key the name of an instance is kept.
const INSTANCE_NAME: &str = "map_index_name";
const MASK: &str = "***";

/// The input of a try, with its arguments and environment variables where it has them, as JSON: an object of `input`, and of
/// `args` and `env` for a command, and of `map_index_name` for an instance that has a name. Texts and lists are cut when the whole is larger than [`MAX_RENDERED`]; `truncated` says so.
#[must_use]
pub fn rendered(input: &Value, entry: &Entry, name: Option<&str>) -> String {
    let mut whole = json!({ "input": masked(input, false) });
    if let Some(name) = name {
        whole[INSTANCE_NAME] = Value::from(name);
    }
    if let Entry::Command { args, env } = entry {
        let env: Map<String, Value> =
            env.iter().map(|(name, value)| (name.clone(), masked(&Value::from(value.as_str()), tells_of_secret(name)))).collect();
        whole["args"] = json!(args);
        whole["env"] = Value::Object(env);
    }
    let text = whole.to_string();
    if text.len() <= MAX_RENDERED {
        return text;
    }
    let mut cut = cut(&whole);
    cut["truncated"] = Value::Bool(true);
    let shorter = cut.to_string();
    if shorter.len() <= MAX_RENDERED {
        return shorter;
    }
    let mut nothing = json!({ "input": format!("too large to be kept: {} bytes", text.len()), "truncated": true });
    if let Some(name) = name {
        nothing[INSTANCE_NAME] = Value::from(name);
    }
    nothing.to_string()
}

/// What the tries of a task are given in which nothing is filled in; nothing of other tasks.
#[must_use]
pub fn as_written(task: &TaskPlan) -> Option<String> {
    if task.is_filled_in() {
        return None;
    }
    let input = task.input.render(&Scope::bare(&Value::Null, &|_, _| None)).ok()?;
    let entry = match &task.work {
        TaskWork::Component(work) => work.entry.clone(),
        TaskWork::RunDag { .. } | TaskWork::Approval { .. } => Entry::Task,
    };
    Some(rendered(&input, &entry, None))
}

fn masked(value: &Value, secret: bool) -> Value {
    match value {
        Value::String(text) if secret && !text.is_empty() => Value::from(MASK),
        Value::Array(items) => items.iter().map(|item| masked(item, secret)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), masked(field, secret || tells_of_secret(key)))).collect()
        }
        other => other.clone(),
    }
}

fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > CUT_TEXT => {
            let kept: String = text.chars().take(CUT_TEXT).collect();
            Value::from(format!("{kept}… ({} characters)", text.chars().count()))
        }
        Value::Array(items) => {
            let mut kept: Vec<Value> = items.iter().take(CUT_LIST).map(cut).collect();
            if items.len() > CUT_LIST {
                kept.push(Value::from(format!("… ({} more)", items.len() - CUT_LIST)));
            }
            Value::Array(kept)
        }
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), cut(field))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_small_is_kept_whole() {
        let kept = read(&rendered(&json!({ "rows": [1, 2], "q": "x" }), &Entry::Task, None));
        assert_eq!(kept, json!({ "input": { "rows": [1, 2], "q": "x" } }));
        let entry = Entry::Command {
            args: vec!["--day".to_owned()],
            env: vec![("API_TOKEN".to_owned(), "abcdef".to_owned()), ("TZ".to_owned(), "UTC".to_owned())],
        };
        assert_eq!(
            read(&rendered(&json!({}), &entry, None)),
            json!({ "input": {}, "args": ["--day"], "env": { "API_TOKEN": "***", "TZ": "UTC" } })
        );
    }

    #[test]
    fn what_its_name_calls_secret_is_masked() {
        let kept =
            read(&rendered(&json!({ "auth": { "password": "hunter22", "user": "a" }, "tokens": ["x"] }), &Entry::Task, None));
        assert_eq!(kept["input"]["auth"], json!({ "password": "***", "user": "a" }));
    }

    #[test]
    fn what_is_large_is_cut() {
        let large = json!({ "rows": vec![1; 100_000], "text": "x".repeat(100_000), "small": true });
        let kept = read(&rendered(&large, &Entry::Task, None));
        assert_eq!(kept["truncated"], true);
        assert_eq!(kept["input"]["small"], true);
        assert_eq!(kept["input"]["rows"].as_array().unwrap().len(), CUT_LIST + 1);
        let wide: Map<String, Value> = (0..10_000).map(|index| (format!("field{index}"), Value::from(index))).collect();
        let text = rendered(&Value::Object(wide.clone()), &Entry::Task, Some("berlin"));
        assert!(text.len() < MAX_RENDERED && text.contains("too large"), "{text}");
        assert_eq!(read(&text)["map_index_name"], "berlin");
    }
}
