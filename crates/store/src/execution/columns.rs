//! How the state of a task instance lies in the columns of its row.

use super::transition::LockedInstance;
use crate::StoreError;
use chrono::{DateTime, Utc};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::{TaskState, TaskStateName};
use cofferdam_domain::trigger_rule::UpstreamCounts;
use cofferdam_ids::{DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId, WorkerId};
use uuid::Uuid;

/// Counts of outcomes as arrays, in the order of the columns: all, `success`, `failed`, `upstream_failed`, `skipped`.
pub(super) fn counts<'a>(counts: impl Iterator<Item = &'a UpstreamCounts> + Clone) -> [Vec<i32>; 5] {
    let fields: [fn(&UpstreamCounts) -> i32; 5] = [
        |counts| counts.total,
        |counts| counts.success,
        |counts| counts.failed,
        |counts| counts.upstream_failed,
        |counts| counts.skipped,
    ];
    fields.map(|field| counts.clone().map(field).collect())
}

/// A row of `task_instances` with what is needed of its run.
pub(super) struct Row {
    pub instance_id: Uuid,
    pub tenant_id: Uuid,
    pub run_key: Uuid,
    pub dag_version_id: Uuid,
    pub run_state: String,
    pub run_unfinished: i32,
    pub task_index: i32,
    pub map_index: i32,
    pub task_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub try_number: i32,
    pub tries_before: i32,
    pub lease_token: i64,
    pub worker_id: Option<Uuid>,
    pub cancel_requested_at: Option<DateTime<Utc>>,
    pub deferred_event: Option<String>,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    pub attend_at: Option<DateTime<Utc>>,
    pub upstream_total: i32,
    pub upstream_success: i32,
    pub upstream_failed: i32,
    pub upstream_upstream_failed: i32,
    pub upstream_skipped: i32,
}

impl TryFrom<Row> for LockedInstance {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |column: &'static str| StoreError::corrupt("task_instances", column, row.instance_id);
        let run_state =
            RunStateName::parse(&row.run_state).ok_or_else(|| StoreError::corrupt("dag_runs", "state", row.run_key))?;
        let state = state(&row)?;
        Ok(Self {
            instance: TaskInstanceId::from_uuid(row.instance_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            run: RunKey::from_uuid(row.run_key),
            version: DagVersionId::from_uuid(row.dag_version_id),
            run_state,
            run_unfinished: row.run_unfinished,
            task_index: row.task_index,
            map_index: row.map_index,
            task_id: TaskId::new(&row.task_id).map_err(|_| corrupt("task_id"))?,
            state,
            tries_before: u32::try_from(row.tries_before).map_err(|_| corrupt("tries_before"))?,
            upstream: UpstreamCounts {
                total: row.upstream_total,
                success: row.upstream_success,
                failed: row.upstream_failed,
                upstream_failed: row.upstream_upstream_failed,
                skipped: row.upstream_skipped,
            },
            queued_at: row.queued_at,
            started_at: row.started_at,
            attend_at: row.attend_at,
        })
    }
}

fn state(row: &Row) -> Result<TaskState, StoreError> {
    let corrupt = |column: &'static str| StoreError::corrupt("task_instances", column, row.instance_id);
    let try_number = u32::try_from(row.try_number).map_err(|_| corrupt("try_number"))?;
    let last_lease = LeaseToken(row.lease_token);
    let reason = match &row.reason {
        Some(text) => Some(Reason::parse(text).ok_or_else(|| corrupt("reason"))?),
        None => None,
    };
    let needed = |time: Option<DateTime<Utc>>, column| time.ok_or_else(|| corrupt(column));
    let queued_at = || needed(row.queued_at, "queued_at");
    let started_at = || needed(row.started_at, "started_at");
    let ended_at = || needed(row.ended_at, "ended_at");
    let due_at = || needed(row.due_at, "due_at");
    let worker = || row.worker_id.map(WorkerId::from_uuid).ok_or_else(|| corrupt("worker_id"));
    let why = || reason.ok_or_else(|| corrupt("reason"));
    Ok(match TaskStateName::parse(&row.state).ok_or_else(|| corrupt("state"))? {
        TaskStateName::None => TaskState::None { try_number, last_lease },
        TaskStateName::Scheduled => TaskState::Scheduled { try_number, last_lease, since: queued_at()?, not_before: row.due_at },
        TaskStateName::Queued => TaskState::Queued { try_number, last_lease, since: queued_at()? },
        TaskStateName::Running => TaskState::Running {
            try_number,
            lease: last_lease,
            worker: worker()?,
            since: started_at()?,
            cancel_requested: row.cancel_requested_at.is_some(),
        },
        TaskStateName::Success => TaskState::Success { try_number, last_lease, at: ended_at()?, reason },
        TaskStateName::Failed => TaskState::Failed { try_number, last_lease, reason: why()?, at: ended_at()? },
        TaskStateName::UpForRetry => TaskState::UpForRetry { try_number, last_lease, reason: why()?, due: due_at()? },
        TaskStateName::UpForReschedule => TaskState::UpForReschedule { try_number, last_lease, due: due_at()? },
        TaskStateName::Deferred => TaskState::Deferred {
            try_number,
            last_lease,
            event: row.deferred_event.clone().ok_or_else(|| corrupt("deferred_event"))?,
            due: due_at()?,
        },
        TaskStateName::UpstreamFailed => TaskState::UpstreamFailed { try_number, last_lease, at: ended_at()? },
        TaskStateName::Skipped => TaskState::Skipped { try_number, last_lease, reason: why()?, at: ended_at()? },
        TaskStateName::Removed => TaskState::Removed { try_number, last_lease, at: ended_at()? },
        TaskStateName::Restarting => {
            TaskState::Restarting { try_number, lease: last_lease, worker: worker()?, since: started_at()? }
        }
    })
}

/// What a state has beyond its name, try, lease and reason.
#[derive(Clone, Copy, Default)]
pub(super) struct Columns<'a> {
    pub worker: Option<WorkerId>,
    pub cancel_requested: bool,
    pub event: Option<&'a str>,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(state: &'a TaskState) -> Self {
        match state {
            TaskState::None { .. } => Self::default(),
            TaskState::Scheduled { since, not_before, .. } => {
                Self { queued_at: Some(*since), due_at: *not_before, ..Self::default() }
            }
            TaskState::Queued { since, .. } => Self { queued_at: Some(*since), ..Self::default() },
            TaskState::Running { worker, since, cancel_requested, .. } => {
                Self { worker: Some(*worker), started_at: Some(*since), cancel_requested: *cancel_requested, ..Self::default() }
            }
            TaskState::Restarting { worker, since, .. } => {
                Self { worker: Some(*worker), started_at: Some(*since), ..Self::default() }
            }
            TaskState::Success { at, .. }
            | TaskState::Failed { at, .. }
            | TaskState::UpstreamFailed { at, .. }
            | TaskState::Skipped { at, .. }
            | TaskState::Removed { at, .. } => Self { ended_at: Some(*at), ..Self::default() },
            TaskState::UpForRetry { due, .. } | TaskState::UpForReschedule { due, .. } => {
                Self { due_at: Some(*due), ..Self::default() }
            }
            TaskState::Deferred { event, due, .. } => Self { event: Some(event), due_at: Some(*due), ..Self::default() },
        }
    }
}
