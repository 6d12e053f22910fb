//! Tasks that the engine does itself, in place of a worker.
//!
//! Such a task is queued like any other, but no message is made of it: whoever would have made the message does the work, in one
//! transaction that ends the try or defers it. When that process dies first, the instance is recorded as `queued` and in no queue, and
//! a reconciler (`scheduler/attend.rs`) has it done. So what is done must be the same when it is done twice.

pub(crate) mod approval;
mod run_dag;

use crate::pipeline::{Change, Followups, ToEnqueue};
use crate::record::{Report, XComWrite};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::ending::{Ending, Receipt};
use cofferdam_domain::job::Entry;
use cofferdam_domain::plan::TaskWork;
use cofferdam_domain::rendered::rendered;
use cofferdam_domain::task::{TaskEvent, TaskState};
use cofferdam_ids::LeaseToken;
use cofferdam_store::Tx;
use cofferdam_store::execution::facts::RunFacts;
use cofferdam_store::execution::transition::{self, LockedInstance};
use serde_json::Value;
use std::sync::Arc;

/// A try that the engine does.
pub(crate) struct OwnWork {
    /// What is to be done.
    pub(crate) work: TaskWork,
    /// The run of the task.
    pub(crate) run: Arc<RunFacts>,
    /// The task's input, filled in.
    pub(crate) input: Value,
    /// What the instance is called.
    pub(crate) name: Option<String>,
    /// The try.
    pub(crate) due: ToEnqueue,
}

impl Engine {
    /// Does what tries ask for, and returns what comes of it. What fails is done again by a reconciler.
    pub(crate) async fn do_own_work(&self, works: Vec<OwnWork>) -> Vec<Followups> {
        let now = self.clock.now();
        let mut more = Vec::new();
        for own in works {
            if own.due.not_before.is_some_and(|time| time > now) {
                // It is woken when its time comes.
                continue;
            }
            let done = match &own.work {
                // A worker's, not ours.
                TaskWork::Component(_) => Ok(Vec::new()),
                TaskWork::RunDag { run_dag } => self.run_dag(&own, run_dag).await,
                TaskWork::Approval { approval } => self.ask(&own, approval).await,
            };
            match done {
                Ok(followups) => more.extend(followups),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    task_instance.id = %own.due.instance,
                    "a task of the engine's own could not be done; a reconciler will have it done"
                ),
            }
        }
        more
    }

    /// Ends the try of locked instances that [`still_due`] returned.
    async fn end_own_work(
        &self,
        tx: &mut Tx<'_>,
        own: &OwnWork,
        locked: Vec<LockedInstance>,
        (ending, xcoms): (Ending, Vec<XComWrite>),
        now: DateTime<Utc>,
    ) -> Result<Followups, EngineError> {
        let lease = LeaseToken(locked.first().map_or(own.due.last_lease, |instance| instance.state.last_lease()).0 + 1);
        let change = Change {
            instance: own.due.instance,
            event: TaskEvent::Ended { try_number: own.due.try_number, lease, ending },
            report: Some(Report {
                worker: None,
                started_at: now,
                ended_at: now,
                receipt: Receipt::default(),
                xcoms,
                artifacts: Vec::new(),
                undecodable: None,
            }),
            rendered: Some(rendered(&own.input, &Entry::Task, own.name.as_deref())),
        };
        self.change(tx, locked, vec![change], now).await
    }
}

/// Locks the instance of a try, if that try still waits to be done.
async fn still_due(tx: &mut Tx<'_>, own: &OwnWork) -> Result<Option<Vec<LockedInstance>>, EngineError> {
    let locked = transition::lock(tx, &[own.due.instance]).await?;
    let due = locked
        .iter()
        .any(|instance| matches!(instance.state, TaskState::Queued { try_number, .. } if try_number == own.due.try_number));
    Ok(due.then_some(locked))
}
