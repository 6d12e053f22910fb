//! Small values that the tasks of a run hand to each other.
//!
//! What a task returns is kept by itself, under the key [`RETURN_VALUE`]; the rest is for values beside it.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// The key of what a task returned.
pub const RETURN_VALUE: &str = "return_value";

/// Why a value was not taken or given. As a task's error it is fatal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A task or key cannot have this name.
    InvalidName(String),
    /// The value is not JSON, or not of the type asked for.
    InvalidValue(String),
    /// The value, or all values of this try together, are larger than the limit.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The task may not see this value.
    Denied(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(why) | Self::InvalidValue(why) => f.write_str(why),
            Self::TooLarge { limit_bytes } => write!(f, "the XComs of this try are larger than {limit_bytes} bytes"),
            Self::Denied(why) => write!(f, "denied: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Leaves a value under a key.
///
/// It is recorded when the try ends, together with its ending; until then nobody sees it. A second value under the same key
/// replaces the first.
///
/// # Errors
/// When the value cannot be written as JSON, or the host refuses it.
pub fn push<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), Error> {
    let value = serde_json::to_string(value).map_err(|error| Error::InvalidValue(format!("XCom '{key}': {error}")))?;
    host::push(key, &value)
}

/// Reads what a task of the same run returned; none when it returned nothing.
///
/// # Errors
/// When the value does not fit the type, or the host refuses to give it.
pub fn pull<T: DeserializeOwned>(task_id: &str) -> Result<Option<T>, Error> {
    pull_key(task_id, RETURN_VALUE, None)
}

/// Reads what a task of the same run left under a key; none when there is nothing. For a mapped task, `map_index` names the
/// instance.
///
/// # Errors
/// When the value does not fit the type, or the host refuses to give it.
pub fn pull_key<T: DeserializeOwned>(task_id: &str, key: &str, map_index: Option<u32>) -> Result<Option<T>, Error> {
    let Some(value) = host::pull(task_id, key, map_index)? else { return Ok(None) };
    let typed = serde_json::from_str(&value);
    typed.map(Some).map_err(|error| Error::InvalidValue(format!("XCom '{key}' of the task '{task_id}': {error}")))
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::Error;
    use crate::bindings::cofferdam::task::xcom;

    pub fn push(key: &str, value: &str) -> Result<(), Error> {
        Ok(xcom::push(key, value)?)
    }

    pub fn pull(task_id: &str, key: &str, map_index: Option<u32>) -> Result<Option<String>, Error> {
        Ok(xcom::pull(task_id, key, map_index)?)
    }

    impl From<xcom::XcomError> for Error {
        fn from(error: xcom::XcomError) -> Self {
            match error {
                xcom::XcomError::InvalidName(why) => Self::InvalidName(why),
                xcom::XcomError::InvalidValue(why) => Self::InvalidValue(why),
                xcom::XcomError::TooLarge(limit_bytes) => Self::TooLarge { limit_bytes },
                xcom::XcomError::Denied(why) => Self::Denied(why),
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;
