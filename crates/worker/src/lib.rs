//! The worker: claims tries, runs them in sandboxes, and reports how they ended.
//!
//! It holds no truth. What it knows of a try came with the claim; what it learns goes to PostgreSQL through
//! [`cofferdam_engine::Engine::record`], fenced by the lease. It can be killed at any instant: its leases end, and
//! whatever was not recorded runs again elsewhere.
//!
//! ```text
//! claims -> execute (a sandbox each, on threads of their own) -> completer (group commit) -> engine
//!             |  starts: "it runs", in batches, for tries that last       ^
//!             |  logs:   segments, in batches                              |
//!             '- leases: prolonged in bulk; what is lost is stopped -------'
//! ```

mod claims;
mod completer;
mod execute;
mod host;
mod leases;
mod logs;
mod programs;
mod running;
mod signals;
mod starts;

use chrono::{DateTime, Utc};
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_domain::seal::KeyRing;
use cofferdam_engine::{Engine, TryResult};
use cofferdam_ids::{QueueName, WorkerId};
use cofferdam_objects::Objects;
use cofferdam_queue::{Queue, Wall};
use cofferdam_sandbox::compile::CompileService;
use cofferdam_sandbox::isolation::{ProcessError, Sandboxes};
use cofferdam_store::Store;
use running::Running;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// How a worker behaves.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Its host and process id, for people.
    pub name: String,
    /// The version of Cofferdam that it runs.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// How long a lease is valid. It is prolonged at a third of that.
    pub lease: Duration,
    /// How long running tries may go on after the first stop signal, before they are handed back.
    pub drain_timeout: Duration,
    /// Threads that run sandboxes; nought means one for each processor.
    pub sandbox_threads: usize,
    /// The most tries claimed in one call.
    pub claim_batch: usize,
    /// The most results recorded in one transaction.
    pub record_batch: usize,
    /// Compiled components kept in memory.
    pub programs_kept: usize,
    /// Results and XComs of more bytes than this go to the object store.
    pub inline_xcom_bytes: usize,
    /// Targets outside of the public internet that the tasks of every tenant may reach, when their grant names them.
    pub private_targets: Vec<PrivateTarget>,
    /// How long log lines wait for company before they are written.
    pub log_flush_interval: Duration,
    /// What the process gave up, to be told with the heartbeat beside what the sandboxes tell of themselves.
    pub walls: Vec<Wall>,
}

impl WorkerConfig {
    /// The defaults, for a worker of that name.
    #[must_use]
    pub fn new(name: String, version: String) -> Self {
        Self {
            name,
            version,
            queues: vec![QueueName::default_queue()],
            lease: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(30),
            sandbox_threads: 0,
            claim_batch: 256,
            record_batch: 512,
            programs_kept: 256,
            inline_xcom_bytes: 64 << 10,
            private_targets: Vec::new(),
            log_flush_interval: Duration::from_millis(500),
            walls: Vec::new(),
        }
    }
}

/// What a worker works with.
pub struct WorkerParts {
    /// Records results.
    pub engine: Arc<Engine>,
    /// Gives out tries.
    pub queue: Arc<dyn Queue>,
    /// Holds compiled components, large XComs and logs.
    pub objects: Objects,
    /// Where tries are run.
    pub sandboxes: Sandboxes,
    /// Compiles what no compiled code is stored for.
    pub compile: Arc<CompileService>,
    /// XComs that a task asks for, and the register of workers.
    pub store: Store,
    /// Opens variables and connections.
    pub keys: KeyRing,
    /// How it behaves.
    pub config: WorkerConfig,
}

/// The two stages of stopping.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Claim no more; finish what runs, or hand it back after the drain timeout.
    pub drain: CancellationToken,
    /// Stop at once. What runs is lost to its lease.
    pub stop: CancellationToken,
}

/// A worker could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The threads for sandboxes could not be started.
    #[error("the threads for sandboxes could not be started")]
    Threads(#[source] std::io::Error),
    /// The queue refused its subscription.
    #[error("the worker cannot subscribe to the queue")]
    Queue(#[from] cofferdam_queue::QueueError),
    /// The worker cannot be registered.
    #[error("the worker cannot be registered")]
    Store(#[from] cofferdam_store::StoreError),
    /// The sandboxes cannot be made ready.
    #[error("the sandboxes cannot be made ready")]
    Sandboxes(#[source] ProcessError),
}

/// What the parts of one worker share.
struct Shared {
    id: WorkerId,
    started_at: DateTime<Utc>,
    engine: Arc<Engine>,
    queue: Arc<dyn Queue>,
    objects: Objects,
    sandboxes: Sandboxes,
    store: Store,
    keys: KeyRing,
    config: WorkerConfig,
    /// What the sandboxes tell of themselves, once they are ready.
    walls: OnceLock<Vec<Wall>>,
    running: Running,
    slots: Arc<Semaphore>,
    capacity: u32,
    programs: programs::Programs,
    logs: logs::LogBuffer,
    starts: starts::Starts,
    /// Something may have come into the queue.
    wake: Notify,
    /// Results on their way to PostgreSQL.
    results: mpsc::Sender<TryResult>,
}

/// The threads that run sandboxes. A runtime must not be dropped where asynchronous code runs, unless it is told not to wait.
struct SandboxThreads(Option<tokio::runtime::Runtime>);

impl Drop for SandboxThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A worker that has not started.
pub struct Worker {
    shared: Arc<Shared>,
    results: mpsc::Receiver<TryResult>,
    threads: tokio::runtime::Handle,
    sandboxes: SandboxThreads,
}

impl Worker {
    /// Prepares a worker.
    ///
    /// # Errors
    /// When the threads for sandboxes cannot be started.
    pub fn new(parts: WorkerParts) -> Result<Self, WorkerError> {
        let WorkerParts { engine, queue, objects, sandboxes, compile, store, keys, config } = parts;
        let threads = match config.sandbox_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        // Guests may spin: they get threads of their own, so that claims, leases and results never wait behind one.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("sandbox")
            .enable_all()
            .build()
            .map_err(WorkerError::Threads)?;
        let capacity = sandboxes.capacity();
        let (results, receiver) = mpsc::channel(capacity.max(4096) as usize);
        let shared = Arc::new(Shared {
            id: WorkerId::generate(),
            started_at: engine.clock().now(),
            programs: programs::Programs::new(objects.clone(), sandboxes.clone(), compile, config.programs_kept),
            logs: logs::LogBuffer::default(),
            starts: starts::Starts::default(),
            running: Running::default(),
            slots: Arc::new(Semaphore::new(capacity as usize)),
            wake: Notify::new(),
            engine,
            queue,
            objects,
            sandboxes,
            walls: OnceLock::new(),
            store,
            keys,
            config,
            capacity,
            results,
        });
        let threads = runtime.handle().clone();
        Ok(Self { shared, results: receiver, threads, sandboxes: SandboxThreads(Some(runtime)) })
    }

    /// The worker's id.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.shared.id
    }

    /// Works until it is told to stop, and until what it ran is recorded or handed back.
    ///
    /// # Errors
    /// When the sandboxes cannot be made ready, or the worker cannot be registered or cannot subscribe.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), WorkerError> {
        let Self { shared, results, threads, sandboxes } = self;
        prepare(&shared, &threads).await?;
        leases::register(&shared).await?;
        let signals = shared.queue.subscribe().await?;
        // What only stops when everything is recorded.
        let background = CancellationToken::new();
        let mut parts = tokio::task::JoinSet::new();
        parts.spawn(signals::listen(Arc::clone(&shared), signals, background.clone()));
        parts.spawn(leases::keep(Arc::clone(&shared), shutdown.drain.clone(), background.clone()));
        parts.spawn(starts::record(Arc::clone(&shared), background.clone()));
        parts.spawn(logs::write(Arc::clone(&shared), background.clone()));
        let intake = claims::Intake { shared: Arc::clone(&shared), sandboxes: threads, drain: shutdown.drain.clone() };
        parts.spawn(completer::record(intake.clone(), results, background.clone()));

        tracing::info!(worker.id = %shared.id, worker.slots = shared.capacity, "worker started");
        tokio::select! {
            () = intake.work() => {}
            () = shutdown.stop.cancelled() => {}
        }
        tokio::select! {
            () = claims::drain(&shared) => {}
            () = shutdown.stop.cancelled() => tracing::warn!(worker.id = %shared.id, "stopped at once; running tries are left to their leases"),
        }
        background.cancel();
        if !shutdown.stop.is_cancelled() {
            while parts.join_next().await.is_some() {}
            leases::deregister(&shared).await;
        }
        drop(sandboxes);
        tracing::info!(worker.id = %shared.id, "worker stopped");
        Ok(())
    }
}

/// Makes the sandboxes ready on the threads that run them, and notes what they tell of themselves.
async fn prepare(shared: &Arc<Shared>, threads: &tokio::runtime::Handle) -> Result<(), WorkerError> {
    let sandboxes = shared.sandboxes.clone();
    let prepared = threads.spawn(async move { sandboxes.prepare().await }).await;
    let told = prepared.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(WorkerError::Sandboxes)?;
    for cofferdam_sandbox::isolation::Wall { name, active, detail } in &told {
        tracing::info!(wall = name, active, "{detail}");
    }
    let told = told.into_iter().map(|wall| Wall { name: wall.name, active: wall.active, detail: wall.detail });
    shared.walls.get_or_init(|| told.collect());
    Ok(())
}
