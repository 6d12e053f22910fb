//! The scratch directory: a file system that ends with its try.

use crate::lab::{Recorder, Tested, output, program, request, runtime};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::{Runtime, Stream, TryReport};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The programs that do the steps: a component, and a core module for WASI preview 1 that was made one.
const PROGRAMS: [&str; 2] = ["reach", "posix-preview1"];

async fn run_on(runtime: &Tested, grant: Value, limits: Limits, steps: Value) -> (TryReport, Arc<Recorder>) {
    run_program("reach", runtime, grant, limits, steps).await
}

async fn run_program(
    name: &'static str,
    runtime: &Tested,
    grant: Value,
    limits: Limits,
    steps: Value,
) -> (TryReport, Arc<Recorder>) {
    let input = json!({ "do": "files", "steps": steps }).to_string();
    let mut request = request(Entry::Command { args: vec![], env: vec![] }, input, limits);
    request.grant = serde_json::from_value(grant).unwrap();
    let host = Arc::new(Recorder::default());
    let report = runtime.run(&program(name), request, host.clone(), CancellationToken::new()).await;
    (report, host)
}

/// What came of each step.
async fn files(quota: &str, steps: Value) -> Vec<Value> {
    files_of("reach", quota, steps).await
}

async fn files_of(name: &'static str, quota: &str, steps: Value) -> Vec<Value> {
    let (report, _) = run_program(name, &runtime(), json!({ "scratch": quota }), Limits::default(), steps).await;
    output(&report).as_array().unwrap().clone()
}

/// Each step with what must come of it, whatever the program was built for.
async fn expect(quota: &str, steps: &[(Value, Value)]) {
    for name in PROGRAMS {
        let came = files_of(name, quota, steps.iter().map(|(step, _)| step.clone()).collect()).await;
        for ((step, expected), came) in steps.iter().zip(&came) {
            assert_eq!(came, expected, "{name}: {step}");
        }
        assert_eq!(came.len(), steps.len());
    }
}

#[tokio::test]
async fn it_is_a_file_system_as_posix_has_it() {
    let ok = || json!("ok");
    let kind = |kind: &str| json!(kind);
    expect(
        "1MiB",
        &[
            (json!(["ls", "/"]), json!([])),
            (json!(["write", "/a", "hello"]), ok()),
            (json!(["read", "a"]), json!("hello")),
            (json!(["append", "a", " world"]), ok()),
            (json!(["write_at", "a", 0, "J"]), ok()),
            (json!(["read", "a"]), json!("Jello world")),
            (json!(["read_at", "a", 6, 5]), json!("world")),
            (json!(["read_at", "a", 6, 6]), kind("UnexpectedEof")),
            (json!(["set_len", "a", 5]), ok()),
            (json!(["set_len", "a", 8]), ok()),
            (json!(["read", "a"]), json!("Jello...")),
            // A hole reads as zeros.
            (json!(["write_at", "a", 10_000, "end"]), ok()),
            (json!(["read_at", "a", 9_998, 5]), json!("..end")),
            (json!(["create_new", "a"]), kind("AlreadyExists")),
            (json!(["write", "a", "new"]), ok()),
            (json!(["read", "a"]), json!("new")),
            (json!(["read", "missing"]), kind("NotFound")),
            (json!(["mkdir", "d"]), ok()),
            (json!(["mkdir", "d"]), kind("AlreadyExists")),
            (json!(["mkdirs", "d/e/f"]), ok()),
            (json!(["write", "d/e/f/g", "deep"]), ok()),
            (json!(["read", "d/./e/../e/f/g"]), json!("deep")),
            (json!(["write", "d", "x"]), kind("IsADirectory")),
            (json!(["rm", "d"]), kind("IsADirectory")),
            (json!(["rmdir", "a"]), kind("NotADirectory")),
            (json!(["mkdir", "a/x"]), kind("NotADirectory")),
            // Rust has no word for this error of WASI: the directory is not empty.
            (json!(["rmdir", "d"]), kind("Uncategorized")),
            // Over a file, into another directory, and not into itself.
            (json!(["rename", "a", "d/e/f/g"]), ok()),
            (json!(["read", "d/e/f/g"]), json!("new")),
            (json!(["rename", "d/e", "d/e/f/x"]), kind("InvalidInput")),
            (json!(["rename", "d/e", "h"]), ok()),
            (json!(["ls", "h/f"]), json!(["g"])),
            (json!(["rename", "h", "d"]), ok()),
            (json!(["ls", "/"]), json!(["d"])),
            (json!(["rename", "d", "d/f/g"]), kind("InvalidInput")),
            (json!(["rm_open", "d/f/g"]), json!("new")),
            (json!(["ls", "d/f"]), json!([])),
            (json!(["rm_all", "d"]), ok()),
            (json!(["write", "t", "1234"]), ok()),
            (json!(["set_modified", "t", 86_400]), ok()),
            (json!(["stat", "t"]), json!({ "dir": false, "len": 4, "modified": 86_400 })),
            (json!(["ls", "/"]), json!(["t"])),
        ],
    )
    .await;
}

#[tokio::test]
async fn open_files_are_as_posix_has_them() {
    expect(
        "1MiB",
        &[
            (json!(["two_handles", "a"]), json!(["01ab", "45"])),
            (json!(["append_in_turns", "a"]), json!("0123456789abc")),
            (json!(["seek", "a"]), json!([3, 7, "789", "InvalidInput", 15, 0])),
            (json!(["rename_open", "a", "b"]), json!([false, "moved56789"])),
            (json!(["replace_open", "a", "b"]), json!(["0123456789", "new", false])),
            (json!(["modes", "a"]), json!([true, true, "0123456789"])),
            (json!(["truncate", "a"]), json!("...x")),
            (json!(["sync", "a"]), json!("ok")),
            (json!(["small_pieces", "a"]), json!("ok")),
        ],
    )
    .await;
}

#[tokio::test]
async fn times_follow_what_is_done() {
    let ok = || json!("ok");
    expect(
        "1MiB",
        &[
            (json!(["mkdir", "d"]), ok()),
            (json!(["write", "d/a", "x"]), ok()),
            (json!(["touched", "d/a"]), json!([true, true])),
            (json!(["set_modified", "d/a", 1]), ok()),
            (json!(["set_accessed", "d/a", 1]), ok()),
            (json!(["touched", "d/a"]), json!([false, false])),
            (json!(["read", "d/a"]), json!("x")),
            (json!(["touched", "d/a"]), json!([false, true])),
            (json!(["append", "d/a", "y"]), ok()),
            (json!(["touched", "d/a"]), json!([true, true])),
            (json!(["set_modified", "d/a", 1]), ok()),
            (json!(["rename", "d/a", "b"]), ok()),
            (json!(["touched", "b"]), json!([false, true])),
            (json!(["set_len", "b", 1]), ok()),
            (json!(["touched", "b"]), json!([true, true])),
        ],
    )
    .await;
}

#[tokio::test]
async fn names_are_what_the_program_says() {
    let ok = || json!("ok");
    for name in
        ["a b", "-rf", "*?[x]", "a\\b", "C:", "'\"", "line\nbreak", ".hidden", "...", "äöü 漢字 🦀", "%2e%2e", "~", "\u{7f}\u{1}"]
    {
        expect(
            "1MiB",
            &[
                (json!(["write", name, "x"]), ok()),
                (json!(["read", format!("./{name}")]), json!("x")),
                (json!(["entries", "/"]), json!([[name, false]])),
                (json!(["rm", name]), ok()),
                (json!(["mkdirs", format!("{name}/{name}")]), ok()),
                (json!(["entries", format!("/{name}/")]), json!([[name, true]])),
            ],
        )
        .await;
    }
    let long = "n".repeat(255);
    expect(
        "1MiB",
        &[
            (json!(["write", long, "x"]), ok()),
            (json!(["ls", "/"]), json!([long])),
            (json!(["write", format!("{long}n"), "x"]), json!("InvalidFilename")),
            (json!(["deep", "", 500]), json!("bottom")),
            (json!(["mkdirs", "e/".repeat(2_100)]), json!("InvalidFilename")),
        ],
    )
    .await;
}

#[tokio::test]
async fn many_files_are_listed_and_removed_as_they_are_read() {
    let ok = || json!("ok");
    expect(
        "64MiB",
        &[
            (json!(["mkdir", "d"]), ok()),
            (json!(["files", "d", 5_000, "x"]), json!(5_000)),
            (json!(["count", "d"]), json!(5_000)),
            (json!(["read", "d/4999"]), json!("x")),
            (json!(["mkdir", "e"]), ok()),
            (json!(["rename", "d", "all"]), ok()),
            (json!(["rename", "e", "d"]), ok()),
            (json!(["entries", "d"]), json!([])),
            (json!(["write", "d/b", ""]), ok()),
            (json!(["mkdir", "d/a"]), ok()),
            // In the order of their names, without `.` and `..`.
            (json!(["entries", "d"]), json!([["a", true], ["b", false]])),
            (json!(["copy", "d/b", "d/c"]), json!(0)),
            (json!(["rename", "d/b", "d/a"]), json!("IsADirectory")),
            (json!(["rename", "d/a", "d/b"]), json!("NotADirectory")),
            (json!(["working_directory", ""]), json!("/")),
        ],
    )
    .await;
    // The adapter of preview 1 counts entries to find its place again, and so passes over some while others are removed.
    let steps = json!([["mkdir", "d"], ["files", "d", 5_000, "x"], ["empty", "d"], ["entries", "d"]]);
    assert_eq!(files("64MiB", steps).await[2..], [json!(5_000), json!([])]);
}

/// What other systems have beside the files themselves.
#[tokio::test]
async fn there_are_no_devices_and_no_locks() {
    for path in ["/dev/null", "/proc/self/status", "/tmp/x", "/etc/hosts"] {
        expect("1MiB", &[(json!(["read", path]), json!("NotFound")), (json!(["write", path, "x"]), json!("NotFound"))]).await;
    }
    expect("1MiB", &[(json!(["lock", "a"]), json!("Unsupported"))]).await;
}

#[tokio::test]
async fn no_path_leads_out_and_there_are_no_links() {
    let (report, _) = run_on(
        &runtime(),
        json!({ "scratch": "1MiB" }),
        Limits::default(),
        json!([
            ["read", "/etc/passwd"],
            ["read", "../../../etc/passwd"],
            ["mkdir", "d"],
            ["read", "d/../../etc/passwd"],
            ["ls", "/.."],
            ["write", "a", "x"],
            ["symlink", "/etc", "s"],
            ["symlink", "a", "s"],
            ["hard_link", "a", "b"],
            ["rename", "a", "../a"],
            ["write", &"n".repeat(256), "x"],
            ["ls", "/"],
        ]),
    )
    .await;
    let came = output(&report);
    let refused = |index: usize| came[index].as_str().is_some_and(|kind| !kind.contains("root:") && kind != "ok");
    for index in [0, 1, 3, 8, 9, 10] {
        assert!(refused(index), "{index}: {came}");
    }
    assert!(came[4] == json!(["a", "d"]) || came[4] == json!(["d"]) || refused(4), "{came}");
    assert!(came[6].as_str().unwrap().contains("unsupported") && came[7].as_str().unwrap().contains("unsupported"), "{came}");
    assert_eq!(came[11], json!(["a", "d"]));
}

#[tokio::test]
async fn scratch_bytes() {
    // Obeyed to the last block, however a file grows, and given back.
    expect(
        "64KiB",
        &[
            (json!(["fill", "a", 65_536]), json!("ok")),
            (json!(["append", "a", "x"]), json!("StorageFull")),
            (json!(["write", "b", "x"]), json!("StorageFull")),
            (json!(["rm", "b"]), json!("ok")),
            (json!(["set_len", "a", 65_537]), json!("StorageFull")),
            (json!(["set_len", "a", 1_u64 << 40]), json!("StorageFull")),
            (json!(["write_at", "a", 1_u64 << 62, "x"]), json!("StorageFull")),
            (json!(["set_len", "a", 32_768]), json!("ok")),
            (json!(["fill", "b", 32_768]), json!("ok")),
            (json!(["rename", "b", "a"]), json!("ok")),
            // Holes count as what they could become.
            (json!(["write", "c", ""]), json!("ok")),
            (json!(["set_len", "c", 32_768]), json!("ok")),
            (json!(["write", "d", "x"]), json!("StorageFull")),
            (json!(["rm", "c"]), json!("ok")),
            (json!(["write", "d", "x"]), json!("ok")),
        ],
    )
    .await;
    // The smaller of grant and limit; and the log says what would make room.
    let limits = Limits { scratch_bytes: 8_192, ..Limits::default() };
    let steps = json!([["fill", "a", 8_192], ["fill", "b", 1], ["fill", "b", 1]]);
    let (report, host) = run_on(&runtime(), json!({ "scratch": "1GiB" }), limits, steps).await;
    assert_eq!(output(&report), json!(["ok", "StorageFull", "StorageFull"]));
    let told = host.lines_of(Stream::Log);
    assert!(told.len() <= 1, "{told:?}");
}

#[tokio::test]
async fn many_files_have_their_limit_too() {
    let came = files("1GiB", json!([["mkdir", "d"], ["files", "d", 20_000, ""], ["rm", "d/0"], ["write", "d/0", ""]])).await;
    assert_eq!(came[1][1], json!("StorageFull"), "{came:?}");
    assert!(came[1][0].as_u64().unwrap() > 9_000, "{came:?}");
    assert_eq!(came[2..], [json!("ok"), json!("ok")]);
    // A small file takes a block.
    let came = files("64KiB", json!([["files", ".", 100, "x"]])).await;
    assert_eq!(came, [json!([16, "StorageFull"])]);
}

#[tokio::test]
async fn without_a_grant_there_is_no_directory() {
    let (report, _) = run_on(&runtime(), json!({}), Limits::default(), json!([["write", "/a", "x"], ["ls", "/"]])).await;
    let came = output(&report);
    assert!(came[0] != "ok" && !came[1].is_array(), "{came}");
}

/// What is written lies in files without a name: nothing is left behind, whatever happens to the worker.
#[tokio::test]
async fn nothing_of_it_has_a_name_outside() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(cofferdam_sandbox::RuntimeConfig::for_slots(2)).unwrap();
    runtime.keep_scratch_in(folder.path().to_owned());
    let program = runtime.load(&crate::lab::compiled("reach")).unwrap();
    let input = json!({ "do": "files", "steps": [["fill", "secret", 100_000], ["mkdir", "d"], ["read_at", "secret", 0, 3]] });
    let mut request = request(Entry::Command { args: vec![], env: vec![] }, input.to_string(), Limits::default());
    request.grant = serde_json::from_value(json!({ "scratch": "1MiB" })).unwrap();
    let report = runtime.run(&program, request, Arc::new(Recorder::default()), CancellationToken::new()).await;
    assert_eq!(output(&report), json!(["ok", "ok", "xxx"]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Two tries at once, and one after the other, see nothing of each other.
#[tokio::test]
async fn each_try_has_its_own() {
    let steps = json!([["ls", "/"], ["fill", "a", 5_000], ["ls", "/"]]);
    let (one, two) = tokio::join!(files("1MiB", steps.clone()), files("1MiB", steps.clone()));
    for came in [one, two, files("1MiB", steps).await] {
        assert_eq!(came, [json!([]), json!("ok"), json!(["a"])]);
    }
}
