//! The interfaces of the task world, from the guest's side.

use crate::lab::{Recorder, behave, behave_with, failure, output, program, request, runtime};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::{HostError, Level, Stream};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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
            "deadline": "2026-11-21T06:05:00Z",
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

#[tokio::test]
async fn what_the_grant_names_is_read_and_secrets_are_masked() {
    let input = json!({"do": "config", "variables": ["pin", "region"], "connections": ["warehouse", "other"]});
    let mut request = request(Entry::Task, input.to_string(), Limits::default());
    request.grant =
        Grant { variables: vec!["pin".parse().unwrap()], connections: vec!["ware*".parse().unwrap()], ..Grant::default() };
    let host = Arc::new(Recorder::default());
    let report = runtime().run(&program("behaviours"), request, host.clone(), CancellationToken::new()).await;
    let got = output(&report);
    assert_eq!((&got[0], &got[2]["password"], &got[2]["port"]), (&json!("4711-0815"), &json!("hunter22"), &json!(5432)));
    for (at, remedy) in [(1, "grant.variables"), (3, "grant.connections")] {
        assert!(got[at]["err"].as_str().unwrap().contains(remedy), "{got}");
    }
    for stream in [Stream::Stdout, Stream::Stderr] {
        let lines = host.lines_of(stream);
        assert!(lines[0].contains("\"***\"") && lines[0].contains("db.example.com"), "{lines:?}");
    }
    let shown = format!("{:?}", host.lines.lock().unwrap());
    assert!(!shown.contains("4711-0815") && !shown.contains("hunter22"), "{shown}");
}

#[tokio::test]
async fn checkpoints_are_kept_within_their_limit() {
    let host = Arc::new(Recorder::default());
    let limits = Limits { checkpoint_bytes: 5, ..Limits::default() };
    let step = async |input| behave_with(host.clone(), input, limits.clone()).await.0;
    assert_eq!(output(&step(json!({"do": "checkpoint", "save": "12345"})).await), json!(null));
    let report = step(json!({"do": "checkpoint", "save": "123456"})).await;
    assert!(failure(&report, Reason::Fatal).contains("TooLarge(5)"));
    assert_eq!(output(&step(json!({"do": "checkpoint", "clear": true})).await), json!("12345"));
    assert_eq!(output(&step(json!({"do": "checkpoint"})).await), json!(null));
}

#[tokio::test]
async fn artifacts_are_streamed_and_reported_with_the_ending() {
    let input = json!({
        "do": "artifact", "name": "plots/a.csv", "type": "text/csv", "pieces": ["a,b\n", "1,2\n"], "more_kib": 1024,
        "read": ["fetch", "large.csv"],
    });
    let (report, _) = behave(input, Limits::default()).await;
    assert_eq!(output(&report)["read"], json!({"bytes": 3 << 20, "start": "y".repeat(40), "type": "text/csv"}));
    let [written] = &report.artifacts[..] else { panic!("{:?}", report.artifacts) };
    assert_eq!((written.artifact.name.as_str(), written.artifact.size_bytes), ("plots/a.csv", 8 + (1 << 20)));
    assert_eq!(written.object, format!("a,b\n1,2\n {}", 8 + (1 << 20)));
    assert_eq!(output(&report)["written"]["sha256"], json!(written.artifact.sha256.as_str()));

    let limits = Limits { artifact_bytes: 1 << 20, ..Limits::default() };
    let (report, _) = behave(json!({"do": "artifact", "name": "a", "pieces": ["x"], "more_kib": 1024}), limits).await;
    assert!(failure(&report, Reason::Fatal).contains("TooLarge(1048576)"));
    assert!(report.artifacts.is_empty());
    for name in ["../../etc/passwd", "/etc/passwd", "a/../b", "a//b", "..", "a/.", "", "a\0b", "a\\..\\b", &"x".repeat(251)] {
        let (report, _) = behave(json!({"do": "artifact", "name": name}), Limits::default()).await;
        assert!(failure(&report, Reason::Fatal).contains("InvalidName"), "{name:?}");
    }
    let (report, _) = behave(json!({"do": "artifact", "name": "a"}), Limits { artifacts: 0, ..Limits::default() }).await;
    assert!(failure(&report, Reason::Fatal).contains("TooMany(0)"));
}
