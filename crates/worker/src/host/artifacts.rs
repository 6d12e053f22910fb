//! Artifacts: bytes to and from the object store. What was written is recorded with the try's ending.

use super::{TryHost, unavailable};
use async_trait::async_trait;
use bytes::Bytes;
use cofferdam_domain::artifact::Artifact;
use cofferdam_ids::{ArtifactName, TaskId};
use cofferdam_objects::{Download, TaskObject, TaskObjectError, Upload};
use cofferdam_sandbox::{ArtifactSink, ArtifactSource, HostError};
use cofferdam_store::{StoreError, artifacts};

impl TryHost {
    pub(super) fn create_artifact(&self) -> Box<dyn ArtifactSink> {
        Box::new(Writing(self.shared.objects.create_artifact(self.tenant, self.run, self.lease.instance)))
    }

    pub(super) async fn open_artifact(
        &self,
        task: &TaskId,
        map_index: i32,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        let found = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            artifacts::get(&mut tx, self.run, task, map_index, name).await
        };
        let written = match found.await {
            Ok(found) => found.written,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let object: TaskObject = written.object.parse().map_err(|error: TaskObjectError| failed(&error))?;
        let download = self.shared.objects.open_artifact(self.tenant, &object).await.map_err(|error| failed(&error))?;
        Ok(Some((written.artifact, Box::new(Reading { download, left: Bytes::new() }))))
    }

    pub(super) async fn list_artifacts(&self, task: &TaskId, map_index: i32) -> Result<Vec<Artifact>, HostError> {
        let listed = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            artifacts::list(&mut tx, self.run, task, map_index).await
        };
        let listed = listed.await.map_err(|error| failed(&error))?;
        Ok(listed.into_iter().map(|entry| entry.written.artifact).collect())
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> HostError {
    unavailable("an artifact could not be written or read", error)
}

struct Writing(Upload);

#[async_trait]
impl ArtifactSink for Writing {
    async fn write(&mut self, data: Bytes) -> Result<(), HostError> {
        self.0.write(&data).await.map_err(|error| failed(&error))
    }

    async fn finish(self: Box<Self>) -> Result<String, HostError> {
        self.0.finish().await.map(|object| object.to_string()).map_err(|error| failed(&error))
    }
}

struct Reading {
    download: Download,
    /// What came and was not asked for yet.
    left: Bytes,
}

#[async_trait]
impl ArtifactSource for Reading {
    async fn read(&mut self, max: usize) -> Result<Bytes, HostError> {
        while self.left.is_empty() {
            match self.download.next().await.map_err(|error| failed(&error))? {
                Some(chunk) => self.left = chunk,
                None => return Ok(Bytes::new()),
            }
        }
        Ok(self.left.split_to(max.min(self.left.len())))
    }
}
