//! The interfaces of the task world, from the guest's side.

use crate::lab::{Recorder, behave, behave_with, output};
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::{HostError, Level, Stream};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn context() {
    let (report, _) = behave(json!({"do": "context"}), Limits::default()).await;
    let mut context = output(&report);
    let key = context.as_object_mut().unwrap().remove("idempotency_key").unwrap();
    assert!(key.as_str().unwrap().starts_with("weather/manual__1/clean/"));
    assert_eq!(
        context,
        json!({
            "dag_id": "weather", "dag_run_id": "manual__1", "task_id": "clean", "map_index": null, "try_number": 2, "max_tries": 3,
            "logical_date": "2026-11-21T06:00:00Z", "data_interval_start": "2026-11-20T06:00:00Z",
            "data_interval_end": "2026-11-21T06:00:00Z", "conf": {"station": 7},
        })
    );
}

#[tokio::test]
async fn xcoms_are_pulled_from_the_host_and_pushed_with_the_report() {
    let mut host = Recorder::default();
    let mut knows = |task: &str, answer| host.xcoms.insert((task.to_owned(), "return_value".to_owned()), answer);
    knows("fetch", Ok(Some(r#"{"rows":3}"#.to_owned())));
    knows("secret", Err(HostError::Denied("not for you".to_owned())));
    let input = json!({
        "do": "xcom",
        "push": {"mean": 4.5, "return_value": 1, "not a key": 2},
        "pull": [["fetch", "return_value"], ["fetch", "other"], ["secret", "return_value"]],
    });
    let (report, _) = behave_with(Arc::new(host), input, Limits::default()).await;
    let output = output(&report);
    assert_eq!(output["pulled"], json!([{"rows": 3}, null]));
    let problems = output["problems"].to_string();
    assert!(problems.contains("return_value") && problems.contains("XCom key") && problems.contains("not for you"), "{problems}");
    let pushed: Vec<_> = report.xcoms.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(pushed, [("mean", "4.5")]);
}

#[tokio::test]
async fn log_and_stdio_come_as_lines() {
    let (_, host) = behave(json!({"do": "log"}), Limits::default()).await;
    let lines = host.lines.lock().unwrap().clone();
    let levels: Vec<_> = lines.iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error]);
    assert_eq!((lines[4].message.as_str(), &lines[4].fields[0]), ("message 4", &("number".to_owned(), "4".to_owned())));

    let (report, host) = behave(json!({"do": "print", "stdout": "one\ntwo", "stderr": "three"}), Limits::default()).await;
    assert_eq!(host.lines_of(Stream::Stdout), ["one", "two"]);
    assert_eq!(host.lines_of(Stream::Stderr), ["three"]);
    assert_eq!(report.receipt.stdio_bytes, 14);
}

#[tokio::test]
async fn progress_ends_at_the_last_report() {
    let (_, host) = behave(json!({"do": "progress", "steps": 1000}), Limits::default()).await;
    let reports = host.progress.lock().unwrap().clone();
    assert!(reports.len() < 100, "{}", reports.len());
    assert_eq!(reports.first(), Some(&(0.0, "step 0".to_owned())));
    assert_eq!(reports.last(), Some(&(1.0, "step 1000".to_owned())));
}
