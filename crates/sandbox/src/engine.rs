//! The one place where an engine is made, for compiling as well as for running.
//!
//! Code compiled under one configuration loads only under the same one, so a difference here between the compile child
//! and a worker would make every worker refuse what was compiled. The pool alone differs: it is about running.

use crate::isolation::Wall;
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, WasmBacktraceDetails};

/// Bytes of address space for each linear memory: all that a 32-bit memory can reach, so that compiled code needs no
/// bounds checks.
const MEMORY_RESERVATION: u64 = 4 << 30;
/// Bytes of stack for host and guest frames together.
const STACK_BYTES: usize = 2 << 20;
/// Bytes of it that guest frames may use.
const GUEST_STACK_BYTES: usize = 1 << 20;
/// Bytes kept of a stack between two tries.
const STACK_KEEP_RESIDENT: usize = 32 << 10;
/// Bytes kept of a table between two tries.
const TABLE_KEEP_RESIDENT: usize = 16 << 10;
/// Elements that one table can have. `Limits::table_elements` bounds all tables of a try together.
pub(crate) const TABLE_ELEMENTS: usize = 50_000;
/// Core instances in one component. Python components have 14.
pub(crate) const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
/// Core instances of the pool for each slot.
const CORE_INSTANCES_PER_SLOT: u32 = 24;
/// Frames kept of a trap's stack: enough to see that a function calls itself without end.
pub(crate) const BACKTRACE_FRAMES: usize = 64;

/// How much the pool of an engine holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    /// Sandboxes at once.
    pub slots: u32,
    /// Bytes of each linear memory that stay resident between two tries.
    pub keep_resident_bytes: usize,
}

/// An engine that only compiles.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// An engine that runs what [`compiling`] compiled.
pub(crate) fn running(pool: Pool) -> wasmtime::Result<Engine> {
    let Pool { slots, keep_resident_bytes } = pool;
    let mut allocation = PoolingAllocationConfig::new();
    allocation
        .total_component_instances(slots)
        // A pool of few slots has room for one component with as many as there may be.
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_PER_SLOT).saturating_add(CORE_INSTANCES_PER_COMPONENT))
        // Components have one memory or, those of interpreters, two; those with more share what is left over.
        .total_memories(slots.saturating_mul(2).saturating_add(4))
        .total_tables(slots.saturating_mul(4).saturating_add(16))
        .total_stacks(slots)
        .total_gc_heaps(0)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(4)
        .max_memories_per_module(2)
        .max_tables_per_component(16)
        .max_tables_per_module(8)
        .max_memory_size(usize::try_from(MEMORY_RESERVATION).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(keep_resident_bytes)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto)
        // Memory protection keys pack memories more densely into the address space. That is not what bounds the pool
        // (the number of memory maps is), and the keys divide the pool into 15 parts that fill unevenly.
        .memory_protection_keys(Enabled::No);
    let mut config = config();
    config.allocation_strategy(allocation);
    Engine::new(&config)
}

/// What this machine has that makes sandboxes faster or safer, and whether it is used.
pub(crate) fn facilities() -> Vec<Wall> {
    let told = |name: &str, active: bool, detail: &str| Wall { name: name.to_owned(), active, detail: detail.to_owned() };
    let keys = if PoolingAllocationConfig::are_memory_protection_keys_available() {
        "this processor has them; they are not used, since they divide the pool into parts that fill unevenly"
    } else {
        "this processor has none, or the system does not offer them"
    };
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let scanned = if scan {
        "only the memory that a task wrote to is cleared after it"
    } else {
        "this kernel does not tell which memory a task wrote to (Linux 6.7 does); more is cleared after it than need be"
    };
    vec![told("memory_protection_keys", false, keys), told("pagemap_scan", scan, scanned)]
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        // WASI 0.3 comes later, behind an engine of its own: this option alone costs 30 µs for each try.
        .concurrency_support(false)
        .shared_memory(false)
        .wasm_gc(false)
        .gc_support(false)
        .async_stack_size(STACK_BYTES)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .memory_reservation(MEMORY_RESERVATION)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES))
        // The default would read an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// The hash of all that compiled code depends on: the version and settings of the engine, and the processor's features.
pub(crate) fn compatibility_hash(engine: &Engine) -> String {
    use sha2::Digest as _;
    use std::hash::{Hash as _, Hasher};

    /// Feeds everything into SHA-256, so that the hash stays the same from one build of Cofferdam to the next.
    struct Sha(sha2::Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }

    let mut sha = Sha(sha2::Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    hex(&sha.0.finalize()[..16])
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiling_engine_makes_fits_the_running_one() {
        let compiling = compiling().unwrap();
        let running = running(Pool { slots: 3, keep_resident_bytes: 1 << 20 }).unwrap();
        assert_eq!(compatibility_hash(&compiling), compatibility_hash(&running));
        assert_eq!(compatibility_hash(&compiling).len(), 32);
    }
}
