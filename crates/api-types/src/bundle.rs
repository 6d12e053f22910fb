//! Bundles: directories and git repositories that dags come from.

use crate::problem::Diagnostic;
use chrono::{DateTime, Utc};
use cofferdam_ids::{BundleName, ComponentName, DagId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a bundle is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BundleKind {
    /// A directory.
    #[default]
    Directory,
    /// A git repository.
    Git,
}

/// What a bundle is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BundleSource {
    /// What it is.
    pub kind: BundleKind,
    /// The directory or the URL, without credentials.
    pub location: String,
    /// The branch, tag or commit of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A bundle, with its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Bundle {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: BundleName,
    /// What it is read from.
    pub source: BundleSource,
    /// Whether a server reads it by itself.
    pub is_watched: bool,
    /// Why it could not be read at all; its dags stay as they were.
    pub problem: Option<String>,
    /// When it was looked at last.
    pub checked_at: DateTime<Utc>,
    /// When all of it was read last.
    pub synced_at: Option<DateTime<Utc>>,
    /// When it was read first.
    pub created_at: DateTime<Utc>,
    /// How many files it has.
    pub files: u64,
    /// How many of them have something wrong.
    pub broken_files: u64,
    /// How many dags come from it.
    pub dags: u64,
    /// How many dags came from it whose file is gone.
    pub stale_dags: u64,
}

/// The bundles of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleCollection {
    /// The bundles of the page, by name.
    pub bundles: Vec<Bundle>,
    /// How many there are.
    pub total_entries: u64,
}

/// `GET /bundles/{bundle_name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleDetail {
    /// The bundle.
    #[serde(flatten)]
    pub bundle: Bundle,
    /// The dags that come from it, and those that came from it and whose file is gone.
    pub bundle_dags: Vec<BundleDag>,
}

/// A dag of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleDag {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its file; nothing when that is gone.
    pub path: Option<String>,
    /// Since when.
    pub stale_since: Option<DateTime<Utc>>,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleFile {
    /// Where it is in the bundle.
    pub path: String,
    /// The SHA-256 of its bytes, as they were looked at last.
    pub hash: String,
    /// When it was applied, or since when it is broken.
    pub changed_at: DateTime<Utc>,
    /// The dags that come from it; of a broken file, those of the last version of it that was right.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub dags: Vec<DagId>,
    /// The number of what is wrong in `/importErrors`.
    pub import_error_id: Option<i64>,
    /// What is wrong with it, each with its line and column.
    pub diagnostics: Vec<Diagnostic>,
}

/// Files of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleFileCollection {
    /// The files of the page, by path.
    pub files: Vec<BundleFile>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /bundles/{bundle_name}/files`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct BundleFileListQuery {
    /// The most files to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only files with something wrong.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::page::flag")]
    pub only_broken: Option<bool>,
}

impl Default for BundleFileListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, only_broken: None }
    }
}

/// The body of `POST /bundles/{bundle_name}/sync`. Large bundles are sent in several requests, each with all paths in `present`; the last
/// one says `finish`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SyncBundle {
    /// What the bundle is read from.
    pub source: BundleSource,
    /// The paths of all files that there are now, at most 10,000.
    pub present: Vec<String>,
    /// Files to be applied. One that is known with the same hash is not touched, unless it was broken.
    #[serde(default)]
    pub files: Vec<SyncFile>,
    /// Whether no more are to follow: what came from files that are gone is ended.
    #[serde(default)]
    pub finish: bool,
    /// Whether dags whose file is gone are deleted, not paused.
    #[serde(default)]
    pub prune: bool,
    /// Checks everything and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A file of a bundle, with what stands in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SyncFile {
    /// Where it is in the bundle, with slashes.
    pub path: String,
    /// The SHA-256 of its bytes.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub hash: Digest,
    /// What stands in it.
    pub content: SyncContent,
}

/// What stands in a file of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SyncContent {
    /// A definition in YAML or JSON.
    Definition(String),
    /// A program, which was run where the bundle is.
    Program(WrittenDags),
    /// A workflow component, which was uploaded.
    Component(WorkflowReference),
    /// Nothing that could be read: why.
    Broken(Vec<Diagnostic>),
}

/// The dags that a program wrote down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WrittenDags {
    /// The text of the program.
    pub text: String,
    /// What it wrote down.
    pub dags: Vec<WrittenDag>,
}

/// A dag that a program wrote down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WrittenDag {
    /// Its definition.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub definition: Value,
    /// The lines of the program, from 1, that wrote the parts of the definition, by JSON Pointers.
    #[serde(default)]
    pub lines: BTreeMap<String, usize>,
}

/// An uploaded workflow component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowReference {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ComponentName,
    /// Its version.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub digest: Digest,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SyncOutcome {
    /// It is as it was, and was not touched.
    Unchanged,
    /// All of its dags are applied (or could be).
    Applied,
    /// Something is wrong with it; its dags stay as they were.
    Broken,
}

/// A dag of a file that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SyncedDag {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The version that holds now (after a dry run: that would hold).
    pub version_number: u32,
    /// Whether something changed.
    pub changed: bool,
}

/// What became of a file, and of its dags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SyncedFile {
    /// The file.
    pub path: String,
    /// What became of it.
    pub outcome: SyncOutcome,
    /// The dags that were applied.
    pub dags: Vec<SyncedDag>,
    /// What is wrong, or looks wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// The answer to `POST /bundles/{bundle_name}/sync`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BundleSynced {
    /// What became of the files that were sent.
    pub files: Vec<SyncedFile>,
    /// Files that are gone.
    pub removed_files: Vec<String>,
    /// Dags whose file is gone: they are paused and marked.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub deactivated_dags: Vec<DagId>,
    /// Dags whose file is gone and that were deleted.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub deleted_dags: Vec<DagId>,
}

/// Where a version of a dag came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagOrigin {
    /// The bundle.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub bundle: BundleName,
    /// The file in it.
    pub path: String,
    /// The commit.
    pub commit: Option<String>,
}
