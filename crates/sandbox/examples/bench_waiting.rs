//! Ten thousand tasks asleep at once in one process, and what memory that takes.
//!
//! `cargo run --release -p cofferdam-sandbox --example bench_waiting` prints one line of JSON. Fails when the machine does
//! not allow as many (see `vm.max_map_count`), or when a task does not finish.

mod bench;
#[path = "bench/memory.rs"]
mod memory;

use cofferdam_domain::job::Entry;
use cofferdam_sandbox::{NoHost, RuntimeConfig};
use cofferdam_test_guests::artefacts;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const TASKS: u32 = 10_000;
const SLEEP: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    bench::main(async {
        let runtime = bench::runtime(RuntimeConfig::for_slots(TASKS));
        assert_eq!(runtime.capacity(), TASKS, "this machine does not allow so many sandboxes");
        let program = runtime.load(&bench::compile(&artefacts::bytes("behaviours")).await).expect("it loads");
        let before = memory::kib("VmRSS") >> 10;
        let started = Instant::now();
        let input = json!({"do": "sleep", "ms": u64::try_from(SLEEP.as_millis()).unwrap_or(u64::MAX)}).to_string();
        let running: Vec<_> = (0..TASKS)
            .map(|_| {
                let (runtime, program, request) = (runtime.clone(), program.clone(), bench::request(Entry::Task, input.clone()));
                let host = Arc::new(NoHost);
                tokio::spawn(async move { runtime.run(&program, request, host, CancellationToken::new()).await })
            })
            .collect();
        while runtime.free() > 0 {
            assert!(started.elapsed() < SLEEP, "the first tasks woke before the last fell asleep");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let asleep_after = started.elapsed();
        // The last to be given a slot may still be on their way to their sleep.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(runtime.free(), 0, "the first tasks woke before the memory was read");
        let rss = memory::kib("VmRSS") >> 10;
        for running in running {
            bench::expect_success(&running.await.unwrap_or_else(|error| panic!("{error}")));
        }
        let conditions = json!({
            "tasks": TASKS, "rss_before_mib": before, "asleep_after_s": asleep_after.as_secs_f64(),
            "all_finished_after_s": started.elapsed().as_secs_f64(), "sleep_s": SLEEP.as_secs(),
        });
        println!("{}", json!({"bench": "waiting", "metric": "rss_mib", "value": rss, "conditions": conditions}));
    })
}
