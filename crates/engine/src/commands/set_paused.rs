use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::event::Event;
use cofferdam_ids::DagId;
use cofferdam_store::StoreError;
use cofferdam_store::execution::apply;

impl Engine {
    /// Pauses a dag (it makes no scheduled runs, and new runs wait), or lets it go on. What was due while it was paused is not made
    /// up for, unless the dag catches up. `revision`, when given, must be the dag's current one. Returns the new revision.
    ///
    /// # Errors
    /// When there is no such dag, it has another revision, or the caller is no operator.
    pub async fn set_paused(
        &self,
        context: &Context,
        dag_id: &DagId,
        paused: bool,
        revision: Option<i64>,
    ) -> Result<i64, EngineError> {
        context.require(Role::Operator)?;
        let mut tx = self.store.begin(context).await?;
        let current = apply::lock_current(&mut tx, dag_id).await?.ok_or_else(|| StoreError::not_found("dag", dag_id))?;
        let plans = self.plans(&mut tx, [current.version]).await?;
        let next = self.next_run(&plans[&current.version], Some(&current));
        let revision = apply::set_paused(&mut tx, dag_id, paused, next, revision, self.clock.now()).await?;
        tx.commit().await?;
        self.wake_schedulers();
        self.announce(context.tenant, vec![Event::Dag { dag_id: dag_id.clone() }]);
        Ok(revision)
    }
}
