//! Every way in which a try can end.

use crate::lab::{Recorder, Tested, behave, behave_with, compile_blocking, failure, output, program, request, runtime};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::inspect::{UploadCaps, inspect};
use cofferdam_sandbox::{HostError, NoHost, Stream, TryReport};
use cofferdam_test_guests::hostile;
use futures::StreamExt as _;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn success_with_a_receipt() {
    let input = json!({"do": "fibo", "n": 20});
    let (report, _) = behave(input.clone(), Limits::default()).await;
    assert_eq!(output(&report), json!(6765));
    let receipt = report.receipt;
    assert!(receipt.fuel > 10_000, "{receipt:?}");
    assert!(receipt.peak_memory_bytes >= 64 << 10 && receipt.peak_memory_bytes.is_multiple_of(64 << 10), "{receipt:?}");
    assert!(receipt.cpu_us > 0 && receipt.wall_us > 0, "{receipt:?}");
    assert_eq!((receipt.input_bytes, receipt.output_bytes), (input.to_string().len() as u64, 4));
    assert_eq!((receipt.stdio_bytes, receipt.log_bytes), (0, 0));
}

#[tokio::test]
async fn the_same_work_costs_the_same_fuel() {
    let (first, _) = behave(json!({"do": "fibo", "n": 15}), Limits::default()).await;
    let (second, _) = behave(json!({"do": "fibo", "n": 15}), Limits::default()).await;
    let (more, _) = behave(json!({"do": "fibo", "n": 16}), Limits::default()).await;
    assert_eq!(first.receipt.fuel, second.receipt.fuel);
    assert!(more.receipt.fuel > first.receipt.fuel);
}

#[tokio::test]
async fn each_error_that_a_task_can_return() {
    let (report, _) = behave(json!({"do": "retryable", "message": "the server is away"}), Limits::default()).await;
    assert_eq!(failure(&report, Reason::GuestError), "the server is away");
    let (report, _) = behave(json!({"do": "fatal", "message": "no such station"}), Limits::default()).await;
    assert_eq!(failure(&report, Reason::Fatal), "no such station");
    let (report, _) = behave(json!({"do": "skip", "message": "a holiday"}), Limits::default()).await;
    assert_eq!(report.ending, Ending::Skip { message: "a holiday".to_owned() });
    let (report, _) = behave(json!({"do": "reschedule", "ms": 1500}), Limits::default()).await;
    assert_eq!(report.ending, Ending::Reschedule { after_ms: 1500 });
    let (report, _) = behave(json!({"do": "defer", "event": "file/arrived", "ms": 60_000}), Limits::default()).await;
    assert_eq!(report.ending, Ending::Defer { event: "file/arrived".to_owned(), timeout_ms: 60_000 });
}

#[tokio::test]
async fn a_panic_is_a_trap_with_the_guests_own_words() {
    let (report, host) = behave(json!({"do": "panic", "message": "out of cheese"}), Limits::default()).await;
    let message = failure(&report, Reason::Trap);
    assert!(message.contains("panicked") && message.contains("out of cheese"), "{message}");
    assert!(host.lines_of(Stream::Stderr).iter().any(|line| line.contains("out of cheese")));
}

#[tokio::test]
async fn an_exit_is_not_a_result() {
    let (report, _) = behave(json!({"do": "exit", "code": 0}), Limits::default()).await;
    assert!(failure(&report, Reason::InvalidOutput).contains("before it returned a result"));
    let (report, _) = behave(json!({"do": "exit", "code": 7}), Limits::default()).await;
    assert!(failure(&report, Reason::GuestError).contains("failure code"));
}

#[tokio::test]
async fn recursion_without_end_overflows_the_stack() {
    let (report, _) = behave(json!({"do": "recurse"}), Limits::default()).await;
    assert!(failure(&report, Reason::StackOverflow).contains("calls itself"));
}

#[tokio::test]
async fn a_result_must_be_json() {
    for text in ["", "{\"a\":", "\"\\u0000\"", "nonsense"] {
        let (report, _) = behave(json!({"do": "raw", "text": text}), Limits::default()).await;
        assert!(failure(&report, Reason::InvalidOutput).contains("not JSON"), "{text}");
    }
    let (report, _) = behave(json!({"do": "raw", "text": " [1, 2] "}), Limits::default()).await;
    assert_eq!(report.ending, Ending::Success { output: " [1, 2] ".to_owned() });
}

#[tokio::test]
async fn files_sockets_and_names_are_denied_and_the_task_goes_on() {
    for (input, kind) in [
        (json!({"do": "file", "path": "/etc/passwd"}), None),
        (json!({"do": "file", "path": "../../etc/passwd"}), None),
        (json!({"do": "socket", "address": "127.0.0.1:22"}), Some("PermissionDenied")),
        (json!({"do": "dns", "address": "localhost:22"}), None),
        (json!({"do": "listen", "address": "0.0.0.0:0"}), Some("PermissionDenied")),
    ] {
        let (report, _) = behave(input.clone(), Limits::default()).await;
        let output = output(&report);
        assert!(output["err"].is_string() && output["ok"].is_null(), "{input}: {output}");
        if let Some(kind) = kind {
            assert_eq!(output["kind"], kind, "{input}: {output}");
        }
    }
}

#[tokio::test]
async fn nothing_of_the_hosts_environment_is_seen() {
    let (report, _) = behave(json!({"do": "env"}), Limits::default()).await;
    assert_eq!(output(&report)["vars"], json!([]));
}

#[tokio::test]
async fn an_unavailable_host_is_not_the_tasks_fault() {
    let mut host = Recorder::default();
    let down = Err(HostError::Unavailable("no connection".to_owned()));
    host.xcoms.insert(("fetch".to_owned(), "k".to_owned()), down);
    let input = json!({"do": "xcom", "pull": [["fetch", "k"]]});
    let (report, _) = behave_with(Arc::new(host), input, Limits::default()).await;
    assert!(failure(&report, Reason::Internal).contains("no connection"));
}

#[tokio::test]
async fn a_panicking_host_is_not_the_tasks_fault() {
    struct Panics;
    #[async_trait::async_trait]
    impl cofferdam_sandbox::Host for Panics {
        async fn xcom_pull(
            &self,
            _: &cofferdam_ids::TaskId,
            _: &cofferdam_ids::XComKey,
            _: Option<i32>,
        ) -> Result<Option<String>, HostError> {
            panic!("a bug in the host")
        }
        fn log(&self, _: cofferdam_sandbox::LogLine) {}
        fn progress(&self, _: f64, _: &str) {}
    }
    let free = runtime();
    let input = json!({"do": "xcom", "pull": [["fetch", "k"]]}).to_string();
    let request = request(Entry::Task, input, Limits::default());
    let report = free.run(&program("behaviours"), request, Arc::new(Panics), CancellationToken::new()).await;
    failure(&report, Reason::Internal);
}

#[tokio::test]
async fn a_component_without_the_entry_is_invalid() {
    let run = async |name, entry| {
        let request = request(entry, "null".to_owned(), Limits::default());
        runtime().run(&program(name), request, Arc::new(NoHost), CancellationToken::new()).await
    };
    let report = run("command", Entry::Task).await;
    assert!(failure(&report, Reason::InvalidComponent).contains("cofferdam:task/task"));
    let report = run("trivial", Entry::Command { args: vec![], env: vec![] }).await;
    assert!(failure(&report, Reason::InvalidComponent).contains("wasi:cli/run"));
}

#[tokio::test]
async fn what_is_not_offered_loads_all_the_same() {
    let program = runtime().load(&compile_blocking(hostile::unknown_import())).unwrap();
    let request = request(Entry::Task, "null".to_owned(), Limits::default());
    let report = runtime().run(&program, request, Arc::new(NoHost), CancellationToken::new()).await;
    failure(&report, Reason::InvalidComponent);
}

/// Runs a command that was made by hand.
async fn run_command(runtime: &Tested, wasm: Vec<u8>, cancel: CancellationToken) -> TryReport {
    let program = runtime.load(&compile_blocking(wasm)).unwrap();
    let request = request(Entry::Command { args: vec![], env: vec![] }, "null".to_owned(), Limits::default());
    runtime.run(&program, request, Arc::new(NoHost), cancel).await
}

#[tokio::test]
async fn calling_what_is_not_offered_is_denied_by_name() {
    let wasm = hostile::calling_what_is_not_offered();
    let inspection = inspect(&wasm, &UploadCaps::default()).unwrap();
    assert_eq!((inspection.imports[0].interface.as_str(), inspection.imports[0].offered), ("wasi:widgets/press@0.2.0", false));
    let report = run_command(&runtime(), wasm, CancellationToken::new()).await;
    assert!(failure(&report, Reason::PermissionDenied).contains("`wasi:widgets/press@0.2.0#press`"), "{:?}", report.ending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_without_room_is_not_the_tasks_fault() {
    // Four slots have room for twelve memories: three components with four each fit, a fourth does not.
    let runtime = Tested::here(4);
    let cancel = CancellationToken::new();
    let spin = || {
        let (runtime, cancel) = (runtime.clone(), cancel.clone());
        tokio::spawn(async move { run_command(&runtime, hostile::spinning_with_memories(4), cancel).await })
    };
    let mut tries: futures::stream::FuturesUnordered<_> = (0..4).map(|_| spin()).collect();
    let refused = tries.next().await.unwrap().unwrap();
    assert!(failure(&refused, Reason::Internal).contains("no room"), "{:?}", refused.ending);
    cancel.cancel();
    while let Some(stopped) = tries.next().await {
        failure(&stopped.unwrap(), Reason::Cancelled);
    }
}
