//! Examples in the pages: definitions are checked, configurations are read, programs are run; the rest is named with the test that uses it.

use super::page::{Block, Page, root};
use crate::support::{Done, command};
use cofferdam_api_types::Problem;
use cofferdam_domain::definition::{self, Diagnostic, Source};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Blocks of data that are no definitions, by page and by how they begin; each with the test that holds them to what is sent.
const USED_ELSEWHERE: &[(&str, &str, &str)] = &[
    ("docs/approvals.md", "{ \"decision\"", "tests/runtime/tests/bad_days/approvals.rs"),
    ("docs/backfills.md", "{\n  \"dag_id\"", "crates/api/tests/api/backfills.rs"),
    ("docs/callbacks.md", "{\n  \"event\"", "tests/runtime/tests/bad_days/callbacks.rs"),
    ("docs/components.md", "{\n  \"worlds\"", "crates/sandbox/src/typed/docs.rs"),
    ("docs/cli.md", "{\"error\"", "crates/cofferdam/tests/offline.rs"),
    ("docs/tasks-api.md", "{\n  \"task_id\"", "crates/api/tests/api/tasks.rs"),
    ("docs/tasks-api.md", "task_id: report_orders", "crates/api/tests/api/tasks.rs"),
];

fn blocks(languages: &[&str]) -> Vec<Block> {
    let of_page =
        |page: Page| page.blocks().into_iter().filter(|block| languages.contains(&block.language.as_str())).collect::<Vec<_>>();
    Page::all().into_iter().flat_map(of_page).collect()
}

/// The names that parts of a definition take for given: tasks that stand in no excerpt.
fn named(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.get("$from").and_then(Value::as_str).map(str::to_owned));
            let waits = fields.get("depends_on").and_then(Value::as_array);
            names.extend(waits.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| named(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, names)),
        _ => {}
    }
}

/// A whole definition of an excerpt: a list of tasks, or some fields of a dag. A whole one stays as it is.
fn completed(example: Value) -> Value {
    let mut dag = match example {
        Value::Array(tasks) => json!({ "tasks": tasks }),
        whole if whole.get("dag_id").is_some() && whole.get("tasks").is_some() => return whole,
        fields => fields,
    };
    let mut around = BTreeSet::new();
    named(&dag, &mut around);
    let fields = dag.as_object_mut().unwrap();
    fields.entry("dag_id").or_insert_with(|| "excerpt".into());
    let tasks = fields.entry("tasks").or_insert_with(|| json!([])).as_array_mut().unwrap();
    let there: BTreeSet<String> = tasks.iter().filter_map(|task| Some(task["task_id"].as_str()?.to_owned())).collect();
    tasks.extend(around.difference(&there).map(|task_id| json!({ "task_id": task_id, "component": "around/it" })));
    if tasks.is_empty() {
        tasks.push(json!({ "task_id": "around", "component": "around/it" }));
    }
    dag
}

fn errors(dag: Value) -> Vec<Diagnostic> {
    let found = definition::parse(dag).map_or_else(|found| found, |dag| definition::validate(&dag));
    found.into_iter().filter(Diagnostic::is_error).collect()
}

#[test]
fn every_definition_is_right() {
    let (mut checked, mut elsewhere) = (0, BTreeSet::new());
    for block in blocks(&["yaml", "json"]) {
        let known = USED_ELSEWHERE.iter().find(|(page, start, _)| block.place.starts_with(page) && block.text.starts_with(start));
        if let Some((page, start, test)) = known {
            let file = page.rsplit('/').next().unwrap();
            let text = fs::read_to_string(root().join(test)).unwrap_or_else(|error| panic!("{test}: {error}"));
            assert!(text.contains(file), "{}: {test} does not read {page}", block.place);
            elsewhere.insert((page, start));
            continue;
        }
        let (value, _) = Source::read(&block.text).unwrap_or_else(|error| panic!("{}: {error:?}", block.place));
        // A comment alone says something to editors.
        if value.is_null() {
            continue;
        }
        // What errors are answered with.
        if value.get("status").is_some() && value.get("title").is_some() {
            let problem: Problem =
                serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{}: {error}", block.place));
            assert_eq!(serde_json::to_value(&problem).unwrap(), value, "{}", block.place);
            assert_eq!((problem.code.status(), problem.code.title()), (problem.status, &*problem.title), "{}", block.place);
            continue;
        }
        let found = errors(completed(value));
        assert!(found.is_empty(), "{}: {found:#?}", block.place);
        checked += 1;
    }
    assert!(checked >= 25, "{checked} definitions are too few: are they still found?");
    assert_eq!(elsewhere.len(), USED_ELSEWHERE.len(), "blocks that are not there any more: {elsewhere:?}");
}

#[test]
fn mistakes_in_definitions_would_be_found() {
    let found = errors(completed(json!([{ "task_id": "a", "component": "x", "input": { "$from": "b" }, "retriez": 1 }])));
    assert_eq!(found.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["unknown_field"]);
}

#[test]
fn every_configuration_is_read() {
    let of_docs = |block: &Block| block.place.starts_with("docs/");
    let configurations: Vec<Block> = blocks(&["toml"]).into_iter().filter(of_docs).collect();
    assert!(configurations.len() >= 2);
    for block in configurations {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cofferdam.toml"), &block.text).unwrap();
        let done = Done::from(command(dir.path(), &["config", "show"], &[]).output().unwrap());
        assert_eq!(done.code, 0, "{}: {}", block.place, done.stderr);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where Python is is told by an environment variable")]
fn the_programs_in_python_are_read() {
    let path = std::env::var("PATH").unwrap();
    let programs = blocks(&["python"]);
    assert!(programs.len() >= 6);
    for block in programs {
        let mut python = Command::new("python3");
        python.args(["-c", "import sys; compile(sys.argv[1], sys.argv[2], 'exec')", &block.text, &block.place]);
        let done = Done::from(python.env_clear().env("PATH", &path).output().unwrap());
        assert_eq!(done.code, 0, "{}: {}", block.place, done.stderr);
    }
}

/// The task of the guide for Python passes the test that stands beside it.
#[test]
#[expect(clippy::disallowed_methods, reason = "where Python is is told by an environment variable")]
fn the_test_in_the_guide_for_python_passes() {
    let guide: Vec<Block> =
        Page::read("docs/sdk-python.md").blocks().into_iter().filter(|block| block.language == "python").collect();
    let [task, test] = guide.as_slice() else { panic!("a task and its test") };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tasks.py"), &task.text).unwrap();
    fs::write(dir.path().join("test_tasks.py"), &test.text).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", "import test_tasks; test_tasks.test_summary()"]).current_dir(dir.path()).env_clear();
    python
        .env("PATH", std::env::var("PATH").unwrap())
        .env("PYTHONPATH", root().join("sdk/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Done::from(python.output().unwrap()).exits(0);
}

/// The dag in Rust is an example of the SDK, which is compiled with it.
#[test]
fn the_dag_in_rust_is_an_example() {
    let page = Page::read("docs/dags-as-code.md");
    let shown = page.blocks().into_iter().find(|block| block.language == "rust").expect("an example in Rust");
    let example = fs::read_to_string(root().join("sdk/rust/examples/weather_dag.rs")).unwrap();
    let (_, program) = example.split_once("\n\n").expect("what it is, and the program");
    assert_eq!(program, shown.text, "{}", shown.place);
}
