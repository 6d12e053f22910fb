//! Telling that a scheduler is at work.

use super::Next;
use crate::{Engine, EngineError};
use cofferdam_store::schedulers;
use std::time::Duration;
use uuid::Uuid;

/// How often it tells.
const BEAT: Duration = Duration::from_secs(10);

impl Engine {
    /// Notes that this scheduler is at work.
    pub(crate) async fn beat(&self, holder: Uuid) -> Result<Next, EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        schedulers::seen(&mut tx, holder, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Next::In(BEAT))
    }

    /// Notes that this scheduler ends.
    pub(crate) async fn last_beat(&self, holder: Uuid) -> Result<(), EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        schedulers::gone(&mut tx, holder).await?;
        Ok(tx.commit().await?)
    }
}
