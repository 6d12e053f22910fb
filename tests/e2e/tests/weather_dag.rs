//! The weather example without a server: `dag.yaml` is valid, each task takes what it gives, and the report is right.

use cofferdam::{Context, Result, testing};
use cofferdam_domain::definition::{self, DagDefinition};
use cofferdam_domain::plan::InputTemplate;
use cofferdam_domain::template::Scope;
use cofferdam_ids::{TaskId, XComKey};
use serde_json::Value;
use std::collections::BTreeMap;

// As modules: a crate that is a library besides a component is not optimised across its dependencies, and half as large again.
#[path = "../../../examples/weather-etl/tasks/aggregate/src/lib.rs"]
mod aggregate;
#[path = "../../../examples/weather-etl/tasks/anomalies/src/lib.rs"]
mod anomalies;
#[path = "../../../examples/weather-etl/tasks/clean/src/lib.rs"]
mod clean;
#[path = "../../../examples/weather-etl/tasks/climate/src/lib.rs"]
mod climate;
#[path = "../../../examples/weather-etl/tasks/fetch/src/lib.rs"]
mod fetch;
#[path = "../../../examples/weather-etl/tasks/report/src/lib.rs"]
mod report;

fn dag() -> DagDefinition {
    let value: Value = serde_saphyr::from_str(include_str!("../../../examples/weather-etl/dag.yaml")).unwrap();
    let dag = definition::parse(value).unwrap();
    let diagnostics = definition::validate(&dag);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    dag
}

fn run_task(component: &str, input: &Value, context: &Context) -> Result<Value> {
    match component {
        "weather/fetch" => testing::run_json(|_: Value| fetch::fetch(), input),
        "weather/climate" => testing::run_json(|_: Value| climate::climate(), input),
        "weather/clean" => testing::run_json(|input| clean::clean(input, context), input),
        "weather/aggregate" => testing::run_json(aggregate::aggregate, input),
        "weather/anomalies" => testing::run_json(anomalies::anomalies, input),
        "weather/report" => testing::run_json(|input| report::report(input, context), input),
        other => panic!("there is no component '{other}'"),
    }
}

/// Runs the dag's tasks in an order in which each finds what its input names. Returns what each returned.
fn run(context: &Context) -> BTreeMap<String, Value> {
    let mut waiting: Vec<_> = dag().tasks;
    let mut results = BTreeMap::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|task| {
            let template = InputTemplate::parse(task.input.as_ref().unwrap_or(&Value::Null)).unwrap();
            if template.references().iter().any(|(upstream, _)| !results.contains_key(upstream.as_str())) {
                return true;
            }
            let left = |task: &TaskId, _: &XComKey| results.get(task.as_str()).cloned();
            let input = template.render(&Scope::bare(&context.conf, &left)).unwrap();
            let result = run_task(task.component.as_ref().unwrap().name.as_str(), &input, context)
                .unwrap_or_else(|error| panic!("{}: {error}", task.task_id));
            results.insert(task.task_id.to_string(), result);
            false
        });
        assert!(waiting.len() < before, "no task can run");
    }
    results
}

#[test]
fn the_report_tells_what_the_data_holds() {
    let results = run(&testing::context());
    let report = results["report"].as_str().unwrap();
    // Checked by hand against the published tables.
    for line in [
        "# The weather of Seattle, 2012 to 2015",
        "- The highest temperature was 35.6 °C, on 2014-08-11.",
        "- The most precipitation in a day was 55.9 mm, on 2015-03-15.",
    ] {
        assert!(report.lines().any(|written| written == line), "'{line}' is missing in:\n{report}");
    }
    println!("{report}");
}

#[test]
fn what_the_tasks_hand_on_stays_small() {
    for (task, result) in run(&testing::context()) {
        let bytes = result.to_string().len();
        println!("{task:<10} {bytes:>7} bytes");
        assert!(bytes < 64 * 1024, "{task} returns {bytes} bytes");
    }
}

#[test]
fn conf_limits_the_years() {
    let context = testing::context().with_conf(serde_json::json!({"first_year": 2013, "last_year": 2014}));
    let results = run(&context);
    assert_eq!(results["clean"]["series"]["first"], "2013-01-01");
    assert_eq!(results["aggregate"]["years"].as_array().unwrap().len(), 2);
}
