//! What the inputs of tries take from other tasks.

use crate::jobs::task;
use crate::pipeline::ToEnqueue;
use crate::{Engine, EngineError, mapping};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_ids::{DagVersionId, RunKey, TaskId, TenantId, XComKey};
use cofferdam_store::Tx;
use cofferdam_store::execution::facts::{self, InstanceXCom, RunFacts, XComAddress, XComValue};
use cofferdam_store::execution::mapping as stored;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The most bytes of the results of a mapped task that an input takes together: as much as one result can have.
const MAPPED_BYTES: u64 = 16 << 20;
/// Objects that are fetched at once.
const FETCHES: usize = 32;

/// The XComs that the inputs of tries ask for.
#[derive(Default)]
pub(crate) struct Wanted {
    /// Of single instances: of tasks that are not mapped, or of those that run index by index beside the one that asks.
    plain: BTreeSet<InstanceXCom>,
    /// Of mapped tasks as a whole, with the position of the task.
    mapped: BTreeMap<XComAddress, i32>,
}

/// The same as they are stored.
pub(crate) struct Stored {
    plain: HashMap<InstanceXCom, XComValue>,
    mapped: HashMap<XComAddress, (u64, Vec<XComValue>)>,
}

/// XComs that were read.
#[derive(Default)]
pub(crate) struct XComs {
    of_instances: HashMap<InstanceXCom, Value>,
    /// Of mapped tasks, the lists of what their instances left.
    lists: HashMap<XComAddress, Value>,
    /// Those that are too large, with their bytes.
    too_large: HashMap<XComAddress, u64>,
}

impl Wanted {
    pub(crate) fn of(tries: &[ToEnqueue], plans: &HashMap<DagVersionId, Arc<DagPlan>>) -> Self {
        let mut wanted = Self::default();
        let mut seen = BTreeSet::new();
        for new in tries {
            let (Some(plan), Some(task)) = (plans.get(&new.version), task(plans, new)) else { continue };
            let unexpanded = mapping::is_unexpanded(task, new.map_index);
            // Instances of a task take the same, except for what is beside them in a mapped group.
            let index = if task.flow.mapped.is_some() { new.map_index } else { -1 };
            if !seen.insert((new.run, new.task_index, unexpanded, index)) {
                continue;
            }
            let of_input = if unexpanded { Vec::new() } else { task.references() };
            let of_lists = plan.expansion(task).map(|expand| expand.references()).unwrap_or_default();
            for (other, key) in of_input.into_iter().chain(of_lists) {
                match left_by(plan, task, &other, new.map_index) {
                    Left::List(task_index) => {
                        wanted.mapped.insert((new.run, other, key), task_index);
                    }
                    Left::One(map_index) => {
                        wanted.plain.insert((new.run, other, key, map_index));
                    }
                }
            }
        }
        wanted
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.mapped.is_empty()
    }

    pub(crate) async fn read(&self, tx: &mut Tx<'_>) -> Result<Stored, EngineError> {
        let plain: Vec<_> = self.plain.iter().cloned().collect();
        let mapped: Vec<_> = self.mapped.iter().map(|(address, task_index)| (address.clone(), *task_index)).collect();
        Ok(Stored {
            plain: if plain.is_empty() { HashMap::new() } else { facts::xcoms(tx, &plain).await? },
            mapped: if mapped.is_empty() { HashMap::new() } else { stored::xcoms(tx, &mapped).await? },
        })
    }
}

/// What an instance takes when it takes what another task left.
pub(crate) enum Left {
    /// What the instance of this index left.
    One(i32),
    /// The list of what all instances left; with the position of the task.
    List(i32),
}

/// What an instance of a task takes of another task: of one in the same mapped group, what is at its own index.
pub(crate) fn left_by(plan: &DagPlan, task: &TaskPlan, other: &TaskId, map_index: i32) -> Left {
    match plan.task_named(other).filter(|other| other.is_mapped()) {
        Some(other) if plan.goes_by_index(task, other.task_index) => Left::One(map_index),
        Some(other) => Left::List(other.task_index),
        None => Left::One(-1),
    }
}

impl XComs {
    /// What a task left for an instance of another.
    pub(crate) fn get(&self, run: RunKey, task: &TaskId, key: &XComKey, left: &Left) -> Option<Value> {
        match left {
            Left::One(map_index) => self.of_instances.get(&(run, task.clone(), key.clone(), *map_index)).cloned(),
            Left::List(_) => self.lists.get(&(run, task.clone(), key.clone())).cloned(),
        }
    }

    /// Whether all of these can be had, each from a task of which a list is taken if `is_list` says so.
    pub(crate) fn check(
        &self,
        run: RunKey,
        references: &[(TaskId, XComKey)],
        is_list: impl Fn(&TaskId) -> bool,
    ) -> Result<(), String> {
        if self.too_large.is_empty() {
            return Ok(());
        }
        for (task, key) in references.iter().filter(|(task, _)| is_list(task)) {
            if let Some(bytes) = self.too_large.get(&(run, task.clone(), key.clone())) {
                return Err(format!(
                    "the results of the mapped task '{task}' have {bytes} bytes together, and an input takes at most {MAPPED_BYTES}; \
                     let its instances return less, or leave artifacts"
                ));
            }
        }
        Ok(())
    }
}

impl Engine {
    /// The values of XComs, those of objects fetched. No transaction is open meanwhile.
    pub(crate) async fn read_xcoms(
        &self,
        wanted: &Wanted,
        stored: Stored,
        runs: &HashMap<RunKey, Arc<RunFacts>>,
    ) -> Result<XComs, EngineError> {
        let Stored { plain, mut mapped } = stored;
        let mut xcoms = XComs::default();
        let tenant = |run: RunKey| runs.get(&run).map(|facts| facts.tenant);
        for (address, value) in plain {
            let Some(tenant) = tenant(address.0) else { continue };
            if let Some(value) = self.read_xcom(tenant, value).await? {
                xcoms.of_instances.insert(address, value);
            }
        }
        for address in wanted.mapped.keys() {
            let Some(tenant) = tenant(address.0) else { continue };
            let (bytes, values) = mapped.remove(address).unwrap_or_default();
            if bytes > MAPPED_BYTES {
                xcoms.too_large.insert(address.clone(), bytes);
                continue;
            }
            let values = stream::iter(values).map(|value| self.read_xcom(tenant, value)).buffered(FETCHES);
            let values: Vec<Option<Value>> = values.try_collect().await?;
            xcoms.lists.insert(address.clone(), values.into_iter().flatten().collect());
        }
        Ok(xcoms)
    }

    async fn read_xcom(&self, tenant: TenantId, value: XComValue) -> Result<Option<Value>, EngineError> {
        let text = match value {
            XComValue::Inline(text) => text.into_bytes(),
            XComValue::Object(object) => {
                let Ok(reference) = object.parse() else { return Ok(None) };
                self.objects.get_xcom(tenant, &reference).await?.to_vec()
            }
        };
        // What is no JSON was refused when it was pushed.
        Ok(Some(serde_json::from_slice(&text).unwrap_or(Value::Null)))
    }
}
