//! The queue: a fast, disposable copy of "what may run now", with leases.
//!
//! PostgreSQL is the truth. Everything here can be lost at any moment: reconcilers in `engine` put it back. That is why no
//! call here takes part in a database transaction, and why enqueuing what is already there does nothing.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_ids::{Fence, LeaseToken, PoolName, QueueName, TaskInstanceId, TenantId, WorkerId};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A task instance that may run, with all that a worker needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The task instance; with `try_number` the identity of the message.
    pub instance: TaskInstanceId,
    /// The try, from 1. A higher try replaces a lower one.
    pub try_number: u32,
    /// Whose it is: claims are fair between tenants.
    pub tenant: TenantId,
    /// Which workers may take it.
    pub queue: QueueName,
    /// Whose slots it takes while it is leased.
    pub pool: PoolName,
    /// How many of them.
    pub pool_slots: u32,
    /// Higher first. Kept within [-1000, 1000].
    pub priority: i32,
    /// Among equals of a tenant, the earlier first.
    pub queued_at: DateTime<Utc>,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// A `domain::job::Job`, encoded.
    pub payload: Bytes,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Who asks.
    pub worker: WorkerId,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// The most that it takes: its free slots.
    pub max: usize,
    /// How long each lease is valid.
    pub lease: Duration,
}

/// A message that its holder may run until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What to run.
    pub message: Message,
    /// The lease.
    pub lease: Lease,
}

/// The right to run a try until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The task instance.
    pub instance: TaskInstanceId,
    /// The try.
    pub try_number: u32,
    /// The number of the lease; later leases have higher numbers, also after the queue lost everything.
    pub token: LeaseToken,
}

/// A lease that ended without an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredLease {
    /// The lease.
    pub lease: Lease,
    /// Whose task it was.
    pub tenant: TenantId,
    /// Who held it.
    pub worker: WorkerId,
}

/// What is held for a task instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// Waiting to be claimed (also when delayed).
    Waiting {
        /// The try.
        try_number: u32,
    },
    /// Leased.
    Leased {
        /// The try.
        try_number: u32,
    },
}

/// How much waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that may be claimed now, limits apart.
    pub ready: u64,
    /// Messages whose time has not come.
    pub delayed: u64,
    /// Messages leased.
    pub leased: u64,
    /// When the oldest ready message was queued.
    pub oldest: Option<DateTime<Utc>>,
    /// Ready messages for each tenant that has any.
    pub by_tenant: Vec<(TenantId, u64)>,
}

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
}

/// Limits on what is leased at once. What is not listed is unlimited; a weight not listed is 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// The most leases of a tenant at once, and its weight (at least 1): with weight 2 it gets twice the share.
    pub tenants: Vec<(TenantId, TenantPolicy)>,
    /// Slots of a tenant's pool.
    pub pools: Vec<(TenantId, PoolName, u32)>,
}

/// The share of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantPolicy {
    /// The most leases at once.
    pub max_leased: Option<u32>,
    /// Its weight, at least 1.
    pub weight: u32,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The server cannot be reached, or the connection broke. Trying again may help.
    #[error("the queue cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server answered with an error that trying again does not mend.
    #[error("the queue refused a command")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored bytes that this version cannot read.
    #[error("the queue holds a message that cannot be read: {0}")]
    Corrupt(String),
}

/// The queue. Every method is atomic, and safe to call again after a failure.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Puts messages in. One that is there already, waiting or leased, with the same or a higher try, stays as it is.
    /// Publishes [`Signal::Enqueued`] when it added any. Returns how many it added.
    async fn enqueue(&self, messages: &[Message]) -> Result<usize, QueueError>;

    /// Takes up to `request.max` messages: fair between tenants by weight, then the higher priority, then the older;
    /// passing over what its pool or tenant has no room for.
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claim>, QueueError>;

    /// Ends leases whose results are recorded. Unknown or superseded ones are passed over. Returns how many it ended.
    async fn ack(&self, leases: &[Lease]) -> Result<usize, QueueError>;

    /// Prolongs leases to `lease` from now. Returns those that are no longer held: their holders must stop.
    async fn extend(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, QueueError>;

    /// Gives leased messages back, to be claimed by somebody else at once.
    async fn release(&self, leases: &[Lease]) -> Result<usize, QueueError>;

    /// Takes out up to `max` leases whose time has passed, with their messages. The caller records the loss.
    async fn expire(&self, max: usize) -> Result<Vec<ExpiredLease>, QueueError>;

    /// Forgets task instances, waiting or leased. Their holders learn of it from `extend`.
    async fn remove(&self, instances: &[TaskInstanceId]) -> Result<usize, QueueError>;

    /// What is held for each of `instances`, in their order.
    async fn presence(&self, instances: &[TaskInstanceId]) -> Result<Vec<Presence>, QueueError>;

    /// How much waits.
    async fn depth(&self) -> Result<Depth, QueueError>;

    /// Replaces the limits on claims.
    async fn set_policy(&self, policy: &ClaimPolicy) -> Result<(), QueueError>;

    /// Tells every subscriber.
    async fn publish(&self, signal: &Signal) -> Result<(), QueueError>;

    /// The signals from now on. The stream reconnects by itself and never ends; what was sent meanwhile is lost.
    async fn subscribe(&self) -> Result<BoxStream<'static, Signal>, QueueError>;

    /// Says that a worker is alive, for `ttl`.
    async fn beat(&self, beat: &WorkerBeat, ttl: Duration) -> Result<(), QueueError>;

    /// The workers alive.
    async fn workers(&self) -> Result<Vec<WorkerBeat>, QueueError>;

    /// Takes or keeps the lead of `role` for `ttl`. `None` when another holds it. The fence grows with each new leader.
    async fn lead(&self, role: &str, holder: &str, ttl: Duration) -> Result<Option<Fence>, QueueError>;

    /// Gives the lead up, when `holder` has it.
    async fn resign(&self, role: &str, holder: &str) -> Result<(), QueueError>;

    /// Whether the queue answers.
    async fn ping(&self) -> Result<(), QueueError>;
}
