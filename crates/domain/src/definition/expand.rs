//! Dynamic mapping: a task that is run once for each item of lists that are known only when the run comes to it.
//!
//! The compiled form is [`Expansion`](crate::plan::Expansion). For users: `docs/mapping.md`.

use super::diagnostic::join;
use super::mapped::mapping;
use super::{DagDefinition, Diagnostic, DiagnosticCode as Code, TaskDefinition};
use crate::plan::{InputError, InputTemplate, MappedLength};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many instances a mapped task may have.
pub const MAX_MAPPED: usize = 10_000;

/// What a task is mapped over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandDefinition {
    /// For each key of the input that differs between the instances, where its values come from: a list, an object (each of its
    /// entries as `[key, value]`), or one of the forms of an input that stands for either.
    pub over: BTreeMap<String, Value>,
    /// How several keys go together.
    #[serde(default, skip_serializing_if = "ExpandMode::is_product")]
    pub mode: ExpandMode,
}

/// How the values of several mapped keys go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpandMode {
    /// Each with each; that of the last key (in alphabetical order) changes fastest.
    #[default]
    Product,
    /// The first with the first, the second with the second; all are equally many.
    Zip,
}

impl ExpandMode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_product(&self) -> bool {
        *self == Self::Product
    }
}

impl ExpandDefinition {
    /// Each source of values with its place below the task.
    pub(super) fn parts(&self) -> impl Iterator<Item = (String, Result<InputTemplate, Vec<InputError>>)> {
        self.over.iter().map(|(key, source)| (join("/expand/over", key), InputTemplate::parse(source)))
    }
}

/// The most characters of the template of names.
pub(super) const MAX_NAME_TEMPLATE: usize = 1000;

/// The template of the names of a task's instances.
pub(crate) fn name_template(task: &TaskDefinition) -> Option<Result<InputTemplate, Vec<InputError>>> {
    task.map_index_template.as_ref().map(|template| InputTemplate::parse(&Value::from(template.as_str())))
}

/// What is wrong with a task's `map_index_template`, beside what is wrong with any template.
fn validate_name(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let Some(template) = &task.map_index_template else { return };
    let at = format!("{at}/map_index_template");
    if mapping(dag, task).is_none() {
        let problem = Diagnostic::error(Code::InvalidValue, at.as_str(), "only the instances of a mapped task have names");
        found.push(problem.help("remove it, or map the task with 'expand'"));
    }
    let length = template.chars().count();
    if length == 0 || length > MAX_NAME_TEMPLATE {
        let message = format!("it has from 1 to {MAX_NAME_TEMPLATE} characters; this one has {length}");
        found.push(Diagnostic::error(Code::TooLong, at, message));
    }
}

/// What is wrong with a task's `expand`.
pub(super) fn validate(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    validate_name(at, task, dag, found);
    let Some(expand) = &task.expand else { return };
    let is_object = |input: &Value| input.as_object().is_some_and(|fields| !fields.keys().any(|key| key.starts_with('$')));
    let (field, input) = task.template();
    // What a person is asked is a text, into which the mapped values come by templates.
    if task.approval.is_none() && input.is_some_and(|input| !is_object(input)) {
        let message = "the input of a mapped task must be an object, since each mapped value becomes one of its keys";
        found.push(Diagnostic::error(Code::InvalidInput, format!("{at}/{field}"), message));
    }
    validate_lists(at, expand, "task", found);
}

/// What is wrong with the lists that a task or a group (`what`) is mapped over. Returns how many items there are, as far as that is known.
pub(super) fn validate_lists(at: &str, expand: &ExpandDefinition, what: &str, found: &mut Vec<Diagnostic>) -> usize {
    let over = format!("{at}/expand/over");
    if expand.over.is_empty() {
        let message = format!("a mapped {what} needs something to be mapped over");
        let problem = Diagnostic::error(Code::InvalidValue, over.as_str(), message);
        found.push(problem.help(r#"write for example {"over": {"item": {"$from": "list"}}}"#));
    }
    let mut lengths = Vec::new();
    for (key, source) in &expand.over {
        let at = join(&over, key);
        // What is wrong in the template itself is told with those of the input.
        if let Ok(template) = InputTemplate::parse(source) {
            match template.mapped_length() {
                MappedLength::Later => {}
                MappedLength::Never => {
                    let message = format!("a {what} is mapped over a list or an object");
                    let problem = Diagnostic::error(Code::InvalidValue, at, message);
                    found.push(problem.help("write a list, or $from, $param or $conf for one that is known later"));
                }
                MappedLength::Known(0) => {
                    let problem = Diagnostic::error(Code::InvalidValue, at, "an empty list leaves nothing to run");
                    found.push(
                        problem.help(format!("leave the {what} out, or take the list from an upstream task or a parameter")),
                    );
                }
                MappedLength::Known(length) => lengths.push((key, length)),
            }
        }
    }
    let items = match expand.mode {
        ExpandMode::Product => lengths.iter().fold(1_usize, |product, (_, length)| product.saturating_mul(*length)),
        ExpandMode::Zip => lengths.first().map_or(1, |(_, length)| *length),
    };
    match expand.mode {
        ExpandMode::Product => {
            if items > MAX_MAPPED {
                let message = format!("a mapped {what} has at most {MAX_MAPPED} instances; these lists make {items}");
                found.push(Diagnostic::error(Code::TooLong, over, message));
            }
        }
        ExpandMode::Zip => {
            if let Some((key, length)) = lengths.iter().find(|(_, length)| *length > MAX_MAPPED) {
                let message = format!("a mapped {what} has at most {MAX_MAPPED} instances; this list makes {length}");
                found.push(Diagnostic::error(Code::TooLong, join(&over, key), message));
            }
            if let Some((first, others)) = lengths.split_first() {
                for (key, length) in others.iter().filter(|(_, length)| *length != first.1) {
                    let message = format!("'{key}' has {length} values, but '{}' has {}", first.0, first.1);
                    let problem = Diagnostic::error(Code::InvalidValue, join(&over, key), message);
                    found.push(problem.help("with zip all lists are equally long; product combines each value with each"));
                }
            }
        }
    }
    items
}

/// Its part of the schema of a task.
pub(super) fn schema() -> Value {
    schema_of(
        "Runs the task once for each item of lists (Airflow's dynamic task mapping).",
        "For each key of the input that differs between the instances, where its values come from: a list, an object (each of its \
         entries as [key, value]), or $from, $param or $conf for one that is known later.",
    )
}

/// The same with these descriptions.
pub(super) fn schema_of(description: &str, over: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "over": {
                "type": "object",
                "minProperties": 1,
                "description": over,
                "additionalProperties": {
                    "anyOf": [
                        { "$ref": "#/$defs/from" },
                        { "$ref": "#/$defs/conf" },
                        { "$ref": "#/$defs/param" },
                        { "$ref": "#/$defs/expr" },
                        { "$ref": "#/$defs/literal" },
                        { "type": "array", "items": { "$ref": "#/$defs/input" }, "minItems": 1, "maxItems": MAX_MAPPED },
                        {
                            "type": "object",
                            "propertyNames": { "pattern": "^([^$]|$)" },
                            "additionalProperties": { "$ref": "#/$defs/input" },
                        },
                    ],
                },
                "examples": [{ "city": { "$from": "cities" } }],
            },
            "mode": {
                "enum": [ExpandMode::Product, ExpandMode::Zip],
                "default": ExpandMode::default(),
                "description": "How several keys go together: each value with each, or the first with the first and so on.",
            },
        },
        "required": ["over"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use crate::definition::{parse, validate};
    use serde_json::{Value, json};

    fn problems(expand: &Value, input: &Value) -> Vec<String> {
        let dag = json!({ "dag_id": "a", "params": { "list": [] }, "tasks": [
            { "task_id": "list", "component": "c" },
            { "task_id": "each", "component": "c", "input": input, "expand": expand },
        ] });
        match parse(dag) {
            Ok(dag) => validate(&dag),
            Err(found) => found,
        }
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    #[test]
    fn names_of_instances_are_templates_that_know_the_input() {
        let problems = |extra: &Value| {
            let mut task =
                json!({ "task_id": "each", "component": "c", "input": { "unit": "C" }, "expand": { "over": { "n": [1] } } });
            task.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let dag = parse(json!({ "dag_id": "a", "tasks": [task] })).unwrap();
            validate(&dag).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(problems(&json!({ "map_index_template": "{{ input.n }} of {{ ds }}" })).is_empty());
        let told = problems(&json!({ "map_index_template": "{{ inputs.n }}" })).join("\n");
        assert!(told.contains("error[unknown_name] at /tasks/0/map_index_template: there is no name 'inputs'"), "{told}");
        let told = problems(&json!({ "input": { "x": "{{ input.n }}" } })).join("\n");
        assert!(told.contains("at /tasks/0/input/x: 'input' is only known to map_index_template"), "{told}");
        let told = problems(&json!({ "expand": null, "map_index_template": "x" })).join("\n");
        assert!(told.contains("at /tasks/0/map_index_template: only the instances of a mapped task have names"), "{told}");
        let told = problems(&json!({ "map_index_template": "x".repeat(1001) })).join("\n");
        assert!(told.contains("it has from 1 to 1000 characters; this one has 1001"), "{told}");
    }

    #[test]
    fn what_can_be_mapped_over() {
        for source in [
            json!([1, { "$from": "list" }]),
            json!({ "a": 1 }),
            json!({ "$from": "list", "path": "/rows", "default": [] }),
            json!({ "$param": "list" }),
            json!({ "$conf": "/list" }),
            json!({ "$literal": [{ "$from": "x" }] }),
        ] {
            assert_eq!(problems(&json!({ "over": { "x": source } }), &json!({ "x": 0, "y": 1 })), [""; 0], "{source}");
        }
    }

    #[test]
    fn what_cannot_is_told_with_its_place() {
        let many: Vec<u32> = (0..101).collect();
        for (expand, input, expected) in [
            (json!({}), json!({}), "error[missing_field] at /tasks/1/expand: the field 'over' is missing"),
            (json!([1, 2]), json!({}), "error[invalid_value] at /tasks/1/expand: it must be an object"),
            (
                json!({ "over": { "x": [1] }, "mod": "zip" }),
                json!({}),
                "error[unknown_field] at /tasks/1/expand/mod: there is no field 'mod' (did you mean 'mode'?)",
            ),
            (
                json!({ "over": { "x": [1] }, "mode": "zipp" }),
                json!({}),
                "error[invalid_value] at /tasks/1/expand/mode: 'zipp' is not known here (did you mean 'zip'?)",
            ),
            (
                json!({ "over": {} }),
                json!({}),
                "error[invalid_value] at /tasks/1/expand/over: a mapped task needs something to be mapped over \
                 (write for example {\"over\": {\"item\": {\"$from\": \"list\"}}})",
            ),
            (
                json!({ "over": { "x": 3 } }),
                json!({}),
                "error[invalid_value] at /tasks/1/expand/over/x: a task is mapped over a list or an object \
                 (write a list, or $from, $param or $conf for one that is known later)",
            ),
            (
                json!({ "over": { "x": [] } }),
                json!({}),
                "error[invalid_value] at /tasks/1/expand/over/x: an empty list leaves nothing to run \
                 (leave the task out, or take the list from an upstream task or a parameter)",
            ),
            (
                json!({ "over": { "x": many, "y": many } }),
                json!({}),
                "error[too_long] at /tasks/1/expand/over: a mapped task has at most 10000 instances; these lists make 10201",
            ),
            (
                json!({ "over": { "x": [1, 2], "y": { "$from": "list" }, "z": [1] }, "mode": "zip" }),
                json!({}),
                "error[invalid_value] at /tasks/1/expand/over/z: 'z' has 1 values, but 'x' has 2 \
                 (with zip all lists are equally long; product combines each value with each)",
            ),
            (
                json!({ "over": { "x": { "$param": "lst" } } }),
                json!({}),
                "error[unknown_param] at /tasks/1/expand/over/x/$param: there is no parameter 'lst' in params (did you mean 'list'?)",
            ),
            (
                json!({ "over": { "x": { "$form": "list" } } }),
                json!({}),
                "error[invalid_input] at /tasks/1/expand/over/x/$form: '$form' is not known (did you mean '$from'?)",
            ),
            (
                json!({ "over": { "x": { "$from": "lisst" } } }),
                json!({}),
                "error[unknown_upstream] at /tasks/1/expand/over/x/$from: there is no task 'lisst' in this dag (did you mean 'list'?)",
            ),
            (
                json!({ "over": { "x": [1] } }),
                json!({ "$from": "list" }),
                "error[invalid_input] at /tasks/1/input: the input of a mapped task must be an object, since each mapped value \
                 becomes one of its keys",
            ),
        ] {
            assert_eq!(problems(&expand, &input), [expected], "{expand}");
        }
    }
}
