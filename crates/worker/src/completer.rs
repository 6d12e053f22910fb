//! Recording results: everything that arrived while the last transaction was under way goes into the next.
//!
//! There is no timer. Alone, a result is recorded at once; under load, batches grow by themselves until the database keeps up.

use crate::claims::Intake;
use cofferdam_engine::{Recorded, TryResult};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MOST: Duration = Duration::from_secs(2);

/// Records results until `stop`, which is only given when nothing is left.
pub(crate) async fn record(intake: Intake, mut results: mpsc::Receiver<TryResult>, stop: CancellationToken) {
    let config = &intake.shared.config;
    let mut batch = Vec::with_capacity(config.record_batch);
    loop {
        tokio::select! {
            received = results.recv_many(&mut batch, config.record_batch) => if received == 0 { return },
            () = stop.cancelled() => return,
        }
        let results = std::mem::take(&mut batch);
        metrics::histogram!("cofferdam_record_batch_size").record(results.len() as f64);
        let began = tokio::time::Instant::now();
        commit(&intake, &results, &stop).await;
        metrics::histogram!("cofferdam_record_seconds").record(began.elapsed().as_secs_f64());
    }
}

/// Records a batch, however long the database takes to come back. The leases are prolonged meanwhile.
async fn commit(intake: &Intake, results: &[TryResult], stop: &CancellationToken) {
    let shared = &intake.shared;
    let leave = || shared.running.leave(results.iter().map(|result| result.lease.token));
    let mut backoff = BACKOFF_FIRST;
    loop {
        match shared.engine.record(results).await {
            Ok(recorded) => {
                for refused in &recorded.refused {
                    tracing::warn!(task_instance.id = %refused.lease.instance, try_number = refused.lease.try_number, why = %refused.why, "a result was refused");
                    metrics::counter!("cofferdam_results_refused_total").increment(1);
                }
                leave();
                return go_on(intake, recorded).await;
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    results = results.len(),
                    "recording failed; trying again"
                );
                tokio::select! {
                    () = tokio::time::sleep(backoff) => {}
                    () = stop.cancelled() => return,
                }
                backoff = (backoff * 2).min(BACKOFF_MOST);
            }
            Err(error) if results.len() > 1 => {
                // One of them is poison. Record each alone, so that it harms nobody else.
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a batch was refused; recording its results one by one"
                );
                for result in results {
                    Box::pin(commit(intake, std::slice::from_ref(result), stop)).await;
                }
                return;
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, task_instance.id = %results[0].lease.instance, "a result cannot be recorded; its lease will run out");
                return leave();
            }
        }
    }
}

/// Tells the queue of what was recorded, and takes in what it gives for the free slots.
async fn go_on(intake: &Intake, recorded: Recorded) {
    let room = intake.room();
    let request = room.as_ref().map(|room| intake.request(room));
    let claims = intake.shared.engine.hand_over(recorded, request.as_ref()).await;
    // Without room of its own, or when that was filled, the loop has to look for more.
    if room.is_none_or(|room| intake.start(room, claims)) {
        intake.shared.wake.notify_one();
    }
}
