//! Every identifier of Cofferdam, as a type of its own.
//!
//! Two kinds. *Keys* are UUIDs that Cofferdam makes (version 7, so that they sort by time and index well). *Names* are
//! text that people choose (`dag_id`, `task_id`), checked once, where they enter. A bare `Uuid` or `String` never
//! stands for an id anywhere else. The lists below only grow: an id, once released, keeps its name and its rules.

mod key;
mod name;

pub use key::{
    ApiKeyId, AuditId, BackfillId, BundleId, ComponentId, ComponentVersionId, DagKey, DagVersionId, DeadLetterId, Fence,
    LeaseToken, LogSegmentId, RunKey, SessionId, TaskInstanceId, TenantId, UserId, WorkerId,
};
pub use name::{
    ArtifactName, BundleName, ComponentName, ConnectionId, DagId, DagRunId, Digest, GroupName, NameError, PoolName, QueueName,
    TaskId, TenantName, VariableKey, XComKey,
};
