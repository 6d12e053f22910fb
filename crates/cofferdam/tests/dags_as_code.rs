//! Dags that programs write down, applied by the command. That their scripts run is tested in `tests/runtime`, where Python is.

#[expect(dead_code, reason = "other tests use more of it")]
mod support;

use cofferdam_test_guests::artefacts;
use std::path::Path;
use support::{Done, Role};

/// `hello` takes a list of records where `echo` returns bytes.
const MISFIT: &str = r#"
from cofferdam import dag
from cofferdam.dags import component


@dag
def misfit():
    made = component("almanac", task_id="echo", function="api#reverse", input={"bytes": "AAEC"})
    component(
        "almanac", task_id="hello", function="api#summarise", input={"readings": made, "ignore": "at-sea"}
    )


misfit()
"#;

#[expect(clippy::disallowed_methods, reason = "where Python is is told by an environment variable")]
fn run(dir: &Path, args: &[&str]) -> Done {
    let path = std::env::var("PATH").unwrap();
    Done::from(support::command(dir, args, &[("PATH", &path)]).output().unwrap())
}

#[test]
fn an_edge_that_does_not_fit_is_told_with_its_types_and_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("misfit.py"), MISFIT).unwrap();
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "4"], &[]);
    server.says("Commands in this directory");
    run(dir, &["dag", "lint", "misfit.py"]).exits(0);
    run(dir, &["component", "push", artefacts::path("typed").to_str().unwrap(), "--name", "almanac"]).exits(0);
    let refused = run(dir, &["dag", "apply", "misfit.py"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let line = MISFIT.lines().position(|line| line.trim() == "component(").unwrap() + 1;
    for told in [&format!("misfit.py:{line}:"), "list<u8>", "list<reading>"] {
        assert!(refused.stderr.contains(told), "{told}: {}", refused.stderr);
    }
    server.signal("TERM");
    assert!(server.ends().success());
}

#[test]
fn a_workflow_component_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "4"], &[]);
    server.says("Commands in this directory");
    run(dir, &["component", "push", artefacts::path("trivial").to_str().unwrap()]).exits(0);
    let applied = run(dir, &["dag", "apply", artefacts::path("workflow").to_str().unwrap()]).exits(0);
    assert!(applied.stdout.contains("weather_berlin") && applied.stdout.contains("weather_oslo"), "{applied:?}");
    assert!(applied.stderr.contains("writing two dags"), "{applied:?}");
    run(dir, &["dag", "trigger", "weather_oslo", "--run-id", "one", "--wait"]).exits(0);
    server.signal("TERM");
    assert!(server.ends().success());
}

#[test]
fn a_mistake_in_a_program_has_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(
        dir.join("wrong.py"),
        "from cofferdam import dag, task\n\n@task\ndef one(x: int): pass\n\n@dag\ndef wrong():\n    one()\n",
    )
    .unwrap();
    let done = run(dir, &["dag", "lint", "wrong.py"]).exits(1);
    assert!(done.stderr.contains("wrong.py:8:") && done.stderr.contains("the argument 'x' is missing"), "{done:?}");
}
