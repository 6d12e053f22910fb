//! What a template can see when it is rendered.

use crate::grant::Grant;
use crate::run::RunType;
use chrono::{DateTime, Utc};
use cofferdam_ids::{ConnectionId, TaskId, VariableKey, XComKey};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// Everything that a template can see. What it takes from outside ([`Uses`](super::Uses)) has to be there.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The dag.
    pub dag: DagFacts<'a>,
    /// The run.
    pub run: RunScope<'a>,
    /// The task, and its try.
    pub task: TaskScope<'a>,
    /// The dag's last successful run before this one.
    pub previous: Option<&'a PreviousSuccess>,
    /// What the task may reach: a variable or connection that it does not name is refused.
    pub grant: &'a Grant,
    /// The variables that are there.
    pub variables: &'a HashMap<VariableKey, VariableFacts>,
    /// The connections that are there.
    pub connections: &'a HashMap<ConnectionId, ConnectionFacts>,
    /// Finds what another task of the run left.
    pub xcom: &'a dyn Fn(&TaskId, &XComKey) -> Option<Value>,
    /// For a callback: what it is called for.
    pub happened: Option<&'a Happened>,
    /// For the name of an instance: what it was given.
    pub input: Option<&'a Value>,
    /// For what is mapped: its item, an object with a field for each name.
    pub item: Option<&'a Value>,
}

static NO_GRANT: LazyLock<Grant> = LazyLock::new(Grant::default);
static NO_VARIABLES: LazyLock<HashMap<VariableKey, VariableFacts>> = LazyLock::new(HashMap::new);
static NO_CONNECTIONS: LazyLock<HashMap<ConnectionId, ConnectionFacts>> = LazyLock::new(HashMap::new);

impl<'a> Scope<'a> {
    /// A scope with a run's conf and with what other tasks left, and otherwise of a nameless run at the beginning of 1970: for
    /// what is rendered outside of a server.
    #[must_use]
    pub fn bare(conf: &'a Value, xcom: &'a dyn Fn(&TaskId, &XComKey) -> Option<Value>) -> Self {
        let epoch = DateTime::UNIX_EPOCH;
        Self {
            dag: DagFacts { dag_id: "", description: None, tags: &[], owners: &[], timezone: "UTC" },
            run: RunScope {
                run_id: "",
                run_type: RunType::Manual,
                logical_date: epoch,
                interval: (epoch, epoch),
                queued_at: epoch,
                conf,
            },
            task: TaskScope { task_id: "", map_index: -1, try_number: 1, max_tries: 1, pool: "", queue: "", priority: 0 },
            previous: None,
            grant: &NO_GRANT,
            variables: &NO_VARIABLES,
            connections: &NO_CONNECTIONS,
            xcom,
            happened: None,
            input: None,
            item: None,
        }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("run", &self.run).field("task", &self.task).finish_non_exhaustive()
    }
}

/// What of a dag can be seen.
#[derive(Clone, Copy, Debug)]
pub struct DagFacts<'a> {
    /// Its name.
    pub dag_id: &'a str,
    /// One line that says what it is for.
    pub description: Option<&'a str>,
    /// Words to find it by.
    pub tags: &'a [String],
    /// Who answers for it.
    pub owners: &'a [String],
    /// Its time zone.
    pub timezone: &'a str,
}

/// What of a run can be seen.
#[derive(Clone, Copy, Debug)]
pub struct RunScope<'a> {
    /// Its name.
    pub run_id: &'a str,
    /// What made it.
    pub run_type: RunType,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// The interval of data that it covers.
    pub interval: (DateTime<Utc>, DateTime<Utc>),
    /// When it was made.
    pub queued_at: DateTime<Utc>,
    /// What it was triggered with, over the dag's `params`.
    pub conf: &'a Value,
}

/// What of a task instance can be seen.
#[derive(Clone, Copy, Debug)]
pub struct TaskScope<'a> {
    /// Its task.
    pub task_id: &'a str,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The try, from 1.
    pub try_number: u32,
    /// How many tries there are at the most.
    pub max_tries: u32,
    /// Its pool.
    pub pool: &'a str,
    /// Its queue.
    pub queue: &'a str,
    /// Its priority.
    pub priority: i32,
}

/// The dag's last successful run before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSuccess {
    /// The interval of data that it covered.
    pub interval: (DateTime<Utc>, DateTime<Utc>),
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A variable, as far as templates may know it.
#[derive(Clone, PartialEq, Eq)]
pub enum VariableFacts {
    /// Its value.
    Plain(String),
    /// It is secret: its value must not become plain input.
    Secret,
}

impl fmt::Debug for VariableFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(..)",
            Self::Secret => "Secret",
        })
    }
}

/// A connection, without what is secret of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// What it leads to.
    pub conn_type: String,
    /// What it is for.
    pub description: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The name to sign in with.
    pub login: Option<String>,
    /// The schema.
    pub schema: Option<String>,
}

/// What a callback is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The event: `on_failure`, `deadline`, …
    pub event: String,
    /// The state that the task instance or the run is in.
    pub state: String,
    /// Why, where there is more to say than the state.
    pub reason: Option<String>,
    /// What the failed try said.
    pub message: Option<String>,
    /// For a deadline: the moment that was missed.
    pub deadline: Option<DateTime<Utc>>,
    /// All of it as JSON, with the names of what it happened to.
    pub context: Value,
}
