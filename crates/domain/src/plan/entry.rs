//! How a task enters its component.

use crate::definition::{ComponentRef, Diagnostic, DiagnosticCode, TaskDefinition};
use crate::job::Entry;
use crate::wit::{self, FindError, Looked, WitFunction};
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
    /// What is known of its `run`, whose only parameter is the whole input.
    pub run: Option<WitFunction>,
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
            Ok(function) => Some(Entry::Function { interface: function.interface.clone(), function: function.name.clone() }),
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

/// A function whose types are known.
pub(super) struct Called<'a> {
    /// The function.
    pub function: &'a WitFunction,
    /// Whether its only parameter is the whole input, not a key of it.
    pub takes_whole: bool,
}

impl Called<'_> {
    /// Everything in an input that does not fit, and what is expected in the place of each numbered hole.
    pub fn look_at(&self, input: &Value) -> Looked {
        match self.function.params.as_slice() {
            [whole] if self.takes_whole => whole.ty.look_at(input),
            _ => self.function.look_at(input),
        }
    }
}

/// The function that a task calls; none where nothing is known of its types, or it cannot be found.
pub(super) fn function<'a>(task: &TaskDefinition, component: &'a Component) -> Option<Called<'a>> {
    match (&task.function, &component.entry) {
        (None, Some(Entry::Task)) => Some(Called { function: component.run.as_ref()?, takes_whole: true }),
        (None, Some(_)) => None,
        (wanted, _) => {
            let function = wit::find(&component.functions, wanted.as_deref()).ok()?;
            Some(Called { function, takes_whole: false })
        }
    }
}
