//! What the expansion of `#[cofferdam::task]` calls. Not part of the interface.

use crate::{Context, Error, Result};
use serde::{Serialize, de::DeserializeOwned};

#[cfg(target_arch = "wasm32")]
pub use crate::bindings;

/// A task with its types worn away: JSON in, JSON out.
pub type Task = fn(&str, &Context) -> Result<String>;

/// Reads the input. One that does not fit will not fit at the next try either.
pub fn read_input<T: DeserializeOwned>(input: &str) -> Result<T> {
    serde_json::from_str(input).map_err(|error| Error::fatal(format_args!("the input is not what the task takes: {error}")))
}

/// Writes the output.
pub fn write_output<T: Serialize>(result: Result<T>) -> Result<String> {
    serde_json::to_string(&result?).map_err(|error| Error::fatal(format_args!("the output cannot be written as JSON: {error}")))
}

/// Runs a task as the component's export does.
#[cfg(target_arch = "wasm32")]
pub fn run(task: Task, input: &str) -> std::result::Result<String, bindings::TaskError> {
    task(input, &Context::current()).map_err(Into::into)
}
