use crate::pipeline::{Change, Followups};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::task::TaskEvent;
use cofferdam_ids::{DagId, DagRunId, RunKey};
use cofferdam_store::execution::{runs, transition};
use cofferdam_store::{StoreError, Tx};
use std::collections::BTreeSet;

impl Engine {
    /// Cancels a run: what has not started is skipped at once, what runs is stopped within a second, and the run then fails
    /// with the reason `cancelled`. Cancelling again does nothing more.
    ///
    /// # Errors
    /// When there is no such run, it is finished, or the caller is no operator.
    pub async fn cancel_run(&self, context: &Context, dag_id: &DagId, dag_run_id: &DagRunId) -> Result<(), EngineError> {
        context.require(Role::Operator)?;
        let mut tx = self.store.begin(context).await?;
        let run = runs::find_run(&mut tx, dag_id, dag_run_id).await?;
        self.cancel_in(tx, run, false).await?;
        tracing::info!(dag.id = %dag_id, dag_run.id = %dag_run_id, "run cancelled");
        Ok(())
    }

    /// Cancels a run in a transaction that has been begun. `timed_out` says that it took too long.
    pub(crate) async fn cancel_in(&self, mut tx: Tx<'_>, run: RunKey, timed_out: bool) -> Result<(), EngineError> {
        let now = self.clock.now();
        let locked = transition::lock_unfinished(&mut tx, &[run]).await?;
        if locked.is_empty() {
            return Err(StoreError::conflict("the dag run is finished").into());
        }
        transition::request_cancel(&mut tx, run, timed_out, now).await?;
        let changes = locked.iter().map(|instance| Change::new(instance.instance, TaskEvent::CancelRequested)).collect();
        let followups = self.change(&mut tx, locked, changes, now).await?;
        tx.commit().await?;
        self.dispatch(followups).await;
        Ok(())
    }

    /// Cancels runs in the caller's transaction; those that are finished stay as they are.
    pub(crate) async fn cancel_runs(
        &self,
        tx: &mut Tx<'_>,
        runs: &[RunKey],
        now: DateTime<Utc>,
    ) -> Result<Followups, EngineError> {
        if runs.is_empty() {
            return Ok(Followups::default());
        }
        let locked = transition::lock_unfinished(tx, runs).await?;
        let going_on: BTreeSet<RunKey> = locked.iter().map(|instance| instance.run).collect();
        for run in going_on {
            transition::request_cancel(tx, run, false, now).await?;
        }
        let changes = locked.iter().map(|instance| Change::new(instance.instance, TaskEvent::CancelRequested)).collect();
        self.change(tx, locked, changes, now).await
    }
}
