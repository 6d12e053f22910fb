use cofferdam_ids::PoolName;
use serde::{Deserialize, Deserializer, Serialize};

/// A pool: slots that tasks share. The figures are Airflow's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pool {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: PoolName,
    /// How many slots it has; -1 for the default pool while nobody has made it: no bound.
    pub slots: i64,
    /// What it is for.
    pub description: Option<String>,
    /// Whether tasks that wait for an event keep their slots.
    pub include_deferred: bool,
    /// Slots of tasks that run, that are queued, and (with `include_deferred`) that wait for an event.
    pub occupied_slots: u64,
    /// Slots of tasks that run.
    pub running_slots: u64,
    /// Slots of tasks that wait for a worker.
    pub queued_slots: u64,
    /// Slots of tasks that are held back.
    pub scheduled_slots: u64,
    /// Slots of tasks that wait for an event.
    pub deferred_slots: u64,
    /// Slots that are free; below nought after a pool was made smaller, and -1 when there is no bound.
    pub open_slots: i64,
}

/// A list of pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PoolCollection {
    /// The pools of the page, by name.
    pub pools: Vec<Pool>,
    /// How many there are.
    pub total_entries: u64,
}

/// The body of `POST /pools`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPool {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: PoolName,
    /// How many slots it has, at most 1,000,000.
    pub slots: u32,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether tasks that wait for an event keep their slots.
    #[serde(default)]
    pub include_deferred: bool,
}

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The body of `PATCH /pools/{pool_name}`. What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchPool {
    /// As in the path, when given: a pool keeps its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub name: Option<PoolName>,
    /// How many slots it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// What it is for; null empties it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub description: Option<Option<String>>,
    /// Whether tasks that wait for an event keep their slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_deferred: Option<bool>,
}
