//! The runtime of a worker: one engine with its pool, one linker, one ticker, and the slow lane.

use crate::bindings::{TaskPre, cofferdam};
use crate::capabilities::http::{Authorities, Trust};
use crate::capabilities::{Capabilities, Capability as _, Clock, Scratch};
use crate::compiled::CompiledCode;
use crate::courtesy;
use crate::engine::{self, Pool};
use crate::lane::SlowLane;
use crate::run::TryState;
use crate::typed::TypedFunctions;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;

/// How often every running guest is interrupted to look at the clock and let others run.
const TICK: Duration = Duration::from_millis(10);
/// The same, while guests run on threads that have other things to do as well.
const QUICK_TICK: Duration = Duration::from_millis(1);
/// Memory maps that a live sandbox takes.
const MAPS_PER_SLOT: u64 = 6;
/// Memory maps left to the rest of the process.
const MAPS_LEFT: u64 = 5_000;
/// No more sandboxes than this, whatever was asked for: their address space must fit a process.
const MOST_SLOTS: u32 = 12_000;
/// By default, at least this much memory for each slot.
const MEMORY_PER_SLOT: u64 = 1 << 20;

/// How large a [`Runtime`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// Sandboxes at once that are wanted; [`Runtime::capacity`] tells how many there are.
    pub slots: u32,
    /// Bytes of each sandbox's memory that stay resident after it ended, so that the next one starts faster.
    pub keep_resident_bytes: usize,
    /// Processors for tries that compute for long; never more than there are. What is quick may use all.
    pub compute_processors: usize,
}

impl RuntimeConfig {
    /// For a number of sandboxes, on this machine.
    #[must_use]
    pub fn for_slots(slots: u32) -> Self {
        let slots = slots.max(1);
        let share = machine_memory() / 2 / u64::from(slots);
        Self {
            slots,
            keep_resident_bytes: usize::try_from(share).unwrap_or(usize::MAX).clamp(64 << 10, 2 << 20),
            compute_processors: courtesy::processors(),
        }
    }
}

impl Default for RuntimeConfig {
    /// As many as this machine has room for: one for each MiB of memory, within what the kernel's settings allow, and at
    /// most 10,000.
    fn default() -> Self {
        let by_memory = u32::try_from(machine_memory() / MEMORY_PER_SLOT).unwrap_or(u32::MAX);
        Self::for_slots(by_memory.min(10_000).min(slots_by_maps(max_map_count())))
    }
}

/// A runtime that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine or its pool could not be made, mostly because the process may not reserve so much address space.
    #[error(
        "the sandbox pool for {slots} sandboxes cannot be made: lower the number of slots, or raise the limit on address \
         space (`ulimit -v`)"
    )]
    Pool {
        /// The sandboxes it was to hold.
        slots: u32,
        /// What Wasmtime says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The threads that interrupt guests, and that run those that compute for long, could not be started.
    #[error("the threads of the sandboxes cannot be started")]
    Threads(#[source] std::io::Error),
}

/// Compiled code that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It was compiled by another version, for another processor, or with other settings. Compile it again.
    #[error("the compiled code does not fit this runtime: {0}")]
    Incompatible(String),
    /// The component wants something that no task can have.
    #[error("the component cannot be linked: {0}")]
    Link(String),
}

/// Runs tries. Cheap to clone; all clones are the same runtime.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub engine: Engine,
    linker: Linker<TryState>,
    pub permits: Semaphore,
    pub slow_lane: SlowLane,
    scratch_folder: OnceLock<PathBuf>,
    trust: OnceLock<Arc<Trust>>,
    capacity: u32,
    compatibility_hash: String,
}

/// A component that is loaded and linked, ready to be started any number of times. Cheap to clone.
#[derive(Clone)]
pub struct Program(pub(crate) Arc<Entries>);

pub(crate) struct Entries {
    pub task: Option<TaskPre<TryState>>,
    pub command: Option<CommandPre<TryState>>,
    pub instance: InstancePre<TryState>,
    pub functions: TypedFunctions,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("capacity", &self.0.capacity).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Entries { task, command, .. } = &*self.0;
        f.debug_struct("Program").field("task", &task.is_some()).field("command", &command.is_some()).finish()
    }
}

impl Runtime {
    /// Makes the engine, its pool and the linker, and starts the ticker, which ends with the last user of the engine.
    ///
    /// # Errors
    /// When the pool cannot be reserved or the ticker's thread cannot be started.
    pub fn new(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let (engine, capacity) = engine_within(capped(config.slots, max_map_count()), config.keep_resident_bytes)?;
        let linker = linker(&engine).map_err(|source| RuntimeError::Pool { slots: capacity, source: source.into() })?;

        let slow_lane = SlowLane::start(config.compute_processors).map_err(RuntimeError::Threads)?;
        let (ticking, polls) = (engine.weak(), slow_lane.quick_polls());
        std::thread::Builder::new()
            .name("sandbox-ticker".to_owned())
            .spawn(move || {
                let mut seen = 0;
                loop {
                    let before = std::mem::replace(&mut seen, polls.count());
                    std::thread::sleep(if seen == before { TICK } else { QUICK_TICK });
                    let Some(engine) = ticking.upgrade() else { break };
                    engine.increment_epoch();
                }
            })
            .map_err(RuntimeError::Threads)?;

        let compatibility_hash = engine::compatibility_hash(&engine);
        let permits = Semaphore::new(capacity as usize);
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            permits,
            slow_lane,
            scratch_folder: OnceLock::new(),
            trust: OnceLock::new(),
            capacity,
            compatibility_hash,
        })))
    }

    /// Keeps the bytes of scratch directories in files without names in this folder, instead of that of the system for
    /// temporary files. The first call counts.
    pub fn keep_scratch_in(&self, folder: PathBuf) {
        let _ = self.0.scratch_folder.set(folder);
    }

    /// Believes servers also when one of these authorities vouches for them. The first call counts, before the first try.
    pub fn trust_also(&self, authorities: Authorities) {
        let _ = self.0.trust.set(Arc::new(Trust::with(authorities)));
    }

    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::clone(self.0.trust.get_or_init(Trust::of_machine))
    }

    pub(crate) fn scratch_folder(&self) -> PathBuf {
        self.0.scratch_folder.get_or_init(std::env::temp_dir).clone()
    }

    /// How many sandboxes there can be at once. A try beyond that waits for its turn.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.capacity
    }

    /// How many more sandboxes could be started now.
    #[must_use]
    pub fn free(&self) -> u32 {
        u32::try_from(self.0.permits.available_permits()).unwrap_or(u32::MAX)
    }

    /// What compiled code must have been compiled for, in hexadecimal: it names version, settings and processor. Store
    /// compiled code under the component's digest and this.
    #[must_use]
    pub fn compatibility_hash(&self) -> String {
        self.0.compatibility_hash.clone()
    }

    /// Loads compiled code and links it. Takes up to a few milliseconds for the largest components.
    ///
    /// # Errors
    /// When it was compiled for another engine, or imports what is not offered.
    pub fn load(&self, compiled: &CompiledCode) -> Result<Program, LoadError> {
        let component = deserialize(&self.0.engine, compiled).map_err(|error| LoadError::Incompatible(format!("{error:#}")))?;
        self.link(&component)
    }

    /// As [`Runtime::load`], from a file that is mapped into memory. The file holds what a [`CompiledCode`] does: a process for
    /// sandboxes gets it from the worker that started it.
    pub(crate) fn load_file(&self, file: &std::fs::File) -> Result<Program, LoadError> {
        let component = deserialize_file(&self.0.engine, file).map_err(|error| LoadError::Incompatible(format!("{error:#}")))?;
        self.link(&component)
    }

    fn link(&self, component: &Component) -> Result<Program, LoadError> {
        let link_error = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
        let pre = match self.0.linker.instantiate_pre(component) {
            Ok(pre) => pre,
            // Toolchains import more than their program uses. What is not offered fails when it is called, not before.
            Err(_) => self.with_denied_imports(component).map_err(link_error)?,
        };
        let task = TaskPre::new(pre.clone()).ok();
        let command = CommandPre::new(pre.clone()).ok();
        Ok(Program(Arc::new(Entries { task, command, instance: pre, functions: TypedFunctions::default() })))
    }

    fn with_denied_imports(&self, component: &Component) -> wasmtime::Result<InstancePre<TryState>> {
        let mut linker = self.0.linker.clone();
        linker.define_unknown_imports_as_traps(component)?;
        linker.instantiate_pre(component)
    }
}

/// An engine for as many slots as the process has address space for, at most `slots`.
fn engine_within(slots: u32, keep_resident_bytes: usize) -> Result<(Engine, u32), RuntimeError> {
    let mut capacity = slots;
    loop {
        match engine::running(Pool { slots: capacity, keep_resident_bytes }) {
            Ok(engine) => return Ok((engine, capacity)),
            Err(source) if capacity == 1 => return Err(RuntimeError::Pool { slots: capacity, source: source.into() }),
            Err(error) => {
                tracing::warn!(
                    sandbox.wanted = capacity,
                    sandbox.capacity = capacity / 2,
                    error = format!("{error:#}"),
                    "there is no address space for so many sandboxes: see the limit on it (`ulimit -v`)"
                );
                capacity /= 2;
            }
        }
    }
}

#[expect(unsafe_code, reason = "compiled code cannot be checked; who may make a CompiledCode is the check")]
fn deserialize(engine: &Engine, compiled: &CompiledCode) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `Engine::precompile_component` gave, unchanged. A `CompiledCode` is made by the
    // compile service from the answer of its own child process, or by `CompiledCode::from_authenticated`, whose caller
    // checked a message authentication code. Bytes of another version or configuration are refused by Wasmtime.
    unsafe { Component::deserialize(engine, compiled.bytes()) }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "compiled code cannot be checked; where the file comes from is the check")]
fn deserialize_file(engine: &Engine, file: &std::fs::File) -> wasmtime::Result<Component> {
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    // SAFETY: as in `deserialize`: the worker that started this process wrote a `CompiledCode` to the file and sealed it, so
    // that it cannot change while it is mapped.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(not(target_os = "linux"))]
fn deserialize_file(engine: &Engine, mut file: &std::fs::File) -> wasmtime::Result<Component> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    deserialize(engine, &CompiledCode::from_authenticated(bytes.into()))
}

/// Everything that a task may import: WASI 0.2, most of it denied when it is used, and our own interfaces.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<TryState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    cofferdam::task::types::add_to_linker::<TryState, wasmtime::component::HasSelf<TryState>>(&mut linker, |state| state)?;
    Capabilities::link(&mut linker)?;
    // Files, and waiting for a clock, are our own instead of WASI's.
    linker.allow_shadowing(true);
    Scratch::link(&mut linker)?;
    Clock::link(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The slots asked for, within what the kernel allows; says so when that is less.
pub(crate) fn capped(wanted: u32, max_map_count: Option<u64>) -> u32 {
    let by_maps = slots_by_maps(max_map_count);
    let capacity = wanted.min(by_maps).clamp(1, MOST_SLOTS);
    if capacity < wanted && by_maps < MOST_SLOTS {
        tracing::warn!(
            sandbox.wanted = wanted,
            sandbox.capacity = capacity,
            vm.max_map_count = max_map_count,
            "fewer sandboxes than wanted: each takes {MAPS_PER_SLOT} memory maps; raise the sysctl vm.max_map_count to {}",
            u64::from(wanted) * MAPS_PER_SLOT + MAPS_LEFT
        );
    } else if capacity < wanted {
        tracing::warn!(
            sandbox.wanted = wanted,
            sandbox.capacity = capacity,
            "fewer sandboxes than wanted: a process has address space for {MOST_SLOTS}; start a second worker"
        );
    }
    capacity
}

fn slots_by_maps(max_map_count: Option<u64>) -> u32 {
    let slots = max_map_count.map_or(u64::from(MOST_SLOTS), |maps| maps.saturating_sub(MAPS_LEFT) / MAPS_PER_SLOT);
    u32::try_from(slots).unwrap_or(u32::MAX).clamp(1, MOST_SLOTS)
}

/// The kernel's limit on memory maps of a process; `None` where there is none.
pub(crate) fn max_map_count() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

/// Bytes of memory that this process can have: the machine's, or its control group's where that is less.
fn machine_memory() -> u64 {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse::<u64>().ok()?;
        Some(kib << 10)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    // Where neither can be read, assume a small machine.
    total.unwrap_or(4 << 30).min(group.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_caps_the_slots() {
        assert_eq!(capped(20_000, Some(65_530)), 10_088);
        assert_eq!(capped(500, Some(65_530)), 500);
        assert_eq!(capped(500, Some(100)), 1);
        assert_eq!(capped(0, None), 1);
        assert_eq!(capped(1_000_000, Some(100_000_000)), MOST_SLOTS);
    }

    #[test]
    fn several_large_pools_share_the_address_space_of_a_process() {
        let config = RuntimeConfig::for_slots(10_000);
        let runtimes: Vec<_> = (0..3).map(|_| Runtime::new(config).unwrap()).collect();
        assert!(runtimes.iter().all(|runtime| runtime.capacity() >= 100), "{runtimes:?}");
        assert!(runtimes[2].capacity() < runtimes[0].capacity(), "{runtimes:?}");
    }

    #[test]
    fn the_default_fits_the_machine() {
        let config = RuntimeConfig::default();
        assert!((1..=10_000).contains(&config.slots));
        assert!(config.keep_resident_bytes as u64 * u64::from(config.slots) <= machine_memory().max(64 << 20));
    }
}
