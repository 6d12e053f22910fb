//! How a task enters its component, and whether its input fits.

use super::InputTemplate;
use crate::definition::{ComponentRef, Diagnostic, DiagnosticCode, TaskDefinition, join};
use crate::job::Entry;
use crate::wit::{self, FindError, WitFunction};
use cofferdam_ids::Digest;
use serde_json::Value;

/// A version of a component, as far as a plan needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its bytes.
    pub digest: Digest,
    /// How it is entered when the task names no function; none for a component that only exports typed functions.
    pub entry: Option<Entry>,
    /// Its typed functions.
    pub functions: Vec<WitFunction>,
}

/// The entry of a task. `at` is the task's place in the definition.
pub(super) fn entry(
    at: &str,
    task: &TaskDefinition,
    (named, component): (&ComponentRef, &Component),
    found: &mut Vec<Diagnostic>,
) -> Option<Entry> {
    let entry = match (&task.function, &component.entry) {
        (None, Some(Entry::Command { .. })) => {
            return Some(Entry::Command { args: task.args.clone(), env: task.env.clone().into_iter().collect() });
        }
        (None, Some(entry @ (Entry::Task | Entry::Function { .. }))) => Some(entry.clone()),
        (wanted, _) => match wit::find(&component.functions, wanted.as_deref()) {
            Ok(function) => {
                input(at, task, function, found);
                Some(Entry::Function { interface: function.interface.clone(), function: function.name.clone() })
            }
            Err(error) => {
                let field = if wanted.is_some() { "function" } else { "component" };
                let problem = Diagnostic::error(
                    DiagnosticCode::UnknownFunction,
                    format!("{at}/{field}"),
                    format!("the component '{named}': {error}"),
                );
                found.push(problem.help(match error {
                    FindError::Several(_) => "name one with its interface as 'function'",
                    FindError::Unknown { .. } => "see 'cofferdam component inspect'",
                    FindError::Refused { .. } | FindError::None => {
                        "build it with an SDK, or export a function of data types that resources, streams and futures are no part of"
                    }
                }));
                None
            }
        },
    };
    let given = [("args", !task.args.is_empty()), ("env", !task.env.is_empty())];
    for (field, _) in given.into_iter().filter(|(_, given)| *given) {
        let problem = Diagnostic::error(
            DiagnosticCode::UnusedArguments,
            format!("{at}/{field}"),
            format!("the component '{named}' takes no {field}: it is no wasi:cli/command"),
        );
        found.push(problem.help("pass what it needs as input"));
    }
    entry
}

/// Checks what is known of the input. What other tasks and the run give is checked when the task runs.
fn input(at: &str, task: &TaskDefinition, function: &WitFunction, found: &mut Vec<Diagnostic>) {
    let template = match &task.input {
        None => InputTemplate::default(),
        Some(input) => match InputTemplate::parse(input) {
            Ok(template) => template,
            // `validate` has told it.
            Err(_) => return,
        },
    };
    let mut known = template.known();
    if let (Some(expand), Some(fields)) = (&task.expand, known.as_object_mut()) {
        fields.extend(expand.over.keys().map(|key| (key.clone(), wit::hole())));
    }
    if let Err(mismatch) = function.check(&known) {
        let pointer = match &task.input {
            Some(_) => format!("{at}/input{}", template.place_of(&mismatch.pointer)),
            None => at.to_owned(),
        };
        let message = format!("expected {}, found {}", mismatch.expected, mismatch.found);
        let problem = Diagnostic::error(DiagnosticCode::TypeMismatch, pointer, message);
        found.push(problem.help(format!("'{}' is {}", function.name, function.signature())));
        return;
    }
    mapped(at, task, function, &known, found);
}

/// Checks the lists that are written in the dag: each item in its turn, the first one that does not fit is told.
fn mapped(at: &str, task: &TaskDefinition, function: &WitFunction, known: &Value, found: &mut Vec<Diagnostic>) {
    for (key, source) in task.expand.iter().flat_map(|expand| &expand.over) {
        let Ok(Value::Array(items)) = InputTemplate::parse(source).map(|template| template.known()) else { continue };
        for (index, item) in items.into_iter().enumerate() {
            let mut input = known.clone();
            input[key] = item;
            if let Err(mismatch) = function.check(&input) {
                let place = mismatch.pointer.splitn(3, '/').nth(2).map_or_else(String::new, |rest| format!("/{rest}"));
                let pointer = format!("{}/{index}{place}", join(&format!("{at}/expand/over"), key));
                let message = format!("expected {}, found {}", mismatch.expected, mismatch.found);
                let problem = Diagnostic::error(DiagnosticCode::TypeMismatch, pointer, message);
                found.push(problem.help(format!("'{}' is {}", function.name, function.signature())));
                break;
            }
        }
    }
}
