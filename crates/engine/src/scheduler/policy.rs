//! What one scheduler does for all: telling the queue the limits of tenants and pools, and how many tasks are in which state.

use super::Next;
use crate::{Engine, EngineError};
use cofferdam_queue::{ClaimPolicy, TenantPolicy};

/// The role that is led.
pub(super) const ROLE: &str = "policy";

impl Engine {
    /// Takes or keeps the lead, and as the leader renews the queue's limits.
    pub(crate) async fn lead_policy(&self, holder: &str) -> Result<Next, EngineError> {
        let pause = Next::In(self.config.lead / 3);
        let Some(fence) = self.queue.lead(ROLE, holder, self.config.lead).await? else {
            return Ok(pause);
        };
        tracing::trace!(fence = fence.0, "leading");
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let tenants = cofferdam_store::tenants::list_policies(&mut tx).await?;
        let pools = cofferdam_store::tenants::list_pools(&mut tx).await?;
        // Tasks that wait for an event hold no lease: the slots that they keep are taken off.
        let deferred = self.use_by_pool(&mut tx, true).await?;
        tx.commit().await?;
        let policy = ClaimPolicy {
            tenants: tenants
                .into_iter()
                .map(|tenant| (tenant.tenant, TenantPolicy { max_leased: tenant.max_leased, weight: tenant.weight }))
                .collect(),
            pools: pools
                .into_iter()
                .map(|pool| {
                    let kept = if pool.include_deferred {
                        deferred.get(&(pool.tenant, pool.name.clone())).map_or(0, |taken| taken.deferred)
                    } else {
                        0
                    };
                    let slots = pool.slots.saturating_sub(u32::try_from(kept).unwrap_or(u32::MAX));
                    (pool.tenant, pool.name, slots)
                })
                .collect(),
        };
        self.queue.set_policy(&policy).await?;
        Ok(pause)
    }
}
