//! What differs between two definitions of a dag.

use super::diagnostic::join;
use cofferdam_ids::TaskId;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What differs between two definitions. Tasks are told apart by their names; their order says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Fields of the dag itself.
    pub fields: Vec<FieldChange>,
    /// Tasks that the first does not have.
    pub added: Vec<TaskId>,
    /// Tasks that the second does not have.
    pub removed: Vec<TaskId>,
    /// Tasks that both have, and in which something differs.
    pub changed: Vec<(TaskId, Vec<FieldChange>)>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where: a JSON Pointer into the dag or the task.
    pub pointer: String,
    /// What the first has there; nothing when it has nothing.
    pub before: Option<Value>,
    /// What the second has there.
    pub after: Option<Value>,
}

impl Changes {
    /// Compares two definitions, as they were written.
    #[must_use]
    pub fn between(before: &Value, after: &Value) -> Self {
        let mut changes = Self::default();
        compare(&without_tasks(before), &without_tasks(after), "", &mut changes.fields);
        let (old, new) = (tasks(before), tasks(after));
        for (name, task) in &new {
            match old.get(name) {
                None => changes.added.push(name.clone()),
                Some(before) => {
                    let mut fields = Vec::new();
                    compare(before, task, "", &mut fields);
                    if !fields.is_empty() {
                        changes.changed.push((name.clone(), fields));
                    }
                }
            }
        }
        changes.removed = old.into_keys().filter(|name| !new.contains_key(name)).collect();
        changes
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn without_tasks(definition: &Value) -> Value {
    let fields = definition.as_object().cloned().unwrap_or_default();
    Value::Object(fields.into_iter().filter(|(key, _)| key != "tasks").collect())
}

fn tasks(definition: &Value) -> BTreeMap<TaskId, &Value> {
    let tasks = definition.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |task: &Value| task.get("task_id").and_then(Value::as_str).and_then(|name| TaskId::new(name).ok());
    tasks.iter().filter_map(|task| Some((named(task)?, task))).collect()
}

/// Objects are compared field by field, all else as a whole. `null` counts as nothing.
fn compare(before: &Value, after: &Value, pointer: &str, found: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    let is_form = |fields: &Map<String, Value>| fields.keys().any(|key| key.starts_with('$'));
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if !is_form(old) && !is_form(new) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let value = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or(Value::Null);
                compare(&value(old), &value(new), &join(pointer, key), found);
            }
        }
        (before, after) => {
            let given = |value: &Value| (!value.is_null()).then(|| value.clone());
            found.push(FieldChange { pointer: pointer.to_owned(), before: given(before), after: given(after) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_told_by_field_and_task() {
        let before = json!({
            "dag_id": "d", "schedule": "@daily", "params": { "a": 1, "b": 2 },
            "tasks": [
                { "task_id": "x", "component": "c", "input": { "rows": { "$from": "w" }, "n": 1 } },
                { "task_id": "w", "component": "c" },
                { "task_id": "gone", "component": "c" },
            ],
        });
        let after = json!({
            "dag_id": "d", "params": { "a": 1, "b": 3 }, "tags": ["t"],
            "tasks": [
                { "task_id": "new", "component": "c" },
                { "task_id": "w", "component": "c" },
                { "task_id": "x", "component": "c", "retries": 2, "input": { "rows": { "$from": "new", "path": "/a" }, "n": 1 } },
            ],
        });
        let changes = Changes::between(&before, &after);
        let told = |fields: &[FieldChange]| {
            let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            fields.iter().map(|f| format!("{} {} {}", f.pointer, side(&f.before), side(&f.after))).collect::<Vec<_>>()
        };
        assert_eq!(told(&changes.fields), ["/params/b 2 3", "/schedule \"@daily\" -", "/tags - [\"t\"]"]);
        assert_eq!((changes.added.len(), changes.removed.len()), (1, 1));
        assert_eq!(changes.changed.len(), 1);
        assert_eq!(told(&changes.changed[0].1), [r#"/input/rows {"$from":"w"} {"$from":"new","path":"/a"}"#, "/retries - 2"]);
        assert!(Changes::between(&after, &after).is_empty());
    }
}
