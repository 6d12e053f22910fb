//! Tasks by themselves.

use crate::connection::read;
use crate::{Client, ClientError};
use cofferdam_api_types::{PutTask, StandaloneTask, StandaloneTaskCollection, StandaloneTaskListQuery};
use cofferdam_ids::TaskId;
use reqwest::{Method, header};

impl Client {
    /// Makes a task by itself.
    ///
    /// # Errors
    /// When it has mistakes, the name is taken, or one is no editor.
    pub async fn create_task(&self, task: &PutTask) -> Result<StandaloneTask, ClientError> {
        self.post(self.url(&["api", "tasks"]), task).await
    }

    /// The tasks by themselves, by name.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_tasks(&self, query: &StandaloneTaskListQuery) -> Result<StandaloneTaskCollection, ClientError> {
        self.get_with(self.url(&["api", "tasks"]), query).await
    }

    /// A task by itself.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_task(&self, task: &TaskId) -> Result<StandaloneTask, ClientError> {
        self.get(self.url(&["api", "tasks", task.as_str()])).await
    }

    /// Replaces a task by itself, whose version `request` names.
    ///
    /// # Errors
    /// When there is none of that name, it has another version, the new one has mistakes, or one is no editor.
    pub async fn update_task(&self, task: &TaskId, request: &PutTask) -> Result<StandaloneTask, ClientError> {
        let url = self.url(&["api", "tasks", task.as_str()]);
        read(self.send(|| self.request(Method::PUT, url.clone()).json(request)).await?).await
    }

    /// Deletes a task by itself with its finished runs; with `version` only when it has that one.
    ///
    /// # Errors
    /// When there is none of that name, it has another version, others wait for it, or one is no editor.
    pub async fn delete_task(&self, task: &TaskId, version: Option<u64>) -> Result<(), ClientError> {
        let url = self.url(&["api", "tasks", task.as_str()]);
        let build = || {
            let request = self.request(Method::DELETE, url.clone());
            match version {
                Some(version) => request.header(header::IF_MATCH, format!("\"{version}\"")),
                None => request,
            }
        };
        self.send(build).await.map(drop)
    }
}
