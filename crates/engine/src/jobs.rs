//! From a queued instance to the message that a worker runs.

use crate::pipeline::{Change, ToEnqueue};
use crate::{Engine, EngineError};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::{Job, Target, TaskContext};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::task::TaskEvent;
use cofferdam_ids::{DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId, XComKey};
use cofferdam_queue::{Message, Signal};
use cofferdam_store::Tx;
use cofferdam_store::execution::facts::{self, RunFacts, XComAddress, XComValue};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// An instance whose message cannot be made: the template of its input asks for what is not there.
struct Unrunnable {
    tenant: TenantId,
    instance: TaskInstanceId,
    try_number: u32,
    lease: LeaseToken,
    message: String,
}

impl Engine {
    /// Puts tries into the queue. One that cannot be run, because its input cannot be made, fails.
    pub(crate) async fn enqueue(&self, tries: Vec<ToEnqueue>) {
        if tries.is_empty() {
            return;
        }
        let count = tries.len();
        let enqueued: Result<(), EngineError> = async {
            let (messages, unrunnable) = self.messages(tries).await?;
            if self.queue.enqueue(&messages).await? < messages.len() {
                // Some were there already, delayed until now: nobody was told that their time has come.
                self.queue.publish(&Signal::Enqueued).await?;
            }
            self.fail_unrunnable(unrunnable).await
        }
        .await;
        if let Err(error) = enqueued {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                tries = count,
                "tries could not be put into the queue; a reconciler will"
            );
        }
    }

    async fn messages(&self, tries: Vec<ToEnqueue>) -> Result<(Vec<Message>, Vec<Unrunnable>), EngineError> {
        // A transaction is only begun when something has to be read.
        let known: Option<(HashMap<_, _>, HashMap<_, _>)> = self.known(&tries);
        let (plans, runs, xcoms) = match known {
            Some((plans, runs)) if wanted(&tries, &plans).is_empty() => (plans, runs, HashMap::new()),
            _ => {
                let mut tx = self.begin_for(tries.iter().map(|new| new.tenant)).await?;
                let plans = self.plans(&mut tx, tries.iter().map(|new| new.version)).await?;
                let runs = self.run_facts(&mut tx, tries.iter().map(|new| new.run)).await?;
                let wanted = wanted(&tries, &plans);
                let stored = if wanted.is_empty() { HashMap::new() } else { facts::xcoms(&mut tx, &wanted).await? };
                tx.commit().await?;
                let values = self.read_xcoms(stored, &runs).await?;
                (plans, runs, values)
            }
        };
        let mut messages = Vec::with_capacity(tries.len());
        let mut unrunnable = Vec::new();
        for new in tries {
            let (Some(run), Some(task)) = (runs.get(&new.run), task(&plans, &new)) else { continue };
            match message(&new, run, task, &xcoms) {
                Ok(message) => messages.push(message),
                Err(message) => unrunnable.push(Unrunnable {
                    tenant: new.tenant,
                    instance: new.instance,
                    try_number: new.try_number,
                    lease: LeaseToken(new.last_lease.0 + 1),
                    message,
                }),
            }
        }
        Ok((messages, unrunnable))
    }

    /// The facts of these tries, when all are known without the database.
    #[expect(clippy::type_complexity, reason = "two maps, taken apart at once")]
    fn known(&self, tries: &[ToEnqueue]) -> Option<(HashMap<DagVersionId, Arc<DagPlan>>, HashMap<RunKey, Arc<RunFacts>>)> {
        let mut plans = HashMap::new();
        let mut runs = HashMap::new();
        for new in tries {
            if !runs.contains_key(&new.run) {
                runs.insert(new.run, self.kept_run_facts(new.run)?);
            }
            if !plans.contains_key(&new.version) {
                plans.insert(new.version, self.kept_plan(new.version)?);
            }
        }
        Some((plans, runs))
    }

    /// A transaction that sees the rows of these tenants: of one, when it is one, so that the API's role can have it.
    async fn begin_for(&self, tenants: impl IntoIterator<Item = TenantId>) -> Result<Tx<'static>, EngineError> {
        let mut tenants: Vec<TenantId> = tenants.into_iter().collect();
        tenants.dedup();
        match tenants.as_slice() {
            [tenant] => Ok(self.store.begin(&Context::system(*tenant, "engine")).await?),
            _ => Ok(self.store.begin_across_tenants("engine").await?),
        }
    }

    async fn read_xcoms(
        &self,
        stored: HashMap<XComAddress, XComValue>,
        runs: &HashMap<RunKey, Arc<RunFacts>>,
    ) -> Result<HashMap<XComAddress, Value>, EngineError> {
        let mut values = HashMap::with_capacity(stored.len());
        for (address, value) in stored {
            let text = match value {
                XComValue::Inline(text) => text.into_bytes(),
                XComValue::Object(object) => {
                    let (Some(run), Ok(reference)) = (runs.get(&address.0), object.parse()) else { continue };
                    self.objects.get_xcom(run.tenant, &reference).await?.to_vec()
                }
            };
            // What is no JSON was refused when it was pushed.
            values.insert(address, serde_json::from_slice(&text).unwrap_or(Value::Null));
        }
        Ok(values)
    }

    async fn fail_unrunnable(&self, unrunnable: Vec<Unrunnable>) -> Result<(), EngineError> {
        if unrunnable.is_empty() {
            return Ok(());
        }
        let tx = self.begin_for(unrunnable.iter().map(|failed| failed.tenant)).await?;
        let instances: Vec<TaskInstanceId> = unrunnable.iter().map(|failed| failed.instance).collect();
        let changes = unrunnable
            .into_iter()
            .map(|failed| {
                let ending = Ending::failure(Reason::InvalidInput, failed.message);
                Change::new(failed.instance, TaskEvent::Ended { try_number: failed.try_number, lease: failed.lease, ending })
            })
            .collect();
        Box::pin(self.change_in(tx, instances, changes)).await
    }
}

fn task<'a>(plans: &'a HashMap<DagVersionId, Arc<DagPlan>>, new: &ToEnqueue) -> Option<&'a TaskPlan> {
    plans.get(&new.version)?.tasks.get(usize::try_from(new.task_index).ok()?)
}

/// The XComs that the inputs of these tries ask for.
fn wanted(tries: &[ToEnqueue], plans: &HashMap<DagVersionId, Arc<DagPlan>>) -> Vec<XComAddress> {
    let mut wanted = Vec::new();
    for new in tries {
        if let Some(task) = task(plans, new) {
            wanted.extend(task.input.references().into_iter().map(|(task, key)| (new.run, task, key)));
        }
    }
    wanted
}

fn message(new: &ToEnqueue, run: &RunFacts, task: &TaskPlan, xcoms: &HashMap<XComAddress, Value>) -> Result<Message, String> {
    let lookup = |task: &TaskId, key: &XComKey| xcoms.get(&(new.run, task.clone(), key.clone())).cloned();
    let input = task.input.render(&run.conf, lookup).map_err(|error| error.to_string())?;
    let job = Job {
        tenant: new.tenant,
        run: new.run,
        dag_version: new.version,
        instance: new.instance,
        task_index: new.task_index,
        context: TaskContext {
            dag_id: run.dag_id.clone(),
            dag_run_id: run.dag_run_id.clone(),
            task_id: task.task_id.clone(),
            map_index: new.map_index,
            try_number: new.try_number,
            max_tries: task.retry.max_tries,
            logical_date: run.logical_date,
            data_interval_start: run.interval.0,
            data_interval_end: run.interval.1,
            conf: Arc::new(run.conf.clone()),
        },
        target: Target { digest: task.digest.clone(), entry: task.entry.clone() },
        input,
        limits: task.limits.clone(),
        grant: task.grant.clone(),
        private_targets: Vec::new(),
    };
    Ok(Message {
        instance: new.instance,
        try_number: new.try_number,
        tenant: new.tenant,
        queue: task.queue.clone(),
        pool: task.pool.clone(),
        pool_slots: task.pool_slots,
        priority: task.priority,
        queued_at: new.queued_at,
        not_before: new.not_before,
        payload: job.encode().into(),
    })
}
