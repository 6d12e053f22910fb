//! What pools hold.

use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{PoolName, TenantId};
use cofferdam_store::{StoreError, Tx, pools};
use std::collections::HashMap;

/// How many slots of a pool are taken, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// By tasks that run or are being stopped.
    pub running: u64,
    /// By tasks that wait for a worker.
    pub queued: u64,
    /// By tasks that are held back.
    pub scheduled: u64,
    /// By tasks that wait for an event.
    pub deferred: u64,
}

impl PoolUse {
    const fn add(&mut self, state: TaskStateName, slots: u64) {
        match state {
            TaskStateName::Running | TaskStateName::Restarting => self.running += slots,
            TaskStateName::Queued => self.queued += slots,
            TaskStateName::Scheduled => self.scheduled += slots,
            TaskStateName::Deferred => self.deferred += slots,
            // They hold nothing while they wait for their time.
            TaskStateName::UpForRetry
            | TaskStateName::UpForReschedule
            | TaskStateName::None
            | TaskStateName::Success
            | TaskStateName::Failed
            | TaskStateName::UpstreamFailed
            | TaskStateName::Skipped
            | TaskStateName::Removed => {}
        }
    }

    /// Whether any task is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.running + self.queued + self.scheduled + self.deferred == 0
    }
}

impl Engine {
    /// What the tasks that are under way take of the tenant's pools.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn pool_use(&self, context: &Context) -> Result<HashMap<PoolName, PoolUse>, EngineError> {
        let mut tx = self.store.begin(context).await?;
        let all = self.use_by_pool(&mut tx, false).await?;
        Ok(all.into_iter().map(|((_, name), taken)| (name, taken)).collect())
    }

    /// The same for the tenants that the transaction sees.
    pub(crate) async fn use_by_pool(
        &self,
        tx: &mut Tx<'_>,
        deferred_only: bool,
    ) -> Result<HashMap<(TenantId, PoolName), PoolUse>, EngineError> {
        let active = pools::active(tx, deferred_only).await?;
        let plans = self.plans(tx, active.iter().map(|tasks| tasks.version)).await?;
        let mut taken: HashMap<(TenantId, PoolName), PoolUse> = HashMap::new();
        for tasks in active {
            if let Some(task) = plans.get(&tasks.version).and_then(|plan| plan.task(tasks.task_index)) {
                let slots = tasks.count * u64::from(task.pool_slots);
                taken.entry((tasks.tenant, task.pool.clone())).or_default().add(tasks.state, slots);
            }
        }
        Ok(taken)
    }

    /// Removes a pool that nobody uses: no dag names it, and no task is in it.
    ///
    /// # Errors
    /// When there is no such pool, it is used, or the caller is no editor.
    pub async fn delete_pool(&self, context: &Context, name: &PoolName) -> Result<(), EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        pools::get(&mut tx, name).await?;
        let dags = pools::dags_of(&mut tx, name).await?;
        if !dags.is_empty() {
            let message = format!("the pool '{name}' is used by the dags {}; name another pool in them first", dags.join(", "));
            return Err(StoreError::conflict(message).into());
        }
        let taken = self.use_by_pool(&mut tx, false).await?.remove(&(context.tenant, name.clone())).unwrap_or_default();
        if !taken.is_empty() {
            let message = format!("tasks of runs under way are in the pool '{name}'; wait for them, or cancel their runs");
            return Err(StoreError::conflict(message).into());
        }
        pools::delete(&mut tx, name).await?;
        Ok(tx.commit().await?)
    }
}
