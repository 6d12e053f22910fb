//! Telling PostgreSQL that tries run: in batches, and only of tries that last. A result carries its own start, so for a task of
//! milliseconds nothing is written twice. Losing such a record loses nothing.

use crate::Shared;
use chrono::{DateTime, Utc};
use cofferdam_engine::Started;
use cofferdam_queue::Lease;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a try has to run before it is worth a record of its own.
const WORTH_A_RECORD: Duration = Duration::from_millis(20);

struct Began {
    lease: Lease,
    at: DateTime<Utc>,
    rendered: Option<String>,
}

/// Tries that began and are not recorded as running.
#[derive(Default)]
pub(crate) struct Starts {
    began: Mutex<Vec<Began>>,
    some: Notify,
}

impl Starts {
    /// Notes that a sandbox starts.
    pub(crate) fn began(&self, lease: Lease, at: DateTime<Utc>, rendered: Option<String>) {
        let mut began = self.began.lock();
        began.push(Began { lease, at, rendered });
        if began.len() == 1 {
            self.some.notify_one();
        }
    }
}

/// Records what lasts, until `stop`.
pub(crate) async fn record(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = shared.starts.some.notified() => {}
            () = stop.cancelled() => return,
        }
        tokio::time::sleep(WORTH_A_RECORD).await;
        let began = std::mem::take(&mut *shared.starts.began.lock());
        let running = shared.running.still_running(began.iter().map(|began| began.lease.token));
        let lasting: Vec<Started> = began
            .into_iter()
            .filter(|began| running.contains(&began.lease.token))
            .map(|Began { lease, at, rendered }| Started { lease, worker: shared.id, at, rendered })
            .collect();
        if !lasting.is_empty()
            && let Err(error) = shared.engine.record_started(&lasting).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                tries = lasting.len(),
                "running tries could not be recorded as running"
            );
        }
    }
}
