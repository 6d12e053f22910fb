//! What a process says of the end of a try, as far as it can be believed.

use super::super::protocol::Done;
use super::attend::Attended;
use crate::capabilities::{Capability as _, XComs};
use crate::host::Host;
use crate::json::clean;
use crate::run::{EVENT_BYTES, LATEST_MS, MESSAGE_BYTES, TryReport, masked, output_ending};
use bytes::Bytes;
use cofferdam_domain::artifact::{self, Artifact, WrittenArtifact};
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of an ending's message: the task's own, and what the sandbox adds to it.
const WHOLE_MESSAGE_BYTES: usize = 2 * MESSAGE_BYTES;
/// No count is higher than this.
const MOST: u64 = 1 << 50;

impl Attended {
    /// The report of a try.
    ///
    /// # Errors
    /// When the process says what no sandbox says: what is wrong.
    pub(super) fn accept(&self, done: Done, blob: &Bytes, started: Instant) -> Result<TryReport, &'static str> {
        let request = self.request();
        let Done { ending, output_bytes, receipt, xcoms, artifacts, dropped_output_bytes, dropped_log_bytes } = done;
        let mut rest = blob.clone();
        let mut take = |bytes: usize| {
            let taken = (bytes <= rest.len()).then(|| rest.split_to(bytes)).ok_or("it says less than it announces")?;
            String::from_utf8(taken.into()).map_err(|_| "it gives a text that is not UTF-8")
        };
        let output = take(output_bytes)?;
        let host: Arc<dyn Host> = self.masking.clone();
        let mut kept = XComs::prepare(request, &host);
        for (key, bytes) in xcoms {
            let value = take(bytes)?;
            if kept.keep(key.as_str(), value).is_err() {
                return Err("it gives an XCom that a task cannot push");
            }
        }
        if artifacts.len() > request.limits.artifacts as usize {
            return Err("it has too many artifacts");
        }
        let written: Option<Vec<WrittenArtifact>> = artifacts
            .into_iter()
            .map(|finished| {
                let name = artifact::name(finished.name.as_str()).ok()?;
                let content_type = artifact::content_type(&finished.content_type).ok()?;
                let stored = self.stored(&finished.stored)?;
                let artifact = Artifact { name, content_type, size_bytes: stored.size_bytes, sha256: stored.sha256 };
                Some(WrittenArtifact { artifact, object: stored.object })
            })
            .collect();
        let written = written.ok_or("it has an artifact that was never stored")?;

        let ending = match ending {
            Ending::Success { .. } => output_ending(output, &request.limits),
            Ending::Failure { reason, .. } if !told_by_sandboxes(reason) => {
                return Err("it gives a reason that no sandbox gives");
            }
            Ending::Failure { reason, message } => Ending::failure(reason, clean(message, WHOLE_MESSAGE_BYTES)),
            Ending::Skip { message } => Ending::Skip { message: clean(message, WHOLE_MESSAGE_BYTES) },
            Ending::Reschedule { after_ms } => Ending::Reschedule { after_ms: after_ms.min(LATEST_MS) },
            Ending::Defer { event, timeout_ms } => {
                Ending::Defer { event: clean(event, 2 * EVENT_BYTES), timeout_ms: timeout_ms.min(LATEST_MS) }
            }
        };
        let ending = masked(ending, &self.masking);
        self.close_progress();
        let own = self.receipt(started);
        let limits = &request.limits;
        let receipt = Receipt {
            fuel: receipt.fuel.min(limits.fuel),
            peak_memory_bytes: receipt.peak_memory_bytes.min(limits.memory_bytes),
            cpu_us: receipt.cpu_us.min(own.wall_us),
            output_bytes: if let Ending::Success { output } = &ending { output.len() as u64 } else { 0 },
            stdio_bytes: receipt.stdio_bytes.min(MOST),
            log_bytes: receipt.log_bytes.min(MOST),
            ..own
        };
        Ok(TryReport {
            ending,
            receipt,
            xcoms: kept.take(),
            artifacts: written,
            dropped_output_bytes: dropped_output_bytes.min(MOST),
            dropped_log_bytes: dropped_log_bytes.min(MOST),
        })
    }

    /// The report of a try that was stopped, whatever its process says.
    pub(super) fn stopped(&self, ending: Ending, started: Instant) -> TryReport {
        self.close_progress();
        TryReport { receipt: self.receipt(started), ..TryReport::never_started(self.request(), ending) }
    }

    /// The report of a try whose process has ended.
    pub(super) fn lost(&self, why: &str) -> TryReport {
        self.close_progress();
        let message = format!("the process that ran the task was lost: {why}; the task is tried again");
        TryReport::never_started(self.request(), Ending::failure(Reason::WorkerLost, clean(message, MESSAGE_BYTES)))
    }

    /// What is known here of what the try used.
    fn receipt(&self, started: Instant) -> Receipt {
        let http = self.http.lock();
        Receipt {
            wall_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            input_bytes: self.request().input.len() as u64,
            http_calls: http.calls(),
            http_bytes: http.bytes(),
            ..Receipt::default()
        }
    }
}

/// Whether a sandbox ends a try for this reason. The others are the engine's.
const fn told_by_sandboxes(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::GuestError
            | Reason::Fatal
            | Reason::Trap
            | Reason::StackOverflow
            | Reason::OutOfFuel
            | Reason::OutOfMemory
            | Reason::TimedOut
            | Reason::Cancelled
            | Reason::PermissionDenied
            | Reason::InvalidInput
            | Reason::InvalidOutput
            | Reason::InvalidComponent
            | Reason::LimitExceeded
            | Reason::Internal
    )
}
