//! Health, metrics, versions, and what changes.

use crate::stream::{EventStream, follow_events};
use crate::{Client, ClientError};
use cofferdam_api_types::{DeepHealth, Health, VersionInfo};
use reqwest::Method;
use serde_json::Value;

impl Client {
    /// Whether the process answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn health_live(&self) -> Result<Health, ClientError> {
        self.get(self.url(&["health", "live"])).await
    }

    /// Whether the process can serve requests: its database and its queue answer.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn health_ready(&self) -> Result<Health, ClientError> {
        self.get(self.url(&["health", "ready"])).await
    }

    /// How each part does.
    ///
    /// # Errors
    /// When the server cannot be reached. A part that does not work is part of the answer, not an error.
    pub async fn health_deep(&self) -> Result<DeepHealth, ClientError> {
        let response = self.request(Method::GET, self.url(&["health", "deep"])).send().await.map_err(ClientError::Unreachable)?;
        crate::connection::read(response).await
    }

    /// The metrics, in the text format of Prometheus.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let response = self.send(|| self.request(Method::GET, self.url(&["metrics"]))).await?;
        response.text().await.map_err(ClientError::Unreachable)
    }

    /// The server's version.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn version(&self) -> Result<VersionInfo, ClientError> {
        self.get(self.api(&["version"])).await
    }

    /// The OpenAPI document.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn openapi(&self) -> Result<Value, ClientError> {
        self.get(self.url(&["api", "openapi.json"])).await
    }

    /// What changes in the tenant, from now on. Goes on by itself after a broken connection; each `ready` says that
    /// something may have been missed before it. Ends with an error when the server refuses.
    #[must_use]
    pub fn events(&self) -> EventStream {
        follow_events(self.clone(), self.api(&["events"]))
    }
}
