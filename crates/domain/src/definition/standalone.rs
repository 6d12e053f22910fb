//! Tasks by themselves: dags of one task, which wait for each other by the assets that they produce.

use super::ScheduleDefinition;
use crate::asset::AssetCondition;
use cofferdam_ids::{DagId, TaskId};
use serde_json::{Value, json};

/// What the name of the asset begins with that a task by itself produces.
const PREFIX: &str = "cofferdam://tasks/";

/// The asset that changes when a task by itself succeeds.
#[must_use]
pub fn asset_of(task: &TaskId) -> String {
    format!("{PREFIX}{task}")
}

/// The schedule of a task that waits for others: each of them has succeeded anew.
#[must_use]
pub fn schedule(depends_on: &[TaskId]) -> Value {
    json!({ "assets": { "all": depends_on.iter().map(asset_of).collect::<Vec<_>>() } })
}

/// The tasks that a schedule waits for, when it is one that [`schedule`] made.
#[must_use]
pub fn depends_on(schedule: &Value) -> Option<Vec<TaskId>> {
    let assets = schedule.get("assets")?.get("all")?.as_array()?;
    assets.iter().map(|asset| asset.as_str()?.strip_prefix(PREFIX)?.parse().ok()).collect()
}

/// The tasks by themselves, as dags, whose success a schedule waits for.
#[must_use]
pub fn awaited(schedule: Option<&ScheduleDefinition>) -> Vec<DagId> {
    let uris = schedule.into_iter().flat_map(ScheduleDefinition::assets).flat_map(AssetCondition::uris);
    uris.filter_map(|uri| uri.as_str().strip_prefix(PREFIX)?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_schedules_are_read_back() {
        let tasks: Vec<TaskId> = ["a", "b"].map(|name| TaskId::new(name).unwrap()).into();
        assert_eq!(depends_on(&schedule(&tasks)), Some(tasks));
        for other in [json!("@daily"), json!({ "assets": "s3://x" }), json!({ "assets": { "all": ["s3://x"] } })] {
            assert_eq!(depends_on(&other), None);
        }
    }
}
