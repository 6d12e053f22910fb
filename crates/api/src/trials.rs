//! Trying functions: runs one in a sandbox of this process, with nothing recorded. See docs/decisions/0010.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cofferdam_domain::clock::SharedClock;
use cofferdam_ids::{TaskId, TenantId, XComKey};
use cofferdam_sandbox::{Host, HostError, LogLine};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Functions that a tenant may try at once.
const AT_ONCE: usize = 2;

/// Who is trying what now.
#[derive(Debug, Default)]
pub(crate) struct Trials(Arc<Mutex<HashMap<TenantId, usize>>>);

/// The right to try one function. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Trial {
    all: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Trials {
    /// Begins a trial, unless the tenant has as many as it may have.
    pub(crate) fn begin(&self, tenant: TenantId) -> Option<Trial> {
        let mut all = self.0.lock();
        let running = all.entry(tenant).or_default();
        if *running >= AT_ONCE {
            return None;
        }
        *running += 1;
        Some(Trial { all: Arc::clone(&self.0), tenant })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(running) = all.get_mut(&self.tenant) {
            *running -= 1;
            if *running == 0 {
                all.remove(&self.tenant);
            }
        }
    }
}

/// The host of a function that is tried: keeps what it says, and knows nothing of any run.
pub(crate) struct TrialHost {
    clock: SharedClock,
    lines: Mutex<Vec<(DateTime<Utc>, LogLine)>>,
}

impl TrialHost {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// What was said so far, in order.
    pub(crate) fn take(&self) -> Vec<(DateTime<Utc>, LogLine)> {
        std::mem::take(&mut *self.lines.lock())
    }
}

#[async_trait]
impl Host for TrialHost {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(None)
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().push((self.clock.now(), line));
    }

    fn progress(&self, _: f64, _: &str) {}

    fn now(&self) -> Option<DateTime<Utc>> {
        Some(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_few_trials_at_once() {
        let trials = Trials::default();
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let first = trials.begin(one).unwrap();
        let _second = trials.begin(one).unwrap();
        assert!(trials.begin(one).is_none());
        assert!(trials.begin(other).is_some(), "another tenant's are its own");
        drop(first);
        assert!(trials.begin(one).is_some());
        assert_eq!(trials.0.lock().len(), 1, "who tries nothing is forgotten");
    }
}
