//! Each limit, obeyed and violated.

use crate::lab::{behave, compile_blocking, failure, in_process, output, request, runtime};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::{LoadError, NoHost, Runtime, RuntimeConfig, Stream, TryReport};
use cofferdam_test_guests::hostile;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn fuel() {
    let limits = Limits { fuel: 1_000_000, ..Limits::default() };
    let (report, _) = behave(json!({"do": "fibo", "n": 10}), limits.clone()).await;
    assert_eq!(output(&report), json!(55));
    let (report, _) = behave(json!({"do": "loop"}), limits).await;
    assert!(failure(&report, Reason::OutOfFuel).contains("1000000 units"));
    assert!((1_000_000..1_001_000).contains(&report.receipt.fuel), "{:?}", report.receipt);
}

#[tokio::test]
async fn memory() {
    let limits = Limits { memory_bytes: 32 << 20, ..Limits::default() };
    let (report, _) = behave(json!({"do": "memory", "mib": 20}), limits.clone()).await;
    assert_eq!(output(&report), json!(20));
    assert!((20 << 20..32 << 20).contains(&report.receipt.peak_memory_bytes), "{:?}", report.receipt);
    let (report, _) = behave(json!({"do": "memory", "mib": 64}), limits.clone()).await;
    let message = failure(&report, Reason::OutOfMemory);
    assert!(message.starts_with("the memory limit of 32 MiB was reached; raise `limits.memory`"), "{message}");
    assert!(report.receipt.peak_memory_bytes <= 32 << 20);
    // A task that copes keeps its own words, with a hint.
    let (report, _) = behave(json!({"do": "try_memory", "mib": 64}), limits).await;
    let message = failure(&report, Reason::GuestError);
    assert!(message.starts_with("could not get the memory\n") && message.contains("limit of 32 MiB"), "{message}");
}

#[tokio::test]
async fn memory_from_the_start() {
    let program = runtime().load(&compile_blocking(hostile::large_memory(512))).unwrap();
    let run = async |memory_bytes| {
        let entry = Entry::Command { args: vec![], env: vec![] };
        let request = request(entry, "null".to_owned(), Limits { memory_bytes, ..Limits::default() });
        runtime().run(&program, request, Arc::new(NoHost), CancellationToken::new()).await
    };
    let report: TryReport = run(32 << 20).await;
    assert_eq!(report.ending, Ending::Success { output: "null".to_owned() });
    assert_eq!(report.receipt.peak_memory_bytes, 32 << 20);
    let report = run((32 << 20) - 1).await;
    failure(&report, Reason::OutOfMemory);
}

#[tokio::test]
async fn wall_clock() {
    let limits = Limits { wall_ms: 2_000, ..Limits::default() };
    let (report, _) = behave(json!({"do": "sleep", "ms": 20}), limits).await;
    assert_eq!(output(&report), json!("slept"));
    assert!(report.receipt.wall_us >= 20_000 && report.receipt.cpu_us < 20_000, "{:?}", report.receipt);

    // Parked in the host, where neither fuel nor the epoch is looked at; and spinning.
    for input in [json!({"do": "sleep", "ms": 600_000}), json!({"do": "loop"})] {
        let (report, _) = behave(input.clone(), Limits { wall_ms: 150, ..Limits::default() }).await;
        assert!(failure(&report, Reason::TimedOut).contains("150 ms"), "{input}");
        assert!((150_000..1_500_000).contains(&report.receipt.wall_us), "{input}: {:?}", report.receipt);
        // What it used until then is known all the same.
        let spun = report.receipt.fuel > 1_000_000 && report.receipt.cpu_us > 500;
        assert_eq!(spun, input["do"] == "loop", "{input}: {:?}", report.receipt);
    }
}

#[tokio::test]
async fn output_bytes() {
    let limits = Limits { output_bytes: 64 << 10, ..Limits::default() };
    let (report, host) = behave(json!({"do": "flood", "bytes": 64 << 10}), limits.clone()).await;
    assert_eq!(output(&report), json!("all printed"));
    assert_eq!((report.dropped_output_bytes, host.lines_of(Stream::Stdout).len()), (0, 16));

    let (report, host) = behave(json!({"do": "flood", "bytes": 1 << 30}), limits).await;
    assert_eq!(output(&report), json!("all printed"));
    assert_eq!(report.receipt.stdio_bytes, 1 << 30);
    assert_eq!(report.dropped_output_bytes, (1 << 30) - (64 << 10));
    assert_eq!(host.lines_of(Stream::Stdout).len(), 16);
    assert!(host.lines_of(Stream::Log)[0].contains("stdout passed its limit"));
}

#[tokio::test]
async fn log_bytes() {
    let limits = Limits { log_bytes: 10_000, ..Limits::default() };
    let (report, host) = behave(json!({"do": "log"}), limits.clone()).await;
    assert_eq!((output(&report), report.dropped_log_bytes), (json!(null), 0));
    assert_eq!(host.lines_of(Stream::Log).len(), 5);
    let (report, host) = behave(json!({"do": "log", "count": 10_000}), limits).await;
    assert_eq!(output(&report), json!(null));
    assert!(report.dropped_log_bytes > 100_000 && report.receipt.log_bytes > report.dropped_log_bytes);
    assert!(host.lines_of(Stream::Log).len() < 1_000);
}

#[tokio::test]
async fn result_bytes() {
    let limits = Limits { result_bytes: 1 << 20, ..Limits::default() };
    let (report, _) = behave(json!({"do": "huge", "bytes": (1 << 20) - 2}), limits.clone()).await;
    assert_eq!(report.receipt.output_bytes, 1 << 20);
    let (report, _) = behave(json!({"do": "huge", "bytes": (1 << 20) - 1}), limits.clone()).await;
    assert!(failure(&report, Reason::InvalidOutput).contains("1048577 bytes, and a result may have 1 MiB"));
    // So large that it is not even copied to the host.
    let (report, _) = behave(json!({"do": "huge", "bytes": 20 << 20}), limits).await;
    assert!(failure(&report, Reason::InvalidOutput).contains("a result may have 1 MiB"));
}

#[tokio::test]
async fn handles() {
    let limits = Limits { handles: 100, ..Limits::default() };
    let (report, _) = behave(json!({"do": "hoard", "count": 80}), limits.clone()).await;
    assert_eq!(output(&report), json!(80));
    let (report, _) = behave(json!({"do": "hoard", "count": 1_000_000}), limits).await;
    assert!(failure(&report, Reason::LimitExceeded).contains("100 handles"));
    // The hard cap.
    let limits = Limits { handles: 10_000, ..Limits::default() };
    let (report, _) = behave(json!({"do": "hoard", "count": 9_900}), limits.clone()).await;
    assert_eq!(output(&report), json!(9_900));
    let (report, _) = behave(json!({"do": "hoard", "count": 10_100}), limits).await;
    assert!(failure(&report, Reason::LimitExceeded).contains("10000 handles"));
}

#[tokio::test]
async fn random_bytes_of_one_call() {
    let (report, _) = behave(json!({"do": "random", "bytes": 1 << 20}), Limits::default()).await;
    assert_eq!(output(&report), json!(1 << 20));
    let (report, _) = behave(json!({"do": "random", "bytes": (1 << 20) + 1}), Limits::default()).await;
    failure(&report, Reason::Trap);
}

#[tokio::test]
async fn instances() {
    let program = runtime().load(&compile_blocking(hostile::many_instances(10))).unwrap();
    let run = async |instances| {
        let entry = Entry::Command { args: vec![], env: vec![] };
        let request = request(entry, "null".to_owned(), Limits { instances, ..Limits::default() });
        runtime().run(&program, request, Arc::new(NoHost), CancellationToken::new()).await
    };
    assert_eq!(run(10).await.ending, Ending::Success { output: "null".to_owned() });
    let report = run(9).await;
    assert!(failure(&report, Reason::LimitExceeded).contains("limits.instances"));
}

/// However few sandboxes a runtime has room for, one with as many instances as there may be fits.
#[tokio::test]
async fn a_small_runtime_has_room_for_all_instances() {
    let small = Runtime::new(RuntimeConfig::for_slots(1)).unwrap();
    let program = small.load(&compile_blocking(hostile::many_instances(64))).unwrap();
    let entry = Entry::Command { args: vec![], env: vec![] };
    let request = request(entry, "null".to_owned(), Limits::default());
    let report = small.run(&program, request, Arc::new(NoHost), CancellationToken::new()).await;
    assert_eq!(report.ending, Ending::Success { output: "null".to_owned() });
}

/// What has more of them than a sandbox has room for is not loaded at all.
#[test]
fn memories_and_tables() {
    for (make, most) in [(hostile::many_memories as fn(u32) -> Vec<u8>, 4), (hostile::many_tables, 8)] {
        assert!(in_process().load(&compile_blocking(make(most))).is_ok(), "{most}");
        let Err(LoadError::Incompatible(why)) = in_process().load(&compile_blocking(make(most + 1))) else {
            panic!("more than {most} are loaded");
        };
        assert!(why.contains(&format!(" of {most}")), "{why}");
    }
}

#[tokio::test]
async fn bytes_of_one_call() {
    let push = |bytes: usize| json!({"do": "xcom", "push": {"a": "x".repeat(bytes)}});
    let (report, _) = behave(push(3 << 20), Limits::default()).await;
    assert!(output(&report)["problems"][0].as_str().unwrap().contains("TooLarge"), "{report:?}");
    let (report, _) = behave(push(5 << 20), Limits::default()).await;
    assert!(failure(&report, Reason::LimitExceeded).contains("more bytes to the host in one call"));
}

#[tokio::test]
async fn message_of_an_error() {
    let (report, _) = behave(json!({"do": "fatal", "message": "x".repeat(8 << 10)}), Limits::default()).await;
    assert_eq!(failure(&report, Reason::Fatal).len(), 8 << 10);
    let (report, _) = behave(json!({"do": "fatal", "message": "x".repeat(9 << 10)}), Limits::default()).await;
    assert_eq!(failure(&report, Reason::Fatal), "x".repeat(8 << 10) + " …");
}

#[tokio::test]
async fn table_elements() {
    let (report, _) = behave(json!({"do": "echo", "value": 1}), Limits { table_elements: 10_000, ..Limits::default() }).await;
    assert_eq!(output(&report), json!(1));
    let (report, _) = behave(json!({"do": "echo", "value": 1}), Limits { table_elements: 2, ..Limits::default() }).await;
    assert!(failure(&report, Reason::LimitExceeded).contains("limits.table_elements"));
}
