//! What workers report.

use crate::pipeline::{Change, Followups};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::WrittenArtifact;
use cofferdam_domain::ending::{Ending, Receipt};
use cofferdam_domain::task::{TaskEvent, Why};
use cofferdam_ids::{QueueName, TaskInstanceId, WorkerId, XComKey};
use cofferdam_queue::{Claim, ClaimRequest, Lease};
use cofferdam_store::Tx;
use cofferdam_store::execution::facts::XComValue;
use cofferdam_store::execution::transition;
use std::collections::HashMap;

/// How a try ended, with the lease under which it ran: the fence.
#[derive(Clone, Debug)]
pub struct TryResult {
    /// The task instance, the try, and the number of the lease.
    pub lease: Lease,
    /// Who ran it.
    pub worker: WorkerId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How it ended. The output of a success is among `xcoms`.
    pub ending: Ending,
    /// What it used.
    pub receipt: Receipt,
    /// What it returned and pushed.
    pub xcoms: Vec<XComWrite>,
    /// The artifacts that it wrote.
    pub artifacts: Vec<WrittenArtifact>,
    /// What it was given, where something was filled in: [`rendered`](cofferdam_domain::rendered::rendered).
    pub rendered: Option<String>,
    /// The message, when it could not be read.
    pub undecodable: Option<Undecodable>,
}

/// A message that a worker could not read: the reason is the message of the ending.
#[derive(Clone, Debug)]
pub struct Undecodable {
    /// The queue that it came from.
    pub queue: QueueName,
    /// Its first bytes, at most [`MAX_MESSAGE`](cofferdam_domain::dead_letter::MAX_MESSAGE).
    pub kept: Vec<u8>,
    /// How many bytes it had.
    pub size_bytes: u64,
}

/// An XCom to be recorded with a result.
#[derive(Clone, Debug)]
pub struct XComWrite {
    /// Its key.
    pub key: XComKey,
    /// Its value, or where that lies.
    pub value: XComValue,
    /// Bytes of the JSON text.
    pub size_bytes: u64,
}

/// A try that began.
#[derive(Clone, Debug)]
pub struct Started {
    /// The task instance, the try, and the number of the lease.
    pub lease: Lease,
    /// Who runs it.
    pub worker: WorkerId,
    /// When it began.
    pub at: DateTime<Utc>,
    /// What it was given, where something was filled in.
    pub rendered: Option<String>,
}

/// What came of recording results, and what has to be told: give it to [`Engine::hand_over`].
#[must_use = "dependants wait until somebody tells the queue"]
pub struct Recorded {
    /// Those that were not accepted: late, doubled, or of a cancelled run. Nothing of them was stored.
    pub refused: Vec<RefusedResult>,
    ended: Vec<Lease>,
    followups: Followups,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("refused", &self.refused).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A result that was not accepted.
#[derive(Debug)]
pub struct RefusedResult {
    /// Whose.
    pub lease: Lease,
    /// Why.
    pub why: Why,
}

/// What a worker tells beside the event itself.
pub(crate) struct Report {
    /// Who ran it; nobody when the engine did the work itself.
    pub(crate) worker: Option<WorkerId>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) ended_at: DateTime<Utc>,
    pub(crate) receipt: Receipt,
    pub(crate) xcoms: Vec<XComWrite>,
    pub(crate) artifacts: Vec<WrittenArtifact>,
    pub(crate) undecodable: Option<Undecodable>,
}

impl Engine {
    /// Records results, in one transaction, with all that follows from them: states, XComs, receipts, released and left-out
    /// dependants, closed runs. Each result is recorded at most once; recording it again is refused and harmless. Whoever
    /// calls this calls [`Engine::hand_over`] next.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then nothing was recorded, or (after a lost connection) all of it.
    pub async fn record(&self, results: &[TryResult]) -> Result<Recorded, EngineError> {
        let now = self.clock.now();
        let instances: Vec<TaskInstanceId> = results.iter().map(|result| result.lease.instance).collect();
        let changes = results
            .iter()
            .map(|result| Change {
                instance: result.lease.instance,
                event: TaskEvent::Ended {
                    try_number: result.lease.try_number,
                    lease: result.lease.token,
                    ending: result.ending.clone(),
                },
                report: Some(Report {
                    worker: Some(result.worker),
                    started_at: result.started_at,
                    ended_at: result.ended_at,
                    receipt: result.receipt,
                    xcoms: result.xcoms.clone(),
                    artifacts: result.artifacts.clone(),
                    undecodable: result.undecodable.clone(),
                }),
                rendered: result.rendered.clone(),
            })
            .collect();
        let mut tx = self.store.begin_across_tenants("worker").await?;
        let locked = transition::lock(&mut tx, &instances).await?;
        let mut followups = self.change(&mut tx, locked, changes, now).await?;
        tx.commit().await?;
        let leases: HashMap<TaskInstanceId, Lease> = results.iter().map(|result| (result.lease.instance, result.lease)).collect();
        let refused = std::mem::take(&mut followups.refused)
            .into_iter()
            .filter_map(|refusal| Some(RefusedResult { lease: *leases.get(&refusal.instance)?, why: refusal.why }))
            .collect();
        Ok(Recorded { refused, ended: results.iter().map(|result| result.lease).collect(), followups })
    }

    /// Tells the queue that the leases of recorded results have ended and what may run now, and claims in the same breath, so
    /// that a worker with room goes on at once; then tells everybody else. What cannot be told, a reconciler mends.
    pub async fn hand_over(&self, recorded: Recorded, claim: Option<&ClaimRequest>) -> Vec<Claim> {
        let Recorded { refused: _, ended, mut followups } = recorded;
        let (claims, mut more) = self.turn_over(std::mem::take(&mut followups.enqueue), &ended, claim).await;
        more.extend(self.tell(followups).await);
        for followups in more {
            self.dispatch(followups).await;
        }
        claims
    }

    /// Records that tries run. Losing this loses nothing: their results are accepted without it.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub async fn record_started(&self, started: &[Started]) -> Result<(), EngineError> {
        let changes = started
            .iter()
            .map(|started| {
                let Lease { instance, try_number, token } = started.lease;
                let event = TaskEvent::Started { try_number, lease: token, worker: started.worker };
                Change { rendered: started.rendered.clone(), ..Change::new(instance, event) }
            })
            .collect();
        self.change_now(started.iter().map(|started| started.lease.instance), changes).await
    }

    /// Gives tries back that a worker will not finish. They keep their number and are queued again.
    ///
    /// # Errors
    /// When the database or the queue cannot be reached; then their leases run out instead.
    pub async fn hand_back(&self, leases: &[Lease]) -> Result<(), EngineError> {
        let changes = leases
            .iter()
            .map(|lease| Change::new(lease.instance, TaskEvent::HandedBack { try_number: lease.try_number, lease: lease.token }))
            .collect();
        // First the queue forgets the lease, so that what the pipeline puts there is not taken for a message already held.
        self.queue.remove(&leases.iter().map(|lease| lease.instance).collect::<Vec<_>>()).await?;
        self.change_now(leases.iter().map(|lease| lease.instance), changes).await
    }

    /// Locks instances, lets events happen to them, commits, and tells who has to know.
    pub(crate) async fn change_now(
        &self,
        instances: impl IntoIterator<Item = TaskInstanceId>,
        changes: Vec<Change>,
    ) -> Result<(), EngineError> {
        let instances: Vec<TaskInstanceId> = instances.into_iter().collect();
        if instances.is_empty() {
            return Ok(());
        }
        let tx = self.store.begin_across_tenants("engine").await?;
        self.change_in(tx, instances, changes).await
    }

    /// The same, in a transaction that has been begun.
    pub(crate) async fn change_in(
        &self,
        tx: Tx<'_>,
        instances: Vec<TaskInstanceId>,
        changes: Vec<Change>,
    ) -> Result<(), EngineError> {
        let followups = self.change_and_commit(tx, instances, changes).await?;
        self.dispatch(followups).await;
        Ok(())
    }

    /// The same without telling anybody: the caller does.
    pub(crate) async fn change_and_commit(
        &self,
        mut tx: Tx<'_>,
        instances: Vec<TaskInstanceId>,
        changes: Vec<Change>,
    ) -> Result<Followups, EngineError> {
        let locked = transition::lock(&mut tx, &instances).await?;
        let followups = self.change(&mut tx, locked, changes, self.clock.now()).await?;
        tx.commit().await?;
        Ok(followups)
    }
}
