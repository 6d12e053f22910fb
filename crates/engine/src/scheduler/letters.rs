//! Dead letters and answers to requests that nobody needs any more.

use super::Next;
use crate::{Engine, EngineError};
use chrono::TimeDelta;
use cofferdam_store::execution::letters;
use cofferdam_store::idempotency;

/// How many ticks pass before it is looked again.
const TICKS: u32 = 120;

/// How long the answer to a request with an idempotency key is kept.
const ANSWERS_KEPT: TimeDelta = TimeDelta::days(1);

impl Engine {
    /// Removes dead letters that were resolved or discarded long ago, and old answers. Open letters stay until somebody looks at them.
    pub(crate) async fn forget_letters(&self) -> Result<Next, EngineError> {
        let now = self.clock.now();
        let default = now.checked_sub_signed(self.config.letters_kept);
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let removed = letters::forget(&mut tx, now, default, self.config.batch).await?;
        idempotency::forget(&mut tx, now - ANSWERS_KEPT).await?;
        tx.commit().await?;
        if removed > 0 {
            tracing::info!(dead_letters = removed, "dead letters were removed: they were resolved or discarded long ago");
        }
        let full = i64::try_from(removed).is_ok_and(|removed| removed >= self.config.batch);
        Ok(if full { Next::Now } else { Next::In(self.config.tick * TICKS) })
    }
}
