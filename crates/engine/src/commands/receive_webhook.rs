use crate::runs::{RunParts, facts, new_run};
use crate::scheduler::overlap::{Placement, place};
use crate::{Engine, EngineError};
use cofferdam_domain::context::Context;
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_ids::{DagId, DagRunId, RunKey};
use cofferdam_store::execution::runs;
use cofferdam_store::webhooks::{self, Received};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The most events that a webhook takes in a minute.
pub const WEBHOOK_EVENTS_A_MINUTE: i64 = 300;

/// What an event from outside did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// It made a run.
    Made(DagRunId),
    /// It came before. The run that it made then, if that is still there.
    Before(Option<DagRunId>),
    /// It made none: another run is not finished, and the dag's `overlap` is `skip`.
    LeftOut,
    /// Too many came within the last minute.
    TooMany,
}

impl Engine {
    /// Makes a run of an event from outside, once for each `event_id`. Whether it is genuine, the caller knows.
    ///
    /// # Errors
    /// When there is no such dag.
    pub async fn receive_webhook(
        &self,
        context: &Context,
        dag_id: &DagId,
        event_id: &str,
        conf: Map<String, Value>,
    ) -> Result<WebhookOutcome, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let dag = runs::lock_dag(&mut tx, dag_id).await?;
        match webhooks::receive(&mut tx, dag.dag, event_id, WEBHOOK_EVENTS_A_MINUTE, now).await? {
            Received::New => {}
            Received::Before(run) => return Ok(WebhookOutcome::Before(run)),
            Received::TooMany => return Ok(WebhookOutcome::TooMany),
        }
        let plans = self.plans(&mut tx, [dag.version]).await?;
        let plan = &plans[&dag.version];
        let cancelled = match place(plan.overlap, dag.unfinished_runs) {
            Placement::Make => None,
            Placement::MakeAndCancel => Some(self.cancel_unfinished(&mut tx, &[dag.dag], now).await?),
            Placement::LeaveOut => {
                tx.commit().await?;
                return Ok(WebhookOutcome::LeftOut);
            }
        };
        let run = RunKey::generate();
        // Several may come at one moment.
        let plain = run_id(RunType::Event, now);
        let id = run.uuid().simple().to_string();
        let dag_run_id = DagRunId::new(format!("{plain}__{}", &id[id.len() - 8..])).unwrap_or(plain);
        let conf = Value::Object(conf);
        let parts = RunParts {
            tenant: context.tenant,
            dag_run_id: dag_run_id.clone(),
            run_type: RunType::Event,
            logical_date: now,
            conf: &conf,
            queued_at: now,
        };
        let mut new = new_run(&dag, plan, parts);
        new.run = run;
        let made = self.insert_runs(&mut tx, std::slice::from_ref(&new), &plans, now).await?;
        webhooks::note_run(&mut tx, dag.dag, event_id, run).await?;
        tx.commit().await?;
        if let Some(cancelled) = cancelled {
            self.dispatch(cancelled).await;
        }
        let state = if new.admitted { RunStateName::Running } else { RunStateName::Queued };
        self.keep_run_facts([Arc::new(facts(&new, dag_id))]);
        self.announce_changes(Vec::new(), [(context.tenant, run, state)]);
        self.dispatch(made.followups).await;
        Ok(WebhookOutcome::Made(dag_run_id))
    }
}
