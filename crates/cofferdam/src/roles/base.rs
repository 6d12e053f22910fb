//! What every role stands on: store, queue, objects, engine.

use super::migrate::database;
use super::secrets::Keys;
use crate::config::{Installation, Settings};
use crate::failure::{Exit, Failure};
use crate::telemetry;
use chrono::TimeDelta;
use cofferdam_domain::clock::{SharedClock, SharedRng, SystemClock};
use cofferdam_domain::seal::KeyRing;
use cofferdam_engine::{Engine, EngineConfig, EngineParts};
use cofferdam_objects::{Objects, ObjectsConfig, S3Config};
use cofferdam_queue::{Queue, QueueError, RedisQueue, RedisQueueConfig};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_store::{Access, PoolOptions, Store};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;

/// What a role that runs apart from the others cannot do without.
const NEEDS: &[&str] = &["database_url", "redis_url", "objects_url", "secret_key"];

/// The parts that the roles of one process share.
pub struct Base {
    /// The time.
    pub clock: SharedClock,
    /// Chance.
    pub rng: SharedRng,
    /// The database, in the role that sees every tenant.
    pub store: Store,
    /// What may run now.
    pub queue: Arc<dyn Queue>,
    /// Components, logs, large XComs.
    pub objects: Objects,
    /// Commands and rules, for every tenant.
    pub engine: Arc<Engine>,
    /// Where metrics are read.
    pub metrics: PrometheusHandle,
    /// What is signed with.
    pub keys: Keys,
    config: EngineConfig,
}

impl Base {
    /// Connects to the servers of an installation.
    ///
    /// # Errors
    /// When something is not configured, or a server cannot be reached.
    pub async fn connect(role: &'static str, settings: &Settings) -> Result<Self, Failure> {
        let Installation { database_url, redis_url, objects_url, secret_key } = settings.installation(role, NEEDS)?;
        let clock: SharedClock = Arc::new(SystemClock);
        let keys = Keys::from_secret(&secret_key, &settings.earlier_secret_keys);
        let store = connect_store(&database_url, Access::System, role, settings).await?;
        let queue = RedisQueue::connect(&redis_url, RedisQueueConfig::default()).await.map_err(|error| queue_failure(&error))?;
        let objects = open_objects(&objects_url, &keys, settings)?;
        objects.ping().await.map_err(|error| {
            Failure::new(Exit::Unreachable, "the object store cannot be used").at("objects_url").because(&error)
        })?;
        Self::assemble(clock, store, Arc::new(queue), objects, keys, settings)
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// When the process has a metrics recorder already.
    pub fn assemble(
        clock: SharedClock,
        store: Store,
        queue: Arc<dyn Queue>,
        objects: Objects,
        keys: Keys,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let rng = SharedRng::from_system();
        let kept = TimeDelta::from_std(settings.dead_letters_kept).unwrap_or(TimeDelta::MAX);
        let config = EngineConfig { letters_kept: kept, ..EngineConfig::default() };
        let engine = engine(&clock, &rng, store.clone(), &queue, &objects, &keys.ring, &config);
        Ok(Self { clock, rng, store, queue, objects, engine, metrics: telemetry::start_metrics()?, keys, config })
    }
}

impl Base {
    /// An engine that acts through another store: the API's, so that its commands too see one tenant only.
    #[must_use]
    pub fn engine_on(&self, store: Store) -> Arc<Engine> {
        engine(&self.clock, &self.rng, store, &self.queue, &self.objects, &self.keys.ring, &self.config)
    }
}

fn engine(
    clock: &SharedClock,
    rng: &SharedRng,
    store: Store,
    queue: &Arc<dyn Queue>,
    objects: &Objects,
    keys: &KeyRing,
    config: &EngineConfig,
) -> Arc<Engine> {
    Engine::new(EngineParts {
        store,
        queue: Arc::clone(queue),
        objects: objects.clone(),
        clock: Arc::clone(clock),
        rng: rng.clone(),
        keys: keys.clone(),
        config: config.clone(),
    })
}

/// Opens a pool of connections.
///
/// # Errors
/// When the database cannot be reached or does not let us act in that role.
pub async fn connect_store(url: &str, access: Access, role: &str, settings: &Settings) -> Result<Store, Failure> {
    let options = PoolOptions {
        max_connections: settings.database_connections,
        application_name: format!("cofferdam {role}"),
        ..PoolOptions::default()
    };
    Store::connect(url, access, options).await.map_err(|error| database(&error))
}

/// Opens the store of objects.
///
/// # Errors
/// When its URL cannot be used.
pub fn open_objects(url: &str, keys: &Keys, settings: &Settings) -> Result<Objects, Failure> {
    let s3 = &settings.s3;
    let config = ObjectsConfig {
        max_component_bytes: settings.upload_limit,
        s3: S3Config {
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            access_key_id: s3.access_key_id.clone(),
            secret_access_key: s3.secret_access_key.clone(),
            session_token: s3.session_token.clone(),
            allow_http: s3.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")),
        },
        ..ObjectsConfig::new(keys.compiled_code)
    };
    Objects::open(url, &config)
        .map_err(|error| Failure::usage("the object store cannot be opened").at("objects_url").because(&error))
}

/// The service that compiles components in processes of their own: this program, started with a hidden command.
///
/// # Errors
/// When the path of this program is not known.
pub fn compile_service() -> Result<CompileService, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::Failed, "the path of this program is not known").because(&error))?;
    Ok(CompileService::new(CompileConfig::new(program, [crate::COMPILE])))
}

fn queue_failure(error: &QueueError) -> Failure {
    let exit = if matches!(error, QueueError::Unavailable(_)) { Exit::Unreachable } else { Exit::Failed };
    Failure::new(exit, "the queue cannot be used")
        .at("redis_url")
        .remedy("check that Redis or Valkey 7 or later runs there, and its user and password")
        .because(error)
}
