//! A queue that loses things, as a network or a dying process does.

use async_trait::async_trait;
use cofferdam_ids::{Fence, TaskInstanceId};
use cofferdam_queue::{
    Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, Queue, QueueError, Signal, TurnOver,
    TurnedOver, WorkerBeat,
};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A queue through which some calls do not come.
pub struct Disturbed {
    inner: Arc<dyn Queue>,
    /// Leases are not prolonged, and their holder does not learn of it: it is cut off.
    pub lose_extensions: AtomicBool,
    /// This many further calls of `enqueue` are lost: their process died after its commit.
    pub lose_enqueues: AtomicUsize,
    /// This many further leases that ran out are taken from the queue and lost: the scheduler died with them.
    pub lose_expired: AtomicUsize,
    /// Cancellations are not told: the subscription was broken just then.
    pub lose_cancels: AtomicBool,
    /// It does not answer when it is told what may run: nothing that follows from a commit is done.
    pub cut_off: AtomicBool,
    acknowledged: Mutex<Vec<Lease>>,
    acknowledgement: Notify,
    policy: Notify,
}

impl Disturbed {
    /// A queue that loses nothing yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Queue>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            lose_extensions: AtomicBool::new(false),
            lose_enqueues: AtomicUsize::new(0),
            lose_expired: AtomicUsize::new(0),
            lose_cancels: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            acknowledgement: Notify::new(),
            policy: Notify::new(),
        })
    }

    /// Waits until the policy was set through this queue.
    pub async fn policy_set(&self) {
        self.policy.notified().await;
    }

    /// Waits until a worker behind this queue has reported this many results, accepted or not: it acknowledges them afterwards.
    pub async fn acknowledged(&self, count: usize) -> Vec<Lease> {
        loop {
            let notified = self.acknowledgement.notified();
            {
                let acknowledged = self.acknowledged.lock();
                if acknowledged.len() >= count {
                    return acknowledged.clone();
                }
            }
            notified.await;
        }
    }
}

fn loses(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Queue for Disturbed {
    async fn enqueue(&self, messages: &[Message]) -> Result<usize, QueueError> {
        if loses(&self.lose_enqueues) { Ok(messages.len()) } else { self.inner.enqueue(messages).await }
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claim>, QueueError> {
        self.inner.claim(request).await
    }

    async fn turn_over(&self, turn: &TurnOver<'_>) -> Result<TurnedOver, QueueError> {
        if self.cut_off.load(Ordering::Relaxed) {
            return Err(QueueError::Unavailable("cut off".into()));
        }
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

    async fn ack(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        let acked = self.inner.ack(leases).await;
        self.acknowledged.lock().extend_from_slice(leases);
        self.acknowledgement.notify_waiters();
        acked
    }

    async fn extend(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, QueueError> {
        if self.lose_extensions.load(Ordering::Relaxed) { Ok(Vec::new()) } else { self.inner.extend(leases, lease).await }
    }

    async fn release(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        self.inner.release(leases).await
    }

    async fn expire(&self, max: usize) -> Result<Vec<ExpiredLease>, QueueError> {
        let mut expired = self.inner.expire(max).await?;
        expired.retain(|_| !loses(&self.lose_expired));
        Ok(expired)
    }

    async fn remove(&self, instances: &[TaskInstanceId]) -> Result<usize, QueueError> {
        self.inner.remove(instances).await
    }

    async fn presence(&self, instances: &[TaskInstanceId]) -> Result<Vec<Presence>, QueueError> {
        self.inner.presence(instances).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.inner.depth().await
    }

    async fn set_policy(&self, policy: &ClaimPolicy) -> Result<(), QueueError> {
        let set = self.inner.set_policy(policy).await;
        self.policy.notify_one();
        set
    }

    async fn publish(&self, signal: &Signal) -> Result<(), QueueError> {
        if matches!(signal, Signal::Cancel { .. }) && self.lose_cancels.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.publish(signal).await
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Signal>, QueueError> {
        self.inner.subscribe().await
    }

    async fn beat(&self, beat: &WorkerBeat, ttl: Duration) -> Result<(), QueueError> {
        self.inner.beat(beat, ttl).await
    }

    async fn workers(&self) -> Result<Vec<WorkerBeat>, QueueError> {
        self.inner.workers().await
    }

    async fn lead(&self, role: &str, holder: &str, ttl: Duration) -> Result<Option<Fence>, QueueError> {
        self.inner.lead(role, holder, ttl).await
    }

    async fn resign(&self, role: &str, holder: &str) -> Result<(), QueueError> {
        self.inner.resign(role, holder).await
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.inner.ping().await
    }
}
