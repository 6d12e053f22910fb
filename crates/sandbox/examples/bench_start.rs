//! What a try costs without work: from the request to the report, for a trivial component that is loaded already.
//!
//! `cargo run --release -p cofferdam-sandbox --example bench_start` prints one line of JSON.

mod bench;
#[path = "bench/timings.rs"]
mod timings;

use cofferdam_domain::job::Entry;
use cofferdam_sandbox::RuntimeConfig;
use cofferdam_test_guests::artefacts;
use serde_json::json;
use std::process::ExitCode;
use timings::Timings;

const TRIES: usize = 50_000;

fn main() -> ExitCode {
    bench::main(async {
        let runtime = bench::runtime(RuntimeConfig::for_slots(1_000));
        let program = runtime.load(&bench::compile(&artefacts::bytes("trivial")).await).expect("it loads");
        let timings = Timings::measure(&runtime, &program, &Entry::Task, "null", TRIES).await;
        let conditions = json!({
            "tries": TRIES, "slots": runtime.capacity(), "p95_us": timings.micros(0.95), "p99_us": timings.micros(0.99),
            "mean_cpu_us": timings.mean_cpu_us(), "component": "trivial",
        });
        println!("{}", json!({"bench": "start", "metric": "median_us", "value": timings.micros(0.5), "conditions": conditions}));
    })
}
