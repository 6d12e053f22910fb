//! What a task does that runs no component: work of the engine itself, in place of `component` and `script`.

use super::diagnostic::join;
use super::{ApprovalDefinition, ComponentRef, Diagnostic, DiagnosticCode, Moment, TaskDefinition};
use cofferdam_ids::DagId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The fields of which a task has exactly one.
pub(super) const KINDS: [&str; 4] = ["component", "script", "run_dag", "approval"];

/// What a task does. A task has exactly one kind of work, as [`parse`](super::parse) sees to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WorkDefinition<'a> {
    /// A worker runs a component; a script is run by the component that interprets it.
    Component(&'a ComponentRef),
    /// The engine makes a run of another dag.
    RunDag(&'a RunDagDefinition),
    /// A person is asked.
    Approval(&'a ApprovalDefinition),
}

/// A run of another dag, or of this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDagDefinition {
    /// The dag.
    pub dag_id: DagId,
    /// What its tasks are told: JSON with the same forms as a task's `input`; `{}` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conf: Option<Value>,
    /// Whether the task waits for the run's end and ends as it does; `true` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<bool>,
    /// The moment that the run is for.
    #[serde(default, skip_serializing_if = "RunDagDate::is_now")]
    pub logical_date: RunDagDate,
}

/// The moment that a run made by a task is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RunDagDate {
    /// When it is made: `now`.
    #[default]
    Now,
    /// That of the run whose task makes it: `parent`.
    Parent,
    /// This one.
    At(Moment),
}

impl RunDagDate {
    const fn is_now(&self) -> bool {
        matches!(self, Self::Now)
    }
}

impl TryFrom<String> for RunDagDate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "now" => Ok(Self::Now),
            "parent" => Ok(Self::Parent),
            _ => text.parse().map(Self::At).map_err(|error| format!("{error}; 'now' and 'parent' are possible too")),
        }
    }
}

impl From<RunDagDate> for String {
    fn from(date: RunDagDate) -> Self {
        match date {
            RunDagDate::Now => "now".to_owned(),
            RunDagDate::Parent => "parent".to_owned(),
            RunDagDate::At(moment) => moment.into(),
        }
    }
}

impl TaskDefinition {
    /// What it does; nothing for a definition that was not made by [`parse`](super::parse) and has no work.
    #[must_use]
    pub const fn work(&self) -> Option<WorkDefinition<'_>> {
        match (&self.run_dag, &self.approval, &self.component) {
            (Some(run_dag), ..) => Some(WorkDefinition::RunDag(run_dag)),
            (None, Some(approval), _) => Some(WorkDefinition::Approval(approval)),
            (None, None, Some(component)) => Some(WorkDefinition::Component(component)),
            (None, None, None) => None,
        }
    }

    /// The JSON of it that is filled in when the task runs, and the field where it stands.
    #[must_use]
    pub fn template(&self) -> (&'static str, Option<&Value>) {
        match (&self.run_dag, &self.approval) {
            (Some(run_dag), _) => ("run_dag/conf", run_dag.conf.as_ref()),
            (None, Some(approval)) => ("approval/message", Some(&approval.message)),
            (None, None) => ("input", self.input.as_ref()),
        }
    }
}

/// Notes that a task has no work, or several kinds of it. Asked before the interpreter of a script is filled in.
pub(super) fn one_kind(task: &Value, at: &str, problems: &mut Vec<Diagnostic>) {
    if !task.is_object() {
        return;
    }
    let given: Vec<&str> = KINDS.into_iter().filter(|kind| task.get(kind).is_some_and(|value| !value.is_null())).collect();
    match given.as_slice() {
        [] => problems.push(
            Diagnostic::error(DiagnosticCode::MissingField, at, "the field 'component' is missing")
                .help("a task has a component, a script, run_dag, or approval"),
        ),
        // A script may name its interpreter: the two are looked at where that is filled in.
        [_] | ["component", "script"] => {}
        [first, .., last] => problems.push(
            Diagnostic::error(DiagnosticCode::InvalidValue, join(at, last), format!("a task has {first} or {last}, not both"))
                .help("leave one of them out"),
        ),
    }
}

/// What is wrong with a task that runs no component.
pub(super) fn validate(at: &str, task: &TaskDefinition, found: &mut Vec<Diagnostic>) {
    let Some(run_dag) = &task.run_dag else { return };
    if run_dag.conf.as_ref().is_some_and(|conf| !conf.is_object()) {
        let pointer = format!("{at}/run_dag/conf");
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, pointer, "the conf of a run is an object"));
    }
    let given = [
        ("function", task.function.is_some()),
        ("args", !task.args.is_empty()),
        ("env", !task.env.is_empty()),
        ("input", task.input.is_some()),
        ("limits", task.limits.is_some()),
        ("grant", task.grant.is_some()),
    ];
    for (field, _) in given.into_iter().filter(|(_, given)| *given) {
        let problem = Diagnostic::error(DiagnosticCode::UnusedArguments, join(at, field), format!("run_dag takes no {field}"));
        found.push(problem.help("what the run is told is its run_dag.conf"));
    }
}

/// The JSON Schema of [`RunDagDefinition`].
pub(super) fn run_dag_schema(dag_id: &Value, moment: &Value) -> Value {
    json!({
        "dag_id": dag_id,
        "conf": {
            "type": "object",
            "description": "What the run's tasks are told. Objects with $from, $conf or $param stand for what earlier tasks returned and \
                            what this run was given.",
        },
        "wait": { "type": "boolean", "default": true, "description": "Whether the task waits for the run's end and ends as it does." },
        "logical_date": {
            "anyOf": [{ "enum": ["now", "parent"] }, moment],
            "default": "now",
            "description": "The moment that the run is for: now, that of this run (parent), or a date.",
        },
    })
}
