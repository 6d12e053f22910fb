//! How long tries took.

use cofferdam_domain::job::Entry;
use cofferdam_sandbox::{NoHost, Program, Runtime};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The times of many tries of one program, from the request to the report.
pub struct Timings {
    /// In order, the shortest first.
    took: Vec<Duration>,
    cpu_us: u64,
}

impl Timings {
    /// Runs a program again and again, one try after the other. The first tenth is to warm up and does not count.
    pub async fn measure(runtime: &Runtime, program: &Program, entry: &Entry, input: &str, tries: usize) -> Self {
        let (host, cancel) = (Arc::new(NoHost), CancellationToken::new());
        let warm_up = tries / 10;
        let mut took = Vec::with_capacity(tries);
        let mut cpu_us = 0;
        for number in 0..warm_up + tries {
            let request = super::bench::request(entry.clone(), input.to_owned());
            let started = Instant::now();
            let report = runtime.run(program, request, host.clone(), cancel.clone()).await;
            let elapsed = started.elapsed();
            super::bench::expect_success(&report);
            if number >= warm_up {
                took.push(elapsed);
                cpu_us += report.receipt.cpu_us;
            }
        }
        took.sort_unstable();
        Self { took, cpu_us }
    }

    /// The time in µs that this share of all tries kept to.
    pub fn micros(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
        let at = (share * (self.took.len() - 1) as f64) as usize;
        self.took[at].as_nanos() as f64 / 1000.0
    }

    /// The mean CPU time of a guest in µs.
    pub fn mean_cpu_us(&self) -> u64 {
        self.cpu_us / self.took.len() as u64
    }
}
