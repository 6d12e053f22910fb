//! Whether what flows along the edges of a dag fits: literals, parameters, and what other tasks return.
//!
//! The rules between types are those of [`WitType::assignable_to`]. Tasks of whose types nothing is known take and give any JSON.

use super::callback::Compiling;
use super::entry::Called;
use super::input::{Slot, SlotSource};
use super::{Component, InputTemplate, ResolveError, entry};
use crate::definition::mapped::{mapped_group, same_mapped_group};
use crate::definition::{
    ComponentRef, DagDefinition, Diagnostic, DiagnosticCode as Code, ExpandDefinition, TaskDefinition, join,
};
use crate::wit::{self, Misfit, Outcome, WitFunction, WitType, nothing_to};
use cofferdam_ids::{TaskId, XComKey};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

type Components = BTreeMap<ComponentRef, Result<Component, ResolveError>>;

/// Notes what does not fit.
pub(super) fn check(dag: &DagDefinition, callbacks: &[Compiling<'_>], components: &Components, found: &mut Vec<Diagnostic>) {
    let typed = dag.tasks.iter().enumerate().filter_map(|(index, task)| {
        let called = entry::function(task, components.get(task.component.as_ref()?)?.as_ref().ok()?)?;
        Some((&task.task_id, Typed { at: format!("/tasks/{index}"), task, function: called.function, called }))
    });
    // Nothing takes what a callback returns, but its input has a type.
    let called = callbacks.iter().filter_map(|callback| {
        let component = components.get(callback.task.component.as_ref()?)?.as_ref().ok()?;
        let (task, called) = (&callback.task, entry::function(&callback.task, component)?);
        Some((&task.task_id, Typed { at: callback.at.clone(), task, function: called.function, called }))
    });
    let edges = Edges { dag, typed: called.chain(typed).collect() };
    for (name, group) in &dag.groups {
        // Paths that lead nowhere are noted once.
        edges.mapped(group.expand.as_ref(), &join("/groups", name), found);
    }
    for (index, task) in dag.tasks.iter().enumerate() {
        edges.task(&format!("/tasks/{index}"), task, found);
    }
    for callback in callbacks {
        edges.task(&callback.at, &callback.task, found);
    }
}

/// A task that calls a function whose types are known.
struct Typed<'a> {
    at: String,
    task: &'a TaskDefinition,
    function: &'a WitFunction,
    called: Called<'a>,
}

impl Typed<'_> {
    /// Where it says which function it calls.
    fn place(&self) -> String {
        join(&self.at, if self.task.function.is_some() { "function" } else { "component" })
    }
}

/// Where the values of a mapped key come from.
struct Source<'a> {
    key: &'a String,
    at: String,
    template: InputTemplate,
}

/// Where an item is taken, and which part of it.
struct Taken<'a> {
    at: &'a str,
    path: &'a str,
}

struct Edges<'a> {
    dag: &'a DagDefinition,
    typed: HashMap<&'a TaskId, Typed<'a>>,
}

/// What comes along an edge.
enum Given<'a> {
    /// Nothing is known of it.
    Any,
    /// `null`.
    Nothing,
    /// A value of this type.
    Value(Cow<'a, WitType>),
}

impl Edges<'_> {
    fn task(&self, of_task: &str, task: &TaskDefinition, found: &mut Vec<Diagnostic>) {
        let (field, input) = task.template();
        let at = format!("{of_task}/{field}");
        let template = match input {
            None => InputTemplate::default(),
            Some(input) => match InputTemplate::parse(input) {
                Ok(template) => template,
                // `validate` has told it.
                Err(_) => return,
            },
        };
        let (mut known, slots) = template.known();
        let given: Vec<Given<'_>> = slots.iter().map(|slot| self.given(Some(task), &at, slot, found)).collect();
        // Those of a group have been looked at with it.
        let (mapped, of_group) = match mapped_group(self.dag, task) {
            Some((name, expand)) => (Vec::new(), self.mapped(Some(expand), &join("/groups", name), &mut Vec::new())),
            None => (self.mapped(task.expand.as_ref(), of_task, found), Vec::new()),
        };
        let Some(typed) = self.typed.get(&task.task_id) else { return };
        if let Some(fields) = known.as_object_mut() {
            // A mapped value takes the place of what the input has.
            let holes = (slots.len() as u64..).map(wit::numbered_hole);
            fields.extend(mapped.iter().map(|source| source.key.clone()).zip(holes));
        }
        let looked = typed.called.look_at(&known);
        for mismatch in looked.mismatches {
            let pointer = match input {
                Some(_) => format!("{at}{}", template.place_of(&mismatch.pointer)),
                None => typed.at.clone(),
            };
            let message = format!("expected {}, found {}", mismatch.expected, mismatch.found);
            let problem = Diagnostic::error(Code::TypeMismatch, pointer, message);
            found.push(problem.help(signature(typed.function)));
        }
        for (number, expected) in looked.expected {
            let Ok(index) = usize::try_from(number) else { continue };
            match (slots.get(index), given.get(index), mapped.get(index.wrapping_sub(slots.len()))) {
                (Some(Slot { pointer, source: SlotSource::Item { key, path }, default }), ..) => {
                    let place = format!("{at}{pointer}");
                    if let Some(source) = mapped.iter().chain(&of_group).find(|source| source.key == key) {
                        self.items(typed, source, &Taken { at: &format!("{place}/$item"), path }, &expected, found);
                    }
                    unfit_default(typed, &place, *default, &expected, found);
                }
                (Some(slot), Some(given), _) => self.slot(typed, &at, slot, given, &expected, found),
                (_, _, Some(source)) => {
                    self.items(typed, source, &Taken { at: &format!("{}/$from", source.at), path: "" }, &expected, found);
                }
                _ => {}
            }
        }
    }

    /// What another task gives for a place, as far as it is known. A path that leads nowhere is noted. `to` is the task that takes it, when
    /// it is one of a group that could be that of the other.
    fn given(&self, to: Option<&TaskDefinition>, at: &str, slot: &Slot<'_>, found: &mut Vec<Diagnostic>) -> Given<'_> {
        let SlotSource::XCom { task, key, path } = slot.source else { return Given::Any };
        let Some(source) = self.typed.get(task).filter(|_| *key == XComKey::return_value()) else { return Given::Any };
        let whole = match source.function.outcome() {
            Outcome::Value(result) => result,
            Outcome::Task { ok } | Outcome::Fallible { ok, .. } => ok,
        };
        let by_index = to.is_some_and(|to| same_mapped_group(self.dag, source.task, to));
        let in_group = mapped_group(self.dag, source.task).is_some();
        let whole = match (whole, source.task.expand.is_some() || in_group && !by_index) {
            (whole, false) => whole.map(Cow::Borrowed),
            // A list of bytes would be taken for text in base64, which the results of several instances are not.
            (None | Some(WitType::U8), true) => return Given::Any,
            (Some(each), true) => Some(Cow::Owned(WitType::List(Box::new(each.clone())))),
        };
        let part = whole.as_ref().map(|whole| whole.part(path).map(Cow::into_owned));
        let no_part = match part {
            Some(Ok(part)) => return Given::Value(Cow::Owned(part)),
            None if path.is_empty() => return Given::Nothing,
            Some(Err(no_part)) => no_part,
            None => wit::NoPart { why: "it returns nothing".to_owned(), meant: None },
        };
        let pointer = format!("{at}{}/path", slot.pointer);
        let message = format!("what '{task}' returns has nothing at '{path}': {}", no_part.why);
        let problem = match slot.default {
            // The default is taken, always.
            Some(_) => Diagnostic::warning(Code::UnknownPath, pointer, message),
            None => Diagnostic::error(Code::UnknownPath, pointer, message),
        };
        let problem = match &no_part.meant {
            Some(meant) => problem.did_you_mean(meant),
            None => problem,
        };
        found.push(match whole {
            Some(whole) => problem.label(source.place(), format!("'{task}' returns {whole}")),
            None => problem.label(source.place(), format!("'{task}' is {}", source.function.signature())),
        });
        Given::Any
    }

    fn slot(
        &self,
        typed: &Typed<'_>,
        within: &str,
        slot: &Slot<'_>,
        given: &Given<'_>,
        expected: &WitType,
        found: &mut Vec<Diagnostic>,
    ) {
        let at = format!("{within}{}", slot.pointer);
        match slot.source {
            SlotSource::XCom { task, path, .. } => {
                let (fits, gives) = match given {
                    Given::Any => (Ok(()), String::new()),
                    Given::Nothing => (nothing_to(expected), "nothing".to_owned()),
                    Given::Value(ty) => (ty.assignable_to(expected), ty.to_string()),
                };
                if let (Err(misfit), Some(source)) = (fits, self.typed.get(task)) {
                    let edge = Edge { at: &format!("{at}/$from"), path, source, gives, typed, takes: expected };
                    let into = slot.pointer.trim_start_matches('/').replace('/', ".");
                    let into = if into.is_empty() { "its input".to_owned() } else { format!("'{into}'") };
                    found.push(edge.misfit(&into, &misfit));
                }
            }
            SlotSource::Conf { path } => self.param(&at, typed, path, expected, found),
            SlotSource::Item { .. } => {}
        }
        unfit_default(typed, &at, slot.default, expected, found);
    }

    /// The sources of a mapped task or group at this place, as far as they can be read. Paths that lead nowhere are noted.
    fn mapped<'t>(&self, expand: Option<&'t ExpandDefinition>, at: &str, found: &mut Vec<Diagnostic>) -> Vec<Source<'t>> {
        let at = format!("{at}/expand/over");
        let read = |(key, source): (&'t String, &'t Value)| {
            Some(Source { key, at: join(&at, key), template: InputTemplate::parse(source).ok()? })
        };
        let sources: Vec<_> = expand.into_iter().flat_map(|expand| &expand.over).filter_map(read).collect();
        for source in &sources {
            for slot in &source.template.known().1 {
                self.given(None, &source.at, slot, found);
            }
        }
        sources
    }

    /// The items of what is mapped over, where a task takes them.
    fn items(&self, typed: &Typed<'_>, source: &Source<'_>, taken: &Taken<'_>, expected: &WitType, found: &mut Vec<Diagnostic>) {
        let (known, slots) = source.template.known();
        let item = |index: usize, item: &Value, found: &mut Vec<Diagnostic>| {
            // A part that one of them does not have shows when it runs.
            let Some(part) = item.pointer(taken.path) else { return true };
            let Some(mismatch) = expected.look_at(part).mismatches.into_iter().next() else { return true };
            let message = format!("expected {}, found {}", mismatch.expected, mismatch.found);
            let pointer = format!("{}/{index}{}{}", source.at, taken.path, mismatch.pointer);
            found.push(Diagnostic::error(Code::TypeMismatch, pointer, message).help(signature(typed.function)));
            false
        };
        match (&known, slots.first()) {
            // The first one that does not fit is told for all.
            (Value::Array(items), _) => _ = items.iter().enumerate().all(|(index, value)| item(index, value, found)),
            (_, Some(slot)) if slot.pointer.is_empty() => self.item_type(typed, source, slot, taken, expected, found),
            _ => {}
        }
    }

    /// What another task gives to be mapped over.
    fn item_type(
        &self,
        typed: &Typed<'_>,
        source: &Source<'_>,
        slot: &Slot<'_>,
        taken: &Taken<'_>,
        expected: &WitType,
        found: &mut Vec<Diagnostic>,
    ) {
        let SlotSource::XCom { task, path, .. } = slot.source else { return };
        let given = self.given(None, &source.at, slot, &mut Vec::new());
        let (Given::Value(gives), Some(from)) = (given, self.typed.get(task)) else { return };
        let pair = |key: &WitType, value: &WitType| WitType::Tuple(vec![key.clone(), value.clone()]);
        let items: Vec<WitType> = match &*gives {
            any if any.is_json() => return,
            WitType::List(element) | WitType::FixedList { element, .. } if !gives.is_bytes() => vec![(**element).clone()],
            WitType::Tuple(items) => items.clone(),
            WitType::Map { key, value } => vec![pair(key, value)],
            // The entries of an object are pairs as well.
            WitType::Record { fields, .. } => fields.iter().map(|field| pair(&WitType::String, &field.ty)).collect(),
            WitType::Flags { .. } => vec![WitType::String],
            _ => {
                let message = format!("'{task}' gives {gives}, and a task is mapped over a list or an object");
                let problem = Diagnostic::error(Code::TypeMismatch, format!("{}/$from", source.at), message);
                found.push(problem.label(from.place(), format!("gives {gives}")));
                return;
            }
        };
        let mut parts = Vec::with_capacity(items.len());
        for item in &items {
            match item.part(taken.path) {
                Ok(part) => parts.push(part.into_owned()),
                Err(no_part) => {
                    let pointer = format!("{}/path", taken.at.trim_end_matches("/$item"));
                    let message = format!("the item '{}' has nothing at '{}': {}", source.key, taken.path, no_part.why);
                    let problem = Diagnostic::error(Code::UnknownPath, pointer, message);
                    let problem = match &no_part.meant {
                        Some(meant) => problem.did_you_mean(meant),
                        None => problem,
                    };
                    found.push(problem.label(from.place(), format!("'{task}' returns {gives}")));
                    return;
                }
            }
        }
        let misfit = parts.iter().find_map(|part| part.assignable_to(expected).err());
        if let Some(misfit) = misfit {
            let edge = Edge { at: taken.at, path, source: from, gives: gives.to_string(), typed, takes: expected };
            found.push(edge.misfit(&format!("each '{}'", source.key), &misfit));
        }
    }

    /// A parameter's own value. One that is null stands for what every run must give.
    fn param(&self, at: &str, typed: &Typed<'_>, path: &str, expected: &WitType, found: &mut Vec<Diagnostic>) {
        let Some(name) = path.split('/').nth(1).map(|name| name.replace("~1", "/").replace("~0", "~")) else { return };
        let defaults = crate::definition::default_params(&self.dag.params);
        let Some(value) = defaults.get(&name) else { return };
        let rest = &path[1 + path[1..].find('/').unwrap_or(path.len() - 1)..];
        let Some(value) = value.pointer(rest).filter(|value| !value.is_null()) else { return };
        if let Err(mismatch) = expected.check(value) {
            let place = format!("/params{path}{}", mismatch.pointer);
            let message = format!(
                "the parameter '{name}' does not fit '{}', which takes {expected} here: expected {}, found {}",
                typed.function.name, mismatch.expected, mismatch.found
            );
            let problem = Diagnostic::error(Code::TypeMismatch, at, message);
            let problem = problem.label(at, format!("takes {expected}")).label(place, format!("{} stands here", mismatch.found));
            found.push(problem.help("give the parameter another value, or null when every run gives one"));
        }
    }
}

/// An edge along which something comes that does not fit.
struct Edge<'a> {
    /// The name in the form that takes it.
    at: &'a str,
    path: &'a str,
    source: &'a Typed<'a>,
    gives: String,
    typed: &'a Typed<'a>,
    takes: &'a WitType,
}

impl Edge<'_> {
    fn misfit(&self, into: &str, misfit: &Misfit) -> Diagnostic {
        let Self { at, path, source, gives, typed, takes } = self;
        let (from, to) = (&source.task.task_id, &typed.task.task_id);
        let part = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
        let message = format!("'{from}' gives {gives}{part}, and '{to}' takes {takes} for {into}: {misfit}");
        let problem = Diagnostic::error(Code::TypeMismatch, *at, message);
        problem.label(*at, format!("takes {takes}")).label(source.place(), format!("gives {gives}{part}")).help(format!(
            "{}; {}",
            signature(source.function),
            signature(typed.function)
        ))
    }
}

/// Notes a default that does not fit.
fn unfit_default(typed: &Typed<'_>, at: &str, default: Option<&Value>, expected: &WitType, found: &mut Vec<Diagnostic>) {
    let Some(Err(mismatch)) = default.map(|default| expected.check(default)) else { return };
    let message = format!("the default does not fit: expected {}, found {}", mismatch.expected, mismatch.found);
    let problem = Diagnostic::error(Code::TypeMismatch, format!("{at}/default{}", mismatch.pointer), message);
    found.push(problem.help(signature(typed.function)));
}

fn signature(function: &WitFunction) -> String {
    format!("'{}' is {}", function.name, function.signature())
}

#[cfg(test)]
mod tests;
