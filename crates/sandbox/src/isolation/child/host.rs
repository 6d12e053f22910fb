//! The host of a try, which asks the worker.

use super::super::protocol::{Answer, PART_BYTES, Question, Report};
use super::asking::{Asker, unexpected};
use crate::host::{ArtifactSink, ArtifactSource, Host, HostError, LogLine};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_ids::{ArtifactName, ConnectionId, TaskId, VariableKey, XComKey};

pub(super) struct Remote {
    asker: Asker,
    /// The time at the start of the try, from which its deadline is told.
    now: Option<DateTime<Utc>>,
}

impl Remote {
    pub(super) fn new(asker: Asker, now: Option<DateTime<Utc>>) -> Self {
        Self { asker, now }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[async_trait]
impl Host for Remote {
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, map_index: Option<i32>) -> Result<Option<String>, HostError> {
        let question = Question::XCom { task_id: task_id.clone(), key: key.clone(), map_index };
        match self.asker.ask(question, &[]).await? {
            (Answer::Given, value) => Ok(Some(text(&value))),
            (Answer::Nothing, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn log(&self, line: LogLine) {
        let LogLine { stream, level, message, fields } = line;
        self.asker.tell(&Report::Line { stream, level, fields }, message.as_bytes());
    }

    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        // Requests are sent by the worker.
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn progress(&self, fraction: f64, message: &str) {
        self.asker.tell(&Report::Progress { fraction, message: message.to_owned() }, &[]);
    }

    fn now(&self) -> Option<DateTime<Utc>> {
        self.now
    }

    async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        match self.asker.ask(Question::Variable { key: key.clone() }, &[]).await? {
            (Answer::Variable { secret }, value) => Ok(Some(Variable { value: text(&value), secret })),
            (Answer::Nothing, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        match self.asker.ask(Question::Connection { id: id.clone() }, &[]).await? {
            (Answer::Connection(connection), _) => Ok(Some((*connection).into())),
            (Answer::Nothing, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        let question = Question::SaveCheckpoint { forget: data.is_none() };
        match self.asker.ask(question, &data.unwrap_or_default()).await? {
            (Answer::Saved(saved), _) => Ok(saved),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        match self.asker.ask(Question::LoadCheckpoint, &[]).await? {
            (Answer::Given, data) => Ok(Some(data)),
            (Answer::Nothing, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        match self.asker.ask(Question::CreateArtifact, &[]).await? {
            (Answer::Opened { handle, .. }, _) => Ok(Box::new(Opened { asker: self.asker.clone(), handle })),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn artifact_open(
        &self,
        task_id: &TaskId,
        map_index: Option<i32>,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        let question = Question::OpenArtifact { task_id: task_id.clone(), map_index, name: name.clone() };
        match self.asker.ask(question, &[]).await? {
            (Answer::Opened { handle, artifact: Some(artifact) }, _) => {
                Ok(Some((artifact, Box::new(Opened { asker: self.asker.clone(), handle }))))
            }
            (Answer::Nothing, _) => Ok(None),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn artifacts(&self, task_id: &TaskId, map_index: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        match self.asker.ask(Question::ListArtifacts { task_id: task_id.clone(), map_index }, &[]).await? {
            (Answer::Artifacts(artifacts), _) => Ok(artifacts),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

/// An artifact that is open at the worker, for writing or for reading.
struct Opened {
    asker: Asker,
    handle: u32,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.asker.tell(&Report::Close { handle: self.handle }, &[]);
    }
}

#[async_trait]
impl ArtifactSink for Opened {
    async fn write(&mut self, data: Bytes) -> Result<(), HostError> {
        for part in data.chunks(PART_BYTES) {
            match self.asker.ask(Question::WriteArtifact { handle: self.handle }, part).await? {
                (Answer::Given, _) => {}
                (other, _) => return Err(unexpected(&other)),
            }
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<String, HostError> {
        match self.asker.ask(Question::FinishArtifact { handle: self.handle }, &[]).await? {
            (Answer::Stored(name), _) => Ok(name),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

#[async_trait]
impl ArtifactSource for Opened {
    async fn read(&mut self, max: usize) -> Result<Bytes, HostError> {
        let question = Question::ReadArtifact { handle: self.handle, max: max.min(PART_BYTES) };
        match self.asker.ask(question, &[]).await? {
            (Answer::Given, data) => Ok(data),
            (other, _) => Err(unexpected(&other)),
        }
    }
}
