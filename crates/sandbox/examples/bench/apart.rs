//! What a try costs in a process of its tenant's own.

use crate::bench;
use cofferdam_domain::job::Entry;
use cofferdam_ids::TenantId;
use cofferdam_sandbox::isolation::{Prepared, ProcessConfig, Processes, Sandboxes};
use cofferdam_sandbox::{CompiledCode, NoHost, RuntimeConfig};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Tries that are under way at once where their number is measured, not their time.
pub const AT_ONCE: u32 = 64;

/// What was measured.
pub struct Apart {
    /// From the request to the report, the shortest first.
    took: Vec<Duration>,
    /// The time for each try when many are under way at once.
    pub each: Duration,
}

impl Apart {
    /// The time in µs that this share of all tries kept to.
    pub fn micros(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
        let at = (share * (self.took.len() - 1) as f64) as usize;
        self.took[at].as_nanos() as f64 / 1000.0
    }
}

/// Runs a component again and again in a process of this very program, one try after the other, and then many at once.
pub async fn measure(compiled: &CompiledCode, entry: Entry, input: String, tries: u32) -> Apart {
    let processes = Processes::new(ProcessConfig {
        program: std::env::current_exe().expect("the path of this program"),
        args: vec![bench::SANDBOXES.to_owned()],
        sandboxes: RuntimeConfig::for_slots(crate::SLOTS),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        scratch: std::env::temp_dir(),
        most: 1,
        idle: Duration::from_secs(60),
        confine: false,
    });
    let sandboxes = Sandboxes::Apart(processes.expect("an engine and a thread"));
    let program = sandboxes.load(compiled).expect("it loads");
    let tenant = TenantId::generate();
    // A worker runs its tries as tasks of the runtime; what is awaited in `main` would be woken from outside of it.
    let measured = async move {
        let one = async || run(&sandboxes, tenant, &program, &entry, &input).await;
        for _ in 0..tries / 10 {
            one().await;
        }
        let mut took = Vec::new();
        for _ in 0..tries {
            let started = Instant::now();
            one().await;
            took.push(started.elapsed());
        }
        took.sort_unstable();
        let (rounds, started) = (tries / AT_ONCE, Instant::now());
        for _ in 0..rounds {
            futures::future::join_all((0..AT_ONCE).map(|_| one())).await;
        }
        Apart { took, each: started.elapsed() / (rounds * AT_ONCE) }
    };
    tokio::spawn(measured).await.expect("figures")
}

async fn run(sandboxes: &Sandboxes, tenant: TenantId, program: &Prepared, entry: &Entry, input: &str) {
    let request = bench::request(entry.clone(), input.to_owned());
    let report = sandboxes.run(tenant, program, request, Arc::new(NoHost), CancellationToken::new()).await;
    bench::expect_success(&report);
}
