use crate::auth::limiter::LoginLimiter;
use crate::auth::password::Passwords;
use crate::auth::seen::SessionsSeen;
use crate::auth::token::TokenKeys;
use crate::endpoints::events::Hub;
use crate::endpoints::webhooks::Refusals;
use crate::scripts::Interpreters;
use crate::trials::Trials;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::clock::{SharedClock, SharedRng};
use cofferdam_domain::seal::KeyRing;
use cofferdam_engine::Engine;
use cofferdam_objects::Objects;
use cofferdam_queue::Queue;
use cofferdam_sandbox::Runtime;
use cofferdam_sandbox::compile::CompileService;
use cofferdam_sandbox::inspect::UploadCaps;
use cofferdam_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How the API behaves.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// What an uploaded component may have; `bytes` also bounds the body.
    pub upload: UploadCaps,
    /// Whether the session cookie is only sent over HTTPS. True wherever the console is reached through TLS.
    pub cookie_secure: bool,
    /// How long an access token is valid.
    pub access_token_valid: TimeDelta,
    /// How long a session lasts.
    pub session_valid: TimeDelta,
    /// How often the log of a running try is looked at while somebody follows it.
    pub log_poll: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            upload: UploadCaps::default(),
            cookie_secure: false,
            access_token_valid: TimeDelta::minutes(15),
            session_valid: TimeDelta::days(14),
            log_poll: Duration::from_millis(400),
        }
    }
}

/// What the API works with.
#[derive(Clone)]
pub struct ApiState {
    /// The truth, in the API's role: each request sees its own tenant.
    pub store: Store,
    /// The same in the role that sees every tenant, for nothing but the figures of `/metrics` and finding the tenants that lack
    /// operators.
    pub figures: Store,
    /// Commands.
    pub engine: Arc<Engine>,
    /// Signals, depth, workers alive.
    pub queue: Arc<dyn Queue>,
    /// Components, logs, large XComs.
    pub objects: Objects,
    /// Compiles uploads in a child process.
    pub compile: CompileService,
    /// Where functions are tried.
    pub sandbox: Runtime,
    /// What compiled code must match to be loaded: the compatibility hash of this version's sandbox runtime.
    pub compatibility_hash: String,
    /// Signs access tokens.
    pub token_keys: TokenKeys,
    /// Seals variables and connections.
    pub keys: KeyRing,
    /// Where metrics are read.
    pub metrics: PrometheusHandle,
    /// The time.
    pub clock: SharedClock,
    /// Chance, for secrets: seeded by the system.
    pub rng: SharedRng,
    /// Ends streams, so that the server can stop.
    pub shutdown: CancellationToken,
    /// How it behaves.
    pub config: ApiConfig,
}

impl ApiState {
    /// What health and metrics need of it.
    pub(crate) fn operations(&self) -> OperationsState {
        OperationsState {
            store: self.store.clone(),
            figures: self.figures.clone(),
            queue: Arc::clone(&self.queue),
            objects: self.objects.clone(),
            metrics: self.metrics.clone(),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// What health and metrics work with.
#[derive(Clone)]
pub struct OperationsState {
    /// The database, as this process uses it.
    pub store: Store,
    /// The database in the role that sees every tenant, for counting states.
    pub figures: Store,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The object store.
    pub objects: Objects,
    /// Where metrics are read.
    pub metrics: PrometheusHandle,
    /// The time.
    pub clock: SharedClock,
}

/// What handlers share.
pub(crate) struct App {
    pub state: ApiState,
    pub passwords: Passwords,
    pub logins: LoginLimiter,
    pub sessions_seen: SessionsSeen,
    pub events: Hub,
    pub trials: Trials,
    pub interpreters: Interpreters,
    pub refusals: Refusals,
}

impl App {
    pub(crate) fn new(state: ApiState) -> Self {
        Self {
            passwords: Passwords::new(state.rng.clone()),
            logins: LoginLimiter::default(),
            sessions_seen: SessionsSeen::default(),
            events: Hub::new(Arc::clone(&state.queue)),
            trials: Trials::default(),
            interpreters: Interpreters::default(),
            refusals: Refusals::default(),
            state,
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.state.clock.now()
    }
}
