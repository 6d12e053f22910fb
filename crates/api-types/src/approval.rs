//! What tasks ask people, and what they decide.

use crate::Role;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// The task waits for a decision.
    Waiting,
    /// Somebody approved.
    Approved,
    /// Somebody rejected.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The task does not wait any more: it was cleared, marked or cancelled before somebody decided.
    Withdrawn,
}

impl ApprovalState {
    /// The state as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What happens when nobody decides in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The task fails.
    Fail,
    /// It is skipped.
    Skip,
    /// It counts as approved, with the first of the options.
    Approve,
}

/// Who may decide: these users, and whoever has one of these roles or a higher one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Approvers {
    /// Users, by their names.
    pub users: Vec<String>,
    /// Roles.
    pub roles: Vec<Role>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalDecision {
    /// Who decided; nobody when it expired.
    pub by: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// Which of the options was chosen.
    pub choice: Option<String>,
    /// What the person said.
    pub note: Option<String>,
}

/// What a task asks, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Approval {
    /// The dag of the task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The run of the task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The try that asks. A task that is run anew asks anew.
    pub try_number: u32,
    /// Where it stands.
    pub state: ApprovalState,
    /// What people are asked.
    pub message: String,
    /// Who may decide.
    pub who: Approvers,
    /// Whether whoever asks for this list may decide now: it waits, and they are among those who may.
    pub may_decide: bool,
    /// What can be chosen when approving; when there is something, one has to be chosen.
    pub options: Vec<String>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// When it expires; nothing when it does not.
    pub expires_at: Option<DateTime<Utc>>,
    /// What happens then.
    pub on_expiry: OnExpiry,
    /// The decision, if there is one.
    pub decision: Option<ApprovalDecision>,
}

/// A list of approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalCollection {
    /// The approvals of the page, the latest first.
    pub approvals: Vec<Approval>,
    /// How many there are.
    pub total_entries: u64,
}

/// Which approvals are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApprovalSelection {
    /// Those that tasks wait for.
    #[default]
    Waiting,
    /// Those that no task waits for any more.
    Settled,
    /// All.
    All,
}

/// The query of `GET /approvals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "schema", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Those that tasks wait for (unless something else is given), those that are settled, or all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ApprovalSelection>,
    /// Only those of this dag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub dag_id: Option<DagId>,
    /// Only those of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
    /// Only those that the caller is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<bool>,
    /// `asked_at`, `expires_at` or `dag_id`, with `-` before it for the other direction; left out, the latest first. What waits without end
    /// comes last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for ApprovalListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, state: None, dag_id: None, dag_run_id: None, mine: None, order_by: None }
    }
}

/// `POST …/taskInstances/{task_id}/approve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Which of the options is chosen; required when there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// What is to be said of it, at most 4,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Position in a mapped task; left out for one that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
}

/// `POST …/taskInstances/{task_id}/reject`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// Why, at most 4,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Position in a mapped task; left out for one that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
}
