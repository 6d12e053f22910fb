//! The interface that the rest of Cofferdam uses.

use crate::{Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, Signal, WorkerBeat};
use async_trait::async_trait;
use cofferdam_ids::{Fence, TaskInstanceId};
use futures::stream::BoxStream;
use std::time::Duration;

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

/// What [`Queue::turn_over`] does.
#[derive(Clone, Copy, Debug, Default)]
pub struct TurnOver<'a> {
    /// Leases whose results are recorded.
    pub ended: &'a [Lease],
    /// What may run now.
    pub messages: &'a [Message],
    /// What the caller has room for, if any.
    pub claim: Option<&'a ClaimRequest>,
}

/// What came of a [`Queue::turn_over`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnedOver {
    /// How many messages were added.
    pub added: usize,
    /// What was claimed.
    pub claims: Vec<Claim>,
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

    /// Ends leases, puts messages in and claims, in this order: what a worker does when results are recorded. The three are
    /// not one atomic step, but where the queue is a server they are one round trip. Others are told of new messages when the caller
    /// did not claim them all.
    async fn turn_over(&self, turn: &TurnOver<'_>) -> Result<TurnedOver, QueueError> {
        if !turn.ended.is_empty() {
            self.ack(turn.ended).await?;
        }
        let added = if turn.messages.is_empty() { 0 } else { self.enqueue(turn.messages).await? };
        let claims = match turn.claim {
            Some(request) => self.claim(request).await?,
            None => Vec::new(),
        };
        Ok(TurnedOver { added, claims })
    }

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
