//! A dag that is written in Rust: `cargo run --example weather_dag | cofferdam dag apply -`. `docs/dags-as-code.md` shows it.

use cofferdam::dag::{Dag, Task, param};
use serde_json::json;

fn main() {
    let mut dag = Dag::new("weather").field("schedule", "@daily").param("station", "berlin");
    let fetch = dag.add(Task::component("fetch", "weather/fetch").input(json!({ "station": param("station") })));
    dag.add(Task::component("clean", "weather/clean").input(json!({ "rows": fetch.at("/rows") })));
    println!("{dag}");
}
