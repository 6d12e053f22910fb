//! The queue: a fast, disposable copy of "what may run now", with leases.
//!
//! PostgreSQL is the truth. Everything here can be lost at any moment: reconcilers in `engine` put it back. That is why no
//! call here takes part in a database transaction, and why enqueuing what is already there does nothing.
//!
//! Two implementations, held to the same behaviour by `tests/conformance`: [`MemoryQueue`] inside one process and
//! [`RedisQueue`] for many.

mod memory;
mod message;
mod policy;
mod queue;
mod redis;
mod signal;

pub use memory::MemoryQueue;
pub use message::{Claim, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence};
pub use policy::{ClaimPolicy, TenantPolicy};
pub use queue::{Queue, QueueError, TurnOver, TurnedOver};
pub use redis::{RedisQueue, RedisQueueConfig};
pub use signal::{Signal, Wall, WorkerBeat};
