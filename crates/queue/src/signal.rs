//! What the parts tell each other through the queue.

use chrono::{DateTime, Utc};
use cofferdam_ids::{QueueName, TaskInstanceId, TenantId, WorkerId};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// What the parts tell each other at once. A hint only: whoever misses one finds out by its timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Signal {
    /// Something was enqueued.
    Enqueued,
    /// Whoever runs one of these stops it.
    Cancel {
        /// The task instances.
        instances: Vec<TaskInstanceId>,
    },
    /// A scheduler has something to do: a dag was applied, a run was triggered or cancelled.
    Schedule,
    /// Something that a screen may show changed. The payload is an API event, encoded as JSON.
    Event {
        /// Whose it is.
        tenant: TenantId,
        /// The event.
        payload: String,
    },
}

/// A worker that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerBeat {
    /// Its id.
    pub worker: WorkerId,
    /// Its host and process id.
    pub name: String,
    /// Queues served.
    pub queues: Vec<QueueName>,
    /// Sandboxes it can hold.
    pub slots: u32,
    /// Sandboxes it holds.
    pub busy: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// It takes no more work and will stop.
    pub draining: bool,
    /// What its process gave up, besides the walls of the sandbox.
    #[serde(default)]
    pub walls: Vec<Wall>,
}

/// Something that a worker's process gave up before it ran anything, or could not give up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Its name: `capabilities`, `no_new_privileges`, `files`, `system_calls`; `processes`; `memory_protection_keys`,
    /// `pagemap_scan`.
    pub name: String,
    /// Whether it holds.
    pub active: bool,
    /// What it means, or why it does not hold.
    pub detail: String,
}

/// How many signals a subscriber may fall behind before it misses some.
pub(crate) const BACKLOG: usize = 8_192;

/// The signals of `receiver`. A subscriber that fell too far behind is told to look for itself.
pub(crate) fn signals(receiver: broadcast::Receiver<Signal>) -> BoxStream<'static, Signal> {
    BroadcastStream::new(receiver)
        .flat_map(|received| {
            stream::iter(match received {
                Ok(signal) => vec![signal],
                Err(_) => look_for_yourself(),
            })
        })
        .boxed()
}

/// What stands in for signals that were missed.
pub(crate) fn look_for_yourself() -> Vec<Signal> {
    vec![Signal::Enqueued, Signal::Schedule]
}
