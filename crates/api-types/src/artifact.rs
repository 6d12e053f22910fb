use chrono::{DateTime, Utc};
use cofferdam_ids::{ArtifactName, Digest};
use serde::{Deserialize, Serialize};

/// A file that a task left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Artifact {
    /// Its name, unique among those of its task instance: `report.pdf`, `plots/2026.png`.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ArtifactName,
    /// Its media type, as the task gave it.
    pub content_type: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub sha256: Digest,
    /// The try that wrote it.
    pub try_number: u32,
    /// When that was recorded.
    pub created_at: DateTime<Utc>,
}

/// The files that a task left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ArtifactCollection {
    /// The artifacts, by name.
    pub artifacts: Vec<Artifact>,
    /// How many there are.
    pub total_entries: u64,
}
