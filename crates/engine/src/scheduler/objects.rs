//! Objects of tasks that nobody names any more: replaced artifacts and checkpoints, those that a try which did not count had written, and what
//! deleted runs left.

use super::Next;
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_objects::LeftObject;
use cofferdam_store::left_objects::{self, Left};
use futures::{StreamExt as _, TryStreamExt as _};

/// The role that is led, so that one scheduler looks and not all.
const ROLE: &str = "objects";
/// Objects that are asked about at once.
const AT_ONCE: usize = 500;
/// Objects that are removed at once.
const REMOVALS: usize = 8;

impl Engine {
    /// Looks for them, unless another scheduler did not long ago.
    pub(crate) async fn sweep_objects(&self, holder: &str) -> Result<Next, EngineError> {
        let pause = Next::In(self.config.sweep);
        // Kept until it runs out, also when this scheduler ends: starting one again is no reason to look again.
        if self.queue.lead(ROLE, holder, self.config.sweep).await?.is_none() {
            return Ok(pause);
        }
        let Some(before) = self.clock.now().checked_sub_signed(self.config.objects_kept) else { return Ok(pause) };
        let removed = self.remove_unneeded_objects(before).await?;
        if removed > 0 {
            tracing::info!(objects = removed, "objects were removed that nothing names any more");
        }
        Ok(pause)
    }

    /// Removes the artifacts, checkpoints and XComs stored before a time that no row names and none will. Returns how many.
    ///
    /// A try stores an object before it records it, so an object without a row may be about to get one. Two things keep such an object: its task
    /// instance is not finished while a try that counts goes on, and it is younger than `before`. Any number may do this at once.
    ///
    /// # Errors
    /// When the object store or the database cannot be reached. What was removed until then stays removed.
    pub async fn remove_unneeded_objects(&self, before: DateTime<Utc>) -> Result<usize, EngineError> {
        let mut left = self.objects.left_by_tasks(before).await?.try_chunks(AT_ONCE);
        let mut removed = 0;
        while let Some(page) = left.next().await {
            let page = page.map_err(|error| error.1)?;
            let unneeded = self.unneeded(&page).await?;
            removed += unneeded.len();
            let removals = unneeded.into_iter().filter_map(|position| page.get(position));
            futures::stream::iter(removals.map(Ok))
                .try_for_each_concurrent(REMOVALS, |object| self.objects.remove_left(object))
                .await?;
        }
        Ok(removed)
    }

    async fn unneeded(&self, page: &[LeftObject]) -> Result<Vec<usize>, EngineError> {
        let asked = page.iter().map(|object| Left {
            tenant: object.tenant,
            run: object.run,
            instance: object.instance,
            name: object.name.as_deref(),
        });
        let asked: Vec<_> = asked.collect();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        Ok(left_objects::unneeded(&mut tx, &asked).await?)
    }
}
