//! Dags.

use crate::connection::{etag, read};
use crate::{Client, ClientError};
use cofferdam_api_types::{
    AppliedDag, CompiledDag, Dag, DagCalendar, DagCalendarQuery, DagCollection, DagDetail, DagDetailQuery, DagListQuery,
    DeletedDag, PatchDag,
};
use cofferdam_ids::DagId;
use reqwest::{Method, header};
use serde_json::Value;

/// A dag definition, as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum DagSource {
    /// JSON.
    Json(Value),
    /// YAML text. Mistakes are reported with their line.
    Yaml(String),
}

impl Client {
    /// Applies a definition: makes the dag, or a new version of it. With `dry_run`, only checks it.
    ///
    /// # Errors
    /// `invalid_dag` with all mistakes, or one is no editor.
    pub async fn apply_dag(&self, source: &DagSource, dry_run: bool) -> Result<AppliedDag, ClientError> {
        let url = self.api(&["dags"]);
        let response = self
            .send(|| {
                let request = self.request(Method::POST, url.clone()).query(&[("dry_run", dry_run)]);
                match source {
                    DagSource::Json(definition) => request.json(definition),
                    DagSource::Yaml(text) => request.header(header::CONTENT_TYPE, "application/yaml").body(text.clone()),
                }
            })
            .await?;
        read(response).await
    }

    /// Compiles a definition and stores nothing: what is wrong with it, and what differs from the dag's current version.
    ///
    /// # Errors
    /// When one is no editor, or the server cannot be reached. What is wrong with the definition is no error.
    pub async fn compile_dag(&self, source: &DagSource) -> Result<CompiledDag, ClientError> {
        let url = self.api(&["compile"]);
        let response = self
            .send(|| {
                let request = self.request(Method::POST, url.clone());
                match source {
                    DagSource::Json(definition) => request.json(definition),
                    DagSource::Yaml(text) => request.header(header::CONTENT_TYPE, "application/yaml").body(text.clone()),
                }
            })
            .await?;
        read(response).await
    }

    /// The dags of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_dags(&self, query: &DagListQuery) -> Result<DagCollection, ClientError> {
        self.get_with(self.api(&["dags"]), query).await
    }

    /// A dag.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_dag(&self, dag: &DagId) -> Result<Dag, ClientError> {
        self.get(self.api(&["dags", dag.as_str()])).await
    }

    /// A dag and its `ETag`, for [`Client::patch_dag`].
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_dag_with_etag(&self, dag: &DagId) -> Result<(Dag, Option<String>), ClientError> {
        let url = self.api(&["dags", dag.as_str()]);
        let response = self.send(|| self.request(Method::GET, url.clone())).await?;
        let etag = etag(&response);
        Ok((read(response).await?, etag))
    }

    /// A dag with its definition, tasks, edges and versions.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_dag_details(&self, dag: &DagId) -> Result<DagDetail, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "details"])).await
    }

    /// A dag with the definition, tasks and edges of one of its versions.
    ///
    /// # Errors
    /// When there is none of that name, or no such version.
    pub async fn get_dag_version(&self, dag: &DagId, version_number: u32) -> Result<DagDetail, ClientError> {
        let query = DagDetailQuery { version_number: Some(version_number), fields: None };
        self.get_with(self.api(&["dags", dag.as_str(), "details"]), &query).await
    }

    /// The runs of a dag by day, and those that its schedule will make.
    ///
    /// # Errors
    /// When there is none of that name, or the days are too many.
    pub async fn get_dag_calendar(&self, dag: &DagId, query: &DagCalendarQuery) -> Result<DagCalendar, ClientError> {
        self.get_with(self.api(&["dags", dag.as_str(), "calendar"]), query).await
    }

    /// Changes a dag; with `if_match`, only when it still has that `ETag`.
    ///
    /// # Errors
    /// `precondition_failed` when it has another `ETag`.
    pub async fn patch_dag(&self, dag: &DagId, patch: &PatchDag, if_match: Option<&str>) -> Result<Dag, ClientError> {
        let url = self.api(&["dags", dag.as_str()]);
        let response = self
            .send(|| {
                let request = self.request(Method::PATCH, url.clone()).json(patch);
                match if_match {
                    Some(etag) => request.header(header::IF_MATCH, etag),
                    None => request,
                }
            })
            .await?;
        read(response).await
    }

    /// Stops or starts the schedule of a dag.
    ///
    /// # Errors
    /// When there is none of that name, or one is no operator.
    pub async fn set_dag_paused(&self, dag: &DagId, is_paused: bool) -> Result<Dag, ClientError> {
        self.patch_dag(dag, &PatchDag { is_paused: Some(is_paused) }, None).await
    }

    /// Deletes a dag with its versions and runs.
    ///
    /// # Errors
    /// When there is none of that name, it has active runs, or one is no editor.
    pub async fn delete_dag(&self, dag: &DagId) -> Result<DeletedDag, ClientError> {
        let url = self.api(&["dags", dag.as_str()]);
        read(self.send(|| self.request(Method::DELETE, url.clone())).await?).await
    }
}
