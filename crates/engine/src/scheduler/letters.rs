//! Dead letters that nobody needs any more.

use super::Next;
use crate::{Engine, EngineError};
use cofferdam_store::execution::letters;

/// How many ticks pass before it is looked again.
const TICKS: u32 = 120;

impl Engine {
    /// Removes dead letters that were resolved or discarded long ago. Open ones stay until somebody looks at them.
    pub(crate) async fn forget_letters(&self) -> Result<Next, EngineError> {
        let Some(before) = self.clock.now().checked_sub_signed(self.config.letters_kept) else {
            return Ok(Next::In(self.config.tick * TICKS));
        };
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let removed = letters::forget(&mut tx, before, self.config.batch).await?;
        tx.commit().await?;
        if removed > 0 {
            tracing::info!(dead_letters = removed, "dead letters were removed: they were resolved or discarded long ago");
        }
        let full = i64::try_from(removed).is_ok_and(|removed| removed >= self.config.batch);
        Ok(if full { Next::Now } else { Next::In(self.config.tick * TICKS) })
    }
}
