use crate::problem::Diagnostic;
use chrono::{DateTime, Utc};
use cofferdam_ids::{ComponentName, DagId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The query of `POST /components`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ComponentUpload {
    /// The component's name; a slash groups, as in `weather/clean`.
    #[cfg_attr(feature = "schema", param(value_type = String))]
    pub name: ComponentName,
    /// A word for this version, unique in the component: `v1`, a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Approves the version at once when it asks for more than the one before it. Only an admin can.
    #[serde(default, skip_serializing_if = "is_false")]
    pub approve: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// How a component can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// It exports world `cofferdam:task/task`: JSON in, JSON out.
    Task,
    /// It is a `wasi:cli/command`: input on stdin, result on stdout.
    Command,
    /// It exports typed functions of its own.
    Library,
}

/// One version of a component. Immutable, named by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentVersion {
    /// The component.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ComponentName,
    /// The SHA-256 of its bytes.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub digest: Digest,
    /// Its place among the versions, from 1.
    pub version_number: u32,
    /// How it can be run.
    pub kind: ComponentKind,
    /// Its size.
    pub size_bytes: u64,
    /// The interfaces that it imports: what it must be given.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The word given when it was uploaded.
    pub label: Option<String>,
    /// What it can ask for, in one word each: `http`, `config`, `filesystem`, … What it gets is for a task's grant to say.
    pub permissions: Vec<String>,
    /// What it asks for beyond the version that was approved last when it was uploaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks_more: Vec<String>,
    /// Whether an admin has to approve it before dags can use it.
    pub needs_approval: bool,
    /// Since when dags can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// Who approved it; absent when nobody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// The SHA-256 of the core module for WASI preview 1 that it was made of, when it was. `digest` is that of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub adapted_from: Option<Digest>,
    /// Whether this request made it; `false` when the same bytes were there already.
    #[serde(default)]
    pub created: bool,
    /// Milliseconds that compiling took; absent when it was compiled before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_ms: Option<u64>,
    /// What the version does to the dags that name the component without a version; only in the answer to its upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<ComponentImpact>,
}

/// What a version of a component does to the dags that name the component without a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentImpact {
    /// Dags that get the version when they are applied next, at most 500. Until then nothing changes for them.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub dags: Vec<DagId>,
    /// Those of them that are refused then.
    pub broken: Vec<BrokenDag>,
}

/// A dag that would be refused with another version of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BrokenDag {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// What would be wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A component, with its newest version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Component {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ComponentName,
    /// How many versions it has.
    pub version_count: u32,
    /// The newest.
    pub latest: ComponentVersion,
    /// When the first version was uploaded.
    pub created_at: DateTime<Utc>,
}

/// A list of components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentCollection {
    /// The components, by name.
    pub components: Vec<Component>,
    /// How many there are.
    pub total_entries: u64,
}

/// A component with all its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentDetail {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ComponentName,
    /// Its versions, the newest first.
    pub versions: Vec<ComponentVersion>,
}

/// An interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportedInterface {
    /// Its name in WIT, with its version.
    pub interface: String,
    /// What it gives, in one word: `clock`, `random`, `network`, …
    pub capability: String,
    /// Whether tasks are given it. When not, the component still runs, and its calls to it fail.
    pub offered: bool,
}

/// A function that a component exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExportedFunction {
    /// `function`, or `interface#function`.
    pub name: String,
    /// Its type in WIT.
    pub signature: String,
    /// Its documentation in Markdown, when the component has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its parameters, in order.
    #[serde(default)]
    pub parameters: Vec<FunctionParameter>,
    /// The type of its result in WIT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What its input looks like: a JSON Schema (draft 2020-12). Absent when it cannot be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub input_schema: Option<Value>,
    /// What it gives when it succeeds: a JSON Schema. Absent when it cannot be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub output_schema: Option<Value>,
    /// Why a task cannot call it, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FunctionParameter {
    /// Its name, as written in WIT.
    pub name: String,
    /// Its type in WIT.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One version, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ComponentVersionDetail {
    /// The version.
    #[serde(flatten)]
    pub version: ComponentVersion,
    /// What it imports, with what that gives it.
    pub imported: Vec<ImportedInterface>,
    /// The functions that it exports.
    pub functions: Vec<ExportedFunction>,
    /// Its world, as WIT text.
    pub wit: String,
}
