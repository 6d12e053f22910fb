//! Commands and rules: what happens to dags, runs and task instances, and in which transaction.
//!
//! Everything that changes a task instance goes through one pipeline (`pipeline.rs`): lock the runs, let the state machine of
//! `domain` decide, write, count outcomes for the tasks that wait, cascade, close finished runs, commit; and only then tell
//! the queue (`dispatch.rs`). Whatever is lost between commit and queue, a reconciler (`scheduler/attend.rs`) puts right.

mod commands;
mod dispatch;
mod facts;
mod happened;
mod inputs;
mod jobs;
mod mapping;
mod pipeline;
mod record;
mod rendering;
mod runs;
pub mod scheduler;
mod work;

pub use commands::act::{Act, MOST_INSTANCES, MOST_RUNS, RunMark, Selection, Touched};
pub use commands::answer::AskedTask;
pub use commands::apply_dag::{Applied, ApplyError, ApplyOptions};
pub use commands::apply_file::{FileRefused, Orphaned};
pub use commands::backfill::{BackfillPlan, BackfillRequest};
pub use commands::compile_dag::{Broken, Compiled, Impact, Repinned, VersionChanges};
pub use commands::dead_letters::{LettersDone, MOST_LETTERS, NotRetried};
pub use commands::pools::PoolUse;
pub use commands::receive_webhook::{WEBHOOK_EVENTS_A_MINUTE, WebhookOutcome};
pub use commands::standalone::{Expect, Standalone};
pub use commands::trigger::{Trigger, Triggered};
pub use record::{Recorded, RefusedResult, Started, TryResult, Undecodable, XComWrite};

use chrono::TimeDelta;
use cofferdam_domain::clock::{Clock, SharedClock, SharedRng};
use cofferdam_domain::context::RoleTooLow;
use cofferdam_domain::event::Event;
use cofferdam_domain::seal::KeyRing;
use cofferdam_ids::TenantId;
use cofferdam_objects::Objects;
use cofferdam_queue::{Queue, QueueError, Signal};
use cofferdam_store::{Store, StoreError};
use std::borrow::Cow;
use std::sync::{Arc, Weak};

/// The most events in one signal.
const EVENTS: usize = 500;

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// After this time a queued instance is looked for in the queue, and put there again when it is missing.
    pub queued_check: TimeDelta,
    /// After this time a running instance is looked for in the queue; without a lease there, its worker is lost.
    pub running_check: TimeDelta,
    /// How often a scheduler looks without having been told.
    pub tick: std::time::Duration,
    /// How long a scheduler leads without renewing.
    pub lead: std::time::Duration,
    /// Due dags, waiting runs or instances taken in one transaction.
    pub batch: i64,
    /// How long dead letters are kept once they were resolved or discarded.
    pub letters_kept: TimeDelta,
    /// How often the object store is looked through for what nothing names any more.
    pub sweep: std::time::Duration,
    /// How old such an object is before it is removed.
    pub objects_kept: TimeDelta,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            queued_check: TimeDelta::seconds(5),
            running_check: TimeDelta::seconds(20),
            tick: std::time::Duration::from_millis(500),
            lead: std::time::Duration::from_secs(5),
            batch: 500,
            letters_kept: TimeDelta::days(30),
            sweep: std::time::Duration::from_secs(6 * 3600),
            objects_kept: TimeDelta::days(1),
        }
    }
}

/// What the engine works with.
pub struct EngineParts {
    /// The truth.
    pub store: Store,
    /// What may run now.
    pub queue: Arc<dyn Queue>,
    /// Large XComs.
    pub objects: Objects,
    /// The time.
    pub clock: SharedClock,
    /// Chance, for jitter.
    pub rng: SharedRng,
    /// Opens variables, for templates.
    pub keys: KeyRing,
    /// How it behaves.
    pub config: EngineConfig,
}

/// The engine. One for each process, shared by its roles.
pub struct Engine {
    /// Itself, for what goes on in the background.
    this: Weak<Self>,
    store: Store,
    queue: Arc<dyn Queue>,
    objects: Objects,
    clock: SharedClock,
    rng: SharedRng,
    keys: KeyRing,
    config: EngineConfig,
    facts: facts::Facts,
}

/// Why a command or a record failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error("the change could not be stored")]
    Store(#[from] StoreError),
    /// The queue.
    #[error("the queue did not answer")]
    Queue(#[from] QueueError),
    /// The object store.
    #[error("the object store did not answer")]
    Objects(#[from] cofferdam_objects::ObjectsError),
    /// A stored plan that this version cannot read.
    #[error("the plan of dag version {version} cannot be read")]
    Plan {
        /// Which.
        version: cofferdam_ids::DagVersionId,
        /// Why.
        #[source]
        source: cofferdam_domain::plan::PlanReadError,
    },
    /// A task instance whose task is not in the plan that its run is pinned to.
    #[error("dag version {version} has no task {task_index}")]
    NoSuchTask {
        /// The version.
        version: cofferdam_ids::DagVersionId,
        /// Position of the task.
        task_index: i32,
    },
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] RoleTooLow),
    /// Somebody else is asked.
    #[error(transparent)]
    NotAsked(cofferdam_domain::approval::AnswerError),
    /// The arguments do not go together.
    #[error("{message}")]
    Invalid {
        /// JSON Pointer into the request.
        pointer: Cow<'static, str>,
        /// What is wrong, and the remedy.
        message: String,
    },
}

impl EngineError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Queue(QueueError::Unavailable(_)) => true,
            Self::Objects(_)
            | Self::Queue(_)
            | Self::Plan { .. }
            | Self::NoSuchTask { .. }
            | Self::Denied(_)
            | Self::NotAsked(_)
            | Self::Invalid { .. } => false,
        }
    }
}

impl Engine {
    /// How long dead letters of tenants without a time of their own are kept once they were resolved or discarded.
    #[must_use]
    pub const fn letters_kept(&self) -> TimeDelta {
        self.config.letters_kept
    }

    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: EngineParts) -> Arc<Self> {
        let EngineParts { store, queue, objects, clock, rng, keys, config } = parts;
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            store,
            queue,
            objects,
            clock,
            rng,
            keys,
            config,
            facts: facts::Facts::default(),
        })
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Tells screens what changed. Best effort, in the background.
    pub fn announce(&self, tenant: TenantId, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        // In parts: ten thousand instances may have changed at once.
        let payloads: Vec<String> = events.chunks(EVENTS).filter_map(|events| serde_json::to_string(events).ok()).collect();
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            for payload in payloads {
                if let Err(error) = queue.publish(&Signal::Event { tenant, payload }).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "an event could not be published");
                }
            }
        });
    }

    /// Wakes the schedulers. Best effort, in the background.
    fn wake_schedulers(&self) {
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            if let Err(error) = queue.publish(&Signal::Schedule).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the schedulers could not be woken");
            }
        });
    }
}
