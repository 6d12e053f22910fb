//! How a long-running role stops: the first signal asks it to finish, the second stops it at once.

use crate::failure::{Exit, Failure};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a role waits for, besides its work.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Take on nothing new; finish or hand back what is going on.
    pub drain: CancellationToken,
    /// Stop at once.
    pub now: CancellationToken,
}

/// How much longer than its drain timeout a role may take before it is stopped.
const GRACE: Duration = Duration::from_secs(10);

impl Stop {
    /// Listens for SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the process cannot listen for signals.
    pub fn on_signals(drain_timeout: Duration) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new(Exit::Failed, "the process cannot listen for signals").because(&error);
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let stop = Self::default();
        let told = stop.clone();
        tokio::spawn(async move {
            let first = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(
                signal = first,
                drain_timeout_ms = drain_timeout.as_millis() as u64,
                "stopping; a second signal stops at once"
            );
            told.drain.cancel();
            let why = tokio::select! {
                _ = terminate.recv() => "a second signal",
                _ = interrupt.recv() => "a second signal",
                () = tokio::time::sleep(drain_timeout + GRACE) => "the drain took too long",
            };
            tracing::warn!(why, "stopping at once");
            told.now.cancel();
        });
        Ok(stop)
    }

    /// Does `work`, unless it has to stop at once.
    pub async fn or_now<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.now.cancelled() => None,
        }
    }
}
