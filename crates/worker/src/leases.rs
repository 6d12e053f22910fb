//! Keeping leases, and telling that this worker lives.

use crate::running::Stop;
use crate::{Shared, WorkerError};
use cofferdam_queue::WorkerBeat;
use cofferdam_store::workers::{self, NewWorker};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Enters the worker in the register.
pub(crate) async fn register(shared: &Shared) -> Result<(), WorkerError> {
    let mut tx = shared.store.begin_across_tenants("worker").await?;
    let worker = NewWorker {
        id: shared.id,
        name: shared.config.name.clone(),
        version: shared.config.version.clone(),
        queues: shared.config.queues.clone(),
        slots: shared.capacity,
    };
    workers::register(&mut tx, &worker, shared.started_at).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes in the register that the worker stopped. Best effort.
pub(crate) async fn deregister(shared: &Shared) {
    let now = shared.engine.clock().now();
    let noted = async {
        let mut tx = shared.store.begin_across_tenants("worker").await?;
        workers::stopped(&mut tx, shared.id, now).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the worker's end could not be noted");
    }
}

/// Prolongs every held lease at a third of its length, and beats, until `stop`.
pub(crate) async fn keep(shared: Arc<Shared>, drain: CancellationToken, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(shared.config.lease / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let leases = shared.running.leases();
        match shared.queue.extend(&leases, shared.config.lease).await {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => {
                tracing::warn!(leases = lost.len(), "leases were lost; their sandboxes are stopped");
                shared.running.stop_leases(&lost, Stop::LeaseLost);
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, leases = leases.len(), "leases could not be prolonged")
            }
        }
        let beat = WorkerBeat {
            worker: shared.id,
            name: shared.config.name.clone(),
            queues: shared.config.queues.clone(),
            slots: shared.capacity,
            busy: shared.capacity - u32::try_from(shared.slots.available_permits()).unwrap_or(0).min(shared.capacity),
            started_at: shared.started_at,
            draining: drain.is_cancelled(),
            walls: shared.config.walls.iter().chain(shared.walls.get().into_iter().flatten()).cloned().collect(),
        };
        if let Err(error) = shared.queue.beat(&beat, shared.config.lease).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the heartbeat failed");
        }
        metrics::gauge!("cofferdam_worker_busy").set(f64::from(beat.busy));
        metrics::gauge!("cofferdam_worker_leases").set(shared.running.len() as f64);
    }
}
