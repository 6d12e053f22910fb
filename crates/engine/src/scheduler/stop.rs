//! Runs that are to be stopped though nobody asks: nothing waits for them any more, or they take too long.

use super::Next;
use crate::{Engine, EngineError};
use cofferdam_domain::context::Context;
use cofferdam_ids::{RunKey, TenantId};
use cofferdam_store::StoreError;
use cofferdam_store::execution::children;

/// How many ticks may pass before it is looked again without a signal.
const TICKS: u32 = 4;

impl Engine {
    /// Cancels runs whose task waits for them no more, and runs that have taken longer than they may.
    pub(crate) async fn stop_runs(&self) -> Result<Next, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let abandoned = children::abandoned(&mut tx, self.config.batch).await?;
        let overdue = children::overdue(&mut tx, now, self.config.batch).await?;
        tx.commit().await?;
        for (tenant, run) in &abandoned {
            tracing::info!(dag_run.key = %run, "a run is cancelled: the task that made it waits for it no more");
            self.stop_run(*tenant, *run, false).await?;
        }
        for (tenant, run) in &overdue {
            tracing::info!(dag_run.key = %run, "a run is cancelled: it took longer than its dag allows");
            self.stop_run(*tenant, *run, true).await?;
        }
        Ok(Next::In(self.config.tick * TICKS))
    }

    async fn stop_run(&self, tenant: TenantId, run: RunKey, timed_out: bool) -> Result<(), EngineError> {
        let tx = self.store.begin(&Context::system(tenant, "scheduler")).await?;
        match self.cancel_in(tx, run, timed_out).await {
            // It has ended meanwhile.
            Err(EngineError::Store(StoreError::Conflict { .. })) => Ok(()),
            other => other,
        }
    }
}
