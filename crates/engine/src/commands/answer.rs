//! What people answer to tasks that ask them.

use crate::pipeline::Change;
use crate::record::Report;
use crate::work::approval;
use crate::{Engine, EngineError};
use cofferdam_domain::approval::{Answer, AnswerError, Decision};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::Receipt;
use cofferdam_domain::plan::TaskWork;
use cofferdam_domain::task::{TaskEvent, TaskState};
use cofferdam_ids::{DagId, DagRunId, LeaseToken, TaskId};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::execution::{runs, transition};
use cofferdam_store::{StoreError, approvals};
use serde_json::json;

/// Names the task instance that asks.
#[derive(Clone, Copy, Debug)]
pub struct AskedTask<'a> {
    /// Its dag.
    pub dag_id: &'a DagId,
    /// Its run.
    pub dag_run_id: &'a DagRunId,
    /// The task.
    pub task_id: &'a TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
}

impl Engine {
    /// Approves or rejects what a task asks: its try ends, and what waits for it goes on. Of two who decide at the same time, one does.
    ///
    /// # Errors
    /// When no such task has asked, the caller is not among those who may decide, the answer does not fit, or it was decided before.
    pub async fn answer_approval(
        &self,
        context: &Context,
        task: AskedTask<'_>,
        answer: &Answer,
    ) -> Result<Decision, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let run = runs::find_run(&mut tx, task.dag_id, task.dag_run_id).await?;
        let instance = approvals::last(&mut tx, run, task.task_id, task.map_index).await?.instance;
        let locked = transition::lock(&mut tx, &[instance]).await?;
        let Some(found) = locked.first() else { return Err(StoreError::not_found("task instance", task.task_id).into()) };
        let plans = self.plans(&mut tx, [found.version]).await?;
        let Some(TaskWork::Approval { approval: work }) =
            plans[&found.version].task(found.task_index).map(|planned| planned.work.clone())
        else {
            return Err(StoreError::conflict(decided(task.task_id, None)).into());
        };
        let decision = work.decide(answer, context, now).map_err(|error| match error {
            AnswerError::NotAsked(_) => EngineError::NotAsked(error),
            AnswerError::NoteTooLong => EngineError::Invalid { pointer: "/note".into(), message: error.to_string() },
            AnswerError::ChoiceMissing(_) | AnswerError::NoSuchChoice { .. } | AnswerError::NothingToChoose => {
                EngineError::Invalid { pointer: "/choice".into(), message: error.to_string() }
            }
        })?;
        let try_number = found.state.try_number();
        let asked = approvals::asked(&mut tx, instance, try_number).await?;
        let asked_at = match (&found.state, asked) {
            (TaskState::Deferred { .. }, Some(asked)) if asked.decision.is_none() => asked.asked_at,
            (_, Some(asked)) => return Err(StoreError::conflict(decided(task.task_id, asked.decision.as_ref())).into()),
            (_, None) => return Err(StoreError::conflict(decided(task.task_id, None)).into()),
        };
        approvals::decide(&mut tx, instance, try_number, &decision).await?;
        let (ending, xcoms) = approval::outcome(&work, &decision);
        let lease = LeaseToken(found.state.last_lease().0 + 1);
        let change = Change {
            report: Some(Report {
                worker: None,
                started_at: asked_at,
                ended_at: now,
                receipt: Receipt::default(),
                xcoms,
                artifacts: Vec::new(),
                undecodable: None,
            }),
            ..Change::new(instance, TaskEvent::Settled { try_number, lease, ending })
        };
        let followups = self.change(&mut tx, locked, vec![change], now).await?;
        if let Some(refused) = followups.refused.first() {
            return Err(StoreError::conflict(format!("the task does not wait: {}", refused.why)).into());
        }
        let target = format!("{}/{}/{}", task.dag_id, task.dag_run_id, task.task_id);
        let action = if answer.approve { "approval.approve" } else { "approval.reject" };
        let done = Action { action, target_kind: "task_instance", target: &target };
        let detail = json!({ "map_index": task.map_index, "choice": decision.choice, "note": decision.note });
        audit::append(&mut tx, done, &detail, now).await?;
        tx.commit().await?;
        tracing::info!(dag.id = %task.dag_id, task.id = %task.task_id, decision = decision.verdict.as_str(), "an approval was decided");
        self.dispatch(followups).await;
        Ok(decision)
    }
}

/// Why there is nothing to decide any more.
fn decided(task: &TaskId, decision: Option<&Decision>) -> String {
    match decision {
        Some(Decision { verdict, by: Some(by), .. }) => format!("it was {} by {by} already", verdict.as_str()),
        Some(Decision { by: None, .. }) => "it has expired: nobody decided in time".to_owned(),
        None => format!("the task '{task}' does not wait for a decision any more; it was cleared, marked or cancelled"),
    }
}
