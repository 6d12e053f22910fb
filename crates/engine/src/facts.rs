//! What never changes once it exists: the plans of dag versions, and what a run's tasks are told of it. Read once, kept.

use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::plan::DagPlan;
use cofferdam_ids::{DagVersionId, RunKey, TenantId};
use cofferdam_store::execution::facts::{self, RunFacts};
use cofferdam_store::tenants::{self, TenantRules};
use cofferdam_store::{StoreError, Tx};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const PLANS_KEPT: usize = 20_000;
const RUNS_KEPT: usize = 50_000;
/// After so long, the rules of a tenant are read again: an operator can change them.
const RULES_KEPT: chrono::Duration = chrono::Duration::seconds(5);

#[derive(Default)]
pub(crate) struct Facts {
    plans: Mutex<HashMap<DagVersionId, Arc<DagPlan>>>,
    runs: Mutex<HashMap<RunKey, Arc<RunFacts>>>,
    rules: Mutex<HashMap<TenantId, (DateTime<Utc>, Arc<TenantRules>)>>,
}

impl Engine {
    /// The plans of these versions, which are kept once they were read.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub async fn plans(
        &self,
        tx: &mut Tx<'_>,
        versions: impl IntoIterator<Item = DagVersionId>,
    ) -> Result<HashMap<DagVersionId, Arc<DagPlan>>, EngineError> {
        let wanted: HashSet<DagVersionId> = versions.into_iter().collect();
        let mut found: HashMap<_, _> = {
            let kept = self.facts.plans.lock();
            wanted.iter().filter_map(|version| Some((*version, Arc::clone(kept.get(version)?)))).collect()
        };
        let missing: Vec<_> = wanted.into_iter().filter(|version| !found.contains_key(version)).collect();
        if !missing.is_empty() {
            for (version, plan) in facts::plans(tx, &missing).await? {
                let plan: DagPlan = DagPlan::from_json(plan).map_err(|source| EngineError::Plan { version, source })?;
                found.insert(version, Arc::new(plan));
            }
            if let Some(lost) = missing.iter().find(|version| !found.contains_key(version)) {
                return Err(StoreError::not_found("dag version", lost).into());
            }
            let mut kept = self.facts.plans.lock();
            if kept.len() + missing.len() > PLANS_KEPT {
                kept.clear();
            }
            kept.extend(missing.iter().map(|version| (*version, Arc::clone(&found[version]))));
        }
        Ok(found)
    }

    /// What the tasks of these runs are told. Runs that were deleted are left out.
    pub(crate) async fn run_facts(
        &self,
        tx: &mut Tx<'_>,
        runs: impl IntoIterator<Item = RunKey>,
    ) -> Result<HashMap<RunKey, Arc<RunFacts>>, EngineError> {
        let wanted: HashSet<RunKey> = runs.into_iter().collect();
        let mut found: HashMap<_, _> = {
            let kept = self.facts.runs.lock();
            wanted.iter().filter_map(|run| Some((*run, Arc::clone(kept.get(run)?)))).collect()
        };
        let missing: Vec<_> = wanted.into_iter().filter(|run| !found.contains_key(run)).collect();
        if !missing.is_empty() {
            let read: Vec<Arc<RunFacts>> = facts::runs(tx, &missing).await?.into_iter().map(Arc::new).collect();
            self.keep_run_facts(read.iter().cloned());
            found.extend(read.into_iter().map(|facts| (facts.run, facts)));
        }
        Ok(found)
    }

    /// Keeps what is known of runs just made, so that it need not be read.
    pub(crate) fn keep_run_facts(&self, runs: impl IntoIterator<Item = Arc<RunFacts>>) {
        let mut kept = self.facts.runs.lock();
        if kept.len() > RUNS_KEPT {
            kept.clear();
        }
        kept.extend(runs.into_iter().map(|facts| (facts.run, facts)));
    }

    /// What binds the tries of these tenants.
    pub(crate) async fn tenant_rules(
        &self,
        tx: &mut Tx<'_>,
        tenants: impl IntoIterator<Item = TenantId>,
    ) -> Result<HashMap<TenantId, Arc<TenantRules>>, EngineError> {
        let wanted: HashSet<TenantId> = tenants.into_iter().collect();
        let mut found: HashMap<_, _> =
            wanted.iter().filter_map(|tenant| Some((*tenant, self.kept_tenant_rules(*tenant)?))).collect();
        let missing: Vec<_> = wanted.into_iter().filter(|tenant| !found.contains_key(tenant)).collect();
        if !missing.is_empty() {
            let now = self.clock.now();
            let read = tenants::rules(tx, &missing).await?;
            let mut kept = self.facts.rules.lock();
            for (tenant, rules) in read {
                let rules = Arc::new(rules);
                kept.insert(tenant, (now, Arc::clone(&rules)));
                found.insert(tenant, rules);
            }
        }
        Ok(found)
    }

    /// What binds the tries of a tenant, if it was read a moment ago.
    pub(crate) fn kept_tenant_rules(&self, tenant: TenantId) -> Option<Arc<TenantRules>> {
        let now = self.clock.now();
        let kept = self.facts.rules.lock();
        let (read_at, rules) = kept.get(&tenant)?;
        (now - *read_at < RULES_KEPT).then(|| Arc::clone(rules))
    }

    /// A plan, if it has been read before.
    pub(crate) fn kept_plan(&self, version: DagVersionId) -> Option<Arc<DagPlan>> {
        self.facts.plans.lock().get(&version).cloned()
    }

    /// What is known of a run without asking the database.
    pub(crate) fn kept_run_facts(&self, run: RunKey) -> Option<Arc<RunFacts>> {
        self.facts.runs.lock().get(&run).cloned()
    }

    /// Forgets finished runs.
    pub(crate) fn forget_runs(&self, runs: impl IntoIterator<Item = RunKey>) {
        let mut kept = self.facts.runs.lock();
        for run in runs {
            kept.remove(&run);
        }
    }
}
