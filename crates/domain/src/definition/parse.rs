//! From JSON to a [`DagDefinition`], with the place of everything that cannot be read.

use super::callback::{FIELDS, complete};
use super::diagnostic::join;
use super::script::name_interpreter;
use super::suggest::closest;
use super::work::{KINDS, one_kind};
use super::{DagDefinition, Diagnostic, DiagnosticCode, TaskDefinition, validate};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// Reads a definition.
///
/// # Errors
/// Everything that cannot be read. What could be read is looked at as a whole besides ([`validate`]), unless what is missing would
/// make it look wrong.
pub fn parse(mut value: Value) -> Result<DagDefinition, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    if let Some(pointer) = unkeepable(&value) {
        let message = "it contains the character U+0000, which cannot be kept";
        return Err(vec![Diagnostic::error(DiagnosticCode::InvalidValue, pointer, message)]);
    }
    // The tasks are read one by one, so that a mistake in one does not hide those in others.
    let tasks = match value.get_mut("tasks") {
        Some(Value::Array(tasks)) => std::mem::take(tasks),
        Some(_) | None => Vec::new(),
    };
    complete(&mut value, "", &mut problems);
    if let Some(defaults) = value.get_mut("defaults") {
        complete(defaults, "/defaults", &mut problems);
    }
    let mut left_out = Vec::new();
    let dag = read::<DagDefinition>(value, "", &mut problems, &mut left_out);
    let count = tasks.len();
    let tasks: Vec<_> = tasks
        .into_iter()
        .enumerate()
        .filter_map(|(index, mut task)| {
            let at = format!("/tasks/{index}");
            let known = problems.len();
            one_kind(&task, &at, &mut problems);
            let has_none = problems.get(known).is_some_and(|problem| problem.code == DiagnosticCode::MissingField);
            name_interpreter(&mut task, &at, &mut problems);
            let has_several = !has_none && problems.len() > known;
            complete(&mut task, &at, &mut problems);
            let read = read::<TaskDefinition>(task, &at, &mut problems, &mut left_out);
            // What is misspelt is not missing besides.
            if has_none && KINDS.iter().any(|kind| left_out.contains(&format!("{at}/{kind}"))) {
                problems.remove(known);
            } else if has_none || has_several {
                left_out.push(format!("{at}/component"));
            }
            read
        })
        .collect();
    match dag {
        Some(dag) if problems.is_empty() => Ok(DagDefinition { tasks, ..dag }),
        Some(dag) => {
            if tasks.len() == count {
                problems.extend(of_the_rest(&DagDefinition { tasks, ..dag }, &left_out));
            }
            Err(problems)
        }
        None => Err(problems),
    }
}

/// Where a text is that PostgreSQL cannot store, the first of them.
fn unkeepable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| Some(join("", index) + &unkeepable(item)?)),
        Value::Object(fields) => fields.iter().find_map(|(key, field)| match key.contains('\0') {
            true => Some(join("", key)),
            false => Some(join("", key) + &unkeepable(field)?),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Fields without which others look wrong: where one of them is missing, nothing more is said of what is around it.
const BEARING: [&str; 12] =
    ["component", "script", "run_dag", "approval", "expand", "setup", "teardown", "branch", "group", "groups", "params", "grant"];

/// What is wrong as a whole with what could be read of a definition.
fn of_the_rest(dag: &DagDefinition, left_out: &[String]) -> Vec<Diagnostic> {
    let bearing =
        |pointer: &str, slash: usize| pointer[slash + 1..].split('/').next().is_some_and(|step| BEARING.contains(&step));
    let unsure: Vec<&str> = left_out
        .iter()
        .map(|pointer| {
            let mut slashes = pointer.match_indices('/').map(|(slash, _)| slash);
            slashes.find(|slash| bearing(pointer, *slash)).map_or(pointer.as_str(), |slash| &pointer[..slash])
        })
        .collect();
    let is_sure = |problem: &Diagnostic| {
        let below =
            |around: &&str| problem.pointer.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        problem.is_error() && !unsure.iter().any(below)
    };
    validate(dag).into_iter().filter(is_sure).collect()
}

/// Reads a value. What is not known or cannot be read is noted and left out, until the rest can be read or cannot; where it was left
/// out is added to `left_out`.
fn read<T: DeserializeOwned>(
    mut value: Value,
    at: &str,
    problems: &mut Vec<Diagnostic>,
    left_out: &mut Vec<String>,
) -> Option<T> {
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
            left_out.push(format!("{at}{}", leave_out(&mut value, inside)?));
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
            // A field that was left out is not missing besides.
            let missing = missing_field(&message).map(|field| format!("{at}{}", join(&inside, field)));
            if missing.as_ref().is_some_and(|field| left_out.contains(field)) {
                return None;
            }
            problems.push(other_problem(&format!("{at}{inside}"), &message));
            if missing.is_some() {
                return None;
            }
            left_out.push(format!("{at}{}", leave_out(&mut value, &inside)?));
            continue;
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
            Some(known) => {
                let around = inside.strip_suffix(&step).unwrap_or_default();
                left_out.push(format!("{at}{around}/{known}"));
                problem.did_you_mean(known)
            }
            None => problem.help(format!("the fields here are {}", known.join(", "))),
        });
        let parent = inside.strip_suffix(&step).unwrap_or_default();
        let removed = value.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|object| object.remove(field));
        // Without the field the same error cannot come again.
        removed?;
    }
}

/// Removes what a pointer leads to; of something in a list the field that has the list, so that the places of others stay what
/// they are. Returns the pointer to the field.
fn leave_out(value: &mut Value, pointer: &str) -> Option<String> {
    let mut parent = String::new();
    let mut steps = pointer.split('/').skip(1).peekable();
    while let Some(step) = steps.next() {
        let field = format!("{parent}/{step}");
        let goes_on = steps.peek().is_some() && value.pointer(&field).is_some_and(Value::is_object);
        if !goes_on {
            let key = step.replace("~1", "/").replace("~0", "~");
            return value.pointer_mut(&parent)?.as_object_mut()?.remove(&key).map(|_| field);
        }
        parent = field;
    }
    None
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

/// Takes serde's "missing field `a`" apart.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `").map(|rest| rest.trim_end_matches('`'))
}

/// Says in the words of a definition what serde says in those of its types: "invalid type: string "b", expected a sequence".
fn in_plain_words(message: &str) -> Option<(String, Option<String>)> {
    let rest = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))?;
    let (given, expected) = rest.rsplit_once(", expected ")?;
    let quoted = |prefix: &str| given.strip_prefix(prefix).map(|value| value.trim_matches('`'));
    let text = given.strip_prefix("string ");
    let given = if let Some(text) = text {
        format!("the text {text}")
    } else if let Some(number) = quoted("integer ").or_else(|| quoted("floating point ")) {
        format!("the number {number}")
    } else if let Some(truth) = quoted("boolean ") {
        truth.to_owned()
    } else {
        match given {
            "null" | "unit value" | "Option value" => "nothing".to_owned(),
            "sequence" => "a list".to_owned(),
            "map" => "an object".to_owned(),
            _ => return None,
        }
    };
    let (expected, help) = match expected {
        "a sequence" => {
            let alone = text.map(|text| text.trim_matches('"')).filter(|text| !text.contains(['"', '\\', ',']));
            ("a list", alone.map(|text| format!("a list of one is written [{text}]")))
        }
        "a map" => ("an object", None),
        "a string" | "a borrowed string" => ("a text", Some("write it in quotes".to_owned()).filter(|_| text.is_none())),
        "a boolean" => ("true or false", None),
        "u8" | "u16" | "u32" | "u64" | "usize" => ("a whole number that is not below 0", None),
        "i8" | "i16" | "i32" | "i64" => ("a whole number", None),
        "f32" | "f64" => ("a number", None),
        other if other.starts_with("struct ") => ("an object", None),
        _ => return None,
    };
    let help = help.filter(|_| !matches!(given.as_str(), "a list" | "an object" | "nothing"));
    Some((format!("it must be {expected}, and is {given}"), help))
}

fn other_problem(at: &str, message: &str) -> Diagnostic {
    if let Some(field) = missing_field(message) {
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
    match in_plain_words(message) {
        Some((message, help)) => Diagnostic::error(DiagnosticCode::InvalidValue, at, message).maybe_help(help),
        None => Diagnostic::error(DiagnosticCode::InvalidValue, at, message),
    }
}
