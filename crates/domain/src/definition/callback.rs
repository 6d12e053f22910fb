//! Callbacks of tasks and dags, as a user writes them. The compiled form is a plan in [`DagPlan::callbacks`](crate::plan::DagPlan).

use super::suggest::closest;
use super::{
    ComponentRef, DagDefinition, DeadlineDefinition, Diagnostic, DiagnosticCode, LimitsDefinition, ScriptDefinition,
    TaskDefinition, TaskSettings, TimeSpan, script, templates, validate,
};
use crate::callback::CallbackEvent;
use crate::grant::Grant;
use cofferdam_ids::{PoolName, QueueName, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The fields of a task, of `defaults` or of a dag that are callbacks.
pub(super) const FIELDS: [&str; 5] = ["on_success", "on_failure", "on_retry", "on_skipped", "deadline/callback"];

/// A component that is run when something has happened: what a task is, without its place in the dag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackDefinition {
    /// What it runs: `name`, `name@version` or `name@sha256:digest`. With a script, the component that interprets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentRef>,
    /// A script, in place of a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<ScriptDefinition>,
    /// Which of its typed functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Arguments, for a component of the `wasi:cli/command` world.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables, for a component of the `wasi:cli/command` world.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its input, to which what happened is added as `context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// How often it is tried again after a failure; 0 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// How long to wait before that; 30 seconds when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<TimeSpan>,
    /// How long a try may take; 5 minutes when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
    /// Which of those that wait goes first: the highest. 0 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The pool whose slots it takes; `default_pool` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// How many slots it takes; 1 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_slots: Option<u32>,
    /// Which workers may take it; `default` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// What a try may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsDefinition>,
    /// What it may reach; nothing when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// A callback in its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<'a> {
    /// A JSON Pointer to it.
    pub(crate) at: String,
    /// Whose it is.
    pub(crate) of: Owner<'a>,
    /// What it is called for.
    pub(crate) event: CallbackEvent,
    /// What it is.
    pub(crate) callback: &'a CallbackDefinition,
}

/// Whose a callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// The dag's.
    Dag,
    /// That of tasks which do not have their own.
    Defaults,
    /// A task's, by its position in the definition.
    Task(usize, &'a TaskId),
}

impl Placed<'_> {
    /// The name of its instances.
    fn name(&self) -> String {
        match self.of {
            Owner::Dag => self.event.as_str().to_owned(),
            Owner::Defaults => format!("defaults.{}", self.event.as_str()),
            Owner::Task(_, task) => format!("{task}.{}", self.event.as_str()),
        }
    }

    /// It as a task, with that name.
    pub(crate) fn as_task(&self) -> Option<TaskDefinition> {
        let callback = self.callback.clone();
        let mut task = TaskDefinition::named(TaskId::new(self.name()).ok()?)?;
        task.component = callback.component;
        task.script = callback.script;
        task.function = callback.function;
        task.args = callback.args;
        task.env = callback.env;
        task.input = callback.input;
        task.retries = callback.retries;
        task.retry_delay = callback.retry_delay;
        task.timeout = callback.timeout;
        task.priority = callback.priority;
        task.pool = callback.pool;
        task.pool_slots = callback.pool_slots;
        task.queue = callback.queue;
        task.limits = callback.limits;
        task.grant = callback.grant;
        Some(task)
    }
}

fn of_deadline(deadline: Option<&DeadlineDefinition>) -> Option<&CallbackDefinition> {
    deadline.and_then(|deadline| deadline.callback.as_ref())
}

macro_rules! hooks {
    ($($type:ident)*) => {$(
        impl $type {
            /// Its own callbacks, where it has some.
            fn hooks(&self) -> impl Iterator<Item = (CallbackEvent, Option<&CallbackDefinition>)> {
                [
                    (CallbackEvent::OnSuccess, self.on_success.as_deref()),
                    (CallbackEvent::OnFailure, self.on_failure.as_deref()),
                    (CallbackEvent::OnRetry, self.on_retry.as_deref()),
                    (CallbackEvent::OnSkipped, self.on_skipped.as_deref()),
                    (CallbackEvent::Deadline, of_deadline(self.deadline.as_deref())),
                ]
                .into_iter()
                .filter(|(_, callback)| callback.is_some())
            }
        }
    )*};
}
hooks!(TaskSettings TaskDefinition);

impl TaskDefinition {
    /// A task that has a name, and nothing else.
    fn named(task_id: TaskId) -> Option<Self> {
        serde_json::from_value(json!({ "task_id": task_id })).ok()
    }
}

impl DagDefinition {
    /// Its callbacks, in a fixed order.
    pub(crate) fn callbacks(&self) -> Vec<Placed<'_>> {
        use CallbackEvent::{Deadline, OnFailure, OnSuccess};
        let mut found = Vec::new();
        let mut note = |at: &str, of, event: CallbackEvent, callback| {
            if let Some(callback) = callback {
                let field = if event == Deadline { "deadline/callback" } else { event.as_str() };
                found.push(Placed { at: format!("{at}/{field}"), of, event, callback });
            }
        };
        note("", Owner::Dag, OnSuccess, self.on_success.as_deref());
        note("", Owner::Dag, OnFailure, self.on_failure.as_deref());
        note("", Owner::Dag, Deadline, of_deadline(self.deadline.as_deref()));
        for (event, callback) in self.defaults.hooks() {
            note("/defaults", Owner::Defaults, event, callback);
        }
        for (index, task) in self.tasks.iter().enumerate() {
            for (event, callback) in task.hooks() {
                note(&format!("/tasks/{index}"), Owner::Task(index, &task.task_id), event, callback);
            }
        }
        found
    }

    /// Its tasks and callbacks that have a script, each with the place of the script.
    #[must_use]
    pub fn scripts(&self) -> Vec<(String, ScriptDefinition)> {
        let tasks = self.tasks.iter().enumerate().map(|(index, task)| (format!("/tasks/{index}"), task.script.clone()));
        let callbacks = self.callbacks().into_iter().map(|placed| (placed.at, placed.callback.script.clone()));
        tasks.chain(callbacks).filter_map(|(at, script)| Some((format!("{at}/script"), script?))).collect()
    }

    /// The grants that are written in it.
    #[must_use]
    pub fn grants(&self) -> Vec<&Grant> {
        let tasks = self.tasks.iter().map(|task| &task.grant).chain([&self.defaults.grant]).flatten();
        tasks.chain(self.callbacks().into_iter().filter_map(|placed| placed.callback.grant.as_ref())).collect()
    }
}

/// Brings the callbacks of a task, of `defaults` or of a dag into one form: a name alone stands for its component, and a script for the
/// component that interprets it.
pub(super) fn complete(owner: &mut Value, at: &str, problems: &mut Vec<Diagnostic>) {
    for field in FIELDS {
        let Some(callback) = owner.pointer_mut(&format!("/{field}")) else { continue };
        if let Value::String(component) = callback {
            *callback = json!({ "component": component });
        }
        let at = format!("{at}/{field}");
        script::name_interpreter(callback, &at, problems);
        if callback.is_object() && callback.get("component").is_none_or(Value::is_null) {
            problems.push(
                Diagnostic::error(DiagnosticCode::MissingField, at, "the field 'component' is missing")
                    .help("a callback has a component or a script"),
            );
        }
    }
}

/// What is wrong with the callbacks of a dag.
pub(super) fn check(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let callbacks = dag.callbacks();
    if callbacks.is_empty() {
        return;
    }
    // `defaults` are for tasks.
    let mut bare = dag.clone();
    bare.defaults = TaskSettings::default();
    bare.tasks.clear();
    let mut names: BTreeSet<TaskId> = dag.tasks.iter().map(|task| task.task_id.clone()).collect();
    for placed in &callbacks {
        let Some(task) = placed.as_task() else {
            let message = format!("its instances would be called '{}', which is too long", placed.name());
            found.push(
                Diagnostic::error(DiagnosticCode::TooLong, placed.at.clone(), message).help("give the task a shorter name"),
            );
            continue;
        };
        if !names.insert(task.task_id.clone()) {
            let message = format!("its instances would be called '{}', as is a task or another callback", task.task_id);
            found
                .push(Diagnostic::error(DiagnosticCode::InvalidValue, placed.at.clone(), message).help("give that another name"));
        }
        validate::own(&placed.at, &task, &bare, found);
        templates::of_callback(&placed.at, &task, &bare, found);
        for reference in templates::references(&task) {
            if dag.tasks.iter().any(|other| other.task_id == reference.task) {
                continue;
            }
            let pointer = format!("{}{}", placed.at, reference.pointer);
            let message = format!("there is no task '{}' in this dag", reference.task);
            let problem = Diagnostic::error(DiagnosticCode::UnknownUpstream, pointer, message);
            let problem = match reference.place {
                Some(place) => problem.place(place),
                None => problem,
            };
            let known = dag.tasks.iter().map(|task| task.task_id.as_str());
            found.push(match closest(reference.task.as_str(), known) {
                Some(meant) if reference.place.is_none() => problem.did_you_mean(meant),
                Some(meant) => problem.help(format!("did you mean '{meant}'?")),
                None => problem,
            });
        }
    }
}

/// Where a callback can stand.
pub(super) fn reference(description: &str) -> Value {
    json!({ "$ref": "#/$defs/callback", "description": description })
}

/// The JSON Schemas of the callbacks of tasks, and of their deadline.
pub(super) fn settings_schema() -> Value {
    json!({
        "on_success": reference("What is run when it has succeeded."),
        "on_failure": reference("What is run when it has failed and is not tried again."),
        "on_retry": reference("What is run when a try has failed and another follows."),
        "on_skipped": reference("What is run when it asked to be left out."),
        "deadline": { "$ref": "#/$defs/deadline", "description": "By when it has to have ended." },
    })
}

/// The JSON Schema of [`CallbackDefinition`]: an object of some of a task's fields, or a component's name alone. `of_task` are the schemas
/// of a task's fields.
pub(super) fn schema(of_task: &Value) -> Value {
    const TAKEN: [&str; 15] = [
        "component",
        "script",
        "function",
        "args",
        "env",
        "input",
        "retries",
        "retry_delay",
        "timeout",
        "priority",
        "pool",
        "pool_slots",
        "queue",
        "limits",
        "grant",
    ];
    let fields = TAKEN.iter().filter_map(|field| Some(((*field).to_owned(), of_task.get(field)?.clone())));
    let fields: serde_json::Map<String, Value> = fields.collect();
    json!({
        "anyOf": [
            of_task["component"],
            {
                "type": "object",
                "properties": fields,
                "anyOf": [{ "required": ["component"] }, { "required": ["script"] }],
                "additionalProperties": false,
            },
        ],
    })
}
