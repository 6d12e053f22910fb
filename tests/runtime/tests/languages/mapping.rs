//! The example of `docs/mapping.md`.

use crate::site::Site;
use cofferdam_api_types::DagRunState as RunState;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_documentation_runs() {
    let page = include_str!("../../../../docs/mapping.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let dag: Value = serde_json::from_str(example).expect("the example is JSON");
    let site = Site::get().await;
    let run = site.run(dag).await;
    assert_eq!(run.state(), RunState::Success, "{run:?}");
    assert_eq!(run.result("report").await, json!("berlin".len() + "rome".len() + "oslo".len()));
}
