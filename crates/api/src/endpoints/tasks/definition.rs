//! A task by itself as the dag of one task that it is inside, and back.

use crate::error::ApiError;
use cofferdam_api_types::{ErrorCode, PutTask, StandaloneTask};
use cofferdam_domain::definition::standalone::{self, asset_of};
use cofferdam_ids::TaskId;
use serde_json::{Map, Value, json};

/// What of a dag a task by itself has, beside what has a field of its own.
const OF_THE_DAG: &[&str] = &[
    "timezone",
    "start_date",
    "end_date",
    "catchup",
    "jitter",
    "overlap",
    "max_active_runs",
    "dagrun_timeout",
    "params",
    "doc_md",
];

/// The dag of a task.
pub(super) fn of(task_id: &TaskId, body: PutTask) -> Result<Value, ApiError> {
    let PutTask {
        task_id: _,
        version: _,
        description,
        schedule,
        depends_on,
        priority,
        retries,
        is_paused: _,
        tags,
        owners,
        definition,
    } = body;
    let mut task = definition;
    task.retain(|field, _| !StandaloneTask::READ_ONLY.contains(&field.as_str()));
    let mut dag = Map::new();
    for field in OF_THE_DAG {
        if let Some(value) = task.remove(*field) {
            dag.insert((*field).to_owned(), value);
        }
    }
    let mut set = |field: &str, value: Option<Value>| value.and_then(|value| dag.insert(field.to_owned(), value));
    set("dag_id", Some(json!(task_id)));
    set("description", description.map(Value::from));
    set("tags", (!tags.is_empty()).then(|| json!(tags)));
    set("owners", (!owners.is_empty()).then(|| json!(owners)));
    match (schedule.filter(|schedule| !schedule.is_null()), depends_on.is_empty()) {
        (schedule, true) => drop(set("schedule", schedule)),
        (None, false) => drop(set("schedule", Some(standalone::schedule(&depends_on)))),
        (Some(_), false) => {
            let detail = "A task has a schedule, or tasks that it waits for, not both: give the first of them the schedule.";
            return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/schedule"));
        }
    }
    task.insert("task_id".to_owned(), json!(task_id));
    if let Some(priority) = priority {
        task.insert("priority".to_owned(), priority.into());
    }
    if let Some(retries) = retries {
        task.insert("retries".to_owned(), retries.into());
    }
    match task.entry("produces").or_insert_with(|| json!([])) {
        Value::Array(produced) => produced.push(json!(asset_of(task_id))),
        // Not a list: the compiler says so.
        _ => {}
    }
    set("tasks", Some(json!([task])));
    Ok(Value::Object(dag))
}

/// What a task was made with, as it is sent: what has a field of its own, and the rest.
pub(super) struct Written {
    pub(super) schedule: Option<Value>,
    pub(super) depends_on: Vec<TaskId>,
    pub(super) priority: i32,
    pub(super) retries: u32,
    pub(super) rest: Map<String, Value>,
}

/// Reads the dag that [`of`] made.
pub(super) fn read(task_id: &TaskId, definition: Value) -> Written {
    let Value::Object(mut dag) = definition else { return Written::nothing() };
    let mut rest = match dag.remove("tasks") {
        Some(Value::Array(mut tasks)) if !tasks.is_empty() => match tasks.swap_remove(0) {
            Value::Object(task) => task,
            _ => Map::new(),
        },
        _ => Map::new(),
    };
    rest.remove("task_id");
    let own = json!(asset_of(task_id));
    if let Some(Value::Array(produced)) = rest.get_mut("produces") {
        produced.retain(|asset| *asset != own);
        if produced.is_empty() {
            rest.remove("produces");
        }
    }
    let priority = rest.remove("priority").and_then(|priority| i32::try_from(priority.as_i64()?).ok());
    let retries = rest.remove("retries").and_then(|retries| u32::try_from(retries.as_u64()?).ok());
    for field in OF_THE_DAG {
        if let Some(value) = dag.remove(*field) {
            rest.insert((*field).to_owned(), value);
        }
    }
    let schedule = dag.remove("schedule");
    let depends_on = schedule.as_ref().and_then(standalone::depends_on).unwrap_or_default();
    Written {
        schedule: schedule.filter(|_| depends_on.is_empty()),
        depends_on,
        priority: priority.unwrap_or(0),
        retries: retries.unwrap_or(0),
        rest,
    }
}

impl Written {
    fn nothing() -> Self {
        Self { schedule: None, depends_on: Vec::new(), priority: 0, retries: 0, rest: Map::new() }
    }
}

/// Where in the body something is that is there in the dag.
pub(super) fn place(pointer: &str, depends: bool) -> String {
    if let Some(rest) = pointer.strip_prefix("/tasks/0") {
        return rest.to_owned();
    }
    if pointer == "/dag_id" {
        return "/task_id".to_owned();
    }
    if depends && pointer.starts_with("/schedule") { "/depends_on".to_owned() } else { pointer.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> TaskId {
        TaskId::new("clean").unwrap()
    }

    #[test]
    fn a_task_is_read_back_as_it_was_written() {
        let sent = json!({
            "schedule": "@daily", "timezone": "Europe/Zurich", "priority": 7, "retries": 2, "component": "weather/clean",
            "input": { "city": "Bern" }, "produces": ["s3://clean"], "created_at": "2026-11-21T00:00:00Z",
        });
        let dag = of(&id(), serde_json::from_value(sent).unwrap()).unwrap();
        assert_eq!(dag["dag_id"], "clean");
        assert_eq!(dag["timezone"], "Europe/Zurich");
        assert_eq!(dag["tasks"][0]["produces"], json!(["s3://clean", "cofferdam://tasks/clean"]));
        let Written { schedule, depends_on, priority, retries, rest } = read(&id(), dag);
        assert_eq!((schedule, depends_on, priority, retries), (Some(json!("@daily")), Vec::new(), 7, 2));
        let expected = json!({
            "component": "weather/clean", "input": { "city": "Bern" }, "produces": ["s3://clean"], "timezone": "Europe/Zurich",
        });
        assert_eq!(Value::Object(rest), expected);
    }

    #[test]
    fn what_it_waits_for_is_its_schedule() {
        let body = |schedule: Value| json!({ "component": "c", "depends_on": ["a", "b"], "schedule": schedule });
        let dag = of(&id(), serde_json::from_value(body(Value::Null)).unwrap()).unwrap();
        assert_eq!(dag["schedule"], json!({ "assets": { "all": ["cofferdam://tasks/a", "cofferdam://tasks/b"] } }));
        let written = read(&id(), dag);
        let names: Vec<&str> = written.depends_on.iter().map(TaskId::as_str).collect();
        assert_eq!((names, written.schedule), (vec!["a", "b"], None));
        assert!(of(&id(), serde_json::from_value(body(json!("@daily"))).unwrap()).is_err());
    }

    #[test]
    fn mistakes_are_shown_where_they_were_written() {
        assert_eq!(place("/tasks/0/component", false), "/component");
        assert_eq!(place("/tasks/0", false), "");
        assert_eq!(place("/schedule/assets/all/1", true), "/depends_on");
        assert_eq!(place("/timezone", true), "/timezone");
    }
}
