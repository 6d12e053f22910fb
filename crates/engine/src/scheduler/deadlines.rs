//! Deadlines: those that have passed are noted, told, and their callbacks called, once.

use super::Next;
use crate::pipeline::{Call, Followups};
use crate::{Engine, EngineError};
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_domain::context::Context;
use cofferdam_domain::event::Event;
use cofferdam_ids::{RunKey, TenantId};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::execution::callbacks::Called;
use cofferdam_store::execution::deadlines;
use serde_json::json;

/// How many ticks may pass before it is looked again.
const TICKS: u32 = 2;

impl Engine {
    /// Settles the deadlines that have passed.
    pub(crate) async fn settle_deadlines(&self) -> Result<Next, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        deadlines::count(&mut tx).await?;
        let due = deadlines::due(&mut tx, now, self.config.batch).await?;
        tx.commit().await?;
        for (tenant, run) in &due {
            self.settle_deadlines_of(*tenant, *run).await?;
        }
        Ok(Next::In(self.config.tick * TICKS))
    }

    async fn settle_deadlines_of(&self, tenant: TenantId, run: RunKey) -> Result<(), EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(&Context::system(tenant, "scheduler")).await?;
        let missed = deadlines::settle(&mut tx, run, now).await?;
        let plans = self.plans(&mut tx, missed.iter().map(|one| one.version)).await?;
        let facts = self.run_facts(&mut tx, missed.iter().map(|one| one.run)).await?;
        let mut calls = Vec::new();
        let mut events = Vec::new();
        for one in &missed {
            let (Some(plan), Some(facts)) = (plans.get(&one.version), facts.get(&one.run)) else { continue };
            let (hooks, target) = match &one.task {
                Some((index, task_id)) => {
                    let target = format!("{}/{}/{task_id}", facts.dag_id, facts.dag_run_id);
                    (plan.task(*index).map(|task| task.hooks).unwrap_or_default(), target)
                }
                None => (plan.hooks, format!("{}/{}", facts.dag_id, facts.dag_run_id)),
            };
            let target_kind = if one.task.is_some() { "task_instance" } else { "dag_run" };
            let done = Action { action: "deadline.miss", target_kind, target: &target };
            audit::append(&mut tx, done, &json!({ "due_at": one.due_at, "state": one.state }), now).await?;
            tracing::warn!(dag.id = %facts.dag_id, dag_run.id = %facts.dag_run_id, target, "a deadline was missed");
            events.push(Event::DeadlineMissed {
                dag_id: facts.dag_id.clone(),
                dag_run_id: facts.dag_run_id.clone(),
                task_id: one.task.as_ref().map(|(_, task_id)| task_id.clone()),
                due_at: one.due_at,
            });
            let Some(callback) = hooks.get(CallbackEvent::Deadline) else { continue };
            calls.push(Call {
                tenant,
                version: one.version,
                callback,
                called: Called {
                    run,
                    subject: one.task.clone(),
                    map_index: -1,
                    event: CallbackEvent::Deadline,
                    try_number: 0,
                    state: one.state.clone(),
                    reason: None,
                    message: None,
                    deadline: Some(one.due_at),
                },
            });
        }
        let enqueue = if calls.is_empty() { Vec::new() } else { self.call(&mut tx, calls, &plans, now).await? };
        tx.commit().await?;
        metrics::counter!("cofferdam_deadlines_missed_total").increment(events.len() as u64);
        self.announce(tenant, events);
        self.dispatch(Followups { enqueue, ..Followups::default() }).await;
        Ok(())
    }
}
