//! The dags that the tests run.

use serde_json::{Value, json};

/// How many tasks a run of [`twenty`] has.
pub const TWENTY: usize = 20;

/// A task of the guest `behaviours`.
#[must_use]
pub fn task(task_id: &str, input: &Value, depends_on: &[&str]) -> Value {
    json!({ "task_id": task_id, "component": "behaviours", "input": input, "depends_on": depends_on })
}

/// A task that ends only when it is stopped: neither fuel nor time runs out while a test goes on.
#[must_use]
pub fn endless(task_id: &str) -> Value {
    let mut task = task(task_id, &json!({ "do": "loop" }), &[]);
    task["limits"] = json!({ "fuel": 10_000_000_000_000_u64 });
    task["timeout"] = json!("1h");
    task
}

/// A dag of twenty tasks that each sleep a little: one, then nine side by side, then one that waits for all of them, then a
/// chain of nine, the last of which returns what the first one of the chain returned.
#[must_use]
pub fn twenty(dag_id: &str, sleep_ms: u64) -> Value {
    let sleep = json!({ "do": "sleep", "ms": sleep_ms });
    let mut tasks = vec![task("start", &sleep, &[])];
    let fans: Vec<String> = (0..9).map(|number| format!("fan_{number}")).collect();
    tasks.extend(fans.iter().map(|fan| task(fan, &sleep, &["start"])));
    tasks.push(task("join", &sleep, &fans.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut before = "join".to_owned();
    for number in 0..8 {
        let name = format!("chain_{number}");
        tasks.push(task(&name, &sleep, &[&before]));
        before = name;
    }
    tasks.push(task("end", &json!({ "do": "echo", "value": { "$from": "join" } }), &[&before]));
    assert_eq!(tasks.len(), TWENTY);
    json!({ "dag_id": dag_id, "max_active_runs": 1_000, "tasks": tasks })
}

/// A dag of these tasks.
#[must_use]
pub fn of(dag_id: &str, tasks: Vec<Value>) -> Value {
    json!({ "dag_id": dag_id, "max_active_runs": 1_000, "tasks": tasks })
}
