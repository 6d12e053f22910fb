//! From JSON to a [`DagDefinition`], with the place of everything that cannot be read.

use super::callback::{FIELDS, complete};
use super::diagnostic::join;
use super::script::name_interpreter;
use super::suggest::closest;
use super::work::one_kind;
use super::{DagDefinition, Diagnostic, DiagnosticCode, TaskDefinition};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Reads a definition.
///
/// # Errors
/// All unknown fields, and for the dag itself and for each task the first thing that cannot be read.
pub fn parse(mut value: Value) -> Result<DagDefinition, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    // The tasks are read one by one, so that a mistake in one does not hide those in others.
    let tasks = match value.get_mut("tasks") {
        Some(Value::Array(tasks)) => std::mem::take(tasks),
        Some(_) | None => Vec::new(),
    };
    complete(&mut value, "", &mut problems);
    if let Some(defaults) = value.get_mut("defaults") {
        complete(defaults, "/defaults", &mut problems);
    }
    let dag = read::<DagDefinition>(value, "", &mut problems);
    let tasks: Vec<_> = tasks
        .into_iter()
        .enumerate()
        .filter_map(|(index, mut task)| {
            let at = format!("/tasks/{index}");
            one_kind(&task, &at, &mut problems);
            name_interpreter(&mut task, &at, &mut problems);
            complete(&mut task, &at, &mut problems);
            read::<TaskDefinition>(task, &at, &mut problems)
        })
        .collect();
    match dag {
        Some(dag) if problems.is_empty() => Ok(DagDefinition { tasks, ..dag }),
        Some(_) | None => Err(problems),
    }
}

/// Reads a value; each field that is not known is noted and left out, until the rest can be read or cannot.
fn read<T: DeserializeOwned>(mut value: Value, at: &str, problems: &mut Vec<Diagnostic>) -> Option<T> {
    // serde would take a list for a struct, field by field.
    for inside in [
        "",
        "/script",
        "/run_dag",
        "/approval",
        "/approval/who",
        "/defaults",
        "/limits",
        "/defaults/limits",
        "/grant",
        "/defaults/grant",
        "/expand",
        "/expand/over",
        "/deadline",
        "/defaults/deadline",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(in_callbacks(&value))
    .chain(in_groups(&value))
    {
        let inside = inside.as_str();
        if value.pointer(inside).is_some_and(|value| !value.is_object() && !value.is_null()) {
            let problem = Diagnostic::error(DiagnosticCode::InvalidValue, format!("{at}{inside}"), "it must be an object");
            problems.push(problem);
            return None;
        }
    }
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let mut inside = pointer(error.path());
        let Some((field, known)) = unknown_field(&message) else {
            problems.push(other_problem(&format!("{at}{inside}"), &message));
            return None;
        };
        // The path may or may not lead to the field itself.
        let step = join("", field);
        if !(inside.ends_with(&step) && value.pointer(&inside).is_some()) {
            inside.push_str(&step);
        }
        let known: Vec<&str> = known.collect();
        let problem =
            Diagnostic::error(DiagnosticCode::UnknownField, format!("{at}{inside}"), format!("there is no field '{field}'"));
        problems.push(match closest(field, known.iter().copied()) {
            Some(known) => problem.did_you_mean(known),
            None => problem.help(format!("the fields here are {}", known.join(", "))),
        });
        let parent = inside.strip_suffix(&step).unwrap_or_default();
        let removed = value.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|object| object.remove(field));
        // Without the field the same error cannot come again.
        removed?;
    }
}

/// The callbacks that there are, and what in them is an object.
fn in_callbacks(value: &Value) -> Vec<String> {
    let owners = ["", "/defaults"];
    let callbacks = owners.iter().flat_map(|owner| FIELDS.iter().map(move |field| format!("{owner}/{field}")));
    let given = callbacks.filter(|callback| value.pointer(callback).is_some());
    given.flat_map(|callback| ["", "/script", "/limits", "/grant"].map(|inside| format!("{callback}{inside}"))).collect()
}

/// The groups that there are, and what in them is an object.
fn in_groups(value: &Value) -> Vec<String> {
    let groups = value.get("groups").and_then(Value::as_object);
    let names = groups.into_iter().flat_map(|groups| groups.keys());
    names.flat_map(|name| ["", "/expand", "/expand/over"].map(|inside| format!("{}{inside}", join("/groups", name)))).collect()
}

fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => join(&pointer, index),
        Segment::Map { key } => join(&pointer, key),
        // serde_json has no enums with data here; an unknown segment says nothing about the place.
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// Takes serde's "unknown field `a`, expected one of `b`, `c`" apart.
fn unknown_field(message: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`');
    let field = quoted.next()?;
    // The rest alternates between what is between backticks and what is around them.
    Some((field, quoted.skip(1).step_by(2)))
}

fn other_problem(at: &str, message: &str) -> Diagnostic {
    if let Some(rest) = message.strip_prefix("missing field `") {
        let field = rest.trim_end_matches('`');
        return Diagnostic::error(DiagnosticCode::MissingField, at, format!("the field '{field}' is missing"));
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let mut quoted = rest.split('`');
        let given = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.skip(1).step_by(2).collect();
        let problem = Diagnostic::error(DiagnosticCode::InvalidValue, at, format!("'{given}' is not known here"));
        return match closest(given, known.iter().copied()) {
            Some(known) => problem.did_you_mean(known),
            None => problem.help(format!("it can be {}", known.join(", "))),
        };
    }
    Diagnostic::error(DiagnosticCode::InvalidValue, at, message)
}
