//! The tries that this worker holds a lease of.

use cofferdam_ids::{LeaseToken, TaskInstanceId};
use cofferdam_queue::Lease;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Why a running sandbox was stopped from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person or the API cancelled it: report that.
    Cancelled,
    /// The lease is somebody else's, or nobody's: report nothing.
    LeaseLost,
    /// The worker is leaving: the try is handed back, report nothing.
    HandedBack,
}

struct Entry {
    lease: Lease,
    cancel: CancellationToken,
    stop: Option<Stop>,
    /// The sandbox has ended; the result waits to be recorded.
    finished: bool,
}

/// The register of held leases, by token.
#[derive(Default)]
pub(crate) struct Running {
    entries: Mutex<HashMap<LeaseToken, Entry>>,
    left: Notify,
}

impl Running {
    /// Enters a claimed try. The token stops its sandbox.
    pub(crate) fn enter(&self, lease: Lease) -> CancellationToken {
        let cancel = CancellationToken::new();
        self.entries.lock().insert(lease.token, Entry { lease, cancel: cancel.clone(), stop: None, finished: false });
        cancel
    }

    /// Notes that the sandbox has ended, and returns why it was stopped, if it was.
    pub(crate) fn finish(&self, token: LeaseToken) -> Option<Stop> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(&token)?;
        entry.finished = true;
        entry.stop
    }

    /// Forgets a try: it is recorded, or somebody else's.
    pub(crate) fn leave(&self, tokens: impl IntoIterator<Item = LeaseToken>) {
        let mut entries = self.entries.lock();
        for token in tokens {
            entries.remove(&token);
        }
        drop(entries);
        self.left.notify_waiters();
    }

    /// Waits until no lease is held.
    pub(crate) async fn emptied(&self) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.entries.lock().is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Every lease held, those included whose result waits to be recorded.
    pub(crate) fn leases(&self) -> Vec<Lease> {
        self.entries.lock().values().map(|entry| entry.lease).collect()
    }

    /// How many leases are held.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Of `tokens`, those whose sandbox still runs.
    pub(crate) fn still_running(&self, tokens: impl IntoIterator<Item = LeaseToken>) -> HashSet<LeaseToken> {
        let entries = self.entries.lock();
        tokens.into_iter().filter(|token| entries.get(token).is_some_and(|entry| !entry.finished)).collect()
    }

    /// Stops the sandboxes of these task instances.
    pub(crate) fn stop_instances(&self, instances: &[TaskInstanceId], why: Stop) {
        for entry in self.entries.lock().values_mut() {
            if instances.contains(&entry.lease.instance) {
                stop(entry, why);
            }
        }
    }

    /// Stops the sandboxes of these leases.
    pub(crate) fn stop_leases(&self, leases: &[Lease], why: Stop) {
        let mut entries = self.entries.lock();
        for lease in leases {
            if let Some(entry) = entries.get_mut(&lease.token) {
                stop(entry, why);
            }
        }
    }

    /// Stops every sandbox that still runs, and returns their leases.
    pub(crate) fn stop_all(&self, why: Stop) -> Vec<Lease> {
        let mut entries = self.entries.lock();
        let mut stopped = Vec::new();
        for entry in entries.values_mut().filter(|entry| !entry.finished) {
            stop(entry, why);
            stopped.push(entry.lease);
        }
        stopped
    }
}

fn stop(entry: &mut Entry, why: Stop) {
    if !entry.finished {
        entry.stop.get_or_insert(why);
        entry.cancel.cancel();
    }
}
