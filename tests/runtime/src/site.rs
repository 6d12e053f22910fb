//! A whole installation in one process, on real servers.

use crate::ledger::Ledger;
use bytes::Bytes;
use chrono::TimeDelta;
use cofferdam_domain::clock::{Clock, SharedRng, SystemClock};
use cofferdam_domain::context::Context;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_engine::{ApplyOptions, Engine, EngineConfig, EngineError, EngineParts, Trigger, Triggered};
use cofferdam_ids::{DagId, Digest, TenantName, WorkerId};
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_queue::{MemoryQueue, Queue, RedisQueue, RedisQueueConfig};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::{Access, PoolOptions, Store, tenants};
use cofferdam_test_guests::artefacts;
use cofferdam_test_support::cluster;
use cofferdam_test_support::postgres::TestDatabase;
use cofferdam_test_support::redis::RedisServer;
use cofferdam_worker::{Shutdown, Worker, WorkerConfig, WorkerError, WorkerParts};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Which queue a site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// In this process.
    Memory,
    /// A Redis server of the site's own.
    Redis,
}

/// How a site is made.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// The queue.
    pub queue: QueueKind,
    /// Whether the database is on a server of the site's own, durable, that can be restarted.
    pub own_database_server: bool,
    /// How the engines behave.
    pub engine: EngineConfig,
    /// Sandboxes of each worker.
    pub slots: u32,
    /// How long a lease is valid.
    pub lease: Duration,
    /// How long a draining worker waits for what it runs.
    pub drain_timeout: Duration,
}

impl Default for SiteOptions {
    /// Short times, so that what is lost is soon found.
    fn default() -> Self {
        Self {
            queue: QueueKind::Redis,
            own_database_server: false,
            engine: EngineConfig {
                queued_check: TimeDelta::milliseconds(700),
                running_check: TimeDelta::milliseconds(1_500),
                tick: Duration::from_millis(100),
                lead: Duration::from_millis(900),
                ..EngineConfig::default()
            },
            slots: 64,
            lease: Duration::from_millis(1_500),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// The guest, compiled once for all tests of the process.
struct Guest {
    wasm: Bytes,
    digest: Digest,
    compiled: Bytes,
    compatibility: String,
}

static GUEST: OnceCell<Guest> = OnceCell::const_new();

/// An installation.
pub struct Site {
    /// Its database.
    pub database: TestDatabase,
    /// Its Redis server, when it has one.
    pub redis: Option<RedisServer>,
    /// The store, as schedulers and workers use it.
    pub store: Store,
    /// The queue, as the commands of the test use it.
    pub queue: Arc<dyn Queue>,
    /// The objects.
    pub objects: Objects,
    /// The engine of the test: it plays the API.
    pub engine: Arc<Engine>,
    /// The tenant of most tests. It has the component `behaviours`.
    pub context: Context,
    /// What variables and connections are sealed with.
    pub keys: KeyRing,
    options: SiteOptions,
}

/// A scheduler that runs in this process.
pub struct Scheduler {
    stop: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
}

impl Scheduler {
    /// Stops it in good order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the scheduler does not panic").expect("the scheduler stops in good order");
    }
}

/// A worker that runs in this process.
pub struct RunningWorker {
    /// Its id.
    pub id: WorkerId,
    /// What stops it.
    pub shutdown: Shutdown,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl RunningWorker {
    /// Waits until it has stopped.
    pub async fn stopped(self) {
        self.task.await.expect("the worker does not panic").expect("the worker stops in good order");
    }

    /// Drops it in the middle of everything.
    pub fn abandon(self) {
        self.task.abort();
    }
}

impl Site {
    /// Starts the servers and makes a tenant; starts neither scheduler nor worker.
    pub async fn start(options: SiteOptions) -> Self {
        let database = if options.own_database_server { TestDatabase::on_own_server().await } else { TestDatabase::new().await };
        let redis = match options.queue {
            QueueKind::Memory => None,
            QueueKind::Redis => Some(RedisServer::start().expect("a Redis server")),
        };
        let store = connect(&database).await;
        let queue: Arc<dyn Queue> = match &redis {
            None => Arc::new(MemoryQueue::new(Arc::new(SystemClock))),
            Some(redis) => connect_queue(redis).await,
        };
        let objects = Objects::open("memory://", &ObjectsConfig::new([7; 32])).expect("objects in memory");
        let context = Context::system(cofferdam_ids::TenantId::generate(), "test");
        let keys = KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system());
        let engine = engine(&store, &queue, &objects, &keys, &options.engine);
        let mut site = Self { database, redis, store, queue, objects, engine, context, keys, options };
        site.context = site.tenant("acme").await;
        site
    }

    /// Makes a tenant that has the component `behaviours`.
    pub async fn tenant(&self, name: &str) -> Context {
        let guest = GUEST.get_or_init(compile).await;
        let mut tx = self.store.begin_across_tenants("test").await.expect("a transaction");
        let name = TenantName::new(name).expect("a name");
        let tenant = tenants::create(&mut tx, &name, "A tenant", SystemClock.now()).await.expect("a new tenant");
        tx.commit().await.expect("the commit");
        let context = Context::system(tenant, "test");
        self.keep(&context, "behaviours", "task", guest).await;
        context
    }

    async fn keep(&self, context: &Context, name: &str, kind: &str, guest: &Guest) {
        let tenant = context.tenant;
        self.objects.put_component(tenant, &guest.digest, guest.wasm.clone()).await.expect("the component is kept");
        self.objects
            .put_compiled(&guest.digest, &guest.compatibility, guest.compiled.clone())
            .await
            .expect("the compiled code is kept");
        let version = NewVersion {
            name: name.parse().expect("a name"),
            digest: guest.digest.clone(),
            label: None,
            size_bytes: guest.wasm.len() as u64,
            kind: kind.to_owned(),
            inspection: json!({}),
        };
        let mut tx = self.store.begin(context).await.expect("a transaction");
        components::create_version(&mut tx, &version, SystemClock.now()).await.expect("a new version");
        tx.commit().await.expect("the commit");
    }

    /// Compiles another guest and gives it to a tenant.
    pub async fn install(&self, context: &Context, name: &str, kind: &str) {
        let guest = compile_guest(name).await;
        self.keep(context, name, kind, &guest).await;
    }

    /// What is recorded for the site's tenant.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(&self.store, &self.context)
    }

    /// What is recorded for another tenant.
    #[must_use]
    pub fn ledger_of(&self, context: &Context) -> Ledger {
        Ledger::new(&self.store, context)
    }

    /// A connection to the queue of its own, as another process has; the same queue when it is in memory.
    pub async fn connect_queue(&self) -> Arc<dyn Queue> {
        match &self.redis {
            None => Arc::clone(&self.queue),
            Some(redis) => connect_queue(redis).await,
        }
    }

    /// An engine of its own on a queue.
    #[must_use]
    pub fn engine_on(&self, queue: &Arc<dyn Queue>) -> Arc<Engine> {
        engine(&self.store, queue, &self.objects, &self.keys, &self.options.engine)
    }

    /// Starts a scheduler.
    pub async fn scheduler(&self) -> Scheduler {
        let queue = self.connect_queue().await;
        self.scheduler_on(queue)
    }

    /// Starts a scheduler on a queue.
    #[must_use]
    pub fn scheduler_on(&self, queue: Arc<dyn Queue>) -> Scheduler {
        let stop = CancellationToken::new();
        let task = tokio::spawn(cofferdam_engine::scheduler::run(self.engine_on(&queue), stop.clone()));
        Scheduler { stop, task }
    }

    /// Starts a worker.
    pub async fn worker(&self) -> RunningWorker {
        let queue = self.connect_queue().await;
        self.worker_on(queue)
    }

    /// Starts a worker on a queue.
    ///
    /// # Panics
    /// When this machine has no room for its sandboxes.
    #[must_use]
    pub fn worker_on(&self, queue: Arc<dyn Queue>) -> RunningWorker {
        let config = WorkerConfig {
            lease: self.options.lease,
            drain_timeout: self.options.drain_timeout,
            ..WorkerConfig::new("a test's worker".to_owned(), "test".to_owned())
        };
        let worker = Worker::new(WorkerParts {
            engine: self.engine_on(&queue),
            queue,
            objects: self.objects.clone(),
            sandboxes: Runtime::new(RuntimeConfig::for_slots(self.options.slots)).expect("room for the sandboxes").into(),
            compile: Arc::new(compile_service()),
            store: self.store.clone(),
            keys: self.keys.clone(),
            config,
        })
        .expect("threads for sandboxes");
        let (id, shutdown) = (worker.id(), Shutdown::default());
        RunningWorker { id, task: tokio::spawn(worker.run(shutdown.clone())), shutdown }
    }

    /// Applies a dag for the site's tenant.
    pub async fn apply(&self, definition: Value) -> DagId {
        self.apply_for(&self.context, definition).await
    }

    /// Applies a dag for a tenant.
    pub async fn apply_for(&self, context: &Context, definition: Value) -> DagId {
        let applied = self.engine.apply_dag(context, definition, ApplyOptions::default()).await;
        applied.unwrap_or_else(|error| panic!("{error}: {error:?}")).dag_id
    }

    /// Triggers a run for the site's tenant.
    pub async fn trigger(&self, dag: &DagId) -> Triggered {
        self.trigger_for(&self.context, dag).await
    }

    /// Triggers a run for a tenant.
    pub async fn trigger_for(&self, context: &Context, dag: &DagId) -> Triggered {
        let name = format!("test__{}", cofferdam_ids::RunKey::generate());
        let trigger = Trigger { dag_run_id: Some(name.parse().expect("a name")), ..Trigger::default() };
        self.engine.trigger(context, dag, trigger).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    /// Triggers this many runs.
    pub async fn trigger_many(&self, dag: &DagId, count: usize) -> Vec<Triggered> {
        let mut triggered = Vec::with_capacity(count);
        for _ in 0..count {
            triggered.push(self.trigger(dag).await);
        }
        triggered
    }

    /// Applies a dag of these tasks, runs it once, and waits until it ends.
    pub async fn run_once(&self, dag_id: &str, tasks: Vec<Value>, within: Duration) -> Triggered {
        let dag = self.apply(crate::dags::of(dag_id, tasks)).await;
        let triggered = self.trigger(&dag).await;
        self.ledger().until_all_runs_ended(within).await;
        triggered
    }
}

async fn connect(database: &TestDatabase) -> Store {
    let options = PoolOptions { max_connections: 12, ..PoolOptions::default() };
    Store::connect(database.url(), Access::System, options).await.expect("the database takes connections")
}

async fn connect_queue(redis: &RedisServer) -> Arc<dyn Queue> {
    Arc::new(RedisQueue::connect(&redis.url(), RedisQueueConfig::default()).await.expect("Redis takes connections"))
}

fn engine(store: &Store, queue: &Arc<dyn Queue>, objects: &Objects, keys: &KeyRing, config: &EngineConfig) -> Arc<Engine> {
    Engine::new(EngineParts {
        store: store.clone(),
        queue: Arc::clone(queue),
        objects: objects.clone(),
        clock: Arc::new(SystemClock),
        rng: SharedRng::seeded(2),
        keys: keys.clone(),
        config: config.clone(),
    })
}

fn compile_service() -> CompileService {
    CompileService::new(CompileConfig::new(cluster::binary(), ["__compile"]))
}

async fn compile() -> Guest {
    compile_guest("behaviours").await
}

async fn compile_guest(name: &str) -> Guest {
    let wasm: Bytes = artefacts::bytes(name).into();
    let runtime = Runtime::new(RuntimeConfig::for_slots(1)).expect("room for a sandbox");
    let compiled = compile_service().compile(cofferdam_ids::TenantId::generate(), &wasm).await.expect("the guest compiles");
    Guest {
        digest: cofferdam_objects::digest_of(&wasm),
        wasm,
        compiled: compiled.bytes().clone(),
        compatibility: runtime.compatibility_hash(),
    }
}
