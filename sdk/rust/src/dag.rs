//! Dags that are written in Rust.
//!
//! ```
//! use cofferdam::dag::{Dag, Task, param};
//! use serde_json::json;
//!
//! let mut dag = Dag::new("weather").field("schedule", "@daily").param("station", "berlin");
//! let fetch = dag.add(Task::component("fetch", "weather/fetch").input(json!({ "station": param("station") })));
//! let clean = dag.add(Task::component("clean", "weather/clean").input(json!({ "rows": fetch.at("/rows") })).set("retries", 2));
//! let report = dag.add(Task::component("report", "weather/report").after(&clean));
//! assert_eq!(report.id(), "report");
//! println!("{dag}");
//! ```
//!
//! The program prints the definition; `cargo run | cofferdam dag apply -` applies it. Names of fields and settings are those of
//! `docs/dags.md`. What is wrong with them is told when the dag is applied.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::fmt;

/// A dag in writing. `Display` is its definition in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dag {
    dag_id: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    params: Map<String, Value>,
    tasks: Vec<Task>,
}

impl Dag {
    /// A dag without tasks.
    #[must_use]
    pub fn new(dag_id: impl Into<String>) -> Self {
        Self { dag_id: dag_id.into(), fields: Map::new(), params: Map::new(), tasks: Vec::new() }
    }

    /// Sets a field: `schedule`, `start_date`, `tags`, `max_active_runs`, `groups`, …
    ///
    /// # Panics
    /// When the value cannot be JSON, as a map whose keys are no texts.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Serialize) -> Self {
        self.fields.insert(name.to_owned(), as_json(name, value));
        self
    }

    /// Gives it a parameter: a value that runs may replace, or `{"default": …, "schema": …}`.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Serialize) -> Self {
        self.params.insert(name.to_owned(), as_json(name, value));
        self
    }

    /// Adds a task. What is returned stands for it, and for what it returns.
    pub fn add(&mut self, task: Task) -> TaskRef {
        let added = TaskRef { id: task.task_id.clone() };
        self.tasks.push(task);
        added
    }
}

impl fmt::Display for Dag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}

/// A task in writing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    task_id: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

impl Task {
    fn new(task_id: impl Into<String>, work: &str, value: Value) -> Self {
        let fields = Map::from_iter([(work.to_owned(), value)]);
        Self { task_id: task_id.into(), fields, depends_on: Vec::new() }
    }

    /// A task that runs a component: `name`, `name@version` or `name@sha256:digest`.
    #[must_use]
    pub fn component(task_id: impl Into<String>, name: &str) -> Self {
        Self::new(task_id, "component", name.into())
    }

    /// A task that runs a script; `language` is `python` or `javascript`.
    #[must_use]
    pub fn script(task_id: impl Into<String>, language: &str, source: &str) -> Self {
        Self::new(task_id, "script", json!({ "language": language, "source": source }))
    }

    /// A task that makes a run of another dag and waits for its end.
    #[must_use]
    pub fn run_dag(task_id: impl Into<String>, dag_id: &str, conf: Value) -> Self {
        Self::new(task_id, "run_dag", json!({ "dag_id": dag_id, "conf": conf }))
    }

    /// A task that waits until somebody approves. Who may, and for how long it waits, is said with all of its fields:
    /// `.set("approval", json!({ "message": …, "who": …, "timeout": … }))`.
    #[must_use]
    pub fn approval(task_id: impl Into<String>, message: &str) -> Self {
        Self::new(task_id, "approval", json!({ "message": message }))
    }

    /// Which of the component's functions it calls.
    #[must_use]
    pub fn function(self, function: &str) -> Self {
        self.set("function", function)
    }

    /// Its input, in which a [`TaskRef`] or an [`Output`] stands for what another task returns.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[must_use]
    pub fn input(self, input: impl Serialize) -> Self {
        self.set("input", input)
    }

    /// Lets it run once for each element of a list, which takes the place of that key of its input; for several lists, once for each
    /// combination.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[must_use]
    pub fn expand(mut self, key: &str, list: impl Serialize) -> Self {
        let list = as_json(key, list);
        let over = self.fields.entry("expand").or_insert_with(|| json!({ "over": {} }));
        if let Some(over) = over.get_mut("over").and_then(Value::as_object_mut) {
            over.insert(key.to_owned(), list);
        }
        self
    }

    /// Lets it wait for another task. One whose result its input takes is waited for anyway.
    #[must_use]
    pub fn after(mut self, other: &TaskRef) -> Self {
        self.depends_on.push(other.id.clone());
        self
    }

    /// Lets something be run when that has happened (`on_success`, `on_failure`, `on_retry`, `on_skipped`): a component's name, or an object of
    /// fields as they are written in a definition.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[must_use]
    pub fn callback(self, event: &str, callback: impl Serialize) -> Self {
        self.set(event, callback)
    }

    /// Sets anything else: `retries`, `grant`, `trigger_rule`, `branch`, `group`, …
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Serialize) -> Self {
        self.fields.insert(name.to_owned(), as_json(name, value));
        self
    }
}

fn as_json(name: &str, value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| panic!("the value of {name} is no JSON: {error}"))
}

/// A task that is in a dag. In an input it stands for what the task returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRef {
    id: String,
}

impl TaskRef {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A part of what it returns, by a JSON Pointer: `fetch.at("/rows/0")`.
    #[must_use]
    pub fn at(&self, path: &str) -> Output {
        Output { task: self.id.clone(), path: path.to_owned(), key: None }
    }

    /// Something that it pushes beside what it returns.
    #[must_use]
    pub fn xcom(&self, key: &str) -> Output {
        Output { task: self.id.clone(), path: String::new(), key: Some(key.to_owned()) }
    }
}

impl Serialize for TaskRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.at("").serialize(serializer)
    }
}

/// What a task returns, or a part of it: known when the dag runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    #[serde(rename = "$from")]
    task: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What a run's parameter is.
#[must_use]
pub fn param(name: &str) -> Value {
    json!({ "$param": name })
}

/// For a mapped task, or a task of a mapped group: its item of the list of that name.
#[must_use]
pub fn item(name: &str) -> Value {
    json!({ "$item": name })
}

/// A value that is taken as it is, also when it looks like a template.
///
/// # Panics
/// When the value cannot be JSON.
#[must_use]
pub fn literal(value: impl Serialize) -> Value {
    json!({ "$literal": as_json("literal", value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dag_is_its_definition() {
        let mut dag = Dag::new("sums").field("schedule", "@daily").field("tags", ["demo"]).param("n", 3);
        let numbers = dag.add(Task::component("numbers", "sums/numbers").input(json!({ "n": param("n") })));
        let double = dag.add(Task::component("double", "sums/double").expand("number", &numbers).set("retries", 2));
        let total = dag.add(Task::component("total", "sums/total").function("tasks#total").input(json!({ "values": double })));
        let publish = dag.add(Task::run_dag("publish", "publish", json!({ "total": total.at("/sum") })));
        dag.add(Task::approval("ask", "Done?").after(&publish).callback("on_failure", "ops/notify"));
        dag.add(Task::script("log", "javascript", "function main() {}").input(literal("{{ no }}")).after(&publish));
        let definition: Value = serde_json::from_str(&dag.to_string()).expect("it is JSON");
        let expected = json!({
            "dag_id": "sums",
            "schedule": "@daily",
            "tags": ["demo"],
            "params": { "n": 3 },
            "tasks": [
                { "task_id": "numbers", "component": "sums/numbers", "input": { "n": { "$param": "n" } } },
                {
                    "task_id": "double",
                    "component": "sums/double",
                    "expand": { "over": { "number": { "$from": "numbers" } } },
                    "retries": 2
                },
                {
                    "task_id": "total",
                    "component": "sums/total",
                    "function": "tasks#total",
                    "input": { "values": { "$from": "double" } }
                },
                {
                    "task_id": "publish",
                    "run_dag": { "dag_id": "publish", "conf": { "total": { "$from": "total", "path": "/sum" } } }
                },
                { "task_id": "ask", "approval": { "message": "Done?" }, "on_failure": "ops/notify", "depends_on": ["publish"] },
                {
                    "task_id": "log",
                    "script": { "language": "javascript", "source": "function main() {}" },
                    "input": { "$literal": "{{ no }}" },
                    "depends_on": ["publish"]
                }
            ]
        });
        assert_eq!(definition, expected);
    }

    #[test]
    fn an_xcom_has_its_key() {
        let mut dag = Dag::new("x");
        let task = dag.add(Task::component("a", "x/y"));
        assert_eq!(json!(task.xcom("count")), json!({ "$from": "a", "key": "count" }));
        assert_eq!(item("city"), json!({ "$item": "city" }));
    }
}
