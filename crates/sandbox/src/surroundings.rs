//! What a guest sees around it through WASI: arguments, environment, input, time and chance, each as its grant says.

use crate::capabilities::{Clock, Stopped};
use crate::run::TryRequest;
use crate::stdio::Output;
use cofferdam_domain::job::Entry;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

/// Random bytes that a guest may ask for in one call.
const RANDOM_BYTES: u64 = 1 << 20;

impl TryRequest {
    /// The time that the guest sees.
    pub(crate) fn clock(&self) -> Clock {
        if self.grant.clock { Clock::Real } else { Clock::Still(self.context.logical_date) }
    }
}

/// The context of WASI for one try. Directories and the waiting for clocks are not its own: see the capabilities.
pub(crate) fn wasi(request: &TryRequest, stdout: Output, stderr: Output) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(stdout)
        .stderr(stderr)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_BYTES);
    let mut environment: BTreeMap<&str, &str> =
        request.grant.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Entry::Command { args, env } = &request.entry {
        // What the task itself says comes before the grant, which may be that of the whole dag.
        environment.extend(env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        wasi.arg(request.context.task_id.as_str()).args(args).stdin(MemoryInputPipe::new(request.input.clone()));
    }
    for (name, value) in environment {
        wasi.env(name, value);
    }
    if request.clock().is_still() {
        wasi.wall_clock(request.clock()).monotonic_clock(Stopped);
    }
    if !request.grant.random {
        // The same in each try of a task instance, and in no other.
        let key = request.context.idempotency_key(request.instance);
        wasi.secure_random(StdRng::from_seed(seed(&key, "secure")))
            .insecure_random(StdRng::from_seed(seed(&key, "insecure")))
            .insecure_random_seed(u128::from_le_bytes(*seed(&key, "seed").first_chunk().unwrap_or(&[0; 16])));
    }
    wasi.build()
}

fn seed(key: &str, purpose: &str) -> [u8; 32] {
    Sha256::digest(format!("{purpose}/{key}")).into()
}
