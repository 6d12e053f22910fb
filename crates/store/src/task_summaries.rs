//! How the instances of each task of a run are doing: a mapped task may have thousands.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{RunKey, TaskId};

/// The instances of a task of a run, together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSummary {
    /// The task.
    pub task_id: TaskId,
    /// Whether it is mapped and its list is known: its instances are counted from 0.
    pub expanded: bool,
    /// How many instances are in each state.
    pub states: Vec<(TaskStateName, u64)>,
    /// When the first one started.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last one ended, when all have.
    pub ended_at: Option<DateTime<Utc>>,
}

impl TaskSummary {
    /// How many instances there are.
    #[must_use]
    pub fn instances(&self) -> u64 {
        self.states.iter().map(|(_, count)| count).sum()
    }
}

/// The tasks of a run, in the order of the dag's tasks.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, run: RunKey) -> Result<Vec<TaskSummary>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        SELECT task_id, bool_or(map_index >= 0) AS "expanded!", state, count(*) AS "count!", min(started_at) AS started_at,
            max(ended_at) AS ended_at
        FROM task_instances WHERE tenant_id = $1 AND run_key = $2 AND NOT is_callback
        GROUP BY task_index, task_id, state ORDER BY task_index, state
        "#,
        tenant,
        run.uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut summaries: Vec<TaskSummary> = Vec::new();
    for row in rows {
        let origin = row_of("task_instances", run);
        let task_id: TaskId = origin.name("task_id", &row.task_id)?;
        let state = origin.known("state", TaskStateName::parse(&row.state))?;
        let count = origin.number("count", row.count)?;
        match summaries.last_mut().filter(|summary| summary.task_id == task_id) {
            Some(summary) => {
                summary.expanded |= row.expanded;
                summary.states.push((state, count));
                summary.started_at = [summary.started_at, row.started_at].into_iter().flatten().min();
                summary.ended_at = summary.ended_at.zip(row.ended_at).map(|(one, other)| one.max(other));
            }
            None => summaries.push(TaskSummary {
                task_id,
                expanded: row.expanded,
                states: vec![(state, count)],
                started_at: row.started_at,
                ended_at: row.ended_at,
            }),
        }
    }
    Ok(summaries)
}
