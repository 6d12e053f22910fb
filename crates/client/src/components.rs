//! Components: upload, list, inspect.

use crate::connection::read;
use crate::{Client, ClientError};
use bytes::Bytes;
use cofferdam_api_types::{
    ComponentCollection, ComponentDetail, ComponentImpact, ComponentUpload, ComponentVersion, ComponentVersionDetail,
    FunctionTried, Page, TryFunction, WorkflowDefined,
};
use cofferdam_ids::{ComponentName, Digest};
use futures::stream;
use reqwest::{Body, Method, header};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

const CHUNK: usize = 64 << 10;
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

impl Client {
    /// Uploads a component. `progress` is told the bytes handed to the connection so far; it counts from nought again
    /// when the upload had to be repeated with new tokens.
    ///
    /// # Errors
    /// When it is no component, too large, cannot be compiled, or one is no editor.
    pub async fn upload_component(
        &self,
        upload: &ComponentUpload,
        component: Bytes,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<ComponentVersion, ClientError> {
        let url = self.api(&["components"]);
        let progress = Arc::new(progress);
        let response = self
            .send(|| {
                let progress = Arc::clone(&progress);
                let chunks = stream::unfold((component.clone(), 0_u64), move |(mut rest, sent)| {
                    let progress = Arc::clone(&progress);
                    async move {
                        if rest.is_empty() {
                            return None;
                        }
                        let chunk = rest.split_to(rest.len().min(CHUNK));
                        let sent = sent + chunk.len() as u64;
                        progress(sent);
                        Some((Ok::<_, Infallible>(chunk), (rest, sent)))
                    }
                });
                self.request(Method::POST, url.clone())
                    .timeout(UPLOAD_TIMEOUT)
                    .query(upload)
                    .header(header::CONTENT_TYPE, "application/wasm")
                    .header(header::CONTENT_LENGTH, component.len())
                    .body(Body::wrap_stream(chunks))
            })
            .await?;
        read(response).await
    }

    /// The components of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_components(&self, page: &Page) -> Result<ComponentCollection, ClientError> {
        self.get_with(self.api(&["components"]), page).await
    }

    /// A component with its versions.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_component(&self, name: &ComponentName) -> Result<ComponentDetail, ClientError> {
        self.get(self.api(&["components", name.as_str()])).await
    }

    /// Approves a version that asks for more than the one before it.
    ///
    /// # Errors
    /// When there is none of that name and digest, or one is no admin.
    pub async fn approve_component(&self, name: &ComponentName, digest: &Digest) -> Result<ComponentVersion, ClientError> {
        let url = self.api(&["components", name.as_str(), "versions", digest.as_str(), "approve"]);
        let response = self.send(|| self.request(Method::POST, url.clone())).await?;
        read(response).await
    }

    /// A version of a component, with its imports, exports and WIT.
    ///
    /// # Errors
    /// When there is none of that name and digest.
    pub async fn inspect_component(&self, name: &ComponentName, digest: &Digest) -> Result<ComponentVersionDetail, ClientError> {
        self.get(self.api(&["components", name.as_str(), "versions", digest.as_str()])).await
    }

    /// What a version does to the dags that name the component without a version.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn component_impact(&self, name: &ComponentName, digest: &Digest) -> Result<ComponentImpact, ClientError> {
        self.get(self.api(&["components", name.as_str(), "versions", digest.as_str(), "impact"])).await
    }

    /// Lets a workflow component write its dags down. Nothing is applied.
    ///
    /// # Errors
    /// When there is no such version, it is no workflow component, or it fails.
    pub async fn define_dags(&self, name: &ComponentName, digest: &Digest) -> Result<WorkflowDefined, ClientError> {
        let url = self.api(&["components", name.as_str(), "versions", digest.as_str(), "define"]);
        let response = self.send(|| self.request(Method::POST, url.clone())).await?;
        read(response).await
    }

    /// Tries a function of a version: runs it in the sandbox, with nothing recorded.
    ///
    /// # Errors
    /// When there is no such version or function, or as many are being tried as may be.
    pub async fn try_function(
        &self,
        name: &ComponentName,
        digest: &Digest,
        request: &TryFunction,
    ) -> Result<FunctionTried, ClientError> {
        self.post(self.api(&["components", name.as_str(), "versions", digest.as_str(), "try"]), request).await
    }
}
