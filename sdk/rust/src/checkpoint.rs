//! What a task keeps for its own next try: how far it came.
//!
//! It survives retries, reschedules, deferrals and the loss of a worker, and is forgotten when the task instance succeeds, is
//! skipped, or is cleared.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// Why a checkpoint was not kept or read. As a task's error it is fatal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// What was kept cannot be written or read as JSON of the type.
    InvalidValue(String),
    /// There are more bytes than a checkpoint may have.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// This try is no longer the one that counts: its lease went to another.
    Superseded,
    /// The task may not keep checkpoints here.
    Denied(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidValue(why) | Self::Denied(why) => f.write_str(why),
            Self::TooLarge { limit_bytes } => write!(f, "the checkpoint is larger than {limit_bytes} bytes"),
            Self::Superseded => f.write_str("the checkpoint was not kept: another try has taken over"),
        }
    }
}

impl std::error::Error for Error {}

/// Keeps a value in place of what was kept before. It is stored when this returns.
///
/// # Errors
/// When the value cannot be written as JSON, or the host refuses it.
pub fn save<T: Serialize + ?Sized>(value: &T) -> Result<(), Error> {
    let value = serde_json::to_vec(value).map_err(|error| Error::InvalidValue(format!("the checkpoint: {error}")))?;
    save_bytes(&value)
}

/// What [`save`] kept last, in this try or an earlier one; none when there is nothing.
///
/// # Errors
/// When the value does not fit the type, or the host refuses to give it.
pub fn load<T: DeserializeOwned>() -> Result<Option<T>, Error> {
    let Some(value) = load_bytes()? else { return Ok(None) };
    let typed = serde_json::from_slice(&value);
    typed.map(Some).map_err(|error| Error::InvalidValue(format!("the checkpoint: {error}")))
}

/// Keeps bytes as they are.
///
/// # Errors
/// When the host refuses them.
pub fn save_bytes(data: &[u8]) -> Result<(), Error> {
    host::save_checkpoint(data)
}

/// The bytes that were kept last.
///
/// # Errors
/// When the host refuses to give them.
pub fn load_bytes() -> Result<Option<Vec<u8>>, Error> {
    host::load_checkpoint()
}

/// Forgets what was kept.
///
/// # Errors
/// When the host refuses to.
pub fn clear() -> Result<(), Error> {
    host::clear_checkpoint()
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::Error;
    use crate::bindings::cofferdam::task::checkpoint;

    pub fn save_checkpoint(data: &[u8]) -> Result<(), Error> {
        Ok(checkpoint::save(data)?)
    }

    pub fn load_checkpoint() -> Result<Option<Vec<u8>>, Error> {
        Ok(checkpoint::load()?)
    }

    pub fn clear_checkpoint() -> Result<(), Error> {
        Ok(checkpoint::clear()?)
    }

    impl From<checkpoint::CheckpointError> for Error {
        fn from(error: checkpoint::CheckpointError) -> Self {
            match error {
                checkpoint::CheckpointError::TooLarge(limit_bytes) => Self::TooLarge { limit_bytes },
                checkpoint::CheckpointError::Superseded => Self::Superseded,
                checkpoint::CheckpointError::Denied(why) => Self::Denied(why),
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;

#[cfg(test)]
mod tests {
    use crate::checkpoint;

    #[test]
    fn what_is_saved_is_loaded() {
        assert_eq!(checkpoint::load::<u32>().unwrap(), None);
        checkpoint::save(&17).unwrap();
        assert_eq!(checkpoint::load().unwrap(), Some(17));
        assert!(checkpoint::load::<bool>().unwrap_err().to_string().starts_with("the checkpoint: invalid type"));
        checkpoint::clear().unwrap();
        assert_eq!(checkpoint::load_bytes().unwrap(), None);
    }
}
