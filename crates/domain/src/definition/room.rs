//! What holds tasks back beside their trigger rules: room, keys, earlier runs; and how their priorities add up.

use super::diagnostic::join;
use super::validate::MAX_ACTIVE;
use super::{DagDefinition, Diagnostic, DiagnosticCode, TaskDefinition, templates};
use crate::plan::InputTemplate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How the priorities of the tasks around a task count for its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// Its own counts.
    #[default]
    Absolute,
    /// Those of all tasks that come after it are added: what much depends on goes first (Airflow's default).
    Downstream,
    /// Those of all tasks that come before it are added: runs that have begun go first.
    Upstream,
}

/// What is wrong with what holds a task back.
pub(super) fn validate(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    if task.concurrency_limit.is_some() && task.concurrency_key.is_none() {
        let problem = Diagnostic::warning(
            DiagnosticCode::NoEffect,
            join(at, "concurrency_limit"),
            "without a concurrency_key it has no effect",
        );
        found.push(problem.help("give a concurrency_key"));
    }
    if let Some(key) = &task.concurrency_key {
        let pointer = join(at, "concurrency_key");
        match InputTemplate::parse(key) {
            Err(errors) => found.extend(errors.into_iter().map(|error| templates::unreadable(&pointer, error))),
            Ok(template) => {
                let later = template.templates().into_iter().any(|(_, template)| template.uses().beyond_conf);
                if later || !template.places().is_empty() {
                    let message = "a key is made of params and dag_run.conf only";
                    found.push(Diagnostic::error(DiagnosticCode::InvalidInput, pointer.clone(), message));
                }
                templates::unknown_params(&pointer, &template, dag, found);
            }
        }
    }
}

/// The JSON Schemas of a task's own fields in this module.
pub(super) fn schema() -> Value {
    json!({
        "max_active": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ACTIVE,
            "description": "How many instances of it may be queued or run at once, over all runs of the dag.",
        },
        "concurrency_key": {
            "anyOf": [{ "type": "string", "minLength": 1 }, { "$ref": "#/$defs/conf" }, { "$ref": "#/$defs/param" }],
            "description": "Instances with the same key, of whatever task or dag of the tenant, run one at a time.",
            "examples": ["warehouse", { "$param": "customer" }],
        },
        "concurrency_limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ACTIVE,
            "default": 1,
            "description": "How many instances with the same key may run at once.",
        },
    })
}

/// The JSON Schemas of the settings in this module.
pub(super) fn settings_schema() -> Value {
    json!({
        "depends_on_past": {
            "type": "boolean",
            "default": false,
            "description": "Whether an instance waits until that of the run before has succeeded or was skipped.",
        },
        "wait_for_downstream": {
            "type": "boolean",
            "default": false,
            "description": "Like depends_on_past, and the tasks that wait for that instance directly must have succeeded or been skipped too.",
        },
        "weight_rule": {
            "enum": [WeightRule::Absolute, WeightRule::Downstream, WeightRule::Upstream],
            "default": WeightRule::default(),
            "description": "Whether the priorities of all tasks after it (downstream) or before it (upstream) are added to its own.",
        },
    })
}
