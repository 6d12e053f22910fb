//! Claiming: as many tries as there are free slots, whenever there may be some.

use crate::Shared;
use crate::execute;
use crate::running::Stop;
use cofferdam_queue::ClaimRequest;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Without a signal the queue is asked at this interval: signals are hints and can be lost.
const POLL: Duration = Duration::from_secs(1);
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MOST: Duration = Duration::from_secs(2);

/// Claims and starts tries until `drain`.
pub(crate) async fn work(shared: Arc<Shared>, sandboxes: Handle, drain: CancellationToken) {
    let mut backoff = BACKOFF_FIRST;
    while !drain.is_cancelled() {
        let free = shared.slots.available_permits();
        if free == 0 {
            // Wait for a slot; the permit itself is taken when there is something to run.
            tokio::select! {
                permit = shared.slots.acquire() => drop(permit),
                () = drain.cancelled() => return,
            }
            continue;
        }
        let request = ClaimRequest {
            worker: shared.id,
            queues: shared.config.queues.clone(),
            max: free.min(shared.config.claim_batch),
            lease: shared.config.lease,
        };
        match shared.queue.claim(&request).await {
            Ok(claims) if claims.is_empty() => {
                backoff = BACKOFF_FIRST;
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = drain.cancelled() => return,
                }
            }
            Ok(claims) => {
                backoff = BACKOFF_FIRST;
                for claim in claims {
                    let Ok(permit) = Arc::clone(&shared.slots).acquire_owned().await else { return };
                    // Entered here, not in the task, so that a drain sees every claim.
                    let cancel = shared.running.enter(claim.lease);
                    sandboxes.spawn(execute::execute(Arc::clone(&shared), claim, cancel, permit));
                }
            }
            Err(error) => {
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
