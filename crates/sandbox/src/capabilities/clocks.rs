//! `wasi:clocks`: the real time, or a time that stands still.
//!
//! A task whose grant says `clock: false` must not be able to measure anything. Its clocks stand at the run's logical date,
//! and waiting for them takes no time: a guest that counts until a timer rings would have a clock again.

use crate::run::TryState;
use chrono::{DateTime, Utc};
use std::time::{Duration, SystemTime};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// Which time a try sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// That of the machine.
    Real,
    /// Always this.
    Still(DateTime<Utc>),
}

impl Clock {
    /// The time since 1970; nought for times before it.
    #[expect(clippy::disallowed_methods, reason = "the time that a task is granted is the machine's")]
    pub(crate) fn since_epoch(self) -> Duration {
        match self {
            Self::Real => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            Self::Still(at) => {
                Duration::new(u64::try_from(at.timestamp()).unwrap_or(0), at.timestamp_subsec_nanos().min(999_999_999))
            }
        }
    }

    pub(crate) const fn is_still(self) -> bool {
        matches!(self, Self::Still(_))
    }

    /// Adds the functions that wait to the linker, in place of those of WASI.
    pub(crate) fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        monotonic_clock::add_to_linker::<TryState, HasClock>(linker, TryState::clock)
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(if self.is_still() { 1_000_000_000 } else { 1 })
    }

    fn now(&self) -> Duration {
        self.since_epoch()
    }
}

/// A clock for intervals that does not go on.
pub(crate) struct Stopped;

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = View<'a>;
}

/// The clock of a try while the guest asks for it.
pub(crate) struct View<'a> {
    pub clock: Clock,
    pub ctx: &'a mut WasiClocksCtx,
    pub table: &'a mut ResourceTable,
}

/// What is awaited without waiting.
struct Past;

#[async_trait]
impl Pollable for Past {
    async fn ready(&mut self) {}
}

impl View<'_> {
    fn of_wasi(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: self.ctx, table: self.table }
    }

    fn past(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let past = self.table.push(Past)?;
        subscribe(self.table, past)
    }
}

impl monotonic_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::now(&mut self.of_wasi())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::resolution(&mut self.of_wasi())
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        if self.clock.is_still() { self.past() } else { self.of_wasi().subscribe_instant(when) }
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        if self.clock.is_still() { self.past() } else { self.of_wasi().subscribe_duration(duration) }
    }
}
