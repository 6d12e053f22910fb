//! Runs of dags.

use crate::connection::read;
use crate::{Client, ClientError};
use cofferdam_api_types::{
    CallbackCollection, DagRun, DagRunCollection, DagRunListQuery, DeadlineCollection, IDEMPOTENCY_KEY, TriggerDagRun,
};
use cofferdam_ids::{DagId, DagRunId};
use reqwest::Method;

impl Client {
    /// Triggers a run. With an idempotency key, asking again returns the run made the first time.
    ///
    /// # Errors
    /// When there is no such dag, the `dag_run_id` is taken, or one is no operator.
    pub async fn trigger(
        &self,
        dag: &DagId,
        trigger: &TriggerDagRun,
        idempotency_key: Option<&str>,
    ) -> Result<DagRun, ClientError> {
        let url = self.api(&["dags", dag.as_str(), "dagRuns"]);
        let response = self
            .send(|| {
                let request = self.request(Method::POST, url.clone()).json(trigger);
                match idempotency_key {
                    Some(key) => request.header(IDEMPOTENCY_KEY, key),
                    None => request,
                }
            })
            .await?;
        read(response).await
    }

    /// The callbacks that a run has called, in the order in which it did.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn list_callbacks(&self, dag: &DagId, run: &DagRunId) -> Result<CallbackCollection, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "callbacks"])).await
    }

    /// The deadlines of a run and of its tasks that lie ahead or were missed.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn list_deadlines(&self, dag: &DagId, run: &DagRunId) -> Result<DeadlineCollection, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "deadlines"])).await
    }

    /// The runs of a dag.
    ///
    /// # Errors
    /// When there is no such dag.
    pub async fn list_dag_runs(&self, dag: &DagId, query: &DagRunListQuery) -> Result<DagRunCollection, ClientError> {
        self.get_with(self.api(&["dags", dag.as_str(), "dagRuns"]), query).await
    }

    /// A run.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn get_dag_run(&self, dag: &DagId, run: &DagRunId) -> Result<DagRun, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str()])).await
    }

    /// Asks to cancel a run: running tasks are stopped, waiting ones are not started.
    ///
    /// # Errors
    /// When there is no such run, it is finished, or one is no operator.
    pub async fn cancel_dag_run(&self, dag: &DagId, run: &DagRunId) -> Result<DagRun, ClientError> {
        let url = self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "cancel"]);
        read(self.send(|| self.request(Method::POST, url.clone())).await?).await
    }
}
