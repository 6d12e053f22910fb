//! Variables, connections, artifacts, events.

use crate::connection::read;
use crate::{Client, ClientError, TaskInstanceRef};
use bytes::Bytes;
use cofferdam_api_types::{
    ArtifactCollection, Connection, ConnectionCollection, NewConnection, NewVariable, OrderedPage, PatchConnection,
    PatchVariable, SentEvent, Variable, VariableCollection,
};
use cofferdam_ids::{ArtifactName, ConnectionId, VariableKey};
use reqwest::Method;

impl Client {
    /// The variables of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_variables(&self, page: &OrderedPage) -> Result<VariableCollection, ClientError> {
        self.get_with(self.api(&["variables"]), page).await
    }

    /// A variable; the value of a secret one is none.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_variable(&self, key: &VariableKey) -> Result<Variable, ClientError> {
        self.get(self.api(&["variables", key.as_str()])).await
    }

    /// Makes a variable.
    ///
    /// # Errors
    /// `conflict` when there is one of that name, or one is no editor.
    pub async fn create_variable(&self, new: &NewVariable) -> Result<Variable, ClientError> {
        self.post(self.api(&["variables"]), new).await
    }

    /// Changes a variable.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn patch_variable(&self, key: &VariableKey, patch: &PatchVariable) -> Result<Variable, ClientError> {
        let url = self.api(&["variables", key.as_str()]);
        read(self.send(|| self.request(Method::PATCH, url.clone()).json(patch)).await?).await
    }

    /// Removes a variable.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn delete_variable(&self, key: &VariableKey) -> Result<(), ClientError> {
        self.delete(self.api(&["variables", key.as_str()])).await
    }

    /// The connections of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_connections(&self, page: &OrderedPage) -> Result<ConnectionCollection, ClientError> {
        self.get_with(self.api(&["connections"]), page).await
    }

    /// A connection, without what is secret.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_connection(&self, id: &ConnectionId) -> Result<Connection, ClientError> {
        self.get(self.api(&["connections", id.as_str()])).await
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// `conflict` when there is one of that name, or one is no editor.
    pub async fn create_connection(&self, new: &NewConnection) -> Result<Connection, ClientError> {
        self.post(self.api(&["connections"]), new).await
    }

    /// Changes a connection.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn patch_connection(&self, id: &ConnectionId, patch: &PatchConnection) -> Result<Connection, ClientError> {
        let url = self.api(&["connections", id.as_str()]);
        read(self.send(|| self.request(Method::PATCH, url.clone()).json(patch)).await?).await
    }

    /// Removes a connection.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn delete_connection(&self, id: &ConnectionId) -> Result<(), ClientError> {
        self.delete(self.api(&["connections", id.as_str()])).await
    }

    /// The files that a task left.
    ///
    /// # Errors
    /// When there is no such task instance.
    pub async fn list_artifacts(&self, task: &TaskInstanceRef) -> Result<ArtifactCollection, ClientError> {
        self.get(task.url(self, &["artifacts"])).await
    }

    /// Gets a file that a task left, piece by piece.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn download_artifact(&self, task: &TaskInstanceRef, name: &ArtifactName) -> Result<ArtifactDownload, ClientError> {
        let url = task.url(self, &["artifacts", name.as_str(), "content"]);
        Ok(ArtifactDownload(self.send(|| self.request(Method::GET, url.clone())).await?))
    }

    /// Sends an event: tasks that wait for it go on.
    ///
    /// # Errors
    /// When one is no operator.
    pub async fn send_event(&self, name: &str) -> Result<SentEvent, ClientError> {
        self.post(self.api(&["events", name]), &serde_json::json!({})).await
    }
}

/// A file on its way from the server.
#[derive(Debug)]
pub struct ArtifactDownload(reqwest::Response);

impl ArtifactDownload {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.0.chunk().await.map_err(ClientError::Unreachable)
    }
}
