use super::act::Touched;
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::execution::actions::{self, RunScope};
use cofferdam_store::execution::runs;

impl Engine {
    /// Writes a note on a run, or removes it.
    ///
    /// # Errors
    /// When there is no such run, the note is too long, or the caller is no operator.
    pub async fn note_run(&self, context: &Context, dag: &DagId, run: &DagRunId, note: Option<&str>) -> Result<(), EngineError> {
        context.require(Role::Operator)?;
        let mut tx = self.store.begin(context).await?;
        actions::note_run(&mut tx, dag, run, note).await?;
        Ok(tx.commit().await?)
    }

    /// Writes a note on a task instance, or removes it.
    ///
    /// # Errors
    /// When there is no such instance, the note is too long, or the caller is no operator.
    pub async fn note_instance(
        &self,
        context: &Context,
        (dag, run, task): (&DagId, &DagRunId, &TaskId),
        map_index: i32,
        note: Option<&str>,
    ) -> Result<(), EngineError> {
        context.require(Role::Operator)?;
        let mut tx = self.store.begin(context).await?;
        let run = runs::find_run(&mut tx, dag, run).await?;
        actions::note_instance(&mut tx, run, task, map_index, note).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a finished run.
    ///
    /// # Errors
    /// When there is no such run, it is not finished, or the caller is no editor.
    pub async fn delete_run(&self, context: &Context, dag: &DagId, run: &DagRunId) -> Result<(), EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        actions::delete_run(&mut tx, dag, run).await?;
        Ok(tx.commit().await?)
    }

    /// The task instances that would go with a finished run, if it were deleted.
    ///
    /// # Errors
    /// As when it is deleted; and when it has more instances than one call can answer with.
    pub async fn would_delete(&self, context: &Context, dag: &DagId, run: &DagRunId) -> Result<Vec<Touched>, EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        let scope = RunScope { dag_run_ids: Some(vec![run.clone()]), ..RunScope::default() };
        let instances = self.instances_of(&mut tx, dag, scope).await?;
        // Deleted in a transaction that is undone, it is refused for the same reasons.
        actions::delete_run(&mut tx, dag, run).await?;
        tx.rollback().await?;
        Ok(instances)
    }
}
