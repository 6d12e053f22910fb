use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::event::Event;
use cofferdam_ids::DagId;
use cofferdam_store::execution::apply;

impl Engine {
    /// Deletes a dag with its versions and its finished runs.
    ///
    /// # Errors
    /// When there is no such dag, a run of it is not finished, or the caller is no editor.
    pub async fn delete_dag(&self, context: &Context, dag_id: &DagId) -> Result<(), EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        apply::delete_dag(&mut tx, dag_id).await?;
        tx.commit().await?;
        self.announce(context.tenant, vec![Event::Dag { dag_id: dag_id.clone() }]);
        Ok(())
    }
}
