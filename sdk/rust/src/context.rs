//! What a task knows of itself.

use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The task, its run, and what the run is for. It does not change while the task runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The dag.
    pub dag_id: String,
    /// The run of the dag.
    pub dag_run_id: String,
    /// The task.
    pub task_id: String,
    /// Position in a mapped task; none when the task is not mapped.
    pub map_index: Option<u32>,
    /// The try, counted from 1.
    pub try_number: u32,
    /// How many tries there are at the most.
    pub max_tries: u32,
    /// The moment that the run is for (RFC 3339, UTC).
    pub logical_date: String,
    /// Start of the interval of data that the run covers (RFC 3339, UTC).
    pub data_interval_start: String,
    /// End of that interval, itself outside of it (RFC 3339, UTC).
    pub data_interval_end: String,
    /// What the run was triggered with: a JSON object.
    pub conf: Value,
    /// The same in each try of this task instance, and nowhere else. Send it along with requests that must not take effect twice.
    pub idempotency_key: String,
    /// When this try is stopped at the latest (RFC 3339, UTC); none where it has no end.
    pub deadline: Option<String>,
}

impl Context {
    /// The day that the run is for, as `2026-11-21`.
    #[must_use]
    pub fn ds(&self) -> &str {
        self.logical_date.get(..10).unwrap_or(&self.logical_date)
    }

    /// Whether this is the last try.
    #[must_use]
    pub fn is_last_try(&self) -> bool {
        self.try_number >= self.max_tries
    }

    /// One value of what the run was triggered with; none when it was triggered without.
    ///
    /// # Errors
    /// Fatal when the value is there and does not fit the type.
    pub fn conf<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.conf.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| Error::fatal(format_args!("the run's conf, key '{key}': {error}"))),
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn current() -> Self {
        let given = crate::bindings::cofferdam::task::context::get();
        Self {
            dag_id: given.dag_id,
            dag_run_id: given.dag_run_id,
            task_id: given.task_id,
            map_index: given.map_index,
            try_number: given.try_number,
            max_tries: given.max_tries,
            logical_date: given.logical_date,
            data_interval_start: given.data_interval_start,
            data_interval_end: given.data_interval_end,
            conf: serde_json::from_str(&given.conf).unwrap_or_default(),
            idempotency_key: given.idempotency_key,
            deadline: crate::bindings::cofferdam::task::context::deadline(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;
    use serde_json::json;

    #[test]
    fn a_value_of_conf_is_typed() {
        let context = testing::context().with_conf(json!({"year": 2012, "station": null}));
        assert_eq!(context.conf::<u16>("year").unwrap(), Some(2012));
        assert_eq!(context.conf::<String>("station").unwrap(), None);
        assert_eq!(context.conf::<String>("absent").unwrap(), None);
        let error = context.conf::<String>("year").unwrap_err();
        assert!(error.is_fatal());
        assert!(error.to_string().starts_with("the run's conf, key 'year': invalid type"), "{error}");
    }
}
