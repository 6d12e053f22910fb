//! One try, from its claim to its result.

use crate::Shared;
use crate::host::TryHost;
use crate::running::Stop;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::WrittenArtifact;
use cofferdam_domain::dead_letter::MAX_MESSAGE;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::job::Job;
use cofferdam_domain::rendered::rendered;
use cofferdam_engine::{TryResult, Undecodable, XComWrite};
use cofferdam_ids::{RunKey, TaskInstanceId, TenantId, XComKey};
use cofferdam_queue::Claim;
use cofferdam_sandbox::{TryReport, TryRequest};
use cofferdam_store::execution::facts::XComValue;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// What a try leaves to be recorded.
struct Outcome {
    ending: Ending,
    receipt: Receipt,
    xcoms: Vec<XComWrite>,
    artifacts: Vec<WrittenArtifact>,
    rendered: Option<String>,
    undecodable: Option<Undecodable>,
}

impl Outcome {
    /// Of a try that came to nothing.
    fn failed(ending: Ending) -> Self {
        Self { ending, receipt: Receipt::default(), xcoms: Vec::new(), artifacts: Vec::new(), rendered: None, undecodable: None }
    }

    /// Of a message that cannot be read.
    fn undecodable(claim: &Claim, why: impl Into<String>) -> Self {
        let message = &claim.message;
        let kept = message.payload.slice(..message.payload.len().min(MAX_MESSAGE));
        Self {
            undecodable: Some(Undecodable {
                queue: message.queue.clone(),
                kept: kept.to_vec(),
                size_bytes: message.payload.len() as u64,
            }),
            ..Self::failed(Ending::failure(Reason::Undecodable, why))
        }
    }
}

/// Runs a claimed try and sends its result to the completer. Holds its slot until the result is on its way.
pub(crate) async fn execute(shared: Arc<Shared>, claim: Claim, cancel: CancellationToken, slot: OwnedSemaphorePermit) {
    let lease = claim.lease;
    let started_at = shared.engine.clock().now();
    let outcome = match (&claim.damage, Job::decode(&claim.message.payload)) {
        (Some(damage), _) => Outcome::undecodable(&claim, damage),
        (None, Ok(job)) => run(&shared, &claim, job, started_at, cancel).await,
        (None, Err(error)) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Outcome::undecodable(&claim, format!("{error}{cause}"))
        }
    };
    match shared.running.finish(lease.token) {
        // Handed back: the lease stays entered until it is given back.
        Some(Stop::HandedBack) => {}
        Some(Stop::LeaseLost) => shared.running.leave([lease.token]),
        None | Some(Stop::Cancelled) => {
            let ended_at = shared.engine.clock().now();
            let Outcome { ending, receipt, xcoms, artifacts, rendered, undecodable } = outcome;
            let worker = shared.id;
            let result =
                TryResult { lease, worker, started_at, ended_at, ending, receipt, xcoms, artifacts, rendered, undecodable };
            // Fails only when the worker has stopped at once; then the lease runs out.
            let _ = shared.results.send(result).await;
        }
    }
    drop(slot);
}

async fn run(shared: &Arc<Shared>, claim: &Claim, job: Job, started_at: DateTime<Utc>, cancel: CancellationToken) -> Outcome {
    let rendered = job.filled_in.then(|| rendered(&job.input, &job.target.entry, job.name.as_deref()));
    let program = match shared.programs.get(job.tenant, &job.target.digest).await {
        Ok(program) => program,
        Err(error) => return Outcome { rendered, ..Outcome::failed(error.into_ending()) },
    };
    shared.starts.began(claim.lease, started_at, rendered.clone());
    let host = Arc::new(TryHost::new(Arc::clone(shared), &job, claim.lease));
    let input = job.input.to_string();
    let mut private_targets = job.private_targets;
    private_targets.extend(shared.config.private_targets.iter().cloned());
    let request = TryRequest {
        is_input_open: true,
        instance: job.instance,
        entry: job.target.entry,
        input,
        limits: job.limits,
        grant: job.grant,
        private_targets,
        context: job.context,
    };
    let host_for_run: Arc<dyn cofferdam_sandbox::Host> = Arc::clone(&host) as _;
    let report = shared.sandboxes.run(job.tenant, &program, request, host_for_run, cancel).await;
    metrics::histogram!("cofferdam_sandbox_seconds")
        .record(std::time::Duration::from_micros(report.receipt.wall_us).as_secs_f64());
    Outcome { rendered, ..keep_results(shared, job.tenant, job.run, job.instance, report).await }
}

/// Puts what is large into the object store, so that PostgreSQL and the queue carry small values only.
async fn keep_results(shared: &Shared, tenant: TenantId, run: RunKey, instance: TaskInstanceId, report: TryReport) -> Outcome {
    let TryReport { ending, receipt, xcoms, artifacts, .. } = report;
    let mut values = xcoms;
    if let Ending::Success { output } = &ending
        && output != "null"
    {
        values.push((XComKey::return_value(), output.clone()));
    }
    let mut writes = Vec::with_capacity(values.len());
    for (key, value) in values {
        let size_bytes = value.len() as u64;
        let value = if value.len() <= shared.config.inline_xcom_bytes {
            XComValue::Inline(value)
        } else {
            match shared.objects.put_xcom(tenant, run, instance, value.into()).await {
                Ok(reference) => XComValue::Object(reference.to_string()),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a large XCom could not be stored");
                    let message = format!("the XCom '{key}' of {size_bytes} bytes could not be stored; the try will be repeated");
                    return Outcome { receipt, ..Outcome::failed(Ending::failure(Reason::Internal, message)) };
                }
            }
        };
        writes.push(XComWrite { key, value, size_bytes });
    }
    // The result is kept as an XCom; it need not travel twice.
    let ending = match ending {
        Ending::Success { .. } => Ending::Success { output: String::new() },
        other => other,
    };
    Outcome { ending, receipt, xcoms: writes, artifacts, rendered: None, undecodable: None }
}
