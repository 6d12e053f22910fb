//! The worker's side: processes for sandboxes, at most one for each tenant, and tries that run in them.

mod accept;
mod attend;
mod exchange;
mod folder;
mod keeper;
mod process;
#[cfg(test)]
mod tests;

use super::Wall;
use super::frame::encode;
use super::protocol::{Order, Run, Settings, VERSION};
use crate::capabilities::http::{Authorities, Trust};
use crate::classify;
use crate::compiled::CompiledCode;
use crate::engine;
use crate::host::Host;
use crate::run::{FAR, TryReport, TryRequest};
use crate::runtime::{self, LoadError, RuntimeConfig};
use attend::{Attended, Outcome};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::TenantId;
use folder::Folder;
use keeper::Keeper;
use parking_lot::Mutex;
use process::Process;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;

/// How long a process may take to stop a try that was cancelled.
const CANCEL: Duration = Duration::from_millis(500);
/// How long after its wall-clock limit a try may end that its process has to stop.
const LATE: Duration = Duration::from_secs(2);
/// How often it is looked for folders that workers left behind which were killed.
const LOOK: Duration = Duration::from_secs(600);

/// How processes for sandboxes are started and kept.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The program that calls [`super::child_main`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The sandboxes of all processes together; one tenant may have all of them.
    pub sandboxes: RuntimeConfig,
    /// Threads of each process that run sandboxes.
    pub threads: usize,
    /// Where the bytes of scratch directories are kept. Each process has a folder of its own in it.
    pub scratch: PathBuf,
    /// How many tenants may have a process at once, at the most. One more process is kept ready for the next tenant.
    pub most: usize,
    /// A process in which nothing ran for that long is ended.
    pub idle: Duration,
    /// Whether processes give up what they do not need.
    pub confine: bool,
}

/// Processes for sandboxes cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The engine that only compares versions could not be made.
    #[error("the engine cannot be made: {0}")]
    Engine(String),
    /// The process could not be started.
    #[error("a process for sandboxes cannot be started")]
    Start(#[source] io::Error),
    /// The process was started and did not become ready.
    #[error("a process for sandboxes did not become ready: {0}")]
    NotReady(String),
    /// The process was killed before it was ready, by the system or by a person.
    #[error("a process for sandboxes was lost before it was ready: {0}")]
    Killed(String),
}

/// Processes for sandboxes, one for each tenant that has tries running or had some a short while ago. Cheap to clone.
#[derive(Clone)]
pub struct Processes(Arc<Inner>);

struct Inner {
    config: ProcessConfig,
    keeper: Keeper,
    compatibility_hash: String,
    capacity: AtomicU32,
    programs: AtomicU64,
    seats: Mutex<HashMap<TenantId, Arc<Seat>>>,
    /// A process that has run nothing yet, for the next tenant that needs one.
    spare: Mutex<Option<Arc<Process>>>,
    /// A seat has become empty.
    freed: Notify,
    tending: OnceLock<()>,
    trust: OnceLock<Arc<Trust>>,
}

/// What one tenant has of the processes.
struct Seat {
    process: OnceCell<Arc<Process>>,
    /// Tries that hold it.
    held: AtomicUsize,
    left_at: Mutex<Instant>,
}

/// Compiled code in a file without a name, which processes map into their memory.
#[derive(Debug)]
pub(super) struct Code {
    id: u64,
    file: Arc<OwnedFd>,
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processes").field("processes", &self.pids()).finish_non_exhaustive()
    }
}

impl Processes {
    /// Starts nothing yet.
    ///
    /// # Errors
    /// When the engine cannot be made, or the thread that starts processes cannot be started.
    pub fn new(config: ProcessConfig) -> Result<Self, ProcessError> {
        let engine = engine::compiling().map_err(|error| ProcessError::Engine(format!("{error:#}")))?;
        let capacity = runtime::capped(config.sandboxes.slots, runtime::max_map_count());
        remove_abandoned(&config.scratch);
        Ok(Self(Arc::new(Inner {
            config,
            keeper: Keeper::start().map_err(ProcessError::Start)?,
            compatibility_hash: engine::compatibility_hash(&engine),
            capacity: AtomicU32::new(capacity),
            programs: AtomicU64::new(1),
            seats: Mutex::default(),
            spare: Mutex::default(),
            freed: Notify::new(),
            tending: OnceLock::new(),
            trust: OnceLock::new(),
        })))
    }

    /// Believes servers also when one of these authorities vouches for them. The first call counts, before the first try.
    pub fn trust_also(&self, authorities: Authorities) {
        let _ = self.0.trust.set(Arc::new(Trust::with(authorities)));
    }

    pub(super) fn capacity(&self) -> u32 {
        self.0.capacity.load(Ordering::Relaxed)
    }

    pub(super) fn compatibility_hash(&self) -> String {
        self.0.compatibility_hash.clone()
    }

    /// The ids of the processes that have a tenant, for people and tests.
    #[must_use]
    pub fn pids(&self) -> Vec<(TenantId, u32)> {
        let seats = self.0.seats.lock();
        seats.iter().filter_map(|(tenant, seat)| Some((*tenant, seat.process.get()?.pid()))).collect()
    }

    /// Starts the first process, so that what is wrong is known before a try needs one, and tells what holds around it.
    pub(super) async fn prepare(&self) -> Result<Vec<Wall>, ProcessError> {
        let process = Arc::new(self.start().await?);
        let walls = process.walls().to_vec();
        self.0.capacity.fetch_min(process.capacity(), Ordering::Relaxed);
        *self.0.spare.lock() = Some(process);
        Ok(walls)
    }

    pub(super) fn load(&self, compiled: &CompiledCode) -> Result<Code, LoadError> {
        let unwritten = |error: io::Error| LoadError::Link(format!("its code cannot be handed to a process: {error}"));
        let file = Arc::new(sealed(compiled.bytes()).map_err(unwritten)?);
        Ok(Code { id: self.0.programs.fetch_add(1, Ordering::Relaxed), file })
    }

    pub(super) async fn run(
        &self,
        tenant: TenantId,
        code: &Arc<Code>,
        request: TryRequest,
        host: Arc<dyn Host>,
        cancel: CancellationToken,
    ) -> TryReport {
        let seated = tokio::select! {
            biased;
            () = cancel.cancelled() => return TryReport::never_started(&request, classify::cancelled()),
            seated = self.seated(tenant) => seated,
        };
        let (_held, process) = match seated {
            Ok(seated) => seated,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a process for a tenant's sandboxes cannot be had");
                let reason = match error {
                    ProcessError::Killed(_) => Reason::WorkerLost,
                    ProcessError::Engine(_) | ProcessError::Start(_) | ProcessError::NotReady(_) => Reason::Internal,
                };
                return TryReport::never_started(&request, Ending::failure(reason, error.to_string()));
            }
        };
        let started = Instant::now();
        let deadline = started.checked_add(Duration::from_millis(request.limits.wall_ms)).unwrap_or(started + FAR) + LATE;
        let now = host.now();
        let (attended, outcome) = Attended::new(request, host, process.link());
        if let Some(trust) = self.0.trust.get() {
            attended.believe(Arc::clone(trust));
        }
        let entered = match process.enter(&attended) {
            Ok(entered) => entered,
            Err(why) => return attended.lost(&why),
        };
        if let Err(error) = begin(&process, code, &attended, entered.id(), now) {
            let message = format!("the try cannot be handed to a process: {error}");
            return TryReport::never_started(attended.request(), Ending::failure(Reason::Internal, message));
        }

        let mut outcome = pin!(outcome);
        let outcome = tokio::select! {
            biased;
            outcome = &mut outcome => Some(outcome),
            () = cancel.cancelled() => {
                entered.cancel();
                let outcome = tokio::time::timeout(CANCEL, &mut outcome).await;
                if outcome.is_err() {
                    process.end("it does not stop a try that was cancelled");
                }
                let Ok(Ok(Outcome::Done(done, blob))) = outcome else {
                    return attended.stopped(classify::cancelled(), started);
                };
                Some(Ok(Outcome::Done(done, blob)))
            }
            () = tokio::time::sleep_until(deadline.into()) => None,
        };
        match outcome {
            Some(Ok(Outcome::Done(done, blob))) => {
                let report = attended.accept(*done, &blob, started);
                report.unwrap_or_else(|wrong| {
                    process.end(wrong);
                    attended.lost(wrong)
                })
            }
            Some(Ok(Outcome::Lost(why))) => attended.lost(&why),
            Some(Err(_)) => attended.lost("it ended"),
            None => {
                process.end("it does not stop a try at its wall-clock limit");
                attended.stopped(classify::timed_out(&attended.request().limits), started)
            }
        }
    }

    /// The tenant's process, started if there is none. Waits when as many tenants as may have one are busy.
    async fn seated(&self, tenant: TenantId) -> Result<(Held, Arc<Process>), ProcessError> {
        self.tend();
        let held = loop {
            let freed = self.0.freed.notified();
            let mut freed = pin!(freed);
            freed.as_mut().enable();
            if let Some(held) = self.0.hold(tenant) {
                break held;
            }
            freed.await;
        };
        let process = held.seat.process.get_or_try_init(|| self.ready()).await.map(Arc::clone)?;
        Ok((held, process))
    }

    /// The process that is kept ready, or a new one; and sees to the next one that is kept ready.
    async fn ready(&self) -> Result<Arc<Process>, ProcessError> {
        let spare = self.0.spare.lock().take().filter(|spare| !spare.is_over());
        let process = match spare {
            Some(spare) => spare,
            None => Arc::new(self.start().await?),
        };
        let processes = self.clone();
        tokio::spawn(async move {
            if processes.0.spare.lock().is_some() {
                return;
            }
            match processes.start().await {
                Ok(spare) => *processes.0.spare.lock() = Some(Arc::new(spare)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no process for sandboxes is kept ready");
                }
            }
        });
        Ok(process)
    }

    async fn start(&self) -> Result<Process, ProcessError> {
        let config = &self.0.config;
        // Of its own, so that no tenant's process finds what another's leaves there.
        let folder = Folder::make(&config.scratch).map_err(ProcessError::Start)?;
        let settings = Settings {
            version: VERSION,
            slots: self.capacity(),
            keep_resident_bytes: config.sandboxes.keep_resident_bytes,
            compute_processors: config.sandboxes.compute_processors,
            threads: config.threads,
            scratch: folder.path().to_owned(),
            confine: config.confine,
        };
        Process::start(&self.0.keeper, config, settings, folder).await
    }

    /// Ends processes in which nothing runs for long, and removes what other workers left, from the first call on.
    fn tend(&self) {
        if self.0.tending.set(()).is_err() {
            return;
        }
        let (inner, idle) = (Arc::downgrade(&self.0), self.0.config.idle);
        let mut looked = Instant::now();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval((idle / 4).max(Duration::from_millis(10)));
            loop {
                ticks.tick().await;
                let Some(inner) = inner.upgrade() else { break };
                inner.end_idle(idle);
                if looked.elapsed() > LOOK {
                    looked = Instant::now();
                    let scratch = inner.config.scratch.clone();
                    tokio::task::spawn_blocking(move || remove_abandoned(&scratch));
                }
            }
        });
    }
}

fn remove_abandoned(scratch: &Path) {
    let removed = folder::remove_abandoned(scratch);
    if removed > 0 {
        tracing::info!(folders = removed, "scratch folders of workers were removed that are gone");
    }
}

impl Inner {
    /// Holds the tenant's seat, a new one if need be; none when all are taken by others.
    fn hold(self: &Arc<Self>, tenant: TenantId) -> Option<Held> {
        let mut seats = self.seats.lock();
        if seats.get(&tenant).is_some_and(|seat| seat.process.get().is_some_and(|process| process.is_over())) {
            seats.remove(&tenant);
        }
        if !seats.contains_key(&tenant) && seats.len() >= self.config.most.max(1) {
            let empty = seats.iter().filter(|(_, seat)| seat.held.load(Ordering::Relaxed) == 0);
            let longest = empty.min_by_key(|(_, seat)| *seat.left_at.lock()).map(|(tenant, _)| *tenant)?;
            if let Some(process) = seats.remove(&longest).as_ref().and_then(|seat| seat.process.get()) {
                process.end_quietly();
            }
        }
        let new = || Arc::new(Seat { process: OnceCell::new(), held: AtomicUsize::new(0), left_at: Mutex::new(Instant::now()) });
        let seat = Arc::clone(seats.entry(tenant).or_insert_with(new));
        // Counted under the lock, so that nobody takes the seat away before.
        seat.held.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("cofferdam_sandbox_processes").set(seats.len() as f64);
        Some(Held { inner: Arc::clone(self), seat })
    }

    fn end_idle(&self, idle: Duration) {
        let mut seats = self.seats.lock();
        seats.retain(|_, seat| {
            let keep = seat.held.load(Ordering::Relaxed) > 0 || seat.left_at.lock().elapsed() < idle;
            if let (false, Some(process)) = (keep, seat.process.get()) {
                process.end_quietly();
            }
            keep
        });
        metrics::gauge!("cofferdam_sandbox_processes").set(seats.len() as f64);
    }
}

/// Keeps a tenant's seat from being taken away.
struct Held {
    inner: Arc<Inner>,
    seat: Arc<Seat>,
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.seat.left_at.lock() = Instant::now();
        if self.seat.held.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.inner.freed.notify_waiters();
        }
    }
}

/// Hands a try to its process, with its code when that is not there yet.
fn begin(
    process: &Process,
    code: &Arc<Code>,
    attended: &Attended,
    try_id: u64,
    now: Option<chrono::DateTime<chrono::Utc>>,
) -> io::Result<()> {
    let TryRequest { instance, entry, input, is_input_open, limits, grant, private_targets, context } = &**attended.request();
    let run = Run {
        program: code.id,
        instance: *instance,
        entry: entry.clone(),
        is_input_open: *is_input_open,
        limits: limits.clone(),
        grant: grant.clone(),
        private_targets: private_targets.clone(),
        context: context.clone(),
        now,
    };
    let frame = encode(try_id, 0, &Order::Run(Box::new(run)), &[input.as_bytes()])?;
    process.hand_over(code)?;
    process.link().send(frame, None);
    Ok(())
}

/// A file without a name that holds these bytes and cannot be changed any more.
#[cfg(target_os = "linux")]
fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::io::Write as _;
    let mut file = std::fs::File::from(memfd_create("cofferdam-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    use std::io::Write as _;
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    Ok(file.into())
}

/// A program that other [`super::Sandboxes`] prepared.
pub(super) fn not_ours(request: &TryRequest) -> TryReport {
    TryReport::never_started(request, Ending::failure(Reason::Internal, "the component was prepared for other sandboxes"))
}
