//! From a queued instance to the message that a worker runs, or to the work that the engine does itself.

use crate::happened;
use crate::inputs::{Left, Wanted, XComs, left_by};
use crate::mapping::{self, Mapping};
use crate::pipeline::{Change, Followups, ToEnqueue};
use crate::rendering::{Asked, Surroundings};
use crate::work::OwnWork;
use crate::{Engine, EngineError};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::{Job, Target, TaskContext};
use cofferdam_domain::plan::{DagPlan, MappedValues, TaskPlan, TaskWork};
use cofferdam_domain::task::TaskEvent;
use cofferdam_domain::template::Scope;
use cofferdam_ids::{DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId, XComKey};
use cofferdam_queue::{Claim, ClaimRequest, Lease, Message, Signal, TurnOver};
use cofferdam_store::Tx;
use cofferdam_store::execution::callbacks;
use cofferdam_store::execution::facts::RunFacts;
use cofferdam_store::tenants::TenantRules;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// An instance whose message cannot be made: the template of its input asks for what is not there.
struct Unrunnable {
    tenant: TenantId,
    instance: TaskInstanceId,
    try_number: u32,
    lease: LeaseToken,
    message: String,
}

/// What tries come to.
#[derive(Default)]
struct Sorted {
    /// Those that workers run.
    messages: Vec<Message>,
    /// Those that the engine does.
    own: Vec<OwnWork>,
    unrunnable: Vec<Unrunnable>,
    /// What is to be done to mapped tasks first.
    mapping: Vec<Mapping>,
}

impl Unrunnable {
    fn new(new: &ToEnqueue, message: String) -> Self {
        let lease = LeaseToken(new.last_lease.0 + 1);
        Self { tenant: new.tenant, instance: new.instance, try_number: new.try_number, lease, message }
    }
}

/// What messages are made of, beside their XComs.
struct Known {
    plans: HashMap<DagVersionId, Arc<DagPlan>>,
    runs: HashMap<RunKey, Arc<RunFacts>>,
    rules: HashMap<TenantId, Arc<TenantRules>>,
}

impl Engine {
    /// Puts tries into the queue. One that cannot be run, because its input cannot be made, fails; what the engine does itself is
    /// done. Returns what comes of that.
    pub(crate) async fn enqueue(&self, tries: Vec<ToEnqueue>) -> Vec<Followups> {
        if tries.is_empty() { Vec::new() } else { self.turn_over(tries, &[], None).await.1 }
    }

    /// The same, after `ended` leases were ended and before there is a claim.
    pub(crate) async fn turn_over(
        &self,
        tries: Vec<ToEnqueue>,
        ended: &[Lease],
        claim: Option<&ClaimRequest>,
    ) -> (Vec<Claim>, Vec<Followups>) {
        let count = tries.len();
        let mut claims = Vec::new();
        let mut more = Vec::new();
        let enqueued: Result<(), EngineError> = async {
            let Sorted { messages, own, unrunnable, mapping } = match self.messages(tries).await {
                Ok(made) => made,
                Err(error) => {
                    // What ended is to be told all the same.
                    claims = self.queue.turn_over(&TurnOver { ended, messages: &[], claim }).await?.claims;
                    return Err(error);
                }
            };
            let turned = self.queue.turn_over(&TurnOver { ended, messages: &messages, claim }).await?;
            claims = turned.claims;
            if turned.added < messages.len() {
                // Some were there already, delayed until now: nobody was told that their time has come.
                self.queue.publish(&Signal::Enqueued).await?;
            }
            self.map_later(mapping);
            more.extend(self.fail_unrunnable(unrunnable).await?);
            more.extend(self.do_own_work(own).await);
            Ok(())
        }
        .await;
        if let Err(error) = enqueued {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                tries = count,
                leases = ended.len(),
                "the queue could not be told; a reconciler will mend it"
            );
        }
        (claims, more)
    }

    async fn messages(&self, tries: Vec<ToEnqueue>) -> Result<Sorted, EngineError> {
        // A transaction is only begun when something has to be read.
        let known: Option<Known> = self.known(&tries);
        let (Known { plans, runs, rules }, xcoms, around, happened) = match known {
            Some(known)
                if Wanted::of(&tries, &known.plans).is_empty()
                    && Asked::by(&tries, &known.plans).is_empty()
                    && callbacks_among(&tries, &known.plans).is_empty() =>
            {
                (known, XComs::default(), Surroundings::default(), HashMap::new())
            }
            _ => {
                let mut tx = self.begin_for(tries.iter().map(|new| new.tenant)).await?;
                let plans = self.plans(&mut tx, tries.iter().map(|new| new.version)).await?;
                let runs = self.run_facts(&mut tx, tries.iter().map(|new| new.run)).await?;
                let rules = self.tenant_rules(&mut tx, tries.iter().map(|new| new.tenant)).await?;
                let (wanted, asked) = (Wanted::of(&tries, &plans), Asked::by(&tries, &plans));
                let stored = wanted.read(&mut tx).await?;
                let around = self.surroundings(&mut tx, &asked).await?;
                let called = callbacks::called(&mut tx, &callbacks_among(&tries, &plans)).await?;
                tx.commit().await?;
                let values = self.read_xcoms(&wanted, stored, &runs).await?;
                let happened = happened::of(called, &runs);
                (Known { plans, runs, rules }, values, around, happened)
            }
        };
        let mut sorted = Sorted { messages: Vec::with_capacity(tries.len()), ..Sorted::default() };
        let mut lists = mapping::Lists::default();
        for new in tries {
            let (Some(run), Some(rules), Some(plan)) = (runs.get(&new.run), rules.get(&new.tenant), plans.get(&new.version))
            else {
                continue;
            };
            let Some(task) = plan.task(new.task_index) else { continue };
            let run_key = new.run;
            let left = |other: &TaskId| left_by(plan, task, other, new.map_index);
            let xcom = |other: &TaskId, key: &XComKey| xcoms.get(run_key, other, key, &left(other));
            let scope = around.scope(&new, run, plan, task, &xcom);
            let scope = match happened.get(&new.instance) {
                Some(called) => called.scope(scope, plan),
                None => scope,
            };
            // The list of a group is made for its first task, so that all of them see the same.
            let list_scope = match plan.mapped_group(task).and_then(|group| plan.task(*group.members.first()?)) {
                Some(first) => {
                    let of_first = ToEnqueue { map_index: -1, try_number: 1, ..new.clone() };
                    around.scope(&of_first, run, plan, first, &xcom)
                }
                None => scope,
            };
            let values = match lists.values(&new, plan, task, &list_scope, &xcoms) {
                Ok(values) => values,
                Err(message) if mapping::is_unexpanded(task, new.map_index) => {
                    sorted.mapping.push(Mapping::impossible(new, message));
                    continue;
                }
                Err(message) => {
                    sorted.unrunnable.push(Unrunnable::new(&new, message));
                    continue;
                }
            };
            if let Some(values) = &values {
                let mapping = lists.mapping(&new, plan, task, values);
                let withheld = mapping.is_some() || !values.has(new.map_index);
                sorted.mapping.extend(mapping);
                if withheld {
                    continue;
                }
            }
            let item = values.as_ref().and_then(|values| values.item(new.map_index));
            let scope = Scope { item: item.as_ref(), ..scope };
            let is_list = |other: &TaskId| matches!(left(other), Left::List(_));
            let checked = xcoms.check(new.run, &task.references(), is_list);
            let own = values.as_deref().filter(|_| task.expand.is_some()).zip(item.as_ref());
            let filled = checked.and_then(|()| input(task, &scope, own)).and_then(|input| match &task.work {
                TaskWork::Component(work) => Ok((input, Some(task.entry(work, &scope).map_err(|error| error.to_string())?))),
                TaskWork::RunDag { .. } | TaskWork::Approval { .. } => Ok((input, None)),
            });
            match (filled, &task.work) {
                (Ok((input, Some(entry))), TaskWork::Component(work)) => {
                    let target = Target { digest: work.digest.clone(), entry };
                    let name = task.instance_name(&scope, &input);
                    sorted.messages.push(message(&new, run, rules, task, (target, input, name)));
                }
                (Ok((input, _)), work) => {
                    let name = task.instance_name(&scope, &input);
                    sorted.own.push(OwnWork { work: work.clone(), run: Arc::clone(run), input, name, due: new });
                }
                (Err(message), _) => sorted.unrunnable.push(Unrunnable::new(&new, message)),
            }
        }
        Ok(sorted)
    }

    /// The facts of these tries, when all are known without the database.
    fn known(&self, tries: &[ToEnqueue]) -> Option<Known> {
        let mut plans = HashMap::new();
        let mut runs = HashMap::new();
        let mut rules = HashMap::new();
        for new in tries {
            if let Entry::Vacant(run) = runs.entry(new.run) {
                run.insert(self.kept_run_facts(new.run)?);
            }
            if let Entry::Vacant(tenant) = rules.entry(new.tenant) {
                tenant.insert(self.kept_tenant_rules(new.tenant)?);
            }
            if let Entry::Vacant(version) = plans.entry(new.version) {
                version.insert(self.kept_plan(new.version)?);
            }
        }
        Some(Known { plans, runs, rules })
    }

    /// A transaction that sees the rows of these tenants: of one, when it is one, so that the API's role can have it.
    pub(crate) async fn begin_for(&self, tenants: impl IntoIterator<Item = TenantId>) -> Result<Tx<'static>, EngineError> {
        let mut tenants: Vec<TenantId> = tenants.into_iter().collect();
        tenants.dedup();
        match tenants.as_slice() {
            [tenant] => Ok(self.store.begin(&Context::system(*tenant, "engine")).await?),
            _ => Ok(self.store.begin_across_tenants("engine").await?),
        }
    }

    async fn fail_unrunnable(&self, unrunnable: Vec<Unrunnable>) -> Result<Option<Followups>, EngineError> {
        if unrunnable.is_empty() {
            return Ok(None);
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
        self.change_and_commit(tx, instances, changes).await.map(Some)
    }
}

/// Those of the tries that are of callbacks.
fn callbacks_among(tries: &[ToEnqueue], plans: &HashMap<DagVersionId, Arc<DagPlan>>) -> Vec<TaskInstanceId> {
    tries.iter().filter(|new| task(plans, new).is_some_and(|task| task.is_callback)).map(|new| new.instance).collect()
}

pub(crate) fn task<'a>(plans: &'a HashMap<DagVersionId, Arc<DagPlan>>, new: &ToEnqueue) -> Option<&'a TaskPlan> {
    plans.get(&new.version)?.task(new.task_index)
}

/// The input of a try. What is mapped by itself has its item among it; a person is asked a text.
fn input(task: &TaskPlan, scope: &Scope<'_>, mapped: Option<(&MappedValues, &Value)>) -> Result<Value, String> {
    let mut input = task.input.render(scope).map_err(|error| error.to_string())?;
    let takes_item = !matches!(task.work, TaskWork::Approval { .. });
    if mapped.is_some_and(|(values, item)| takes_item && !values.set(item, &mut input)) {
        return Err("the input is no object, so it cannot take the mapped values".to_owned());
    }
    Ok(input)
}

fn message(
    new: &ToEnqueue,
    run: &RunFacts,
    rules: &TenantRules,
    task: &TaskPlan,
    given: (Target, Value, Option<String>),
) -> Message {
    let (target, input, name) = given;
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
        target,
        filled_in: task.is_filled_in(),
        name,
        input,
        limits: rules.limits.as_ref().map_or_else(|| task.limits.clone(), |limits| task.limits.tightened_by(limits)),
        grant: task.grant.clone(),
        private_targets: rules.private_targets.clone(),
    };
    Message {
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
    }
}
