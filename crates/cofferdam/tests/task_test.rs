//! `cofferdam task test`: a component runs here as on a worker, and the exit code says how it ended.

use cofferdam_test_guests::artefacts;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Done {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The report of a try that succeeded.
    #[track_caller]
    fn json(self) -> Value {
        report(&self.exits(0))
    }
}

/// Runs the binary in a home of its own, with nothing of the environment of the test.
fn cofferdam(home: &Path, args: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    let output = command.args(args).current_dir(home).env_clear().env("HOME", home).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// One home for all tests, so that each guest is compiled once.
fn home() -> &'static Path {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    HOME.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

fn test(guest: &str, args: &[&str]) -> Done {
    let file = artefacts::path(guest);
    let args = [&["task", "test", file.to_str().unwrap()], args].concat();
    cofferdam(home(), &args)
}

fn behave(input: &Value, args: &[&str]) -> Done {
    test("behaviours", &[&["--input", &input.to_string(), "-o", "json"], args].concat())
}

/// The report, whatever the exit code is.
fn report(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:#?}"))
}

#[test]
fn the_exit_code_says_how_the_task_ended() {
    for (input, code, ending, reason) in [
        (json!({"do": "echo", "value": [1, "two"]}), 0, "success", Value::Null),
        (json!({"do": "retryable", "message": "not now"}), 1, "failure", json!("guest_error")),
        (json!({"do": "fatal", "message": "never"}), 1, "failure", json!("fatal")),
        (json!({"do": "panic", "message": "oh"}), 1, "failure", json!("trap")),
        (json!({"do": "skip", "message": "nothing there"}), 10, "skip", json!("skipped_by_task")),
        (json!({"do": "reschedule", "ms": 1500}), 11, "reschedule", Value::Null),
        (json!({"do": "defer", "event": "bell", "ms": 9}), 12, "defer", Value::Null),
    ] {
        let done = behave(&input, &[]).exits(code);
        let report = report(&done);
        assert_eq!((&report["ending"], &report["reason"]), (&json!(ending), &reason), "{done:#?}");
        assert!(report["receipt"]["fuel"].as_u64().unwrap() > 0);
    }
    assert_eq!(report(&behave(&json!({"do": "reschedule", "ms": 1500}), &[]))["after_ms"], 1500);
    assert_eq!(report(&behave(&json!({"do": "defer", "event": "bell", "ms": 9}), &[]))["event"], "bell");
}

#[test]
fn limits_are_those_of_a_worker() {
    for (input, limit, reason) in [
        (json!({"do": "loop"}), "fuel=1000000", "out_of_fuel"),
        (json!({"do": "loop"}), "timeout=100ms", "timed_out"),
        (json!({"do": "memory", "mib": 50}), "memory=16MiB", "out_of_memory"),
        (json!({"do": "huge", "bytes": 5000}), "result=1KiB", "invalid_output"),
    ] {
        let done = behave(&input, &["--limit", limit]).exits(1);
        assert_eq!(report(&done)["reason"], reason, "{done:#?}");
    }
}

#[test]
fn output_log_and_xcoms_are_shown() {
    let report = behave(&json!({"do": "print", "stdout": "one\ntwo", "stderr": "three"}), &[]).json();
    assert_eq!((&report["stdout"], &report["stderr"]), (&json!("one\ntwo\n"), &json!("three\n")));
    let input = json!({"do": "xcom", "push": {"mean": 4.5}, "pull": [["fetch", "return_value"], ["fetch", "rows"], ["x", "y"]]});
    let report = behave(&input, &["--xcom", "fetch={\"a\": 1}", "--xcom", "fetch.rows=3"]).json();
    assert_eq!((&report["output"]["pulled"], &report["xcoms"]), (&json!([{"a": 1}, 3, null]), &json!({"mean": 4.5})));
    let report = behave(&json!({"do": "context"}), &["--conf", "{\"year\": 7}", "--logical-date", "2026-01-31T00:00:00Z"]).json();
    assert_eq!((&report["output"]["conf"]["year"], &report["output"]["dag_id"]), (&json!(7), &json!("local")));

    let words = test("behaviours", &["--input", "{\"do\": \"log\"}"]).exits(0).stdout;
    for line in ["ending  success", "output  null", "WARN  message 3 number=3"] {
        assert!(words.lines().any(|found| found == line), "{line:?} is missing in:\n{words}");
    }
}

#[test]
fn programs_have_arguments_and_variables() {
    let run = |args: &[&str]| test("command", &[&["-o", "json"], args].concat());
    let report = run(&["--arg", "echo", "--input", "{\"a\": 1}"]).json();
    assert_eq!(report["output"], json!({"a": 1}));
    let report = run(&["--arg", "env", "--arg", "-x", "--env", "CITY=Oslo"]).json();
    assert_eq!(report["output"], json!({"args": ["command", "env", "-x"], "vars": [["CITY", "Oslo"]]}));
    let done = run(&["--arg", "exit", "--arg", "3"]).exits(1);
    assert_eq!(
        (&self::report(&done)["reason"], &self::report(&done)["stderr"]),
        (&json!("guest_error"), &json!("leaving with 3\n"))
    );
}

/// What the task finds of files and of a server here, with these flags.
fn reach(input: &Value, args: &[&str]) -> Value {
    test("reach", &[&["--input", &input.to_string(), "-o", "json"], args].concat()).json()["output"].clone()
}

#[test]
fn a_typed_function_is_named() {
    let call = |args: &[&str]| test("typed", &[&["--input", r#"{"who": "you"}"#, "-o", "json"], args].concat());
    assert_eq!(call(&["--function", "hello"]).json()["output"], "Hello, you");
    let several = call(&[]).exits(2).stderr;
    assert!(several.contains("there are several") && several.contains("--function"), "{several}");
    assert!(call(&["--function", "helo"]).exits(2).stderr.contains("did you mean 'hello'"));
}

#[test]
fn files_are_there_when_they_are_given() {
    let home = tempfile::tempdir().unwrap();
    let (scratch, grant) = (home.path().join("scratch"), home.path().join("grant.yaml"));
    std::fs::create_dir(&scratch).unwrap();
    std::fs::write(&grant, "scratch: 8KiB\n").unwrap();
    let other = tempfile::tempdir().unwrap();
    let (scratch, grant, other) = (scratch.to_str().unwrap(), grant.to_str().unwrap(), other.path().to_str().unwrap());
    let writes = json!({"do": "files", "steps": [["write", "/a", "hello"], ["read", "a"], ["fill", "b", 8_192]]});
    assert_ne!(reach(&writes, &[])[0], "ok", "there are no files without a grant");
    assert_eq!(reach(&writes, &["--scratch", scratch]), json!(["ok", "hello", "ok"]));
    assert_eq!(reach(&writes, &["--grant", grant]), json!(["ok", "hello", "StorageFull"]));
    assert_eq!(reach(&writes, &["--grant", grant, "--scratch", other]), json!(["ok", "hello", "StorageFull"]));
    // The folder has what the task left, and the next one finds it.
    assert_eq!(std::fs::read_to_string(home.path().join("scratch/a")).unwrap(), "hello");
    let goes_on = json!({"do": "files", "steps": [["ls", "/"], ["append", "a", " again"], ["rm", "b"], ["mkdir", "d"]]});
    assert_eq!(reach(&goes_on, &["--scratch", scratch]), json!([["a", "b"], "ok", "ok", "ok"]));
    assert_eq!(std::fs::read_to_string(home.path().join("scratch/a")).unwrap(), "hello again");
    assert!(!home.path().join("scratch/b").exists() && home.path().join("scratch/d").is_dir());
}

#[test]
fn a_folder_that_does_not_fit_is_told() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("large"), vec![b'x'; 9_000]).unwrap();
    let grant = home.path().join("grant.yaml");
    std::fs::write(&grant, "scratch: 8KiB\n").unwrap();
    let folder = home.path().to_str().unwrap();
    let steps = json!({"do": "files", "steps": []}).to_string();
    let done = test("reach", &["--input", &steps, "--grant", grant.to_str().unwrap(), "--scratch", folder]).exits(1);
    assert!(done.stdout.contains("large does not fit into the scratch directory"), "{}", done.stdout);
    assert_eq!(std::fs::metadata(home.path().join("large")).unwrap().len(), 9_000);
}

#[test]
fn a_server_is_reached_when_the_grant_names_it() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap();
    });
    let home = tempfile::tempdir().unwrap();
    let (grant, wrong) = (home.path().join("grant.json"), home.path().join("wrong.json"));
    std::fs::write(&grant, json!({"http": [format!("http://127.0.0.1:{port}")]}).to_string()).unwrap();
    std::fs::write(&wrong, json!({"htp": []}).to_string()).unwrap();
    let (grant, wrong) = (grant.to_str().unwrap(), wrong.to_str().unwrap());
    let asks = json!({"do": "http", "url": format!("http://127.0.0.1:{port}/")});
    assert_eq!(reach(&asks, &[])["error"], "ErrorCode::HttpRequestDenied");
    assert_eq!(reach(&asks, &["--grant", grant])["error"], "ErrorCode::DestinationIpProhibited");
    assert_eq!(reach(&asks, &["--grant", grant, "--private-target", "127.0.0.1"])["body"], "hello");
    server.join().unwrap();
    let refused = test("reach", &["--input", &asks.to_string(), "--grant", wrong]).exits(2).stderr;
    assert!(refused.contains("there is no field 'htp'") && refused.contains("docs/grants.md"), "{refused}");
}

#[test]
fn what_cannot_be_run_is_refused_with_a_reason() {
    let at = |args: &[&str]| cofferdam(home(), args);
    std::fs::write(home().join("text.wasm"), "hello").unwrap();
    std::fs::write(home().join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    at(&["task", "test", "missing.wasm"]).exits(5);
    assert!(at(&["task", "test", "text.wasm"]).exits(2).stderr.contains("not WebAssembly"));
    at(&["task", "test", "core.wasm"]).exits(2);
    assert!(test("behaviours", &["--input", "hello"]).exits(2).stderr.contains("quotes"));
    assert!(test("behaviours", &["--arg", "x"]).exits(2).stderr.contains("--input"));
    assert!(test("behaviours", &["--limit", "memroy=1"]).exits(2).stderr.contains("docs/limits.md"));
    test("behaviours", &["--xcom", "fetch={"]).exits(2);
}

#[test]
fn compiled_code_is_kept_and_never_believed_without_its_key() {
    let home = tempfile::tempdir().unwrap();
    let file = artefacts::path("trivial");
    let run = || cofferdam(home.path(), &["task", "test", file.to_str().unwrap(), "--input", "\"x\""]);
    run().exits(0);
    let kept = home.path().join(".cache/cofferdam/task-test");
    let code = find(&kept.join("compiled"));
    let before = std::fs::metadata(&code).unwrap().modified().unwrap();
    run().exits(0);
    assert_eq!(std::fs::metadata(&code).unwrap().modified().unwrap(), before, "it was compiled again");
    let mut bytes = std::fs::read(&code).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&code, bytes).unwrap();
    assert!(run().exits(0).stderr.contains("cannot be used"));
    assert!(!run().exits(0).stderr.contains("cannot be used"), "the changed code was replaced");
}

fn find(below: &Path) -> std::path::PathBuf {
    let mut path = below.to_owned();
    while path.is_dir() {
        path = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    path
}
