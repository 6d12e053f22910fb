//! Groups of tasks: names to depend on, and boxes to draw.

use super::diagnostic::join;
use super::suggest::closest;
use super::{DagDefinition, Diagnostic, DiagnosticCode, ExpandDefinition, TaskDefinition, TextPlace, templates};
use cofferdam_ids::{GroupName, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a dag says of a group. A group that only tasks name needs no entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupDefinition {
    /// One line that says what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tasks and groups that its first tasks wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// What it is mapped over: all its tasks run once for each item, with the same `map_index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<ExpandDefinition>,
}

/// A group, looked at as a whole. Tasks are positions in the definition, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// All its tasks, those of groups inside it included.
    pub(crate) members: Vec<usize>,
    /// Those that wait for no task of it.
    pub(crate) roots: Vec<usize>,
    /// Those that no task of it waits for.
    pub(crate) leaves: Vec<usize>,
}

/// The edges of a dag and its groups.
pub(crate) struct Wiring {
    /// The positions of the tasks that each task waits for, in order and each once.
    pub(crate) upstream: Vec<Vec<usize>>,
    /// Every group, the groups around others included.
    pub(crate) groups: BTreeMap<GroupName, Group>,
}

/// The groups around a group, the innermost first, and itself before them.
pub(super) fn around(name: &GroupName) -> impl Iterator<Item = GroupName> {
    let mut left = Some(name.as_str().to_owned());
    std::iter::from_fn(move || {
        let name = left.take()?;
        left = name.rsplit_once('.').map(|(outer, _)| outer.to_owned());
        GroupName::new(name).ok()
    })
}

/// What somebody waits for: a task or a group, with where that is written.
struct Wish<'a> {
    name: &'a str,
    pointer: String,
    /// Where in a template.
    place: Option<TextPlace>,
}

#[derive(Clone, Copy)]
enum Target<'a> {
    Task(usize),
    Group(&'a GroupName),
}

/// Resolves what tasks and groups wait for, by `depends_on`, through inputs, or as a teardown for its setups. `None` when a name is wrong;
/// what is wrong has been noted then.
pub(crate) fn wire(dag: &DagDefinition, found: &mut Vec<Diagnostic>) -> Option<Wiring> {
    let before = found.len();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for (index, task) in dag.tasks.iter().enumerate() {
        if let Some(first) = positions.get(task.task_id.as_str()) {
            let message = format!("the task_id '{}' is taken by /tasks/{first} already", task.task_id);
            let problem = Diagnostic::error(DiagnosticCode::DuplicateTaskId, format!("/tasks/{index}/task_id"), message);
            found.push(problem.label(format!("/tasks/{first}/task_id"), "the first one"));
        } else {
            positions.insert(task.task_id.as_str(), index);
        }
    }
    let mut groups: BTreeMap<GroupName, Group> = BTreeMap::new();
    for name in dag.groups.keys().flat_map(around) {
        groups.entry(name).or_default();
    }
    for (index, task) in dag.tasks.iter().enumerate() {
        for name in task.group.iter().flat_map(around) {
            groups.entry(name).or_default().members.push(index);
        }
    }
    for (name, group) in &groups {
        let pointer = if dag.groups.contains_key(name) { join("/groups", name) } else { "/groups".to_owned() };
        if let Some(index) = positions.get(name.as_str()) {
            let message = format!("the group '{name}' has the name of /tasks/{index}");
            found.push(Diagnostic::error(DiagnosticCode::DuplicateTaskId, pointer, message).help("rename one of them"));
        } else if group.members.is_empty() {
            found.push(Diagnostic::warning(DiagnosticCode::NoEffect, pointer, format!("no task is in the group '{name}'")));
        }
    }

    let names: BTreeSet<GroupName> = groups.keys().cloned().collect();
    let mut resolver = Resolver { dag, positions: &positions, names: &names, found };
    let of_tasks: Vec<Vec<Target<'_>>> = (0..dag.tasks.len()).map(|index| resolver.of_task(index)).collect();
    let of_groups: BTreeMap<&GroupName, Vec<Target<'_>>> = names.iter().map(|name| (name, resolver.of_group(name))).collect();
    if found[before..].iter().any(Diagnostic::is_error) {
        return None;
    }

    // The innermost first: what a group's first and last tasks are is asked for by the groups around it.
    let mut inner_first: Vec<&GroupName> = names.iter().collect();
    inner_first.sort_by_key(|name| std::cmp::Reverse(name.as_str().matches('.').count()));
    for name in inner_first {
        let members: BTreeSet<usize> = groups[name].members.iter().copied().collect();
        let mut has_upstream = BTreeSet::new();
        let mut has_downstream = BTreeSet::new();
        let mut edge = |above: &[usize], below: &[usize]| {
            let above: Vec<usize> = above.iter().copied().filter(|task| members.contains(task)).collect();
            if !above.is_empty() {
                has_upstream.extend(below.iter().copied());
                has_downstream.extend(above);
            }
        };
        let last = |target: &Target<'_>| match target {
            Target::Task(task) => vec![*task],
            // Groups that are not inside this one have no tasks in it, or have not been looked at.
            Target::Group(other) if is_inside(other, name) => groups[*other].leaves.clone(),
            Target::Group(_) => Vec::new(),
        };
        for task in &members {
            for target in &of_tasks[*task] {
                edge(&last(target), &[*task]);
            }
        }
        for (inner, targets) in of_groups.iter().filter(|(inner, _)| is_inside(inner, name)) {
            for target in targets {
                edge(&last(target), &groups[*inner].roots);
            }
        }
        let of = |without: &BTreeSet<usize>| members.iter().copied().filter(|task| !without.contains(task)).collect();
        let (roots, leaves) = (of(&has_upstream), of(&has_downstream));
        if let Some(group) = groups.get_mut(name) {
            (group.roots, group.leaves) = (roots, leaves);
        }
    }

    let last = |target: &Target<'_>| match target {
        Target::Task(task) => vec![*task],
        Target::Group(name) => groups[*name].leaves.clone(),
    };
    let mut upstream: Vec<BTreeSet<usize>> = of_tasks.iter().map(|targets| targets.iter().flat_map(last).collect()).collect();
    for (name, targets) in &of_groups {
        let above: BTreeSet<usize> = targets.iter().flat_map(last).collect();
        for root in &groups[*name].roots {
            upstream[*root].extend(&above);
        }
    }
    let upstream = upstream.into_iter().map(|above| above.into_iter().collect()).collect();
    Some(Wiring { upstream, groups })
}

fn is_inside(inner: &GroupName, outer: &GroupName) -> bool {
    inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

struct Resolver<'a, 'f> {
    dag: &'a DagDefinition,
    positions: &'f HashMap<&'a str, usize>,
    names: &'a BTreeSet<GroupName>,
    found: &'f mut Vec<Diagnostic>,
}

impl<'a> Resolver<'a, '_> {
    fn of_task(&mut self, index: usize) -> Vec<Target<'a>> {
        let task: &TaskDefinition = &self.dag.tasks[index];
        let mut targets = Vec::new();
        for (number, name) in task.depends_on.iter().enumerate() {
            let pointer = format!("/tasks/{index}/depends_on/{number}");
            let target = self.resolve(
                &Wish { name: name.as_str(), pointer: pointer.clone(), place: None },
                Some(task.task_id.as_str()),
                true,
            );
            if let (Some(Target::Group(group)), Some(own)) = (target, &task.group)
                && around(own).any(|outer| outer == *group)
            {
                let message = format!("a task cannot wait for the group '{group}', which it is in");
                self.found.push(Diagnostic::error(DiagnosticCode::Cycle, pointer, message));
                continue;
            }
            targets.extend(target);
        }
        // A template that cannot be read has been noted with its task.
        for reference in templates::references(task) {
            let pointer = format!("/tasks/{index}{}", reference.pointer);
            let wish = Wish { name: reference.task.as_str(), pointer, place: reference.place };
            targets.extend(self.resolve(&wish, Some(task.task_id.as_str()), false));
        }
        let setups = task.teardown.as_ref().map(|teardown| teardown.setups.as_slice()).unwrap_or_default();
        for (number, name) in setups.iter().enumerate() {
            let pointer = format!("/tasks/{index}/teardown/setups/{number}");
            targets.extend(self.resolve(&Wish { name: name.as_str(), pointer, place: None }, Some(task.task_id.as_str()), false));
        }
        targets
    }

    fn of_group(&mut self, name: &'a GroupName) -> Vec<Target<'a>> {
        let Some(group) = self.dag.groups.get(name) else { return Vec::new() };
        let mut targets = Vec::new();
        for (number, wanted) in group.depends_on.iter().enumerate() {
            let pointer = format!("{}/depends_on/{number}", join("/groups", name));
            let Some(target) = self.resolve(&Wish { name: wanted.as_str(), pointer: pointer.clone(), place: None }, None, true)
            else {
                continue;
            };
            let inside = match target {
                Target::Task(task) => self.dag.tasks[task].group.iter().flat_map(around).any(|outer| outer == *name),
                Target::Group(other) => other == name || is_inside(other, name) || is_inside(name, other),
            };
            if inside {
                let message = format!("the group '{name}' cannot wait for '{wanted}': one of them is in the other");
                self.found.push(Diagnostic::error(DiagnosticCode::Cycle, pointer, message));
            } else {
                targets.push(target);
            }
        }
        targets.extend(self.of_lists(name, group));
        targets
    }

    /// The tasks whose results a group is mapped over.
    fn of_lists(&mut self, name: &GroupName, group: &GroupDefinition) -> Vec<Target<'a>> {
        let mut targets = Vec::new();
        for reference in templates::references_of_group(group) {
            let pointer = format!("{}{}", join("/groups", name), reference.pointer);
            let wish = Wish { name: reference.task.as_str(), pointer: pointer.clone(), place: reference.place };
            let Some(target) = self.resolve(&wish, None, false) else { continue };
            if matches!(target, Target::Task(task) if self.dag.tasks[task].group.iter().flat_map(around).any(|outer| outer == *name))
            {
                let message =
                    format!("the group '{name}' cannot be mapped over what '{}' returns, which is in it", reference.task);
                self.found.push(Diagnostic::error(DiagnosticCode::Cycle, pointer, message));
            } else {
                targets.push(target);
            }
        }
        targets
    }

    fn resolve(&mut self, wish: &Wish<'_>, own: Option<&str>, groups_too: bool) -> Option<Target<'a>> {
        if let Some(position) = self.positions.get(wish.name) {
            return Some(Target::Task(*position));
        }
        let group = self.names.iter().find(|name| name.as_str() == wish.name);
        if let Some(group) = group.filter(|_| groups_too) {
            return Some(Target::Group(group));
        }
        let tasks = self.dag.tasks.iter().map(|task| task.task_id.as_str()).filter(|id| Some(*id) != own);
        let groups = self.names.iter().map(GroupName::as_str).filter(|_| groups_too);
        let message = match group {
            Some(_) => format!("'{}' is a group; here a task is needed", wish.name),
            None => format!("there is no task '{}' in this dag", wish.name),
        };
        let problem = Diagnostic::error(DiagnosticCode::UnknownUpstream, wish.pointer.clone(), message);
        let problem = match closest(wish.name, tasks.chain(groups)) {
            // A suggestion would replace the whole text.
            Some(meant) if wish.place.is_some() => problem.help(format!("did you mean '{meant}'?")),
            Some(meant) => problem.did_you_mean(meant),
            None => problem,
        };
        self.found.push(Diagnostic { place: wish.place, ..problem });
        None
    }
}

/// The JSON Schema of a dag's `groups`.
pub(super) fn schema(group: &Value, names: &Value, description: &Value) -> Value {
    json!({
        "type": "object",
        "propertyNames": group,
        "additionalProperties": {
            "type": "object",
            "properties": {
                "description": description,
                "depends_on": {
                    "type": "array",
                    "items": names,
                    "description": "Tasks and groups that its first tasks wait for.",
                },
                "expand": super::expand::schema_of(
                    "Runs all tasks of the group once for each item of lists (Airflow's mapped task groups).",
                    "For each name by which the tasks take their item ($item), where its values come from: a list, an object (each of its \
                     entries as [key, value]), or $from, $param or $conf for one that is known later.",
                ),
            },
            "additionalProperties": false,
        },
        "description": "Groups of tasks. A dot in a name puts a group into another; a group that only tasks name needs no entry.",
    })
}
