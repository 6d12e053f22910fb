//! The queue inside one process: for `cofferdam dev` and for tests. The engine fills it again from PostgreSQL at start.

mod ready;
mod state;

use crate::message::micros;
use crate::queue::{Queue, QueueError};
use crate::signal::{BACKLOG, signals};
use crate::{Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, Signal, WorkerBeat};
use async_trait::async_trait;
use cofferdam_domain::clock::SharedClock;
use cofferdam_ids::{Fence, TaskInstanceId};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use state::State;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// A [`Queue`] within this process. Share it with an `Arc`.
pub struct MemoryQueue {
    clock: SharedClock,
    state: Mutex<State>,
    signals: broadcast::Sender<Signal>,
}

impl MemoryQueue {
    /// An empty queue that takes the time from `clock`.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::new(State::default()), signals: broadcast::Sender::new(BACKLOG) }
    }

    /// Forgets everything, as a restarted server without a disk does.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_micros()
    }

    fn tell(&self, signal: Signal) {
        // An error means that nobody listens, which is fine.
        drop(self.signals.send(signal));
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQueue").finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn enqueue(&self, messages: &[Message]) -> Result<usize, QueueError> {
        let now = self.now();
        let added = {
            let mut state = self.state.lock();
            messages.iter().filter(|message| state.enqueue(message.normalised(), now)).count()
        };
        if added > 0 {
            self.tell(Signal::Enqueued);
        }
        Ok(added)
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claim>, QueueError> {
        let started = Instant::now();
        let claims = self.state.lock().claim(request, self.now());
        metrics::histogram!("cofferdam_queue_claim_seconds", "queue" => "memory").record(started.elapsed());
        Ok(claims)
    }

    async fn ack(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        let started = Instant::now();
        let mut state = self.state.lock();
        let ended = leases.iter().filter(|lease| state.ack(lease)).count();
        metrics::histogram!("cofferdam_queue_ack_seconds", "queue" => "memory").record(started.elapsed());
        Ok(ended)
    }

    async fn extend(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, QueueError> {
        let until = self.now().saturating_add(micros(lease));
        let mut state = self.state.lock();
        Ok(leases.iter().filter(|lease| !state.extend(lease, until)).copied().collect())
    }

    async fn release(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        let released = {
            let mut state = self.state.lock();
            leases.iter().filter(|lease| state.release(lease)).count()
        };
        if released > 0 {
            self.tell(Signal::Enqueued);
        }
        Ok(released)
    }

    async fn expire(&self, max: usize) -> Result<Vec<ExpiredLease>, QueueError> {
        Ok(self.state.lock().expire(max, self.now()))
    }

    async fn remove(&self, instances: &[TaskInstanceId]) -> Result<usize, QueueError> {
        let mut state = self.state.lock();
        Ok(instances.iter().filter(|instance| state.take(**instance).is_some()).count())
    }

    async fn presence(&self, instances: &[TaskInstanceId]) -> Result<Vec<Presence>, QueueError> {
        let state = self.state.lock();
        Ok(instances.iter().map(|instance| state.presence(*instance)).collect())
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(self.state.lock().depth(self.now()))
    }

    async fn set_policy(&self, policy: &ClaimPolicy) -> Result<(), QueueError> {
        self.state.lock().set_policy(policy);
        Ok(())
    }

    async fn publish(&self, signal: &Signal) -> Result<(), QueueError> {
        self.tell(signal.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Signal>, QueueError> {
        Ok(signals(self.signals.subscribe()))
    }

    async fn beat(&self, beat: &WorkerBeat, ttl: Duration) -> Result<(), QueueError> {
        self.state.lock().beat(beat, self.now().saturating_add(micros(ttl)));
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerBeat>, QueueError> {
        Ok(self.state.lock().workers(self.now()))
    }

    async fn lead(&self, role: &str, holder: &str, ttl: Duration) -> Result<Option<Fence>, QueueError> {
        Ok(self.state.lock().lead(role, holder, self.now(), micros(ttl)))
    }

    async fn resign(&self, role: &str, holder: &str) -> Result<(), QueueError> {
        self.state.lock().resign(role, holder);
        Ok(())
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}
