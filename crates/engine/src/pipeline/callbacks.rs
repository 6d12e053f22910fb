//! Calling callbacks: what has happened in a pass becomes instances of its own, in the same transaction.

use super::{Pass, ToEnqueue, storable};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::callback::{CallbackEvent, called, message, state_word};
use cofferdam_domain::ending::Ending;
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskState;
use cofferdam_ids::{DagVersionId, LeaseToken, TaskInstanceId, TenantId};
use cofferdam_store::Tx;
use cofferdam_store::execution::callbacks::{self, Called, NewCall};
use cofferdam_store::execution::transition::{ClosedRun, LockedInstance};
use std::collections::HashMap;
use std::sync::Arc;

/// A callback that is to be called.
pub(crate) struct Call {
    pub(crate) tenant: TenantId,
    pub(crate) version: DagVersionId,
    /// Its position in the plan.
    pub(crate) callback: i32,
    pub(crate) called: Called,
}

impl Call {
    /// What an instance's way from one state to another calls for, of what the task has.
    pub(super) fn of_task(
        task: &TaskPlan,
        locked: &LockedInstance,
        (before, after): (&TaskState, &TaskState),
        ended: Option<(u32, &Ending)>,
    ) -> Option<Self> {
        let ending = ended.map(|(_, ending)| ending);
        let event = called(before, after, ending)?;
        let callback = task.hooks.get(event)?;
        // Where a try failed, that one, not the one that follows.
        let try_number = ended.map_or_else(|| after.try_number(), |(try_number, _)| try_number);
        let reason = match ending {
            Some(Ending::Failure { reason, .. }) => Some(*reason),
            _ => after.reason(),
        };
        Some(Self {
            tenant: locked.tenant,
            version: locked.version,
            callback,
            called: Called {
                run: locked.run,
                subject: Some((locked.task_index, locked.task_id.clone())),
                map_index: locked.map_index,
                event,
                try_number,
                state: state_word(event, after.name()).to_owned(),
                reason: reason.map(|reason| reason.to_string()),
                message: ending.and_then(message).map(storable),
                deadline: None,
            },
        })
    }

    /// What the end of a run calls for. `locked` is an instance of it.
    pub(super) fn of_run(plan: &DagPlan, locked: &LockedInstance, closed: &ClosedRun) -> Option<Self> {
        let (event, state) = match closed.succeeded {
            true => (CallbackEvent::OnSuccess, RunStateName::Success),
            false => (CallbackEvent::OnFailure, RunStateName::Failed),
        };
        Some(Self {
            tenant: locked.tenant,
            version: locked.version,
            callback: plan.hooks.get(event)?,
            called: Called {
                run: closed.run,
                subject: None,
                map_index: -1,
                event,
                try_number: 0,
                state: state.as_str().to_owned(),
                reason: closed.reason.clone(),
                message: None,
                deadline: None,
            },
        })
    }
}

impl Pass<'_> {
    /// Calls what is to be called.
    pub(super) async fn call_back(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let calls = std::mem::take(&mut self.calls);
        if calls.is_empty() {
            return Ok(());
        }
        let made = self.engine.call(tx, calls, &self.plans, self.now).await?;
        self.followups.enqueue.extend(made);
        Ok(())
    }
}

impl Engine {
    /// Makes the instances of callbacks, in the caller's transaction, which has locked their runs. Returns their tries.
    pub(crate) async fn call(
        &self,
        tx: &mut Tx<'_>,
        calls: Vec<Call>,
        plans: &HashMap<DagVersionId, Arc<DagPlan>>,
        now: DateTime<Utc>,
    ) -> Result<Vec<ToEnqueue>, EngineError> {
        let mut new = Vec::with_capacity(calls.len());
        let mut tries = HashMap::with_capacity(calls.len());
        for call in calls {
            let Some(callback) = plans.get(&call.version).and_then(|plan| plan.task(call.callback)) else { continue };
            let instance = TaskInstanceId::generate();
            tries.insert(
                instance,
                ToEnqueue {
                    tenant: call.tenant,
                    run: call.called.run,
                    version: call.version,
                    instance,
                    task_index: call.callback,
                    map_index: -1,
                    try_number: 1,
                    last_lease: LeaseToken(0),
                    queued_at: now,
                    not_before: None,
                    compared: false,
                },
            );
            new.push(NewCall {
                instance,
                tenant: call.tenant,
                task_index: call.callback,
                task_id: callback.task_id.clone(),
                called: call.called,
            });
        }
        let made = callbacks::call(tx, &new, now + self.config.queued_check, now).await?;
        let made = made.into_iter().filter_map(|(instance, map_index)| {
            let ready = tries.remove(&instance)?;
            Some(ToEnqueue { map_index, ..ready })
        });
        Ok(made.collect())
    }
}
