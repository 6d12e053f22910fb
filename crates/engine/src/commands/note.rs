use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::execution::{actions, runs};

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
}
