//! What a running task can ask of its worker. One module for each capability that is more than a few lines.

mod artifacts;
mod checkpoint;
mod config;

use crate::Shared;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_domain::context::Context;
use cofferdam_domain::event::Event;
use cofferdam_domain::job::{Job, TaskContext};
use cofferdam_ids::{ArtifactName, ConnectionId, RunKey, TaskId, TenantId, VariableKey, XComKey};
use cofferdam_objects::XComReferenceError;
use cofferdam_queue::Lease;
use cofferdam_sandbox::{ArtifactSink, ArtifactSource, Host, HostError, LogLine};
use cofferdam_store::execution::facts::{self, XComValue};
use parking_lot::Mutex;
use std::sync::Arc;

/// Progress is told at most this often.
const PROGRESS_INTERVAL: chrono::Duration = chrono::Duration::milliseconds(200);

/// The host of one try.
pub(crate) struct TryHost {
    shared: Arc<Shared>,
    tenant: TenantId,
    run: RunKey,
    lease: Lease,
    context: TaskContext,
    progress_told: Mutex<Option<DateTime<Utc>>>,
}

impl TryHost {
    pub(crate) fn new(shared: Arc<Shared>, job: &Job, lease: Lease) -> Self {
        Self { shared, tenant: job.tenant, run: job.run, lease, context: job.context.clone(), progress_told: Mutex::new(None) }
    }

    fn system(&self) -> Context {
        Context::system(self.tenant, "worker")
    }

    async fn xcom(&self, task: &TaskId, map_index: i32, key: &XComKey) -> Result<Option<String>, HostError> {
        let unavailable = |error: &(dyn std::error::Error + 'static)| {
            tracing::warn!(error, "an XCom could not be read for a task");
            HostError::Unavailable("the XCom could not be read; try again".to_owned())
        };
        let context = self.system();
        let value = async {
            let mut tx = self.shared.store.begin(&context).await?;
            facts::xcom(&mut tx, self.run, task, map_index, key).await
        };
        match value.await.map_err(|error| unavailable(&error))? {
            None => Ok(None),
            Some(XComValue::Inline(value)) => Ok(Some(value)),
            Some(XComValue::Object(object)) => {
                let reference = object.parse().map_err(|error: XComReferenceError| unavailable(&error))?;
                let bytes = self.shared.objects.get_xcom(self.tenant, &reference).await.map_err(|error| unavailable(&error))?;
                String::from_utf8(bytes.to_vec()).map(Some).map_err(|error| unavailable(&error))
            }
        }
    }
}

#[async_trait]
impl Host for TryHost {
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, map_index: Option<i32>) -> Result<Option<String>, HostError> {
        self.xcom(task_id, map_index.unwrap_or(-1), key).await
    }

    fn now(&self) -> Option<DateTime<Utc>> {
        Some(self.shared.engine.clock().now())
    }

    async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        self.read_variable(key).await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        self.read_connection(id).await
    }

    async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        self.keep_checkpoint(data).await
    }

    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        self.read_checkpoint().await
    }

    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        Ok(self.create_artifact())
    }

    async fn artifact_open(
        &self,
        task_id: &TaskId,
        map_index: Option<i32>,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        self.open_artifact(task_id, map_index.unwrap_or(-1), name).await
    }

    async fn artifacts(&self, task_id: &TaskId, map_index: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        self.list_artifacts(task_id, map_index.unwrap_or(-1)).await
    }

    fn log(&self, line: LogLine) {
        self.shared.logs.push(self.tenant, self.lease, self.shared.engine.clock().now(), line);
    }

    fn progress(&self, fraction: f64, message: &str) {
        let now = self.shared.engine.clock().now();
        {
            let mut told = self.progress_told.lock();
            if fraction < 1.0 && told.is_some_and(|at| now - at < PROGRESS_INTERVAL) {
                return;
            }
            *told = Some(now);
        }
        let event = Event::Progress {
            dag_id: self.context.dag_id.clone(),
            dag_run_id: self.context.dag_run_id.clone(),
            task_id: self.context.task_id.clone(),
            map_index: self.context.map_index,
            fraction,
            message: message.chars().take(500).collect(),
        };
        self.shared.engine.announce(self.tenant, vec![event]);
    }
}

/// Logs why something could not be done for a task, and tells the task that much.
fn unavailable(what: &'static str, error: &(dyn std::error::Error + 'static)) -> HostError {
    tracing::warn!(error, "{what}");
    HostError::Unavailable("storage does not answer; try again".to_owned())
}
