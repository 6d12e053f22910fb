//! Task instances, their tries, logs and XComs.

use crate::stream::{LogFollow, follow_log};
use crate::{Client, ClientError};
use cofferdam_api_types::{
    LogPage, LogQuery, RenderedInput, TaskInstance, TaskInstanceCollection, TryCollection, XCom, XComCollection,
};
use cofferdam_ids::{DagId, DagRunId, TaskId, XComKey};
use reqwest::Url;

/// Names a task instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInstanceRef {
    /// Its dag.
    pub dag: DagId,
    /// Its run.
    pub run: DagRunId,
    /// The task.
    pub task: TaskId,
}

impl TaskInstanceRef {
    pub(crate) fn url(&self, client: &Client, rest: &[&str]) -> Url {
        let mut segments = vec!["dags", self.dag.as_str(), "dagRuns", self.run.as_str(), "taskInstances", self.task.as_str()];
        segments.extend(rest);
        client.api(&segments)
    }
}

impl Client {
    /// The task instances of a run, in the order of the dag's tasks.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn list_task_instances(&self, dag: &DagId, run: &DagRunId) -> Result<TaskInstanceCollection, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "taskInstances"])).await
    }

    /// A task instance.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_task_instance(&self, task: &TaskInstanceRef) -> Result<TaskInstance, ClientError> {
        self.get(task.url(self, &[])).await
    }

    /// The tries of a task instance that have ended.
    ///
    /// # Errors
    /// When there is no such task instance.
    pub async fn list_tries(&self, task: &TaskInstanceRef) -> Result<TryCollection, ClientError> {
        self.get(task.url(self, &["tries"])).await
    }

    /// What a try was given, once everything was filled in.
    ///
    /// # Errors
    /// When there is no such try, or it is not known yet.
    pub async fn get_rendered(&self, task: &TaskInstanceRef, try_number: u32) -> Result<RenderedInput, ClientError> {
        self.get(task.url(self, &["tries", &try_number.to_string(), "rendered"])).await
    }

    /// A part of the log of a try. Asks for what is there now, whatever `query.follow` says.
    ///
    /// # Errors
    /// When there is no such try.
    pub async fn get_log(&self, task: &TaskInstanceRef, try_number: u32, query: &LogQuery) -> Result<LogPage, ClientError> {
        let query = LogQuery { follow: false, ..query.clone() };
        self.get_with(task.url(self, &["logs", &try_number.to_string()]), &query).await
    }

    /// The log of a try from line `offset` on, until the try has ended. Goes on by itself after a broken connection.
    #[must_use]
    pub fn follow_log(&self, task: &TaskInstanceRef, try_number: u32, offset: u64) -> LogFollow {
        follow_log(self.clone(), task.url(self, &["logs", &try_number.to_string()]), offset)
    }

    /// What a task left for others, without the values.
    ///
    /// # Errors
    /// When there is no such task instance.
    pub async fn list_xcoms(&self, task: &TaskInstanceRef) -> Result<XComCollection, ClientError> {
        self.get(task.url(self, &["xcomEntries"])).await
    }

    /// What a task left under a key; `return_value` is what it returned.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_xcom(&self, task: &TaskInstanceRef, key: &XComKey) -> Result<XCom, ClientError> {
        let mut url = task.url(self, &["xcomEntries", key.as_str()]);
        url.query_pairs_mut().append_pair("stringify", "false");
        self.get(url).await
    }
}
