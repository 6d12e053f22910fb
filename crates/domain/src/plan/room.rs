//! What holds a compiled task back beside its trigger rule.

use super::{DagPlan, InputTemplate, TaskPlan};
use crate::definition::{TaskDefinition, TaskSettings, WeightRule};
use crate::template::Scope;
use cofferdam_ids::{DagKey, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// The most characters of a key.
const MAX_KEY: usize = 250;

/// What holds instances of a task back, beside the room of the dag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskRoom {
    /// How many may be queued or run at once, over all runs of the dag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active: Option<u32>,
    /// Instances with the same key count together, whatever their tasks and dags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ConcurrencyKey>,
    /// Whether an instance waits for that of the run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<Past>,
}

impl TaskRoom {
    /// That of a definition whose templates were found to be right.
    pub(super) fn new(task: &TaskDefinition, settings: &TaskSettings) -> Self {
        let key = task.concurrency_key.as_ref().and_then(|key| InputTemplate::parse(key).ok());
        Self {
            max_active: task.max_active,
            key: key.map(|key| ConcurrencyKey { key, limit: task.concurrency_limit.unwrap_or(1) }),
            past: match (settings.wait_for_downstream, settings.depends_on_past) {
                (Some(true), _) => Some(Past::TaskAndDownstream),
                (_, Some(true)) => Some(Past::Task),
                _ => None,
            },
        }
    }
}

/// A key, and how many instances with it may be queued or run at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConcurrencyKey {
    /// The key, before the run's conf is filled in.
    pub key: InputTemplate,
    /// How many.
    pub limit: u32,
}

/// What of the run before must have succeeded or been skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// The instance of the same task.
    Task,
    /// That, and those of the tasks that wait for it directly.
    TaskAndDownstream,
}

/// A gate that an instance must pass before it is queued: instances with the same name count together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gate {
    /// Its name, unique in the installation.
    pub name: String,
    /// How many may have passed and not ended yet.
    pub limit: u32,
}

/// All gates of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// That of its dag (`max_active_tasks`).
    pub dag: Option<Gate>,
    /// That of its task (`max_active`).
    pub task: Option<Gate>,
    /// That of its key.
    pub key: Option<Gate>,
    /// The name under which it waits for the run before, and for what.
    pub past: Option<(String, Past)>,
}

impl Gates {
    /// The gates that count.
    pub fn counting(&self) -> impl Iterator<Item = &Gate> {
        [&self.dag, &self.task, &self.key].into_iter().flatten()
    }

    /// Whether nothing holds the instance back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.dag.is_none() && self.task.is_none() && self.key.is_none() && self.past.is_none()
    }
}

impl DagPlan {
    /// Whether something may hold instances of the task back.
    #[must_use]
    pub fn is_gated(&self, task: &TaskPlan) -> bool {
        !task.is_callback && (self.max_active_tasks.is_some() || task.room != TaskRoom::default())
    }

    /// The gates of an instance of the task. `conf` is that of its run. A key that cannot be made of it, or that is empty, is none.
    #[must_use]
    pub fn gates(&self, tenant: TenantId, dag: DagKey, task: &TaskPlan, conf: &Value) -> Gates {
        let key = task.room.key.as_ref().and_then(|key| {
            let text = match key.key.render(&Scope::bare(conf, &|_, _| None)).ok()? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let text: String = text.chars().filter(|c| *c != '\0').take(MAX_KEY).collect();
            (!text.is_empty()).then(|| Gate { name: format!("key {tenant} {text}"), limit: key.limit })
        });
        Gates {
            dag: self.max_active_tasks.map(|limit| Gate { name: format!("dag {dag}"), limit }),
            task: task.room.max_active.map(|limit| Gate { name: format!("task {dag} {}", task.task_id), limit }),
            key,
            past: task.room.past.map(|past| (past_name(dag, task), past)),
        }
    }

    /// The names under which instances of later runs may wait for an instance of this task: for itself, and for the tasks that it waits
    /// for directly.
    pub fn awaited_as(&self, dag: DagKey, task: &TaskPlan) -> impl Iterator<Item = String> {
        let own = task.room.past.is_some().then(|| past_name(dag, task));
        let above = task.upstream.iter().filter_map(|above| self.task(*above));
        let above =
            above.filter(|above| above.room.past == Some(Past::TaskAndDownstream)).map(move |above| past_name(dag, above));
        own.into_iter().chain(above)
    }
}

fn past_name(dag: DagKey, task: &TaskPlan) -> String {
    format!("past {dag} {}", task.task_id)
}

/// The priority of each task as the queue sees it, by the rules of the tasks.
pub(super) fn priorities(tasks: &[TaskPlan], rules: &[WeightRule]) -> Vec<i32> {
    let sum = |start: &TaskPlan, next: fn(&TaskPlan) -> &[i32]| {
        let mut seen = BTreeSet::from([start.task_index]);
        let mut left = vec![start];
        let mut sum = 0_i32;
        while let Some(task) = left.pop() {
            sum = sum.saturating_add(task.priority);
            let found = next(task).iter().filter(|index| seen.insert(**index));
            left.extend(found.filter_map(|index| tasks.get(usize::try_from(*index).ok()?)));
        }
        sum
    };
    tasks
        .iter()
        .zip(rules)
        .map(|(task, rule)| match rule {
            WeightRule::Absolute => task.priority,
            WeightRule::Downstream => sum(task, |task| &task.downstream),
            WeightRule::Upstream => sum(task, |task| &task.upstream),
        })
        .collect()
}
