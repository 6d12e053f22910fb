//! Claiming: as many tries as there are free slots, whenever there may be some.

use crate::Shared;
use crate::execute;
use crate::running::Stop;
use cofferdam_queue::{Claim, ClaimRequest};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Without a signal the queue is asked at this interval: signals are hints and can be lost.
const POLL: Duration = Duration::from_secs(1);
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MOST: Duration = Duration::from_secs(2);

/// What takes tries in: the loop of [`Intake::work`], and the completer, which claims in the same breath as it tells the queue
/// of results.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) shared: Arc<Shared>,
    /// Where sandboxes run.
    pub(crate) sandboxes: Handle,
    /// Nothing is taken in after this.
    pub(crate) drain: CancellationToken,
}

/// Slots set aside for a claim, so that no two claims count on the same ones.
pub(crate) struct Room(OwnedSemaphorePermit);

impl Intake {
    /// Sets the free slots aside. None when there are none, or when the worker leaves.
    pub(crate) fn room(&self) -> Option<Room> {
        while !self.drain.is_cancelled() {
            let free = self.shared.slots.available_permits().min(self.shared.config.claim_batch);
            if free == 0 {
                return None;
            }
            let wanted = u32::try_from(free).unwrap_or(u32::MAX);
            // Refused when somebody else took some of them since they were counted.
            if let Ok(slots) = Arc::clone(&self.shared.slots).try_acquire_many_owned(wanted) {
                return Some(Room(slots));
            }
        }
        None
    }

    /// A claim that fills the room.
    pub(crate) fn request(&self, room: &Room) -> ClaimRequest {
        ClaimRequest {
            worker: self.shared.id,
            queues: self.shared.config.queues.clone(),
            max: room.0.num_permits(),
            lease: self.shared.config.lease,
        }
    }

    /// Starts what was claimed for the room, and frees what is left of it. Returns whether it was filled, so that there may be more
    /// in the queue.
    pub(crate) fn start(&self, room: Room, claims: Vec<Claim>) -> bool {
        let Room(mut slots) = room;
        for claim in claims {
            let Some(slot) = slots.split(1) else {
                tracing::error!(task_instance.id = %claim.lease.instance, "the queue gave more than was asked for; the lease will run out");
                break;
            };
            // Entered here, not in the task, so that a drain sees every claim.
            let cancel = self.shared.running.enter(claim.lease);
            self.sandboxes.spawn(execute::execute(Arc::clone(&self.shared), claim, cancel, slot));
        }
        slots.num_permits() == 0
    }

    /// Claims and starts tries until `drain`.
    pub(crate) async fn work(&self) {
        let Self { shared, drain, .. } = self;
        let mut backoff = BACKOFF_FIRST;
        while !drain.is_cancelled() {
            let Some(room) = self.room() else {
                // Wait for a slot; it is taken when there is something to run.
                tokio::select! {
                    permit = shared.slots.acquire() => drop(permit),
                    () = drain.cancelled() => return,
                }
                continue;
            };
            match shared.queue.claim(&self.request(&room)).await {
                Ok(claims) if claims.is_empty() => {
                    drop(room);
                    backoff = BACKOFF_FIRST;
                    tokio::select! {
                        () = shared.wake.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                        () = drain.cancelled() => return,
                    }
                }
                Ok(claims) => {
                    backoff = BACKOFF_FIRST;
                    self.start(room, claims);
                }
                Err(error) => {
                    drop(room);
                    tracing::warn!(error = &error as &dyn std::error::Error, "claiming failed; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(backoff) => {}
                        () = drain.cancelled() => return,
                    }
                    backoff = (backoff * 2).min(BACKOFF_MOST);
                }
            }
        }
    }
}

/// Waits until nothing runs and everything is recorded; after the drain timeout, hands back what still runs.
pub(crate) async fn drain(shared: &Shared) {
    let all = shared.capacity;
    if tokio::time::timeout(shared.config.drain_timeout, shared.slots.acquire_many(all)).await.is_err() {
        let leases = shared.running.stop_all(Stop::HandedBack);
        tracing::info!(worker.id = %shared.id, tries = leases.len(), "the drain timeout passed; running tries are handed back");
        // Their sandboxes end within milliseconds; then nothing of theirs can be reported any more.
        drop(shared.slots.acquire_many(all).await);
        if let Err(error) = shared.engine.hand_back(&leases).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "handing back failed; the leases will run out instead");
        }
        shared.running.leave(leases.iter().map(|lease| lease.token));
    }
    shared.running.emptied().await;
}
