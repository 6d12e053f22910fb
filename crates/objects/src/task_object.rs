//! What tasks keep and leave: artifacts, written and read piece by piece, and checkpoints that are too large for a row.
//!
//! Each object has a name of its own that was never used before, so a try that lost its lease cannot overwrite what a later
//! one wrote: it writes an object that no row will name.

use crate::open::check_size;
use crate::{Objects, ObjectsError};
use bytes::{Bytes, BytesMut};
use cofferdam_ids::{RunKey, TaskInstanceId, TenantId};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Bytes of one part of an upload in parts. S3 wants at least 5 MiB, and at most 10,000 parts: room for 78 GiB.
const PART_BYTES: usize = 8 << 20;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Artifact,
    Checkpoint,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "artifacts",
            Self::Checkpoint => "checkpoints",
        }
    }
}

/// Where an artifact or a checkpoint lies, within its tenant. As text it is `1/<kind>/<run>/<task instance>/<id>`, the first
/// part being the version of the format.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskObject {
    kind: Kind,
    run: RunKey,
    instance: TaskInstanceId,
    id: Uuid,
}

/// A text that is no reference to an object of a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reference to an artifact or checkpoint")]
pub struct TaskObjectError(String);

impl TaskObject {
    fn new(kind: Kind, run: RunKey, instance: TaskInstanceId) -> Self {
        Self { kind, run, instance, id: Uuid::now_v7() }
    }

    fn path(&self, tenant: TenantId) -> Path {
        let (tenant, run, instance, id) =
            (tenant.to_string(), self.run.to_string(), self.instance.to_string(), self.id.to_string());
        Path::from_iter(["tenants", &tenant, self.kind.as_str(), &run, &instance, &id])
    }
}

impl fmt::Display for TaskObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}/{}/{}/{}", self.kind.as_str(), self.run, self.instance, self.id)
    }
}

impl FromStr for TaskObject {
    type Err = TaskObjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('/');
            (parts.next()? == "1").then_some(())?;
            let kind = match parts.next()? {
                "artifacts" => Kind::Artifact,
                "checkpoints" => Kind::Checkpoint,
                _ => return None,
            };
            let run = parts.next()?.parse().ok()?;
            let instance = parts.next()?.parse().ok()?;
            let id = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { kind, run, instance, id })
        };
        parse().ok_or_else(|| TaskObjectError(text.to_owned()))
    }
}

/// An artifact on its way into the store. Dropped before [`Upload::finish`], it leaves nothing.
pub struct Upload {
    objects: Objects,
    tenant: TenantId,
    object: TaskObject,
    /// What is not in a part yet.
    pending: BytesMut,
    /// There once the bytes were more than one part.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("object", &self.object).finish_non_exhaustive()
    }
}

impl Upload {
    /// Adds bytes. Returns when those of a full part are stored, so that a writer who is faster than the store waits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), ObjectsError> {
        self.pending.extend_from_slice(data);
        while self.pending.len() >= PART_BYTES {
            let part = self.pending.split_to(PART_BYTES).freeze();
            if self.parts.is_none() {
                self.parts = Some(self.objects.store().put_multipart(&self.object.path(self.tenant)).await?);
            }
            if let Some(parts) = &mut self.parts {
                parts.put_part(part.into()).await?;
            }
        }
        Ok(())
    }

    /// Stores the rest, and says where it lies.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish(mut self) -> Result<TaskObject, ObjectsError> {
        let rest = std::mem::take(&mut self.pending).freeze();
        match &mut self.parts {
            None => self.objects.put(&self.object.path(self.tenant), rest.into()).await?,
            Some(parts) => {
                if !rest.is_empty() {
                    parts.put_part(rest.into()).await?;
                }
                parts.complete().await?;
                self.parts = None;
            }
        }
        Ok(self.object.clone())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = parts.abort().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the parts of an artifact that was given up remain");
            }
        });
    }
}

/// An artifact on its way out of the store.
pub struct Download {
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").finish_non_exhaustive()
    }
}

impl Download {
    /// The next bytes, as they come; none at the end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ObjectsError> {
        Ok(self.chunks.next().await.transpose()?)
    }
}

impl Objects {
    /// Begins an artifact.
    #[must_use]
    pub fn create_artifact(&self, tenant: TenantId, run: RunKey, instance: TaskInstanceId) -> Upload {
        let object = TaskObject::new(Kind::Artifact, run, instance);
        Upload { objects: self.clone(), tenant, object, pending: BytesMut::new(), parts: None }
    }

    /// Opens an artifact.
    ///
    /// # Errors
    /// When this tenant has no such artifact, or the store fails.
    pub async fn open_artifact(&self, tenant: TenantId, object: &TaskObject) -> Result<Download, ObjectsError> {
        Ok(Download { chunks: self.store().get(&object.path(tenant)).await?.into_stream() })
    }

    /// Stores a checkpoint.
    ///
    /// # Errors
    /// When it is larger than any may be, or the store fails.
    pub async fn put_checkpoint(
        &self,
        tenant: TenantId,
        run: RunKey,
        instance: TaskInstanceId,
        data: Bytes,
    ) -> Result<TaskObject, ObjectsError> {
        check_size("checkpoint", data.len() as u64, self.config.max_checkpoint_bytes)?;
        let object = TaskObject::new(Kind::Checkpoint, run, instance);
        self.put(&object.path(tenant), data.into()).await?;
        Ok(object)
    }

    /// The bytes of a checkpoint.
    ///
    /// # Errors
    /// When this tenant has no such checkpoint, or the store fails.
    pub async fn get_checkpoint(&self, tenant: TenantId, object: &TaskObject) -> Result<Bytes, ObjectsError> {
        self.get(&object.path(tenant), "checkpoint", self.config.max_checkpoint_bytes).await
    }

    /// Removes an artifact or checkpoint that no row names any more. One that is gone already is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_task_object(&self, tenant: TenantId, object: &TaskObject) -> Result<(), ObjectsError> {
        match self.store().delete(&object.path(tenant)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
