//! Files that tasks left. What records them is in [`crate::execution::transition`]; the bytes lie in the object store.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::{Artifact, WrittenArtifact};
use cofferdam_ids::{ArtifactName, RunKey, TaskId};

/// An artifact with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// The artifact, and where it lies.
    pub written: WrittenArtifact,
    /// The try that wrote it.
    pub try_number: u32,
    /// When that was recorded.
    pub created_at: DateTime<Utc>,
}

struct Row {
    name: String,
    content_type: String,
    size_bytes: i64,
    sha256: String,
    object: String,
    try_number: i32,
    created_at: DateTime<Utc>,
}

impl Row {
    fn entry(self, run: RunKey) -> Result<ArtifactEntry, StoreError> {
        let origin = row_of("artifacts", run);
        Ok(ArtifactEntry {
            written: WrittenArtifact {
                artifact: Artifact {
                    name: origin.name("name", &self.name)?,
                    content_type: self.content_type,
                    size_bytes: origin.number("size_bytes", self.size_bytes)?,
                    sha256: origin.name("sha256", &self.sha256)?,
                },
                object: self.object,
            },
            try_number: origin.number("try_number", self.try_number)?,
            created_at: self.created_at,
        })
    }
}

/// The artifacts of a task of a run, by name. `map_index` is -1 for a task that is not mapped.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, run: RunKey, task: &TaskId, map_index: i32) -> Result<Vec<ArtifactEntry>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT name, content_type, size_bytes, sha256, object, try_number, created_at FROM artifacts
        WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4 ORDER BY name
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| row.entry(run))
    .collect()
}

/// One artifact.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(
    tx: &mut Tx<'_>,
    run: RunKey,
    task: &TaskId,
    map_index: i32,
    name: &ArtifactName,
) -> Result<ArtifactEntry, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT name, content_type, size_bytes, sha256, object, try_number, created_at FROM artifacts
        WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4 AND name = $5
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index,
        name.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("artifact", name))?
    .entry(run)
}
