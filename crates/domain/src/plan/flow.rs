//! What a compiled task decides about the tasks after it, and how it belongs to setups and groups.

use super::{DagPlan, InMappedGroup, MappedGroup};
use crate::definition::TaskDefinition;
use cofferdam_ids::GroupName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a task steers its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFlow {
    /// What its result decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decides: Option<Decides>,
    /// Whether it prepares something for a teardown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub setup: bool,
    /// Whether it removes what setups have prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<TeardownPlan>,
    /// The group that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// The mapped group that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped: Option<InMappedGroup>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl TaskFlow {
    /// That of a definition. `setups` are the setup tasks that it waits for directly.
    pub(super) fn new(task: &TaskDefinition, setups: Vec<i32>) -> Self {
        let short_circuit = task.short_circuit.filter(|given| given.on);
        Self {
            decides: match short_circuit {
                Some(given) => Some(Decides::ShortCircuit { ignore_trigger_rules: given.ignore_trigger_rules }),
                None => task.branch.then_some(Decides::Branch),
            },
            setup: task.setup,
            teardown: task
                .teardown
                .as_ref()
                .filter(|teardown| teardown.on)
                .map(|teardown| TeardownPlan { setups, fail_run: teardown.fail_run }),
            group: task.group.clone(),
            mapped: None,
        }
    }

    /// Whether its end says nothing about the run's.
    pub(super) fn is_ignorable(&self) -> bool {
        self.teardown.as_ref().is_some_and(|teardown| !teardown.fail_run)
    }
}

/// What the result of a task decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decides {
    /// Which of the tasks that wait for it directly run.
    Branch,
    /// Whether what follows runs; `ignore_trigger_rules` says whether that is everything.
    ShortCircuit {
        /// Whether everything that follows is skipped, whatever the trigger rules say.
        ignore_trigger_rules: bool,
    },
}

/// A teardown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeardownPlan {
    /// The setups that it belongs to, in order. Without any, it runs when all it waits for have finished.
    pub setups: Vec<i32>,
    /// Whether its failure fails the run.
    #[serde(default)]
    pub fail_run: bool,
}

/// A group of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// Its name; a dot puts it into another group.
    pub name: GroupName,
    /// One line that says what it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its tasks that wait for none of it.
    pub roots: Vec<i32>,
    /// Its tasks that none of it waits for.
    pub leaves: Vec<i32>,
    /// What it is mapped over, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped: Option<MappedGroup>,
}

/// What a task's result leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// These tasks, which wait for it directly: a branch did not choose them.
    NotChosen(Vec<i32>),
    /// These tasks, in order: a short circuit skips them.
    ShortCircuited(Vec<i32>),
}

impl LeftOut {
    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> &[i32] {
        match self {
            Self::NotChosen(tasks) | Self::ShortCircuited(tasks) => tasks,
        }
    }
}

/// A result by which nothing can be decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// It is neither a name nor a list of names.
    #[error("a branch returns a task_id, the name of a group, a list of them, or null; this returned {0}")]
    NoNames(&'static str),
    /// It names what does not wait for the branch directly.
    #[error("the branch chose '{chosen}', which does not wait for it directly; these do: {possible}")]
    NotDownstream {
        /// What it chose.
        chosen: String,
        /// What it could choose.
        possible: String,
    },
}

impl DagPlan {
    /// What the result of a task leaves out: nothing for a task that decides nothing.
    ///
    /// # Errors
    /// When the task is a branch and its result chooses nothing that it can choose.
    pub fn left_out(&self, task_index: i32, result: &Value) -> Result<Option<LeftOut>, DecisionError> {
        let Some(task) = self.task(task_index) else { return Ok(None) };
        match task.flow.decides {
            None => Ok(None),
            Some(Decides::Branch) => self.not_chosen(task_index, result).map(LeftOut::NotChosen).map(Some),
            Some(Decides::ShortCircuit { .. }) if is_truthy(result) => Ok(None),
            Some(Decides::ShortCircuit { ignore_trigger_rules }) => {
                let mut skipped = task.downstream.clone();
                if ignore_trigger_rules {
                    skipped = self.reach(&skipped, false, true).into_iter().collect();
                }
                skipped.retain(|task| !self.is_teardown(*task));
                Ok(Some(LeftOut::ShortCircuited(skipped)))
            }
        }
    }

    /// Of the tasks that wait for a branch directly, those that it did not choose and that do not come after one that it chose.
    fn not_chosen(&self, branch: i32, result: &Value) -> Result<Vec<i32>, DecisionError> {
        let Some(task) = self.task(branch) else { return Ok(Vec::new()) };
        let mut chosen = Vec::new();
        for name in names(result)? {
            let meant: Vec<i32> = match self.tasks.iter().find(|task| task.task_id.as_str() == name) {
                Some(task) => vec![task.task_index],
                None => self
                    .groups
                    .iter()
                    .find(|group| group.name.as_str() == name)
                    .map_or_else(Vec::new, |group| group.roots.clone()),
            };
            let before = chosen.len();
            chosen.extend(meant.into_iter().filter(|meant| task.downstream.contains(meant)));
            if chosen.len() == before {
                return Err(DecisionError::NotDownstream { chosen: name.to_owned(), possible: self.choices(&task.downstream) });
            }
        }
        let kept = self.reach(&chosen, false, true);
        Ok(task.downstream.iter().copied().filter(|task| !kept.contains(task) && !self.is_teardown(*task)).collect())
    }

    fn choices(&self, tasks: &[i32]) -> String {
        let names: Vec<&str> = tasks.iter().filter_map(|task| self.task(*task)).map(|task| task.task_id.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn is_teardown(&self, task: i32) -> bool {
        self.task(task).is_some_and(|task| task.flow.teardown.is_some())
    }
}

fn names(result: &Value) -> Result<Vec<&str>, DecisionError> {
    match result {
        Value::Null => Ok(Vec::new()),
        Value::String(name) => Ok(vec![name]),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().ok_or(DecisionError::NoNames("a list of other things"))).collect()
        }
        Value::Bool(_) => Err(DecisionError::NoNames("a boolean")),
        Value::Number(_) => Err(DecisionError::NoNames("a number")),
        Value::Object(_) => Err(DecisionError::NoNames("an object")),
    }
}

/// Whether a value counts as true, as in Python: null, false, 0 and what is empty do not.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

#[cfg(test)]
mod tests;
