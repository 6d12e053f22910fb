//! One try: a fresh store, the call, the ending and the receipt.

use crate::bindings::cofferdam::task::types::{DeferRequest, TaskError};
use crate::capabilities::{ArtifactsView, Capabilities, Capability as _, Carrier, Clock, ClockView, ScratchView};
use crate::classify::{self, Circumstances};
use crate::host::{Host, Stream};
use crate::json::{self, clean};
use crate::lane::SlowLane;
use crate::limiter::Limiter;
use crate::masking::Masking;
use crate::runtime::{Program, Runtime};
use crate::stdio::Output;
use crate::surroundings;
use crate::typed::{self, TypedFunction};
use cofferdam_domain::artifact::WrittenArtifact;
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_domain::wit::Mismatch;
use cofferdam_ids::{TaskInstanceId, XComKey};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wasmtime::component::{ResourceTable, Val};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// A guest gives the thread back at least after this much fuel, even between two ticks.
const YIELD_FUEL: u64 = 1_000_000;
/// The least number of bytes that a guest may hand to the host in one call.
const HOSTCALL_BYTES: u64 = 4 << 20;
/// What a call hands over beside a checkpoint.
const HOSTCALL_SLACK: u64 = 64 << 10;
/// The latest time that a task can ask for: a year from now.
pub(crate) const LATEST_MS: u64 = 365 * 24 * 3_600_000;
/// Bytes of the name of an event.
pub(crate) const EVENT_BYTES: usize = 250;
/// Bytes of a message of an ending.
pub(crate) const MESSAGE_BYTES: usize = 8 << 10;

/// What to run: one try of one task instance.
#[derive(Clone, Debug)]
pub struct TryRequest {
    /// The task instance.
    pub instance: TaskInstanceId,
    /// How the component is entered.
    pub entry: Entry,
    /// The input: JSON text.
    pub input: String,
    /// Whether records of a typed function's input may have more fields than it takes: they were filled in with what other tasks
    /// returned. In what a person wrote, such a field is a mistake.
    pub is_input_open: bool,
    /// What the try may use.
    pub limits: Limits,
    /// What the try may reach.
    pub grant: Grant,
    /// Targets outside of the public internet that an administrator allows, when the grant names them.
    pub private_targets: Vec<PrivateTarget>,
    /// What the task can learn of itself.
    pub context: TaskContext,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq)]
pub struct TryReport {
    /// How it ended.
    pub ending: Ending,
    /// What it used.
    pub receipt: Receipt,
    /// What the task pushed, to be recorded together with the ending. Present whatever the ending is.
    pub xcoms: Vec<(XComKey, String)>,
    /// The artifacts that the task finished, to be recorded together with the ending.
    pub artifacts: Vec<WrittenArtifact>,
    /// Bytes of stdout and stderr that were not given to the host.
    pub dropped_output_bytes: u64,
    /// Bytes of log messages that were not given to the host.
    pub dropped_log_bytes: u64,
}

impl TryReport {
    /// Of a try that came to nothing.
    pub(crate) fn never_started(request: &TryRequest, ending: Ending) -> Self {
        Self {
            ending,
            receipt: Receipt { input_bytes: request.input.len() as u64, ..Receipt::default() },
            xcoms: Vec::new(),
            artifacts: Vec::new(),
            dropped_output_bytes: 0,
            dropped_log_bytes: 0,
        }
    }
}

/// What a store holds during a try.
pub(crate) struct TryState {
    wasi: WasiCtx,
    table: ResourceTable,
    limiter: Limiter,
    deadline: Instant,
    clock: Clock,
    pub capabilities: Capabilities,
}

impl WasiView for TryState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl TryState {
    /// The capability `artifacts` with the table of its handles.
    pub(crate) fn artifacts(&mut self) -> ArtifactsView<'_> {
        ArtifactsView { artifacts: &mut self.capabilities.artifacts, table: &mut self.table }
    }
}

impl TryState {
    /// The scratch directory with the table of its handles.
    pub(crate) fn scratch(&mut self) -> ScratchView<'_> {
        ScratchView { scratch: &mut self.capabilities.scratch, table: &mut self.table }
    }

    /// The clock that the guest sees.
    pub(crate) fn clock(&mut self) -> ClockView<'_> {
        ClockView { clock: self.clock, ctx: self.wasi.clocks(), table: &mut self.table }
    }
}

impl WasiHttpView for TryState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.capabilities.http.view(&mut self.table)
    }
}

impl crate::bindings::cofferdam::task::types::Host for TryState {}

/// The wall-clock limit, told through an interrupted guest.
#[derive(Debug, thiserror::Error)]
#[error("the wall-clock limit was reached")]
pub(crate) struct DeadlinePassed;

/// What a guest's call came back with.
enum Returned {
    Task(Result<String, TaskError>),
    Command(Result<(), ()>),
    Function(Arc<TypedFunction>, Option<Val>),
}

/// Why a call is over.
enum Stopped {
    Returned(Returned),
    Failed(wasmtime::Error),
    NoSuchEntry,
    /// The typed function is not there or cannot be called.
    NoSuchFunction(String),
    /// The input does not fit the typed function.
    InvalidInput(Mismatch),
    Panicked,
    Cancelled,
    TimedOut,
}

impl Runtime {
    /// Runs one try to its end. Never fails and never panics: whatever happens is an [`Ending`].
    ///
    /// Waits for a free slot first, which is not counted as time of the try. When `cancel` is cancelled, or this future
    /// is dropped, the guest stops within milliseconds, and its slot is free.
    pub async fn run(&self, program: &Program, request: TryRequest, host: Arc<dyn Host>, cancel: CancellationToken) -> TryReport {
        self.run_through(program, request, host, None, None, cancel).await
    }

    /// As [`Runtime::run`], for trying a task out: its scratch directory, when it is granted one, begins with the files and
    /// directories of a folder, and the folder has afterwards what the task left. Links in the folder are left alone.
    pub async fn run_in_folder(
        &self,
        folder: &Path,
        program: &Program,
        request: TryRequest,
        host: Arc<dyn Host>,
        cancel: CancellationToken,
    ) -> TryReport {
        self.run_through(program, request, host, None, Some(folder), cancel).await
    }

    /// As [`Runtime::run_in_folder`], if there is a folder; requests of `wasi:http` are sent by the carrier, if there is one.
    pub(crate) async fn run_through(
        &self,
        program: &Program,
        request: TryRequest,
        host: Arc<dyn Host>,
        carrier: Option<Arc<dyn Carrier>>,
        folder: Option<&Path>,
        cancel: CancellationToken,
    ) -> TryReport {
        let permit = tokio::select! {
            biased;
            permit = self.0.permits.acquire() => permit,
            () = cancel.cancelled() => return TryReport::never_started(&request, classify::cancelled()),
        };
        if permit.is_err() || cancel.is_cancelled() {
            return TryReport::never_started(&request, classify::cancelled());
        }

        let started = Instant::now();
        let request = Arc::new(request);
        let deadline = started.checked_add(Duration::from_millis(request.limits.wall_ms)).unwrap_or(started + FAR);
        let masking = Arc::new(Masking::new(host));
        let host: Arc<dyn Host> = masking.clone();
        let mut outputs = Outputs::new(&request, &host);
        let mut store = match self.store(&request, &host, carrier, &outputs, deadline) {
            Ok(store) => store,
            Err(error) => {
                let message = format!("the sandbox could not be prepared: {error:#}");
                return TryReport::never_started(&request, Ending::failure(Reason::Internal, message));
            }
        };

        if let Some(Err(error)) = folder.map(|folder| store.data().capabilities.scratch.take_in(folder)) {
            return TryReport::never_started(&request, Ending::failure(Reason::LimitExceeded, error.to_string()));
        }

        let cpu = Arc::new(AtomicU64::new(0));
        let stopped = {
            let mut call = pin!(self.0.slow_lane.meter(call(program, &mut store, &request), Arc::clone(&cpu)));
            tokio::select! {
                biased;
                stopped = &mut call => stopped.unwrap_or(Stopped::Panicked),
                () = cancel.cancelled() => Stopped::Cancelled,
                () = tokio::time::sleep_until(deadline.into()) => Stopped::TimedOut,
            }
            // The guest's stack is unwound here, with the call's future; the store can be read afterwards.
        };
        let cpu = Duration::from_nanos(cpu.load(Ordering::Relaxed));
        let fuel = request.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let (stdout, stderr) = outputs.close();
        let state = store.data_mut();
        state.capabilities.progress.close();
        // A stream that found no room could not say so itself.
        state.capabilities.scratch.tell();
        let mut ending = masked(ending(stopped, &request, state, &outputs, &masking), &masking);
        if let Some(Err(error)) = folder.map(|folder| state.capabilities.scratch.put_out(folder)) {
            ending = Ending::failure(Reason::Internal, format!("what the task left in its scratch directory is lost: {error}"));
        }
        let report = TryReport {
            receipt: Receipt {
                fuel,
                peak_memory_bytes: state.limiter.memory_peak(),
                wall_us: 0,
                cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
                input_bytes: request.input.len() as u64,
                output_bytes: if let Ending::Success { output } = &ending { output.len() as u64 } else { 0 },
                stdio_bytes: stdout.written + stderr.written,
                log_bytes: state.capabilities.log.written,
                http_calls: state.capabilities.http.calls(),
                http_bytes: state.capabilities.http.bytes(),
            },
            xcoms: state.capabilities.xcom.take(),
            artifacts: state.capabilities.artifacts.take(),
            dropped_output_bytes: stdout.dropped + stderr.dropped,
            dropped_log_bytes: state.capabilities.log.dropped,
            ending,
        };
        if SlowLane::is_slow(cpu) {
            // It has perhaps much memory to give back, which takes time too.
            self.0.slow_lane.call(move || drop(store)).await;
        } else {
            drop(store);
        }
        drop(permit);
        let wall_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        TryReport { receipt: Receipt { wall_us, ..report.receipt }, ..report }
    }

    fn store(
        &self,
        request: &Arc<TryRequest>,
        host: &Arc<dyn Host>,
        carrier: Option<Arc<dyn Carrier>>,
        outputs: &Outputs,
        deadline: Instant,
    ) -> wasmtime::Result<Store<TryState>> {
        let limits = &request.limits;
        let wasi = surroundings::wasi(request, outputs.stdout.clone(), outputs.stderr.clone());
        let mut capabilities = Capabilities::prepare(request, host);
        capabilities.scratch.keep_in(self.scratch_folder());
        if let Some(carrier) = carrier {
            capabilities.http.send_through(carrier);
        }
        capabilities.http.believe(self.trust());
        let mut table = ResourceTable::new();
        // A handle of the guest may stand for two entries on the host's side: a pollable and what it waits for.
        table.set_max_capacity(limits.handles as usize * 2 + 8);

        let state = TryState { wasi, table, limiter: Limiter::new(limits), deadline, clock: request.clock(), capabilities };
        let mut store = Store::new(&self.0.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(limits.fuel)?;
        store.fuel_async_yield_interval(Some(YIELD_FUEL))?;
        // A typed result is counted by the size of its parts in the host; a byte of a `list<u8>` is one part.
        let part = if matches!(request.entry, Entry::Function { .. }) { size_of::<Val>() as u64 } else { 2 };
        let checkpoint = limits.checkpoint_bytes.saturating_add(HOSTCALL_SLACK);
        let handed = (limits.result_bytes * part).max(checkpoint).max(HOSTCALL_BYTES);
        store.set_hostcall_fuel(usize::try_from(handed).unwrap_or(usize::MAX));
        store.set_max_component_handles(limits.handles as usize);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            if Instant::now() >= context.data().deadline {
                return Err(DeadlinePassed.into());
            }
            Ok(UpdateDeadline::Yield(1))
        });
        Ok(store)
    }
}

/// A deadline for limits that no clock can hold.
pub(crate) const FAR: Duration = Duration::from_secs(3600 * 24 * 365);

struct Outputs {
    stdout: Output,
    stderr: Output,
}

impl Outputs {
    fn new(request: &TryRequest, host: &Arc<dyn Host>) -> Self {
        let limit = request.limits.output_bytes;
        let stdout = Output::new(Stream::Stdout, Arc::clone(host), limit);
        let stdout = match request.entry {
            Entry::Task | Entry::Function { .. } => stdout,
            Entry::Command { .. } => stdout.keeping_whole(request.limits.result_bytes),
        };
        Self { stdout, stderr: Output::new(Stream::Stderr, Arc::clone(host), limit) }
    }

    fn close(&mut self) -> (crate::stdio::Closed, crate::stdio::Closed) {
        (self.stdout.close(), self.stderr.close())
    }
}

async fn call(program: &Program, store: &mut Store<TryState>, request: &TryRequest) -> Stopped {
    let returned = match &request.entry {
        Entry::Task => {
            let Some(task) = &program.0.task else { return Stopped::NoSuchEntry };
            match task.instantiate_async(&mut *store).await {
                Ok(task) => task.call_run(store, &request.input).await.map(Returned::Task),
                Err(error) => Err(error),
            }
        }
        Entry::Command { .. } => {
            let Some(command) = &program.0.command else { return Stopped::NoSuchEntry };
            match command.instantiate_async(&mut *store).await {
                Ok(command) => command.wasi_cli_run().call_run(store).await.map(Returned::Command),
                Err(error) => Err(error),
            }
        }
        Entry::Function { interface, function } => {
            let function = match program.0.functions.get(program.0.instance.component(), interface.as_deref(), function) {
                Ok(function) => function,
                Err(why) => return Stopped::NoSuchFunction(why),
            };
            let arguments = match function.arguments(&request.input, request.is_input_open) {
                Ok(arguments) => arguments,
                Err(mismatch) => return Stopped::InvalidInput(mismatch),
            };
            call_function(program, store, function, &arguments).await
        }
    };
    match returned {
        Ok(returned) => Stopped::Returned(returned),
        Err(error) => Stopped::Failed(error),
    }
}

async fn call_function(
    program: &Program,
    store: &mut Store<TryState>,
    function: Arc<TypedFunction>,
    arguments: &[Val],
) -> wasmtime::Result<Returned> {
    let instance = program.0.instance.instantiate_async(&mut *store).await?;
    let callee = instance.get_func(&mut *store, function.export).ok_or_else(|| wasmtime::Error::msg("the function is gone"))?;
    let mut result = [Val::Bool(false)];
    let results = if function.function.result.is_some() { &mut result[..] } else { &mut [] };
    callee.call_async(store, arguments, results).await?;
    let [result] = result;
    let result = function.function.result.is_some().then_some(result);
    Ok(Returned::Function(function, result))
}

fn ending(stopped: Stopped, request: &TryRequest, state: &TryState, outputs: &Outputs, masking: &Masking) -> Ending {
    let circumstances = || Circumstances {
        limits: &request.limits,
        entry: &request.entry,
        memory_denied: state.limiter.memory_denied > 0,
        table_denied: state.limiter.table_denied > 0,
        stderr: outputs.stderr.tail(),
        refused: state.capabilities.http.last_refusal().or_else(|| state.capabilities.scratch.refusal()),
        masking,
    };
    match stopped {
        Stopped::Returned(Returned::Task(Ok(output))) => output_ending(output, &request.limits),
        Stopped::Returned(Returned::Task(Err(error))) => task_error(error, &circumstances()),
        Stopped::Returned(Returned::Function(function, result)) => {
            typed::ending(&function.function, result.as_ref(), &circumstances()).unwrap_or_else(|fault| {
                Ending::failure(Reason::InvalidOutput, format!("the result cannot be written as JSON: {fault}"))
            })
        }
        Stopped::Returned(Returned::Command(Ok(()))) => command_output(request, outputs),
        Stopped::Returned(Returned::Command(Err(()))) => classify::exited(1, &circumstances()),
        Stopped::Failed(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            Some(exit) if exit.0 == 0 && matches!(request.entry, Entry::Command { .. }) => command_output(request, outputs),
            _ => classify::failed(&error, &circumstances()),
        },
        Stopped::NoSuchFunction(why) => Ending::failure(Reason::InvalidComponent, why),
        Stopped::InvalidInput(mismatch) => {
            let function = request.entry.function_path().unwrap_or_default();
            Ending::failure(Reason::InvalidInput, format!("the input does not fit '{function}': {mismatch}"))
        }
        Stopped::NoSuchEntry => classify::no_such_entry(&request.entry),
        Stopped::Panicked => Ending::failure(Reason::Internal, "the sandbox failed while it ran this task; it is tried again"),
        Stopped::Cancelled => classify::cancelled(),
        Stopped::TimedOut => classify::timed_out(&request.limits),
    }
}

/// The ending without the secrets that the task read. Its result is the task's own affair.
pub(crate) fn masked(ending: Ending, masking: &Masking) -> Ending {
    match ending {
        Ending::Failure { reason, message } => Ending::Failure { reason, message: masking.mask(message) },
        Ending::Skip { message } => Ending::Skip { message: masking.mask(message) },
        other @ (Ending::Success { .. } | Ending::Reschedule { .. } | Ending::Defer { .. }) => other,
    }
}

/// The ending of a task that returned this.
pub(crate) fn output_ending(output: String, limits: &Limits) -> Ending {
    if output.len() as u64 > limits.result_bytes {
        return classify::result_too_large(Some(output.len() as u64), limits);
    }
    match json::check(&output) {
        Ok(()) => Ending::Success { output },
        Err(error) => Ending::failure(
            Reason::InvalidOutput,
            format!("the task's result is not JSON that can be kept: {error}. Return a JSON document as text."),
        ),
    }
}

pub(crate) fn task_error(error: TaskError, circumstances: &Circumstances<'_>) -> Ending {
    match error {
        TaskError::Retryable(message) => Ending::failure(Reason::GuestError, classify::with_hints(message, circumstances)),
        TaskError::Fatal(message) => Ending::failure(Reason::Fatal, classify::with_hints(message, circumstances)),
        TaskError::Skip(message) => Ending::Skip { message: classify::kept(message, circumstances) },
        TaskError::Reschedule(after_ms) => Ending::Reschedule { after_ms: after_ms.min(LATEST_MS) },
        TaskError::Defer(DeferRequest { event, timeout_ms }) => {
            Ending::Defer { event: clean(event, EVENT_BYTES), timeout_ms: timeout_ms.min(LATEST_MS) }
        }
    }
}

/// The result of a command is what it wrote to stdout: JSON as it is, nothing as `null`, any other text as a JSON string
/// without its last line end.
fn command_output(request: &TryRequest, outputs: &Outputs) -> Ending {
    let Some(whole) = outputs.stdout.take_whole() else { return classify::result_too_large(None, &request.limits) };
    let Ok(text) = String::from_utf8(whole) else {
        return Ending::failure(Reason::InvalidOutput, "the command's stdout is not UTF-8: write JSON or text");
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ending::Success { output: "null".to_owned() };
    }
    let output = match json::check(trimmed) {
        Ok(()) => trimmed.to_owned(),
        Err(_) => {
            let text = text.strip_suffix('\n').unwrap_or(&text);
            serde_json::Value::from(text.strip_suffix('\r').unwrap_or(text)).to_string()
        }
    };
    output_ending(output, &request.limits)
}
