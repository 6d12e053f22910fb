//! What templates in the inputs of tries ask for, beside what other tasks left (`inputs.rs`): variables, connections, the dag's last
//! successful run. Read set-wise, and only when a template names it.

use crate::pipeline::ToEnqueue;
use crate::{Engine, EngineError};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::template::{ConnectionFacts, DagFacts, PreviousSuccess, RunScope, Scope, TaskScope, VariableFacts};
use cofferdam_ids::{ConnectionId, DagVersionId, RunKey, TaskId, TenantId, VariableKey, XComKey};
use cofferdam_store::execution::facts::{self, RunFacts};
use cofferdam_store::{Tx, connections, variables};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

/// What the templates of some tries ask for.
#[derive(Default)]
pub(crate) struct Asked {
    variables: BTreeSet<(TenantId, VariableKey)>,
    connections: BTreeSet<(TenantId, ConnectionId)>,
    previous: BTreeSet<RunKey>,
}

impl Asked {
    /// What these tries ask for.
    pub(crate) fn by(tries: &[ToEnqueue], plans: &HashMap<DagVersionId, Arc<DagPlan>>) -> Self {
        let mut asked = Self::default();
        for new in tries {
            let Some(plan) = plans.get(&new.version) else { continue };
            let Some(task) = plan.task(new.task_index) else { continue };
            let of_group = plan.mapped_group(task).into_iter().flat_map(|group| group.expand.templates());
            for uses in task.templates().chain(of_group).map(|template| template.uses()) {
                asked.variables.extend(uses.variables.iter().map(|used| (new.tenant, used.what.clone())));
                asked.connections.extend(uses.connections.iter().map(|used| (new.tenant, used.what.clone())));
                if uses.previous {
                    asked.previous.insert(new.run);
                }
            }
        }
        asked
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.connections.is_empty() && self.previous.is_empty()
    }
}

/// What was asked for and is there.
#[derive(Default)]
pub(crate) struct Surroundings {
    variables: HashMap<TenantId, HashMap<VariableKey, VariableFacts>>,
    connections: HashMap<TenantId, HashMap<ConnectionId, ConnectionFacts>>,
    previous: HashMap<RunKey, PreviousSuccess>,
}

static NO_VARIABLES: LazyLock<HashMap<VariableKey, VariableFacts>> = LazyLock::new(HashMap::new);
static NO_CONNECTIONS: LazyLock<HashMap<ConnectionId, ConnectionFacts>> = LazyLock::new(HashMap::new);

impl Surroundings {
    /// What the templates of a try can see.
    pub(crate) fn scope<'a>(
        &'a self,
        new: &ToEnqueue,
        run: &'a RunFacts,
        plan: &'a DagPlan,
        task: &'a TaskPlan,
        xcom: &'a dyn Fn(&TaskId, &XComKey) -> Option<Value>,
    ) -> Scope<'a> {
        Scope {
            dag: DagFacts {
                dag_id: run.dag_id.as_str(),
                description: plan.description.as_deref(),
                tags: &plan.tags,
                owners: &plan.owners,
                timezone: &plan.timezone,
            },
            run: RunScope {
                run_id: run.dag_run_id.as_str(),
                run_type: run.run_type,
                logical_date: run.logical_date,
                interval: run.interval,
                queued_at: run.queued_at,
                conf: &run.conf,
            },
            task: TaskScope {
                task_id: task.task_id.as_str(),
                map_index: new.map_index,
                try_number: new.try_number,
                max_tries: task.retry.max_tries,
                pool: task.pool.as_str(),
                queue: task.queue.as_str(),
                priority: task.priority,
            },
            previous: self.previous.get(&new.run),
            grant: &task.grant,
            variables: self.variables.get(&new.tenant).unwrap_or(&NO_VARIABLES),
            connections: self.connections.get(&new.tenant).unwrap_or(&NO_CONNECTIONS),
            xcom,
            happened: None,
            input: None,
            item: None,
        }
    }
}

impl Engine {
    /// Reads what was asked for.
    pub(crate) async fn surroundings(&self, tx: &mut Tx<'_>, asked: &Asked) -> Result<Surroundings, EngineError> {
        let mut found = Surroundings::default();
        if !asked.variables.is_empty() {
            let named: Vec<_> = asked.variables.iter().cloned().collect();
            for (tenant, variable) in variables::find(tx, &named).await? {
                // The value of a secret is not even opened.
                let facts =
                    if variable.secret { VariableFacts::Secret } else { VariableFacts::Plain(variable.open(&self.keys)?) };
                found.variables.entry(tenant).or_default().insert(variable.key, facts);
            }
        }
        if !asked.connections.is_empty() {
            let named: Vec<_> = asked.connections.iter().cloned().collect();
            for (tenant, id, facts) in connections::find(tx, &named).await? {
                found.connections.entry(tenant).or_default().insert(id, facts);
            }
        }
        if !asked.previous.is_empty() {
            let runs: Vec<RunKey> = asked.previous.iter().copied().collect();
            found.previous = facts::previous_successes(tx, &runs).await?;
        }
        Ok(found)
    }
}
