//! The binary without a server: configuration, linting, completions, exit codes.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the binary in `dir`, with nothing of the environment of the test.
fn cofferdam(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An address where nobody listens.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

const GOOD: &str = "dag_id: weather\ntasks:\n  - task_id: fetch\n    component: weather/fetch\n";
const BAD: &str = "dag_id: weather\ntasks:\n  - task_id: fetch\n    component: weather/fetch\n    retriez: 3\n";

#[test]
fn exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.yaml"), GOOD).unwrap();
    std::fs::write(dir.path().join("bad.yaml"), BAD).unwrap();
    std::fs::write(dir.path().join("broken.yaml"), "a: [1\nb: 2\n").unwrap();
    let url = closed_port();
    let token = ("COFFERDAM_TOKEN", "cdk_x");
    let cases: &[(i32, &[&str], &[(&str, &str)])] = &[
        (0, &["--help"], &[]),
        (0, &["dag", "lint", "good.yaml"], &[]),
        (1, &["dag", "lint", "good.yaml", "bad.yaml"], &[]),
        (1, &["dag", "lint", "broken.yaml"], &[]),
        (2, &["dag", "fly"], &[]),
        (2, &["dag", "show", "no/slash"], &[]),
        (2, &["config", "show"], &[("COFFERDAM_LISTEN", "nowhere")]),
        (2, &["dag", "apply", "broken.yaml"], &[token]),
        (2, &["dag", "trigger", "weather", "--conf", "[]"], &[token]),
        (2, &["--url", "ftp://x", "health"], &[]),
        (3, &["--url", &url, "health"], &[]),
        (3, &["--url", &url, "dag", "list"], &[token]),
        (4, &["--url", &url, "dag", "list"], &[]),
        (5, &["dag", "lint", "missing.yaml"], &[]),
        (0, &["schedule", "next", "@daily"], &[]),
        (2, &["schedule", "next", "@dayly"], &[]),
        (2, &["schedule", "next", "@daily", "--tz", "Europe/Berln"], &[]),
        (2, &["schedule", "next", "0 0 30 2 *"], &[]),
        (2, &["schedule", "next", "{\"assets\": \"s3://a\"}"], &[]),
        (5, &["component", "push", "missing.wasm"], &[token]),
    ];
    for (expected, args, variables) in cases {
        let output = cofferdam(dir.path(), args, variables);
        assert_eq!(code(&output), *expected, "{args:?}\n{}", text(&output.stderr));
    }
}

#[test]
fn mistakes_are_shown_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.yaml"), BAD).unwrap();
    let output = cofferdam(dir.path(), &["dag", "lint", "bad.yaml"], &[]);
    assert!(text(&output.stderr).starts_with("error[unknown_field]: "), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--> bad.yaml:5:5\n"), "{}", text(&output.stderr));
    let output = cofferdam(dir.path(), &["dag", "lint", "bad.yaml", "-o", "json"], &[]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &found[0]["diagnostics"][0];
    assert_eq!((&finding["line"], &finding["column"], &finding["pointer"]), (&5.into(), &5.into(), &"/tasks/0/retriez".into()));
    assert_eq!(found[0]["errors"], 1);
}

#[test]
fn errors_say_what_where_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let url = closed_port();
    let output = cofferdam(dir.path(), &["--url", &url, "health"], &[]);
    let said = text(&output.stderr);
    assert!(said.contains("error: the server cannot be reached") && said.contains(&url) && said.contains("remedy:"), "{said}");
    let output = cofferdam(dir.path(), &["--url", &url, "health", "-o", "json"], &[]);
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&said["error"]["exit"], &said["error"]["exit_code"]), (&"unreachable".into(), &3.into()));
    let page = include_str!("../../../docs/cli.md");
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert!(said["error"].as_object().unwrap().keys().eq(shown["error"].as_object().unwrap().keys()), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn config_show_names_sources_and_masks_secrets() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("cofferdam.toml"), "listen = \"0.0.0.0:1\"\n[worker]\nslots = 4\n").unwrap();
    let variables =
        [("COFFERDAM_SECRET_KEY", "hunter2hunter2"), ("COFFERDAM_REDIS_URL", "redis://:hunter2@h"), ("COFFERDAM_LISTN", "x")];
    let output = cofferdam(dir.path(), &["config", "show"], &variables);
    let (shown, notes) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(&output), 0, "{notes}");
    assert!(!shown.contains("hunter2") && !notes.contains("hunter2"), "{shown}");
    assert!(
        shown
            .lines()
            .any(|line| line.starts_with("listen ") && line.contains("0.0.0.0:1") && line.contains("cofferdam.toml, line 1")),
        "{shown}"
    );
    assert!(shown.contains("environment variable COFFERDAM_SECRET_KEY"), "{shown}");
    assert!(notes.contains("COFFERDAM_LISTN sets no key"), "{notes}");

    let output = cofferdam(dir.path(), &["config", "show", "--output", "json"], &variables);
    let shown: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let slots = shown.iter().find(|entry| entry["key"] == "worker.slots").unwrap();
    assert_eq!((&slots["value"], &slots["source"]), (&"4".into(), &"cofferdam.toml, line 3".into()));
}

#[test]
fn unknown_keys_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("other.toml"), "\nlisten = \"h:1\"\ndatabase = \"x\"\n").unwrap();
    let output = cofferdam(dir.path(), &["--config", "other.toml", "config", "show"], &[]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("other.toml, line 3: there is no key `database`"), "{}", text(&output.stderr));
}

#[test]
fn completions_know_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = cofferdam(dir.path(), &["completions", shell], &[]);
        let script = text(&output.stdout);
        assert!(code(&output) == 0 && script.contains("unpause") && script.contains("inspect"), "{shell}");
        assert!(!script.contains("__compile"), "{shell} offers the hidden command");
    }
}

#[test]
fn colours_are_for_terminals_only() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.yaml"), BAD).unwrap();
    let output = cofferdam(dir.path(), &["dag", "lint", "bad.yaml"], &[("TERM", "xterm-256color")]);
    assert!(!output.stderr.contains(&0x1b) && !output.stdout.contains(&0x1b));
}

#[test]
fn the_compile_command_does_nothing_without_a_question() {
    let dir = tempfile::tempdir().unwrap();
    let output = cofferdam(dir.path(), &["__compile"], &[]);
    assert_eq!(code(&output), 3);
    assert!(output.stdout.is_empty());
}

/// Each command that docs/schedules.md shows prints what stands there.
#[test]
fn schedules_come_when_the_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let page = include_str!("../../../docs/schedules.md");
    let block = page.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let mut shown = 0;
    for example in block.split("$ cofferdam ").skip(1) {
        let (command, printed) = example.split_once('\n').unwrap();
        let mut args: Vec<&str> = Vec::new();
        // As a shell takes it apart: blanks, and quotes of both kinds.
        let mut rest = command.trim();
        while let Some(first) = rest.chars().next() {
            let end = if first == '"' || first == '\'' { first } else { ' ' };
            let word = rest.trim_start_matches(end);
            let (word, after) = word.split_once(end).unwrap_or((word, ""));
            args.push(word);
            rest = after.trim_start();
        }
        let output = cofferdam(dir.path(), &args, &[]);
        assert_eq!((text(&output.stdout).as_str(), code(&output)), (printed, 0), "{command}\n{}", text(&output.stderr));
        shown += 1;
    }
    assert!(shown >= 3);
}

#[test]
fn coming_times_are_one_document_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let next = |args: &[&str]| {
        let output = cofferdam(dir.path(), &[&["schedule", "next", "-o", "json"], args].concat(), &[]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let coming = next(&["0 6 * * *", "--tz", "Europe/Berlin", "--after", "2026-10-24T12:00:00Z", "--count", "2"]);
    assert_eq!(coming["next"], serde_json::json!(["2026-10-25T06:00:00+01:00", "2026-10-26T06:00:00+01:00"]));
    assert_eq!(
        (&coming["timezone"], &coming["in_words"]),
        (&"Europe/Berlin".into(), &"every day at 06:00 (Europe/Berlin)".into())
    );
    // Without --after from now on, five of them; none when there is nothing left.
    assert_eq!(next(&["* * * * *"])["next"].as_array().unwrap().len(), 5);
    assert_eq!(next(&["0 0 0 1 1 * 2027", "--after", "2027-01-01"])["next"], serde_json::json!([]));
}
