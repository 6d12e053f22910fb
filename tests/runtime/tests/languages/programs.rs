//! Dags that are written in Python: the file is run by plain Python, its tasks by the interpreter in the sandbox.

use crate::site::Site;
use cofferdam_api_types::DagRunState as RunState;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SUMS: &str = r#"
from __future__ import annotations

from dataclasses import dataclass

from cofferdam import dag, log, task
from cofferdam.dags import task_group

LIMIT = 5


@dataclass
class Summary:
    count: int
    total: int


@task
def numbers(n: int) -> list[int]:
    return list(range(1, n + 1))


@task(retries=1)
def double(number: int, add: int = 0) -> int:
    log.info("doubling", number=number)
    return 2 * number + add


@task
def summarize(values: list[int]) -> Summary:
    return Summary(len(values), sum(values))


@task.branch
def choose(summary: Summary) -> str:
    return "report.large" if summary.total > LIMIT else "small"


@dag(tags=["demo"])
def sums(n: int = 3):
    """Adds up."""
    summary = summarize(double.partial(add=1).expand(number=numbers(n)))
    with task_group("report") as report:

        @task
        def large(total: int) -> str:
            return f"{total} is large"

        large(summary["total"])

    @task
    def small() -> str:
        return "nothing to say"

    choose(summary) >> [report, small()]


sums()
"#;

/// The definitions that a file writes down.
fn dags(text: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dags.py");
    std::fs::write(&file, text).unwrap();
    let mut python = Command::new("python3");
    python
        .args(["-m", "cofferdam.dags"])
        .arg(&file)
        .env("PYTHONPATH", root.join("sdk/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = python.output().expect("Python is there");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let dags = answer["dags"].as_array().unwrap_or_else(|| panic!("{answer}"));
    dags.iter().map(|dag| dag["definition"].clone()).collect()
}

/// The blocks of Python in the guide.
fn guide() -> Vec<String> {
    let text = include_str!("../../../../docs/dags-as-code.md");
    let blocks = text.split("```python\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_mapping_a_branch_and_a_group_runs() {
    let site = Site::get().await;
    let run = site.run(dags(SUMS).remove(0)).await;
    assert_eq!(run.state(), RunState::Success, "{run:?}");
    assert_eq!(run.result("summarize").await, json!({ "count": 3, "total": 15 }));
    assert_eq!(run.result("report.large").await, json!("15 is large"));
    assert_eq!(run.ending("small").await.0, "skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_right() {
    let site = Site::get().await;
    let blocks = guide();
    let [sums, airflow, ours] = blocks.as_slice() else { panic!("{blocks:?}") };
    let mut sums = dags(sums).remove(0);
    // Other tests share the installation.
    sums["dag_id"] = "guide_sums".into();
    let run = site.run(sums).await;
    assert_eq!((run.state(), run.result("total").await), (RunState::Success, json!(12)), "{run:?}");
    let run = site.run(dags(ours).remove(0)).await;
    assert_eq!(run.state(), RunState::Success, "{run:?}");
    assert_eq!((run.ending("alarm").await.0, run.ending("calm").await.0), ("success".to_owned(), "skipped".to_owned()));
    assert_eq!(airflow.replace("airflow.decorators", "cofferdam"), *ours, "only the import differs");
}
