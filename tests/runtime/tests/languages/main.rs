//! Tasks in several languages, scripts and operators, through the real processes. Python takes long to compile, so all tests share
//! one installation, each with dags of its own.

mod mapping;
mod operators;
mod programs;
mod scripts;
mod site;

use cofferdam_api_types::{ComponentUpload, DagRunState as RunState};
use serde_json::json;
use site::Site;

/// What a task in Python returns, one in Rust changes, and one in TypeScript takes.
#[tokio::test(flavor = "multi_thread")]
async fn python_feeds_rust_feeds_typescript() {
    let site = Site::get().await;
    for (name, file) in [("weather/python", "py-weather"), ("weather/typescript", "js-weather")] {
        let upload = ComponentUpload { name: name.parse().unwrap(), label: None, approve: false };
        let bytes = cofferdam_test_guests::artefacts::bytes(file);
        site.client.upload_component(&upload, bytes.into(), |_| ()).await.unwrap();
    }
    let days = json!([
        { "day": "2026-01-01", "temp_max": 10, "temp_min": 4 },
        { "day": "2026-01-02", "temp_max": 12.5, "temp_min": 4, "rain_mm": 2.5 },
    ]);
    let dag = json!({ "dag_id": "three_languages", "tasks": [
        { "task_id": "python", "component": "weather/python", "function": "tasks#summarize", "input": { "days": days } },
        { "task_id": "rust", "component": "std/json-transform", "input": {
            "value": { "$from": "python" },
            "steps": [{ "get": "/hottest" }, { "rename": [["temp-min", "coldest"], ["coldest", "temp-min"]] }, { "rename": [["coldest", "temp-min"]] }],
        } },
        { "task_id": "typescript", "component": "weather/typescript", "function": "tasks#summarize", "input": {
            "days": [{ "$from": "rust" }], "unit": "fahrenheit",
        } },
    ]});
    let run = site.run(dag).await;
    assert_eq!(run.state(), RunState::Success, "{run:?}");
    assert_eq!(run.result("python").await["wet"], json!(["2026-01-02"]));
    assert_eq!(run.xcom("python", "wet_days").await, json!(1));
    let summary = run.result("typescript").await;
    assert_eq!((&summary["days"], &summary["mean"], &summary["unit"]), (&json!(1), &json!(46.85), &json!("fahrenheit")));
    assert_eq!(summary["hottest"]["rain-mm"], json!(2.5));
    run.logged("python", "summed up").await;
    run.logged("typescript", "summed up").await;
}

/// Values that WIT has no types for travel as JSON, and errors are those of the language.
#[tokio::test(flavor = "multi_thread")]
async fn json_values_and_typed_errors() {
    let site = Site::get().await;
    for (name, file) in [("other/python", "py-weather"), ("other/typescript", "js-weather")] {
        let upload = ComponentUpload { name: name.parse().unwrap(), label: None, approve: false };
        let bytes = cofferdam_test_guests::artefacts::bytes(file);
        site.client.upload_component(&upload, bytes.into(), |_| ()).await.unwrap();
    }
    let dag = json!({ "dag_id": "json_values", "tasks": [
        { "task_id": "count", "component": "other/python", "function": "tasks#count", "input": { "values": { "oslo": [1, 2], "rome": [] } } },
        { "task_id": "areas", "component": "other/typescript", "function": "tasks#areas", "input": {
            "shapes": [{ "rect": { "sides": [2, 3.5] } }, "nothing"],
        } },
        { "task_id": "py_skips", "component": "other/python", "function": "tasks#summarize", "input": { "days": [] } },
        { "task_id": "ts_skips", "component": "other/typescript", "function": "tasks#summarize", "input": { "days": [] } },
        { "task_id": "misfit", "component": "other/python", "function": "tasks#count", "input": { "values": { "oslo": ["x"] } } },
    ]});
    let run = site.run(dag).await;
    assert_eq!(run.state(), RunState::Failed);
    assert_eq!(run.result("count").await, json!({ "oslo": 2, "rome": 0 }));
    assert_eq!(run.result("areas").await, json!({ "0": 7, "1": 0 }));
    for task in ["py_skips", "ts_skips"] {
        assert_eq!(run.ending(task).await, ("skipped".to_owned(), "skipped_by_task".to_owned(), "there are no days".to_owned()));
    }
    let (state, reason, message) = run.ending("misfit").await;
    assert_eq!((state.as_str(), reason.as_str()), ("failed", "fatal"));
    assert_eq!(message, "the input does not fit: expected a number at /values/oslo/0, not str");
}
