//! What goes into the queue and what comes out of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_ids::{LeaseToken, PoolName, QueueName, TaskInstanceId, TenantId, WorkerId};
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
    /// Why the message could not be read, if it could not. Then its payload is all that was found, and of the rest only what the
    /// queue itself knows is right.
    pub damage: Option<String>,
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

impl Message {
    /// The message as every implementation keeps it: the priority within its bounds, times to the microsecond.
    pub(crate) fn normalised(&self) -> Self {
        Self {
            priority: self.priority.clamp(-1000, 1000),
            queued_at: from_micros(self.queued_at.timestamp_micros().max(0)),
            not_before: self.not_before.map(|time| from_micros(time.timestamp_micros().max(0))),
            ..self.clone()
        }
    }
}

/// The time that is `micros` microseconds after the epoch.
pub(crate) fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
