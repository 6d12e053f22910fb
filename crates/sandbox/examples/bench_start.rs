//! What a try costs without work: from the request to the report, for a trivial component that is loaded already.
//!
//! `cargo run --release -p cofferdam-sandbox --example bench_start` prints one line of JSON.

mod bench;

use cofferdam_sandbox::{NoHost, RuntimeConfig};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const WARM_UP: usize = 5_000;
const TRIES: usize = 50_000;

fn main() -> ExitCode {
    bench::main(async {
        let runtime = bench::runtime(RuntimeConfig::for_slots(1_000));
        let program = bench::program(&runtime, "trivial").await;
        let (host, cancel) = (Arc::new(NoHost), CancellationToken::new());
        let mut took = Vec::with_capacity(TRIES);
        let mut cpu_us = 0;
        for number in 0..WARM_UP + TRIES {
            let request = bench::request("null".to_owned());
            let started = Instant::now();
            let report = runtime.run(&program, request, host.clone(), cancel.clone()).await;
            let elapsed = started.elapsed();
            bench::expect_success(&report);
            if number >= WARM_UP {
                took.push(elapsed);
                cpu_us += report.receipt.cpu_us;
            }
        }
        took.sort_unstable();
        let micros = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
            let at = (share * (took.len() - 1) as f64) as usize;
            took[at].as_nanos() as f64 / 1000.0
        };
        let conditions = json!({
            "tries": TRIES, "slots": runtime.capacity(), "p95_us": micros(0.95), "p99_us": micros(0.99),
            "mean_cpu_us": cpu_us / TRIES as u64, "component": "trivial",
        });
        println!("{}", json!({"bench": "start", "metric": "median_us", "value": micros(0.5), "conditions": conditions}));
    })
}
