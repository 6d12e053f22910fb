//! Deadlines of tasks and dags. The compiled form is [`DeadlinePlan`](crate::plan::DeadlinePlan).

use super::callback::CallbackDefinition;
use super::{DagDefinition, Diagnostic, DiagnosticCode, TimeSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest time that a deadline lies ahead: a year.
const MAX_AFTER: TimeSpan = TimeSpan::from_ms(366 * 24 * 3_600_000);

/// By when something has to have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlineDefinition {
    /// How long after `from`.
    pub after: TimeSpan,
    /// From when it is counted; `queued_at` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DeadlineFrom>,
    /// What is run when it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackDefinition>,
}

/// From when a deadline is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineFrom {
    /// When the run was made, or the task was queued.
    #[default]
    QueuedAt,
    /// When the run, or the task, started.
    StartedAt,
    /// The moment that the run is for.
    LogicalDate,
}

impl DeadlineFrom {
    /// All of them.
    pub const ALL: &[Self] = &[Self::QueuedAt, Self::StartedAt, Self::LogicalDate];

    /// As it is written and stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueuedAt => "queued_at",
            Self::StartedAt => "started_at",
            Self::LogicalDate => "logical_date",
        }
    }
}

/// What is wrong with the deadlines of a dag, apart from their callbacks.
pub(super) fn validate(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let own = [("/deadline".to_owned(), &dag.deadline), ("/defaults/deadline".to_owned(), &dag.defaults.deadline)];
    let of_tasks = dag.tasks.iter().enumerate().map(|(index, task)| (format!("/tasks/{index}/deadline"), &task.deadline));
    for (at, deadline) in own.into_iter().chain(of_tasks) {
        let Some(deadline) = deadline else { continue };
        if deadline.after > MAX_AFTER || deadline.after.ms() == 0 {
            let message = format!("a deadline lies between 1ms and {MAX_AFTER} ahead");
            found.push(Diagnostic::error(DiagnosticCode::OutOfRange, format!("{at}/after"), message));
        }
    }
}

/// The JSON Schema of [`DeadlineDefinition`].
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "after": { "$ref": "#/$defs/time_span", "description": "How long after the moment that from names." },
            "from": {
                "enum": DeadlineFrom::ALL,
                "default": DeadlineFrom::default(),
                "description": "From when it is counted: when the run was made or the task was queued, when it started, or the moment that the \
                                run is for.",
            },
            "callback": super::callback::reference("What is run when it has passed."),
        },
        "required": ["after"],
        "additionalProperties": false,
    })
}
