//! Compiled callbacks, and which task or dag they belong to; compiled deadlines.

use super::{DagPlan, InputTemplate, TaskFlow, TaskPlan, TaskRoom, TaskWork};
use crate::callback::{CallbackEvent, Hooks};
use crate::definition::{
    DagDefinition, DeadlineDefinition, DeadlineFrom, Owner, Placed, TaskDefinition, TaskSettings, templates,
};
use crate::job::Entry;
use cofferdam_ids::{PoolName, QueueName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// By when something has to have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlinePlan {
    /// Milliseconds after `from`.
    pub after_ms: u64,
    /// From when it is counted.
    pub from: DeadlineFrom,
}

impl From<&DeadlineDefinition> for DeadlinePlan {
    fn from(definition: &DeadlineDefinition) -> Self {
        Self { after_ms: definition.after.ms(), from: definition.from.unwrap_or_default() }
    }
}

/// A callback that is being compiled.
pub(super) struct Compiling<'a> {
    placed: Placed<'a>,
    pub(super) at: String,
    pub(super) task: TaskDefinition,
    /// What it does, once that is known.
    pub(super) work: Option<TaskWork>,
}

/// The callbacks of a definition. Those that have no right name are told by `validate`.
pub(super) fn of(dag: &DagDefinition) -> Vec<Compiling<'_>> {
    let placed = dag.callbacks().into_iter();
    placed.filter_map(|placed| Some(Compiling { task: placed.as_task()?, at: placed.at.clone(), placed, work: None })).collect()
}

/// The name of what happened in the input of a callback.
const CONTEXT: &str = "context";

/// Its input, with what happened added where there is room for it.
fn input(task: &TaskDefinition, work: &TaskWork) -> Value {
    let typed = matches!(work, TaskWork::Component(work) if matches!(work.entry, Entry::Function { .. }));
    let given = task.input.clone().unwrap_or_else(|| Value::Object(Map::new()));
    let with_context = match given {
        Value::Object(mut fields) if !typed && !fields.keys().any(|key| key.starts_with('$')) => {
            fields.entry(CONTEXT).or_insert_with(|| json!({ "$expr": CONTEXT }));
            Value::Object(fields)
        }
        other => other,
    };
    match &task.script {
        Some(script) => script.input(Some(&with_context)),
        None => with_context,
    }
}

/// Puts callbacks into a plan whose tasks are there. `index_of` are the positions of the definition's tasks in the plan. Returns nothing
/// when one of them could not be compiled.
pub(super) fn attach(plan: &mut DagPlan, dag: &DagDefinition, compiled: Vec<Compiling<'_>>, index_of: &[i32]) -> Option<()> {
    let mut defaults = Hooks::default();
    let mut own: Vec<Hooks> = vec![Hooks::default(); plan.tasks.len()];
    for (task_index, callback) in (i32::try_from(plan.tasks.len()).ok()?..).zip(compiled) {
        let Compiling { placed, task, work, .. } = callback;
        match placed.of {
            Owner::Dag => plan.hooks.set(placed.event, task_index),
            Owner::Defaults => defaults.set(placed.event, task_index),
            Owner::Task(index, _) => {
                let index = usize::try_from(*index_of.get(index)?).ok()?;
                own.get_mut(index)?.set(placed.event, task_index);
            }
        }
        plan.callbacks.push(planned(task_index, &task, work?, dag)?);
    }
    for (position, task) in dag.tasks.iter().enumerate() {
        let index = usize::try_from(*index_of.get(position)?).ok()?;
        let hooks = own.get_mut(index)?;
        for event in CallbackEvent::ALL {
            // The deadline of a task that has its own is not called for by the callback of another.
            let own_deadline = *event == CallbackEvent::Deadline && task.deadline.is_some();
            if let (None, Some(default), false) = (hooks.get(*event), defaults.get(*event), own_deadline) {
                hooks.set(*event, default);
            }
        }
        let planned = plan.tasks.get_mut(index)?;
        planned.hooks = *hooks;
        planned.deadline = task.deadline.as_deref().or(dag.defaults.deadline.as_deref()).map(DeadlinePlan::from);
    }
    plan.deadline = dag.deadline.as_deref().map(DeadlinePlan::from);
    Some(())
}

fn planned(task_index: i32, task: &TaskDefinition, work: TaskWork, dag: &DagDefinition) -> Option<TaskPlan> {
    let settings = task.settings_or(&TaskSettings::default());
    Some(TaskPlan {
        task_index,
        task_id: task.task_id.clone(),
        input: InputTemplate::parse(&input(task, &work)).ok()?,
        work,
        upstream: Vec::new(),
        downstream: Vec::new(),
        trigger_rule: settings.trigger_rule.unwrap_or_default(),
        retry: settings.retry_policy(),
        limits: dag.limits_of(&settings),
        grant: settings.grant.unwrap_or_default(),
        priority: settings.priority.unwrap_or(0),
        pool: settings.pool.unwrap_or_else(PoolName::default_pool),
        pool_slots: settings.pool_slots.unwrap_or(1),
        queue: settings.queue.unwrap_or_else(QueueName::default_queue),
        expand: None,
        map_index_template: None,
        arguments: InputTemplate::parse(&templates::arguments(task)).ok().filter(InputTemplate::is_filled_in),
        is_leaf: false,
        is_callback: true,
        hooks: Hooks::default(),
        deadline: None,
        flow: TaskFlow::default(),
        room: TaskRoom::default(),
        produces: Vec::new(),
        doc: None,
    })
}

impl DagPlan {
    /// Whether there is a deadline, of the dag or of a task.
    #[must_use]
    pub fn has_deadlines(&self) -> bool {
        self.deadline.is_some() || self.tasks.iter().any(|task| task.deadline.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse;
    use crate::plan::Component;
    use cofferdam_ids::Digest;

    fn compiled(definition: Value) -> DagPlan {
        let component =
            || Component { digest: Digest::new("a".repeat(64)).unwrap(), entry: Some(Entry::Task), functions: vec![], run: None };
        DagPlan::compile(&parse(definition).unwrap(), |_| Ok(component())).unwrap()
    }

    #[test]
    fn callbacks_stand_behind_the_tasks_and_are_hooked_to_their_owners() {
        let plan = compiled(json!({
            "dag_id": "d",
            "on_failure": "tell",
            "deadline": { "after": "1h", "callback": "tell" },
            "defaults": { "on_success": { "component": "tell", "retries": 2 }, "retries": 5, "deadline": { "after": "1m", "callback": "tell" } },
            "tasks": [
                { "task_id": "second", "component": "work", "depends_on": ["first"], "on_success": "tell", "deadline": { "after": "2m" } },
                { "task_id": "first", "component": "work", "on_retry": "tell" },
            ],
        }));
        let names: Vec<&str> = plan.callbacks.iter().map(|callback| callback.task_id.as_str()).collect();
        let expected =
            ["on_failure", "deadline", "defaults.on_success", "defaults.deadline", "second.on_success", "first.on_retry"];
        assert_eq!(names, expected);
        for (index, callback) in (2..).zip(&plan.callbacks) {
            assert_eq!((callback.task_index, callback.is_callback, callback.is_leaf), (index, true, false));
            assert_eq!(plan.task(index), Some(callback));
            assert_eq!(plan.named(&callback.task_id), Some(callback));
            assert_eq!(plan.task_named(&callback.task_id), None);
        }
        assert_eq!(plan.callbacks[0].retry.max_tries, 1, "defaults are for tasks");
        assert_eq!(plan.callbacks[2].retry.max_tries, 3);
        assert_eq!(plan.hooks, Hooks { on_failure: Some(2), deadline: Some(3), ..Hooks::default() });
        let [first, second] = plan.tasks.as_slice() else { panic!("{:?}", plan.tasks) };
        let of_first = Hooks { on_success: Some(4), on_retry: Some(7), deadline: Some(5), ..Hooks::default() };
        assert_eq!((first.task_id.as_str(), first.hooks), ("first", of_first));
        // It has a deadline of its own, which calls nothing.
        assert_eq!((second.task_id.as_str(), second.hooks), ("second", Hooks { on_success: Some(6), ..Hooks::default() }));
        assert_eq!((first.deadline.unwrap().after_ms, second.deadline.unwrap().after_ms), (60_000, 120_000));
        assert_eq!(DagPlan::from_json(plan.to_json()).unwrap(), plan);
        assert_eq!(plan.v, 3);
    }

    #[test]
    fn a_plan_without_them_is_what_it_was() {
        let plan = compiled(json!({ "dag_id": "d", "tasks": [{ "task_id": "one", "component": "work" }] }));
        assert_eq!(plan.v, 2);
        let json = plan.to_json();
        assert!(json.get("callbacks").is_none() && json.get("hooks").is_none() && json["tasks"][0].get("is_callback").is_none());
    }

    #[test]
    fn what_happened_is_added_where_there_is_room() {
        let work = |entry| {
            let digest = Digest::new("a".repeat(64)).unwrap();
            TaskWork::Component(crate::plan::ComponentWork { component: "tell".parse().unwrap(), digest, entry })
        };
        let given = |value: Value| {
            let definition = json!({ "dag_id": "d", "on_failure": { "component": "tell", "input": value }, "tasks": [] });
            let dag = parse(definition).unwrap();
            of(&dag).remove(0).task
        };
        let context = json!({ "$expr": "context" });
        assert_eq!(input(&given(json!(null)), &work(Entry::Task)), json!({ "context": context }));
        assert_eq!(input(&given(json!({ "to": "me" })), &work(Entry::Task)), json!({ "to": "me", "context": context }));
        assert_eq!(input(&given(json!({ "context": 1 })), &work(Entry::Task)), json!({ "context": 1 }));
        assert_eq!(input(&given(json!({ "$param": "x" })), &work(Entry::Task)), json!({ "$param": "x" }));
        assert_eq!(input(&given(json!("text")), &work(Entry::Task)), json!("text"));
        let function = Entry::Function { interface: None, function: "tell".to_owned() };
        assert_eq!(input(&given(json!({ "to": "me" })), &work(function)), json!({ "to": "me" }));
    }
}
