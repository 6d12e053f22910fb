//! Tasks that decide what runs after them, and tasks that come before and after others whatever happens.

use super::diagnostic::join;
use super::{DagDefinition, Diagnostic, DiagnosticCode, TaskDefinition};
use crate::trigger_rule::TriggerRule;
use cofferdam_ids::TaskId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whether a falsy result of a task skips what follows: `true`, or an object that says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ShortCircuitForm", into = "ShortCircuitForm")]
pub struct ShortCircuitDefinition {
    /// Whether it does.
    pub on: bool,
    /// Whether everything that follows is skipped, whatever the trigger rules say. If not, only the tasks that wait for it directly
    /// are, and trigger rules decide about the others.
    pub ignore_trigger_rules: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or an object with ignore_trigger_rules")]
enum ShortCircuitForm {
    Switch(bool),
    Object(ShortCircuitObject),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShortCircuitObject {
    ignore_trigger_rules: bool,
}

impl From<ShortCircuitForm> for ShortCircuitDefinition {
    fn from(form: ShortCircuitForm) -> Self {
        match form {
            ShortCircuitForm::Switch(on) => Self { on, ignore_trigger_rules: true },
            ShortCircuitForm::Object(object) => Self { on: true, ignore_trigger_rules: object.ignore_trigger_rules },
        }
    }
}

impl From<ShortCircuitDefinition> for ShortCircuitForm {
    fn from(given: ShortCircuitDefinition) -> Self {
        if given.on && !given.ignore_trigger_rules {
            Self::Object(ShortCircuitObject { ignore_trigger_rules: false })
        } else {
            Self::Switch(given.on)
        }
    }
}

/// Whether a task is a teardown: `true`, or an object that says of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "TeardownForm", into = "TeardownForm")]
pub struct TeardownDefinition {
    /// Whether it is.
    pub on: bool,
    /// The setup tasks that it belongs to, besides those that it waits for directly. It waits for these too.
    pub setups: Vec<TaskId>,
    /// Whether its failure fails the run.
    pub fail_run: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or an object with setups and fail_run")]
enum TeardownForm {
    Switch(bool),
    Object(TeardownObject),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TeardownObject {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    setups: Vec<TaskId>,
    #[serde(default, skip_serializing_if = "super::is_false")]
    fail_run: bool,
}

impl From<TeardownForm> for TeardownDefinition {
    fn from(form: TeardownForm) -> Self {
        match form {
            TeardownForm::Switch(on) => Self { on, setups: Vec::new(), fail_run: false },
            TeardownForm::Object(TeardownObject { setups, fail_run }) => Self { on: true, setups, fail_run },
        }
    }
}

impl From<TeardownDefinition> for TeardownForm {
    fn from(given: TeardownDefinition) -> Self {
        if given.on && (given.fail_run || !given.setups.is_empty()) {
            Self::Object(TeardownObject { setups: given.setups, fail_run: given.fail_run })
        } else {
            Self::Switch(given.on)
        }
    }
}

impl TaskDefinition {
    /// Whether it is a teardown.
    pub(crate) fn is_teardown(&self) -> bool {
        self.teardown.as_ref().is_some_and(|teardown| teardown.on)
    }

    /// Whether a falsy result of it skips what follows.
    pub(crate) fn is_short_circuit(&self) -> bool {
        self.short_circuit.is_some_and(|given| given.on)
    }
}

/// What is wrong with the roles of a task.
pub(super) fn validate(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let roles: Vec<&str> = [
        ("branch", task.branch),
        ("short_circuit", task.is_short_circuit()),
        ("setup", task.setup),
        ("teardown", task.is_teardown()),
    ]
    .into_iter()
    .filter_map(|(role, given)| given.then_some(role))
    .collect();
    if let [first, second, ..] = roles.as_slice() {
        let message = format!("a task cannot be {first} and {second} at once");
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, join(at, second), message).help("make two tasks of it"));
    }
    if let (Some(role @ ("branch" | "short_circuit")), true) = (roles.first().copied(), task.run_dag.is_some()) {
        let message = format!("run_dag cannot be a {role}: its result is that of a run");
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, join(at, role), message));
    }
    if let (Some(role @ ("branch" | "short_circuit")), true) = (roles.first().copied(), task.approval.is_some()) {
        let message = format!("an approval cannot be a {role}: its result is a decision, with who took it and when");
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, join(at, role), message));
    }
    if let (Some(role @ ("branch" | "short_circuit")), true) = (roles.first().copied(), task.expand.is_some()) {
        let message = format!("a mapped task cannot be a {role}: its instances could decide differently");
        let problem = Diagnostic::error(DiagnosticCode::InvalidValue, join(at, role), message);
        found.push(problem.help("decide in a task after it, which gets the list of its results"));
    }
    if task.is_teardown() && task.trigger_rule.is_some_and(|rule| rule != TriggerRule::AllDone) {
        let message = "a teardown runs when all it waits for have finished and a setup of it succeeded";
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, join(at, "trigger_rule"), message).help("leave it out"));
    }
    let setups = task.teardown.as_ref().map(|teardown| teardown.setups.as_slice()).unwrap_or_default();
    for (number, name) in setups.iter().enumerate() {
        let pointer = format!("{at}/teardown/setups/{number}");
        // A name that is none is told where edges are made.
        if dag.tasks.iter().any(|other| other.task_id == *name && !other.setup) {
            let problem = Diagnostic::error(DiagnosticCode::InvalidValue, pointer, format!("the task '{name}' is no setup"));
            found.push(problem.help("give it \"setup\": true"));
        }
    }
}

/// The JSON Schemas of this module's fields.
pub(super) fn schema(task_id: &Value) -> Value {
    json!({
        "branch": {
            "type": "boolean",
            "default": false,
            "description": "Whether its result, a task_id or the name of a group or a list of them, chooses among the tasks that wait for it \
                            directly. The others are skipped.",
        },
        "short_circuit": {
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "object",
                    "properties": { "ignore_trigger_rules": { "type": "boolean" } },
                    "required": ["ignore_trigger_rules"],
                    "additionalProperties": false,
                },
            ],
            "default": false,
            "description": "Whether a falsy result (null, false, 0 or empty) skips everything that follows; with ignore_trigger_rules: false, \
                            only the tasks that wait for it directly.",
        },
        "setup": { "type": "boolean", "default": false, "description": "Whether it prepares something that a teardown removes." },
        "teardown": {
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "object",
                    "properties": {
                        "setups": {
                            "type": "array",
                            "items": task_id,
                            "description": "The setup tasks that it belongs to, besides those that it waits for directly.",
                        },
                        "fail_run": { "type": "boolean", "default": false, "description": "Whether its failure fails the run." },
                    },
                    "additionalProperties": false,
                },
            ],
            "default": false,
            "description": "Whether it removes what setups have prepared: it runs when a setup of it succeeded, whatever the tasks between did.",
        },
    })
}
