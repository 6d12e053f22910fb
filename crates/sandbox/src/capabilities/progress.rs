//! `cofferdam:task/progress`: how far a task is.

use super::Capability;
use crate::bindings::cofferdam::task::progress as wit;
use crate::host::Host;
use crate::json::clean;
use crate::run::{TryRequest, TryState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::{HasSelf, Linker};

/// Reports closer together than this are held back, and the last of them is given on when the try ends.
const INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of a message.
const MESSAGE_BYTES: usize = 1 << 10;

/// The progress of one try.
pub(crate) struct Progress {
    host: Arc<dyn Host>,
    given: Option<Instant>,
    held: Option<(f64, String)>,
}

impl Progress {
    /// Gives on what was held back.
    pub(crate) fn close(&mut self) {
        if let Some((fraction, message)) = self.held.take() {
            self.host.progress(fraction, &message);
        }
    }

    /// Takes a report.
    pub(crate) fn take(&mut self, now: Instant, fraction: f64, message: String) {
        if fraction.is_nan() {
            return;
        }
        let (fraction, message) = (fraction.clamp(0.0, 1.0), clean(message, MESSAGE_BYTES));
        if self.given.is_some_and(|given| now.duration_since(given) < INTERVAL) {
            self.held = Some((fraction, message));
        } else {
            self.held = None;
            self.given = Some(now);
            self.host.progress(fraction, &message);
        }
    }
}

impl Capability for Progress {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.progress)
    }

    fn prepare(_: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self { host: Arc::clone(host), given: None, held: None }
    }
}

impl wit::Host for Progress {
    fn report(&mut self, fraction: f64, message: String) -> wasmtime::Result<()> {
        self.take(Instant::now(), fraction, message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};

    #[test]
    fn many_reports_become_few_and_the_last_is_never_lost() {
        let host = Arc::new(Recorder::default());
        let shared: Arc<dyn Host> = host.clone();
        let mut progress = Progress::prepare(&request(Default::default()), &shared);
        let start = Instant::now();
        for step in 0..1000_u32 {
            progress.take(start + Duration::from_millis(u64::from(step)), f64::from(step) / 1000.0, format!("{step}"));
        }
        progress.take(start + Duration::from_secs(1), f64::NAN, "nothing".to_owned());
        progress.close();
        progress.close();
        let reports = host.progress.lock();
        assert_eq!(reports.len(), 11);
        assert_eq!(reports[0], (0.0, "0".to_owned()));
        assert_eq!(reports[10].1, "999");
    }
}
