//! What people do to runs and task instances: clearing, marking, notes.

use crate::connection::read;
use crate::{Client, ClientError, TaskInstanceRef};
use cofferdam_api_types::{
    ClearDagRun, ClearTaskInstances, DagRun, MarkedRunState, RunTask, SetNote, TaskInstance, TaskInstanceReferenceCollection,
    UpdateDagRunState, UpdateTaskInstancesState,
};
use cofferdam_ids::{DagId, DagRunId};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The address with the request to change nothing.
fn dry_run(mut url: Url) -> Url {
    url.query_pairs_mut().append_pair("dry_run", "true");
    url
}

impl Client {
    pub(crate) async fn patch<B: Serialize + Sync, T: DeserializeOwned>(&self, url: Url, body: &B) -> Result<T, ClientError> {
        read(self.send(|| self.request(Method::PATCH, url.clone()).json(body)).await?).await
    }

    /// Clears task instances, or says which would be cleared: see `dry_run` of the request, which is true by default.
    ///
    /// # Errors
    /// When there is no such dag, run or task, too much is selected, or one is no operator.
    pub async fn clear_task_instances(
        &self,
        dag: &DagId,
        clear: &ClearTaskInstances,
    ) -> Result<TaskInstanceReferenceCollection, ClientError> {
        self.post(self.api(&["dags", dag.as_str(), "clearTaskInstances"]), clear).await
    }

    /// Gives task instances a state, or says which would get it: see `dry_run` of the request, which is true by default.
    ///
    /// # Errors
    /// When there is no such dag, run or task, too much is selected, or one is no operator.
    pub async fn mark_task_instances(
        &self,
        dag: &DagId,
        mark: &UpdateTaskInstancesState,
    ) -> Result<TaskInstanceReferenceCollection, ClientError> {
        self.post(self.api(&["dags", dag.as_str(), "updateTaskInstancesState"]), mark).await
    }

    /// Runs a whole run anew.
    ///
    /// # Errors
    /// When there is no such run, or one is no operator.
    pub async fn clear_dag_run(&self, dag: &DagId, run: &DagRunId) -> Result<DagRun, ClientError> {
        self.post(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "clear"]), &ClearDagRun { dry_run: false }).await
    }

    /// Gives a run and its tasks a state.
    ///
    /// # Errors
    /// When there is no such run, or one is no operator.
    pub async fn mark_dag_run(&self, dag: &DagId, run: &DagRunId, state: MarkedRunState) -> Result<DagRun, ClientError> {
        self.patch(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str()]), &UpdateDagRunState { state }).await
    }

    /// The task instances that would get another state if a run got this one.
    ///
    /// # Errors
    /// When there is no such run, or one is no operator.
    pub async fn preview_mark_dag_run(
        &self,
        dag: &DagId,
        run: &DagRunId,
        state: MarkedRunState,
    ) -> Result<TaskInstanceReferenceCollection, ClientError> {
        let url = dry_run(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str()]));
        self.patch(url, &UpdateDagRunState { state }).await
    }

    /// Writes a note on a run; an empty one removes it.
    ///
    /// # Errors
    /// When there is no such run, the note is too long, or one is no operator.
    pub async fn note_dag_run(&self, dag: &DagId, run: &DagRunId, note: &str) -> Result<DagRun, ClientError> {
        let url = self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "setNote"]);
        self.patch(url, &SetNote { note: note.to_owned() }).await
    }

    /// Deletes a finished run.
    ///
    /// # Errors
    /// When there is no such run, it is not finished, or one is no editor.
    pub async fn delete_dag_run(&self, dag: &DagId, run: &DagRunId) -> Result<(), ClientError> {
        self.delete(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str()])).await
    }

    /// The task instances that would go with a finished run if it were deleted.
    ///
    /// # Errors
    /// When there is no such run, it is not finished, or one is no editor.
    pub async fn preview_delete_dag_run(
        &self,
        dag: &DagId,
        run: &DagRunId,
    ) -> Result<TaskInstanceReferenceCollection, ClientError> {
        let url = dry_run(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str()]));
        read(self.send(|| self.request(Method::DELETE, url.clone())).await?).await
    }

    /// Writes a note on a task instance; an empty one removes it. `map_index` is -1 for a task that is not mapped.
    ///
    /// # Errors
    /// When there is no such instance, the note is too long, or one is no operator.
    pub async fn note_task_instance(
        &self,
        task: &TaskInstanceRef,
        map_index: i32,
        note: &str,
    ) -> Result<TaskInstance, ClientError> {
        self.patch(task.url(self, &[&map_index.to_string(), "setNote"]), &SetNote { note: note.to_owned() }).await
    }

    /// Runs one task of a run by itself, at once.
    ///
    /// # Errors
    /// When there is no such instance, it is under way, or one is no operator.
    pub async fn run_task(&self, task: &TaskInstanceRef, map_index: Option<i32>) -> Result<TaskInstance, ClientError> {
        self.post(task.url(self, &["run"]), &RunTask { map_index }).await
    }
}
