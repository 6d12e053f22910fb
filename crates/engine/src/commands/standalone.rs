//! Tasks by themselves: what binds a change of one beside what binds every dag.

use super::apply_dag::{Applied, ApplyError, ApplyOptions};
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::definition::standalone::awaited;
use cofferdam_domain::event::Event;
use cofferdam_domain::plan::DagPlan;
use cofferdam_ids::DagId;
use cofferdam_store::execution::apply::{self, CurrentVersion};
use cofferdam_store::execution::standalone;
use cofferdam_store::{StoreError, Tx};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a change of a task by itself goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standalone {
    /// What must be there.
    pub expect: Expect,
    /// Whether its schedule is stopped from now on; nothing: as it was.
    pub paused: Option<bool>,
}

/// What a change expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing of that name.
    Absent,
    /// The task at this version.
    Revision(u64),
}

/// Whether what is there may be replaced so. A dag is not made a task by itself, nor the other way around.
pub(super) fn check(dag_id: &DagId, current: Option<&CurrentVersion>, wanted: Option<Standalone>) -> Result<(), StoreError> {
    match (wanted, current) {
        (None, Some(current)) if current.standalone => Err(StoreError::conflict(format!(
            "'{dag_id}' is a task by itself; change it under /api/tasks, or give the dag another name"
        ))),
        (None, _) | (Some(Standalone { expect: Expect::Absent, .. }), None) => Ok(()),
        (Some(_), Some(current)) if !current.standalone => {
            Err(StoreError::conflict(format!("there is a dag '{dag_id}'; give the task another name")))
        }
        (Some(Standalone { expect: Expect::Absent, .. }), Some(_)) => {
            Err(StoreError::conflict(format!("there is a task '{dag_id}'; change it, or give the new one another name")))
        }
        (Some(Standalone { expect: Expect::Revision(expected), .. }), Some(current))
            if current.revision.cast_unsigned() == expected =>
        {
            Ok(())
        }
        // Nothing is found as well when another change was committed while this one waited for its lock.
        (Some(Standalone { expect: Expect::Revision(_), .. }), _) => {
            Err(StoreError::conflict(format!("the task '{dag_id}' was changed meanwhile; read it again and repeat the change")))
        }
    }
}

/// Whether the tasks exist that a task waits for, and none of them waits for it in turn. The lock keeps two changes from making a circle
/// together.
pub(super) async fn check_dependencies(tx: &mut Tx<'_>, plan: &DagPlan) -> Result<(), EngineError> {
    let awaited = awaited(plan.schedule.as_ref());
    if awaited.is_empty() {
        return Ok(());
    }
    standalone::lock_dependencies(tx).await?;
    let known: BTreeSet<DagId> = standalone::names(tx, &awaited).await?.into_iter().collect();
    let wrong = |at: usize, message: String| EngineError::Invalid { pointer: format!("/depends_on/{at}").into(), message };
    let mut waits: BTreeMap<DagId, Vec<DagId>> = BTreeMap::new();
    for (task, on) in standalone::dependencies(tx).await? {
        waits.entry(task).or_default().push(on);
    }
    for (at, task) in awaited.iter().enumerate() {
        if *task == plan.dag_id {
            return Err(wrong(at, "A task cannot wait for itself.".to_owned()));
        }
        if !known.contains(task) {
            return Err(wrong(at, format!("There is no task '{task}' to wait for.")));
        }
        if let Some(path) = path(&waits, task, &plan.dag_id) {
            let circle: Vec<String> = path.iter().map(|task| format!("'{task}'")).collect();
            let message =
                format!("'{task}' waits for this task already: {}. None of them would ever run.", circle.join(" waits for "));
            return Err(wrong(at, message));
        }
    }
    Ok(())
}

/// How `from` waits for `to`, if it does.
fn path(waits: &BTreeMap<DagId, Vec<DagId>>, from: &DagId, to: &DagId) -> Option<Vec<DagId>> {
    let mut paths = vec![vec![from.clone()]];
    let mut seen = BTreeSet::from([from.clone()]);
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        if last == to {
            return Some(path);
        }
        for next in waits.get(last).into_iter().flatten() {
            if seen.insert(next.clone()) {
                paths.push(path.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}

impl Engine {
    /// Makes a task by itself, or changes it: `definition` is that of the dag of one task that it is inside.
    ///
    /// # Errors
    /// As [`Engine::apply_dag`]; when what is there is not what is expected, a task that it waits for does not exist, or it would wait
    /// for itself.
    pub async fn put_task(&self, context: &Context, definition: Value, task: Standalone) -> Result<Applied, ApplyError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        let options = ApplyOptions { standalone: Some(task), ..ApplyOptions::default() };
        let applied = self.apply_in(&mut tx, definition, options, None).await?;
        let mut changed = applied.changed;
        if let Some(paused) = task.paused
            && let Some(current) = apply::lock_current(&mut tx, &applied.dag_id).await?
            && current.paused != paused
        {
            let plans = self.plans(&mut tx, [current.version]).await?;
            let next = self.next_run(&plans[&current.version], Some(&current));
            apply::set_paused(&mut tx, &applied.dag_id, paused, next, None, self.clock.now()).await?;
            changed = true;
        }
        if changed {
            tx.commit().await?;
            self.tell_applied(context, &applied);
        }
        Ok(applied)
    }

    /// Deletes a task by itself with its finished runs.
    ///
    /// # Errors
    /// When there is no such task, it has another version, others wait for it, a run of it is not finished, or the caller is no
    /// editor.
    pub async fn delete_task(&self, context: &Context, dag_id: &DagId, expected: Option<u64>) -> Result<(), EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        standalone::lock_dependencies(&mut tx).await?;
        let current = apply::lock_current(&mut tx, dag_id).await?;
        let Some(current) = current.filter(|current| current.standalone) else {
            return Err(StoreError::not_found("task", dag_id).into());
        };
        if let Some(expected) = expected {
            check(dag_id, Some(&current), Some(Standalone { expect: Expect::Revision(expected), paused: None }))?;
        }
        let waiting: Vec<String> = standalone::dependencies(&mut tx)
            .await?
            .into_iter()
            .filter(|(_, on)| on == dag_id)
            .map(|(task, _)| format!("'{task}'"))
            .collect();
        if !waiting.is_empty() {
            let message =
                format!("{} waits for the task '{dag_id}'; change what waits for it, then delete it", waiting.join(", "));
            return Err(StoreError::conflict(message).into());
        }
        apply::delete_dag(&mut tx, dag_id).await?;
        tx.commit().await?;
        self.announce(context.tenant, vec![Event::Dag { dag_id: dag_id.clone() }]);
        Ok(())
    }
}
