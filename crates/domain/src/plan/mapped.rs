//! Mapped groups, compiled: which tasks run index by index beside each other, and what they are mapped over.

use super::{DagPlan, Expansion, GroupPlan, TaskPlan, expand};
use crate::definition::{DagDefinition, Group};
use cofferdam_ids::{GroupName, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What a group is mapped over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappedGroup {
    /// The lists.
    pub expand: Expansion,
    /// All its tasks, those of groups inside it included, in order.
    pub members: Vec<i32>,
    /// The tasks that the lists come from, in order.
    pub sources: Vec<i32>,
}

/// The mapped group that a task is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InMappedGroup {
    /// Its position among the groups of the plan.
    pub group: usize,
    /// The object in the task's input that it calls its input: a JSON Pointer. A script's input lies inside of that of its interpreter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub within: String,
}

impl DagPlan {
    /// The mapped group that a task is in.
    #[must_use]
    pub fn mapped_group(&self, task: &TaskPlan) -> Option<&MappedGroup> {
        self.groups.get(task.flow.mapped.as_ref()?.group)?.mapped.as_ref()
    }

    /// Whether a task is one of the first of the mapped group that it is in.
    #[must_use]
    pub fn is_root_of_mapped_group(&self, task: &TaskPlan) -> bool {
        let group = task.flow.mapped.as_ref().and_then(|mapped| self.groups.get(mapped.group));
        group.is_some_and(|group| group.roots.contains(&task.task_index))
    }

    /// What a task is mapped over: by itself, or with its group.
    #[must_use]
    pub fn expansion<'a>(&'a self, task: &'a TaskPlan) -> Option<&'a Expansion> {
        task.expand.as_ref().or_else(|| Some(&self.mapped_group(task)?.expand))
    }

    /// Whether two tasks are in the same mapped group: then what one leaves at an index is for the other at that index.
    #[must_use]
    pub fn goes_by_index(&self, task: &TaskPlan, other: i32) -> bool {
        task.flow.mapped.is_some() && self.task(other).is_some_and(|other| shares_group(task, other))
    }

    /// The tasks of mapped groups whose lists come from this task.
    pub fn mapped_over(&self, source: i32) -> impl Iterator<Item = i32> {
        let groups = self.groups.iter().filter_map(|group| group.mapped.as_ref());
        groups.filter(move |group| group.sources.contains(&source)).flat_map(|group| group.members.iter().copied())
    }

    /// Whether a task has no list to wait for when its run starts.
    #[must_use]
    pub fn waits_for_no_list(&self, task: &TaskPlan) -> bool {
        self.mapped_group(task).is_none_or(|group| group.sources.is_empty())
    }
}

fn shares_group(one: &TaskPlan, other: &TaskPlan) -> bool {
    let group = |task: &TaskPlan| task.flow.mapped.as_ref().map(|mapped| mapped.group);
    group(one).is_some() && group(one) == group(other)
}

/// The compiled groups; the tasks of mapped ones are told which they are in. `order` has the positions of the tasks in the definition, in the
/// order of the plan. `None` when a list cannot be read.
pub(super) fn groups(
    dag: &DagDefinition,
    groups: &BTreeMap<GroupName, Group>,
    order: &[usize],
    tasks: &mut [TaskPlan],
) -> Option<Vec<GroupPlan>> {
    let index_of: HashMap<usize, i32> = order.iter().copied().zip(0_i32..).collect();
    let in_order = |tasks: &[usize]| {
        let mut tasks: Vec<i32> = tasks.iter().filter_map(|task| index_of.get(task).copied()).collect();
        tasks.sort_unstable();
        tasks
    };
    let position_of: HashMap<TaskId, i32> = tasks.iter().map(|task| (task.task_id.clone(), task.task_index)).collect();
    let mut planned = Vec::with_capacity(groups.len());
    for (name, group) in groups {
        let defined = dag.groups.get(name);
        let mapped = match defined.and_then(|group| group.expand.as_ref()) {
            None => None,
            Some(over) => {
                let expand = expand::of(over).ok()?;
                let mut sources: Vec<i32> =
                    expand.references().iter().filter_map(|(task, _)| position_of.get(task).copied()).collect();
                sources.sort_unstable();
                sources.dedup();
                for member in &group.members {
                    let index = usize::try_from(*index_of.get(member)?).ok()?;
                    let within = expand::within(dag.tasks.get(*member)?);
                    tasks.get_mut(index)?.flow.mapped = Some(InMappedGroup { group: planned.len(), within });
                }
                Some(MappedGroup { expand, members: in_order(&group.members), sources })
            }
        };
        planned.push(GroupPlan {
            name: name.clone(),
            description: defined.and_then(|group| group.description.clone()),
            roots: in_order(&group.roots),
            leaves: in_order(&group.leaves),
            mapped,
        });
    }
    Some(planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Diagnostic, parse};
    use crate::job::Entry;
    use crate::plan::{Component, PLAN_VERSION};
    use crate::template::Scope;
    use cofferdam_ids::Digest;
    use serde_json::{Value, json};

    fn compile(groups: Value, tasks: Value) -> Result<DagPlan, Vec<Diagnostic>> {
        let component = Component {
            digest: Digest::new("0".repeat(64)).unwrap(),
            entry: Some(Entry::Task),
            functions: Vec::new(),
            run: None,
        };
        let dag = parse(json!({ "dag_id": "d", "params": { "list": [1] }, "groups": groups, "tasks": tasks }))?;
        DagPlan::compile(&dag, |_| Ok(component.clone()))
    }

    fn problems(groups: Value, tasks: Value) -> Vec<String> {
        let found = compile(groups, tasks).err().unwrap_or_default();
        found.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect()
    }

    fn task(task_id: &str, more: Value) -> Value {
        let mut task = json!({ "task_id": task_id, "component": "c" });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    }

    #[test]
    fn the_first_tasks_of_a_mapped_group_wait_for_what_its_list_comes_from() {
        let plan = compile(
            json!({ "each": { "expand": { "over": { "city": { "$from": "cities" } } } } }),
            json!([
                task("cities", json!({})),
                task("fetch", json!({ "group": "each", "input": { "city": { "$item": "city", "path": "/name" } } })),
                task("store", json!({ "group": "each.inner", "input": { "rows": { "$from": "fetch" } }, "script": null })),
                task("report", json!({ "input": { "rows": { "$from": "store" } } })),
            ]),
        )
        .unwrap();
        let [cities, fetch, store, report] = plan.tasks.as_slice() else { panic!("{:?}", plan.tasks) };
        assert_eq!((fetch.upstream.as_slice(), store.upstream.as_slice()), (&[0][..], &[1][..]));
        let group = plan.mapped_group(store).unwrap();
        assert_eq!((group.members.as_slice(), group.sources.as_slice()), (&[1, 2][..], &[0][..]));
        assert!(fetch.is_mapped() && store.is_mapped() && !report.is_mapped());
        assert!(plan.goes_by_index(store, 1) && !plan.goes_by_index(report, 2) && !plan.goes_by_index(fetch, 0));
        assert!(plan.is_root_of_mapped_group(fetch) && !plan.is_root_of_mapped_group(store));
        assert!(!plan.waits_for_no_list(store) && plan.waits_for_no_list(report));
        assert_eq!(plan.mapped_over(cities.task_index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((plan.v, DagPlan::from_json(plan.to_json()).unwrap()), (PLAN_VERSION, plan));
    }

    #[test]
    fn an_item_is_taken_by_its_name() {
        let plan = compile(
            json!({ "each": { "expand": { "over": { "n": [1, 2], "who": [{ "name": "a" }, { "name": "b" }] }, "mode": "zip" } } }),
            json!([task("t", json!({
                "group": "each",
                "input": { "n": { "$item": "n" }, "who": "{{ item.who.name }}", "none": { "$item": "who", "path": "/x", "default": 0 } },
            }))]),
        )
        .unwrap();
        let scope = Scope::bare(&Value::Null, &|_, _| None);
        let values = plan.mapped_group(&plan.tasks[0]).unwrap().values(&scope).unwrap();
        let item = values.item(1).unwrap();
        let input = plan.tasks[0].input.render(&Scope { item: Some(&item), ..scope }).unwrap();
        assert_eq!(input, json!({ "n": 2, "who": "b", "none": 0 }));
        assert_eq!(values.item(2), None);
        let error = plan.tasks[0].input.render(&scope).unwrap_err();
        assert_eq!(error.to_string(), "input/n: the item 'n' has nothing at \"\"");
    }

    #[test]
    fn what_cannot_be_mapped_is_told_with_its_place() {
        let over = |list: Value| json!({ "g": { "expand": { "over": { "x": list } } } });
        let member = |more: Value| {
            let mut member = task("m", json!({ "group": "g" }));
            member.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([member])
        };
        for (groups, tasks, says) in [
            (
                over(json!([1])),
                member(json!({ "expand": { "over": { "y": [1] } } })),
                "error[invalid_value] at /tasks/0/expand: 'm' cannot be mapped, since it is in the mapped group 'g' (take it out of the \
                 group, or map the group over the product of both lists)",
            ),
            (
                json!({ "g": { "expand": { "over": { "x": [1] } } }, "g.h": { "expand": { "over": { "y": [1] } } } }),
                member(json!({ "group": "g.h" })),
                "error[invalid_value] at /groups/g.h/expand: 'g.h' cannot be mapped, since it is in the mapped group 'g' (map one of \
                 them over the product of both lists)",
            ),
            (
                over(json!({ "$from": "m" })),
                member(json!({})),
                "error[cycle] at /groups/g/expand/over/x/$from: the group 'g' cannot be mapped over what 'm' returns, which is in it",
            ),
            (
                over(json!({ "$from": "mm" })),
                member(json!({})),
                "error[unknown_upstream] at /groups/g/expand/over/x/$from: there is no task 'mm' in this dag (did you mean 'm'?)",
            ),
            (
                over(json!({ "$param": "lst" })),
                member(json!({})),
                "error[unknown_param] at /groups/g/expand/over/x/$param: there is no parameter 'lst' in params (did you mean 'list'?)",
            ),
            (
                over(json!(7)),
                member(json!({})),
                "error[invalid_value] at /groups/g/expand/over/x: a group is mapped over a list or an object (write a list, or $from, \
                 $param or $conf for one that is known later)",
            ),
            (
                over(json!([1])),
                member(json!({ "input": { "a": { "$item": "xx" } } })),
                "error[unknown_name] at /tasks/0/input/a/$item: nothing of that name is mapped over: 'xx' (did you mean 'x'?)",
            ),
            (
                over(json!([1])),
                member(json!({ "input": { "a": "{{ item.city }}" } })),
                "error[unknown_name] at /tasks/0/input/a: nothing of that name is mapped over: 'city' (there is x)",
            ),
            (
                json!({}),
                member(json!({ "input": { "a": { "$item": "x" } } })),
                "error[unknown_name] at /tasks/0/input/a/$item: there is no item here: nothing around it is mapped (an item is known to \
                 mapped tasks, and to the tasks of mapped groups)",
            ),
            (
                over(json!({ "$expr": "item.x" })),
                member(json!({})),
                "error[unknown_name] at /groups/g/expand/over/x: there is no item here: nothing around it is mapped (an item is known \
                 to mapped tasks, and to the tasks of mapped groups)",
            ),
            (
                json!({ "g": { "expand": [1] } }),
                member(json!({})),
                "error[invalid_value] at /groups/g/expand: it must be an object",
            ),
        ] {
            assert_eq!(problems(groups.clone(), tasks), [says], "{groups}");
        }
        let many: Vec<i32> = (0..10_000).collect();
        let tasks: Vec<Value> = (0..6).map(|n| task(&format!("t{n}"), json!({ "group": "g" }))).collect();
        assert_eq!(
            problems(over(json!(many)), json!(tasks)),
            [
                "error[too_long] at /groups/g/expand/over: the tasks of a mapped group have at most 50000 instances together; these lists \
              make 60000"
            ]
        );
    }

    #[test]
    fn a_mapped_task_can_take_its_item_by_name_as_well() {
        let over = json!({ "over": { "x": [1] } });
        let tasks = json!([task("t", json!({ "input": { "y": "{{ item.x }}" }, "expand": over }))]);
        assert_eq!(problems(json!({}), tasks), [""; 0]);
    }
}
