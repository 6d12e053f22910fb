//! The published client of Airflow's REST API drives a whole session, and `docs/airflow-compatibility.md` says what it can call.

#[expect(dead_code, reason = "others use the rest of it")]
mod support;

use cofferdam_test_guests::{artefacts, toolchains};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Done, Role, command};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Runs the session against a server of its own. Returns what it recorded.
fn session(dir: &Path) -> Value {
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "8", "--drain-timeout", "1s"], &[]);
    server.says("Commands in this directory");
    let guest = artefacts::path("behaviours");
    let push = command(dir, &["component", "push", guest.to_str().unwrap(), "--name", "test/behaves"], &[]).output().unwrap();
    Done::from(push).exits(0);
    // A bundle with a broken file, for the import errors.
    fs::create_dir(dir.join("bundle")).unwrap();
    fs::write(dir.join("bundle/broken.yaml"), "dag_id: broken\nschdule: '@daily'\ntasks: []\n").unwrap();
    let synced = command(dir, &["bundle", "sync", "bundle", "--bundle", "broken"], &[]).output().unwrap();
    Done::from(synced).exits(1);
    let dev: Value = serde_json::from_slice(&fs::read(dir.join(".cofferdam/dev.json")).unwrap()).unwrap();
    let text = |field: &str| dev[field].as_str().unwrap().trim_end_matches('/').to_owned();
    let tests = root().join("tests/airflow");
    let packages = toolchains::python_packages("airflow-client", &tests.join("requirements.lock"));
    let record = dir.join("record.json");
    let mut python = Command::new("python3");
    python.arg(tests.join("session.py")).args([text("url"), text("username"), text("password"), "test/behaves".to_owned()]);
    python.arg(&record).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Done::from(python.output().unwrap()).exits(0);
    server.signal("TERM");
    assert!(server.ends().success());
    serde_json::from_slice(&fs::read(record).unwrap()).unwrap()
}

/// How much of an operation is served, and what differs.
type Classes = BTreeMap<String, (String, String)>;

fn page(operations: &Value, classes: &Classes) -> String {
    let count = |class: &str| classes.values().filter(|(found, _)| found == class).count();
    let mut page = String::from(include_str!("../../../tests/airflow/introduction.md"));
    writeln!(page, "\n| | Operations |\n|---|---|").unwrap();
    for class in ["full", "partial", "absent"] {
        writeln!(page, "| {class} | {} |", count(class)).unwrap();
    }
    writeln!(page, "| all | {} |\n\n| Operation | Request | Served | What differs |\n|---|---|---|---|", classes.len()).unwrap();
    let mut rows: Vec<(&str, &str, &String)> = classes
        .keys()
        .map(|name| {
            let operation = &operations[name];
            (operation["path"].as_str().unwrap(), operation["method"].as_str().unwrap(), name)
        })
        .collect();
    rows.sort_unstable();
    for (path, method, name) in rows {
        let (class, differs) = &classes[name];
        writeln!(page, "| `{name}` | `{method} {path}` | {class} | {differs} |").unwrap();
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "`cargo xtask gen` tells the test through the environment to write the file")]
fn derived_file_of_what_the_published_client_of_airflow_can_call() {
    let dir = tempfile::tempdir().unwrap();
    let record = session(dir.path());
    let classes: Classes = serde_json::from_slice(&fs::read(root().join("tests/airflow/classification.json")).unwrap()).unwrap();
    let (answered, operations) = (record["answered"].as_object().unwrap(), record["operations"].as_object().unwrap());
    let known: Vec<&String> = operations.keys().collect();
    assert_eq!(
        known,
        classes.keys().collect::<Vec<_>>(),
        "tests/airflow/classification.json is about every operation of the client"
    );
    for (name, (class, differs)) in &classes {
        match class.as_str() {
            "full" => assert!(answered.contains_key(name), "'{name}' is called full, and the session does not call it"),
            "partial" => {
                assert!(answered.contains_key(name), "'{name}' is called partial, and the session does not call it");
                assert!(!differs.is_empty(), "'{name}' is called partial: what differs?");
            }
            "absent" => {
                assert!(!answered.contains_key(name), "'{name}' is called absent, and is answered");
                assert!(!differs.is_empty(), "'{name}' is called absent: why?");
            }
            other => panic!("'{name}' is called '{other}'; it can be full, partial or absent"),
        }
    }
    let path = root().join("docs/airflow-compatibility.md");
    let derived = page(&record["operations"], &classes);
    if std::env::var("COFFERDAM_GEN").is_ok_and(|mode| mode == "write") {
        fs::write(&path, &derived).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == derived, "docs/airflow-compatibility.md differs from what the session recorded; run `cargo xtask gen`");
}
