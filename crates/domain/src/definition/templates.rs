//! The templates of a task: in its input, its arguments and its environment.

use super::mapped::{items, mapping};
use super::suggest::closest;
use super::{DagDefinition, Diagnostic, DiagnosticCode as Code, GroupDefinition, TaskDefinition, TextPlace};
use crate::grant::{Grant, Refusal};
use crate::plan::{InputError, InputTemplate, Reference};
use serde_json::{Value, json};

/// The arguments and environment variables of a task as one value, in which there can be templates.
pub(crate) fn arguments(task: &TaskDefinition) -> Value {
    json!({ "args": task.args, "env": task.env })
}

/// Where the template of the names of instances stands in a task.
const NAME_TEMPLATE: &str = "/map_index_template";

/// Where the lists of a mapped task stand.
const LISTS: &str = "/expand/";

/// A part of something that is filled in when a task runs, with its place.
type Part = (String, Result<InputTemplate, Vec<InputError>>);

/// What of a task is filled in when it runs: each with its place in the task.
fn parts(task: &TaskDefinition) -> Vec<Part> {
    let mut parts = Vec::new();
    if let (field, Some(input)) = task.template() {
        parts.push((format!("/{field}"), InputTemplate::parse(input)));
    }
    if let Some(until) = task.approval.as_ref().and_then(|approval| approval.until.as_deref()) {
        parts.push(("/approval/until".to_owned(), InputTemplate::parse(&Value::from(until))));
    }
    if let Some(expand) = &task.expand {
        parts.extend(expand.parts());
    }
    if let Some(template) = super::expand::name_template(task) {
        parts.push((NAME_TEMPLATE.to_owned(), template));
    }
    if !task.args.is_empty() || !task.env.is_empty() {
        parts.push((String::new(), InputTemplate::parse(&arguments(task))));
    }
    parts
}

/// Whether there is a template among what of a task is filled in.
pub(super) fn has_templates(task: &TaskDefinition) -> bool {
    parts(task).into_iter().any(|(_, read)| read.is_ok_and(|template| !template.templates().is_empty()))
}

/// The places that take what other tasks left, with their pointers from the task on. What cannot be read is left out.
pub(super) fn references(task: &TaskDefinition) -> Vec<Reference> {
    references_in(parts(task))
}

/// The same of the lists that a group is mapped over.
pub(super) fn references_of_group(group: &GroupDefinition) -> Vec<Reference> {
    references_in(group.expand.iter().flat_map(super::ExpandDefinition::parts))
}

fn references_in(parts: impl IntoIterator<Item = Part>) -> Vec<Reference> {
    let readable = parts.into_iter().filter_map(|(part, read)| Some((part, read.ok()?)));
    let placed = readable.flat_map(|(part, template)| {
        template.places().into_iter().map(move |reference| {
            // A form has the name in a field of its own; a template has it in its text.
            let field = if reference.place.is_some() { "" } else { "/$from" };
            Reference { pointer: format!("{part}{}{field}", reference.pointer), ..reference }
        })
    });
    placed.collect()
}

/// Everything that is wrong with what of a task is filled in.
pub(super) fn validate(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    check(at, task, dag, false, found);
}

/// The same for a callback, which knows what happened.
pub(super) fn of_callback(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    check(at, task, dag, true, found);
}

fn check(at: &str, task: &TaskDefinition, dag: &DagDefinition, is_callback: bool, found: &mut Vec<Diagnostic>) {
    let grant = task.grant.as_ref().or(dag.defaults.grant.as_ref());
    for (part, read) in parts(task) {
        match read {
            Err(errors) => found.extend(errors.into_iter().map(|error| unreadable(&format!("{at}{part}"), error))),
            Ok(template) => {
                unknown_params(&format!("{at}{part}"), &template, dag, found);
                let is_list = part.starts_with(LISTS);
                items(&format!("{at}{part}"), &template, mapping(dag, task).filter(|_| !is_list && !is_callback), found);
                for (pointer, template) in template.templates() {
                    let pointer = format!("{at}{part}{pointer}");
                    not_granted(&pointer, template.uses(), grant, found);
                    for used in template.uses().input.iter().filter(|_| part != NAME_TEMPLATE) {
                        let message = "'input' is only known to map_index_template".to_owned();
                        found.push(Diagnostic::error(Code::UnknownName, pointer.clone(), message).place(used.place));
                    }
                    for used in template.uses().happened.iter().filter(|_| !is_callback) {
                        let message = format!("'{}' is only known to callbacks", used.what);
                        found.push(Diagnostic::error(Code::UnknownName, pointer.clone(), message).place(used.place));
                    }
                }
            }
        }
    }
}

/// A template that cannot be read, at its place.
pub(super) fn unreadable(at: &str, error: InputError) -> Diagnostic {
    let code = match error.place {
        Some(_) if error.about_name => Code::UnknownName,
        Some(_) => Code::InvalidTemplate,
        None => Code::InvalidInput,
    };
    let problem = Diagnostic::error(code, format!("{at}{}", error.pointer), error.message).maybe_help(error.help);
    at_place(problem, error.place)
}

pub(super) fn at_place(problem: Diagnostic, place: Option<TextPlace>) -> Diagnostic {
    match place {
        Some(place) => problem.place(place),
        None => problem,
    }
}

/// Parameters that a template takes and that there are not.
pub(super) fn unknown_params(at: &str, template: &InputTemplate, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    for (pointer, place, name) in template.params().filter(|(_, _, name)| !dag.params.contains_key(*name)) {
        let help = closest(name, dag.params.keys().map(String::as_str));
        let field = if place.is_some() { "" } else { "/$param" };
        let problem = Diagnostic::error(
            Code::UnknownParam,
            format!("{at}{pointer}{field}"),
            format!("there is no parameter '{name}' in params"),
        );
        let instead = if place.is_some() { "dag_run.conf" } else { "$conf" };
        let problem = match help {
            // A suggestion would replace the whole text.
            Some(other) if place.is_some() => problem.help(format!("did you mean '{other}'?")),
            Some(other) => problem.did_you_mean(other),
            None => problem.help(format!("add it to params, or use {instead} for what only a run's conf has")),
        };
        found.push(at_place(problem, place));
    }
}

pub(super) fn not_granted(pointer: &str, uses: &crate::template::Uses, grant: Option<&Grant>, found: &mut Vec<Diagnostic>) {
    let default = Grant::default();
    let grant = grant.unwrap_or(&default);
    let variables = uses.variables.iter().map(|used| (grant.variable(used.what.as_str()), used.place));
    let connections = uses.connections.iter().map(|used| (grant.connection(used.what.as_str()), used.place));
    for (granted, place) in variables.chain(connections) {
        if let Err(refusal) = granted {
            let (what, list) = match &refusal {
                Refusal::Connection(name) => (format!("the connection '{name}'"), "grant.connections"),
                Refusal::Variable(name) => (format!("the variable '{name}'"), "grant.variables"),
                Refusal::Http { .. } | Refusal::Method { .. } => continue,
            };
            let problem = Diagnostic::error(Code::NotGranted, pointer, format!("{what} is not granted")).place(place);
            found.push(problem.help(format!("add it to {list} of the task")));
        }
    }
}
