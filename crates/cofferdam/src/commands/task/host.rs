//! What stands in for a worker: keeps what the task says, and gives it the XComs of the command line.

use super::stand_ins::StandIns;
use crate::cli::XComArg;
use async_trait::async_trait;
use bytes::Bytes;
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_ids::{ArtifactName, ConnectionId, TaskId, VariableKey, XComKey};
use cofferdam_sandbox::{ArtifactSink, ArtifactSource, Host, HostError, LogLine};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The host of one try.
pub struct LocalHost {
    xcoms: BTreeMap<(TaskId, XComKey), String>,
    /// What it keeps and reads.
    pub stand_ins: StandIns,
    said: Mutex<Said>,
}

/// What the task said.
#[derive(Debug, Default)]
pub struct Said {
    /// Lines of output and log messages, in order.
    pub lines: Vec<LogLine>,
    /// The last report of progress.
    pub progress: Option<Progress>,
}

/// How far the task said that it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// From 0 to 1.
    pub fraction: f64,
    /// What is being done.
    pub message: String,
}

impl LocalHost {
    /// A host that knows these XComs.
    pub fn new(xcoms: Vec<XComArg>, stand_ins: StandIns) -> Self {
        let xcoms = xcoms.into_iter().map(|xcom| ((xcom.task_id, xcom.key), xcom.value)).collect();
        Self { xcoms, stand_ins, said: Mutex::default() }
    }

    /// What was said so far.
    pub fn take(&self) -> Said {
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Host for LocalHost {
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(self.xcoms.get(&(task_id.clone(), key.clone())).cloned())
    }

    fn log(&self, line: LogLine) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
    }

    fn progress(&self, fraction: f64, message: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.progress = Some(Progress { fraction, message: message.to_owned() });
    }

    async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        Ok(self.stand_ins.variable(key))
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        Ok(self.stand_ins.connection(id))
    }

    async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        self.stand_ins.keep_checkpoint(data)
    }

    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        Ok(self.stand_ins.checkpoint())
    }

    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        self.stand_ins.create()
    }

    async fn artifact_open(
        &self,
        task_id: &TaskId,
        _: Option<i32>,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        self.stand_ins.open(task_id, name)
    }

    async fn artifacts(&self, task_id: &TaskId, _: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        Ok(self.stand_ins.artifacts(task_id))
    }
}
