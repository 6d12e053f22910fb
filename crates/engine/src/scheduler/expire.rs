//! Leases that ran out.

use super::Next;
use crate::pipeline::Change;
use crate::{Engine, EngineError};
use cofferdam_domain::task::TaskEvent;

impl Engine {
    /// Takes leases that ran out from the queue and records their workers as lost. If this process dies in between, the
    /// instances are found by [`Engine::attend`]: recorded as queued or running, but held by nobody.
    pub(crate) async fn expire_leases(&self) -> Result<Next, EngineError> {
        let max = usize::try_from(self.config.batch).unwrap_or(1);
        let expired = self.queue.expire(max).await?;
        if !expired.is_empty() {
            tracing::warn!(leases = expired.len(), "leases ran out; their tries are repeated");
            metrics::counter!("cofferdam_leases_expired_total").increment(expired.len() as u64);
        }
        let full = expired.len() == max;
        let changes = expired
            .iter()
            .map(|expired| {
                let lease = expired.lease;
                Change::new(lease.instance, TaskEvent::LeaseExpired { try_number: lease.try_number, lease: lease.token })
            })
            .collect();
        self.change_now(expired.iter().map(|expired| expired.lease.instance), changes).await?;
        Ok(if full { Next::Now } else { Next::In(self.config.tick) })
    }
}
