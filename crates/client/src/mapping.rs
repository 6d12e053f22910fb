//! Mapped tasks: all instances together, and one of them.

use crate::stream::{LogFollow, follow_log};
use crate::{Client, ClientError, TaskInstanceRef};
use cofferdam_api_types::{TaskInstance, TaskSummaryCollection, TryCollection, XCom, XComCollection};
use cofferdam_ids::{DagId, DagRunId, XComKey};
use reqwest::Url;

/// The address with the position in a mapped task.
fn at(mut url: Url, map_index: i32) -> Url {
    url.query_pairs_mut().append_pair("map_index", &map_index.to_string());
    url
}

impl Client {
    /// The tasks of a run, each with how many of its instances are in which state.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn list_task_summaries(&self, dag: &DagId, run: &DagRunId) -> Result<TaskSummaryCollection, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "dagRuns", run.as_str(), "taskSummaries"])).await
    }

    /// One instance of a mapped task.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_mapped_task_instance(&self, task: &TaskInstanceRef, map_index: i32) -> Result<TaskInstance, ClientError> {
        self.get(task.url(self, &[&map_index.to_string()])).await
    }

    /// The tries of one instance of a mapped task that have ended.
    ///
    /// # Errors
    /// When there is no such instance.
    pub async fn list_mapped_tries(&self, task: &TaskInstanceRef, map_index: i32) -> Result<TryCollection, ClientError> {
        self.get(at(task.url(self, &["tries"]), map_index)).await
    }

    /// What one instance of a mapped task left for others, without the values.
    ///
    /// # Errors
    /// When there is no such instance.
    pub async fn list_mapped_xcoms(&self, task: &TaskInstanceRef, map_index: i32) -> Result<XComCollection, ClientError> {
        self.get(at(task.url(self, &["xcomEntries"]), map_index)).await
    }

    /// What one instance of a mapped task left under a key.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get_mapped_xcom(&self, task: &TaskInstanceRef, map_index: i32, key: &XComKey) -> Result<XCom, ClientError> {
        let mut url = at(task.url(self, &["xcomEntries", key.as_str()]), map_index);
        url.query_pairs_mut().append_pair("stringify", "false");
        self.get(url).await
    }

    /// As [`Client::follow_log`], for one instance of a mapped task.
    #[must_use]
    pub fn follow_mapped_log(&self, task: &TaskInstanceRef, map_index: i32, try_number: u32, offset: u64) -> LogFollow {
        follow_log(self.clone(), at(task.url(self, &["logs", &try_number.to_string()]), map_index), offset)
    }
}
