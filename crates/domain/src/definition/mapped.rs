//! Groups that are mapped: all their tasks run once for each item of lists. And the form and the name, `$item` and `item`, by which what is
//! mapped sees its item.
//!
//! The compiled form is [`MappedGroup`](crate::plan::MappedGroup). For users: `docs/mapping.md`.

use super::diagnostic::join;
use super::expand::validate_lists;
use super::group::around;
use super::suggest::closest;
use super::templates::{at_place, not_granted, unknown_params, unreadable};
use super::{DagDefinition, Diagnostic, DiagnosticCode as Code, ExpandDefinition, TaskDefinition};
use crate::plan::InputTemplate;
use cofferdam_ids::GroupName;

/// How many instances all tasks of a mapped group may have together.
pub const MAX_GROUP_INSTANCES: usize = 50_000;

/// The mapped group that a task is in, with what it is mapped over.
pub(crate) fn mapped_group<'a>(dag: &'a DagDefinition, task: &TaskDefinition) -> Option<(&'a GroupName, &'a ExpandDefinition)> {
    let outwards = task.group.iter().flat_map(around);
    outwards.filter_map(|name| dag.groups.get_key_value(&name)).find_map(|(name, group)| Some((name, group.expand.as_ref()?)))
}

/// Whether two tasks are in the same mapped group: then they see each other index by index.
pub(crate) fn same_mapped_group(dag: &DagDefinition, one: &TaskDefinition, other: &TaskDefinition) -> bool {
    let group = |task| mapped_group(dag, task).map(|(name, _)| name);
    group(one).is_some_and(|name| group(other) == Some(name))
}

/// What a task runs for each item of: its own `expand`, or that of its group.
pub(crate) fn mapping<'a>(dag: &'a DagDefinition, task: &'a TaskDefinition) -> Option<&'a ExpandDefinition> {
    task.expand.as_ref().or_else(|| mapped_group(dag, task).map(|(_, expand)| expand))
}

/// What is wrong with the mapped groups of a dag.
pub(super) fn validate(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    for (name, group) in &dag.groups {
        let Some(expand) = &group.expand else { continue };
        let at = join("/groups", name);
        let outer = around(name).skip(1).find(|outer| dag.groups.get(outer).is_some_and(|group| group.expand.is_some()));
        if let Some(outer) = outer {
            let message = format!("'{name}' cannot be mapped, since it is in the mapped group '{outer}'");
            let problem = Diagnostic::error(Code::InvalidValue, format!("{at}/expand"), message);
            let place = format!("{}/expand", join("/groups", &outer));
            found.push(problem.label(place, "mapped here").help("map one of them over the product of both lists"));
        }
        let is_member = |task: &&TaskDefinition| task.group.iter().flat_map(around).any(|outer| outer == *name);
        let members: Vec<&TaskDefinition> = dag.tasks.iter().filter(is_member).collect();
        let instances = validate_lists(&at, expand, "group", found).saturating_mul(members.len());
        if instances > MAX_GROUP_INSTANCES {
            let message = format!(
                "the tasks of a mapped group have at most {MAX_GROUP_INSTANCES} instances together; these lists make {instances}"
            );
            found.push(Diagnostic::error(Code::TooLong, format!("{at}/expand/over"), message));
        }
        for (part, read) in expand.parts() {
            let at = format!("{at}{part}");
            match read {
                Err(errors) => found.extend(errors.into_iter().map(|error| unreadable(&at, error))),
                Ok(template) => lists(&at, &template, dag, &members, found),
            }
        }
    }
    for (index, task) in dag.tasks.iter().enumerate() {
        if let (Some((name, _)), true) = (mapped_group(dag, task), task.expand.is_some()) {
            let message = format!("'{}' cannot be mapped, since it is in the mapped group '{name}'", task.task_id);
            let problem = Diagnostic::error(Code::InvalidValue, format!("/tasks/{index}/expand"), message);
            let place = format!("{}/expand", join("/groups", name));
            found.push(
                problem
                    .label(place, "mapped here")
                    .help("take it out of the group, or map the group over the product of both lists"),
            );
        }
    }
}

/// What is wrong with a list of a mapped group, which is made before there is an item. Every task of the group may look at it.
fn lists(at: &str, template: &InputTemplate, dag: &DagDefinition, members: &[&TaskDefinition], found: &mut Vec<Diagnostic>) {
    unknown_params(at, template, dag, found);
    for (pointer, template) in template.templates() {
        let uses = template.uses();
        let grants = members.iter().map(|task| task.grant.as_ref().or(dag.defaults.grant.as_ref()));
        let refused = grants.map(|grant| {
            let mut refused = Vec::new();
            not_granted(&format!("{at}{pointer}"), uses, grant, &mut refused);
            refused
        });
        found.extend(refused.max_by_key(Vec::len).unwrap_or_default());
        let instances = uses.input.iter().map(|used| (used, "'input' is only known to map_index_template".to_owned()));
        let callbacks = uses.happened.iter().map(|used| (used, format!("'{}' is only known to callbacks", used.what)));
        for (used, message) in instances.chain(callbacks) {
            found.push(Diagnostic::error(Code::UnknownName, format!("{at}{pointer}"), message).place(used.place));
        }
    }
    no_items(at, template, found);
}

/// Notes where an item is taken that there is not.
fn no_items(at: &str, template: &InputTemplate, found: &mut Vec<Diagnostic>) {
    for (pointer, place, _) in template.items() {
        let field = if place.is_some() { "" } else { "/$item" };
        let message = "there is no item here: nothing around it is mapped";
        let problem = Diagnostic::error(Code::UnknownName, format!("{at}{pointer}{field}"), message);
        found.push(at_place(problem.help("an item is known to mapped tasks, and to the tasks of mapped groups"), place));
    }
}

/// What is wrong with the items that a part of a task takes. A task's own lists, and callbacks, know none.
pub(super) fn items(at: &str, template: &InputTemplate, over: Option<&ExpandDefinition>, found: &mut Vec<Diagnostic>) {
    let Some(over) = over else { return no_items(at, template, found) };
    for (pointer, place, key) in template.items() {
        // `item` by itself is all of it.
        let Some(key) = key.filter(|key| !over.over.contains_key(*key)) else { continue };
        let field = if place.is_some() { "" } else { "/$item" };
        let message = format!("nothing of that name is mapped over: '{key}'");
        let problem = Diagnostic::error(Code::UnknownName, format!("{at}{pointer}{field}"), message);
        let problem = match closest(key, over.over.keys().map(String::as_str)) {
            // A suggestion would replace the whole text.
            Some(meant) if place.is_some() => problem.help(format!("did you mean '{meant}'?")),
            Some(meant) => problem.did_you_mean(meant),
            None => problem.help(format!("there is {}", over.over.keys().map(String::as_str).collect::<Vec<_>>().join(", "))),
        };
        found.push(at_place(problem, place));
    }
}
