//! What the result of a typed function means for the try.

use super::values::{Fault, MISFIT, encode, payload};
use crate::bindings::cofferdam::task::types::{DeferRequest, TaskError};
use crate::classify::{self, Circumstances};
use crate::run::task_error;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::wit::{Outcome, WitFunction, WitType};
use serde_json::Value;
use wasmtime::component::Val;

/// The ending of a try whose function returned.
pub(crate) fn ending(function: &WitFunction, result: Option<&Val>, circumstances: &Circumstances<'_>) -> Result<Ending, Fault> {
    let (ok, err) = match (function.outcome(), result) {
        (Outcome::Value(ty), result) => return Ok(success(&payload(ty, result)?, circumstances)),
        (Outcome::Task { .. }, Some(Val::Result(Err(error)))) => {
            let error = error.as_deref().and_then(read).ok_or(MISFIT)?;
            return Ok(task_error(error, circumstances));
        }
        (Outcome::Task { ok }, _) => (ok, None),
        (Outcome::Fallible { ok, err }, _) => (ok, err),
    };
    match result {
        Some(Val::Result(Ok(value))) => Ok(success(&payload(ok, value.as_deref())?, circumstances)),
        Some(Val::Result(Err(error))) => failure(function, err, error.as_deref(), circumstances),
        _ => Err(MISFIT),
    }
}

fn success(output: &Value, circumstances: &Circumstances<'_>) -> Ending {
    let output = output.to_string();
    let bytes = output.len() as u64;
    if bytes > circumstances.limits.result_bytes {
        return classify::result_too_large(Some(bytes), circumstances.limits);
    }
    Ending::Success { output }
}

fn failure(
    function: &WitFunction,
    ty: Option<&WitType>,
    error: Option<&Val>,
    circumstances: &Circumstances<'_>,
) -> Result<Ending, Fault> {
    let message = match (ty, error) {
        (Some(ty), Some(error)) => format!("'{}' returned the error {}", function.name, encode(ty, error)?),
        _ => format!("'{}' returned an error", function.name),
    };
    Ok(Ending::failure(Reason::GuestError, classify::with_hints(message, circumstances)))
}

/// A `task-error`, as the bindings of the world `task` have it.
fn read(value: &Val) -> Option<TaskError> {
    let Val::Variant(case, Some(payload)) = value else { return None };
    Some(match (case.as_str(), &**payload) {
        ("retryable", Val::String(message)) => TaskError::Retryable(message.clone()),
        ("fatal", Val::String(message)) => TaskError::Fatal(message.clone()),
        ("skip", Val::String(message)) => TaskError::Skip(message.clone()),
        ("reschedule", Val::U64(after_ms)) => TaskError::Reschedule(*after_ms),
        ("defer", Val::Record(fields)) => match fields.as_slice() {
            [(_, Val::String(event)), (_, Val::U64(timeout_ms))] => {
                TaskError::Defer(DeferRequest { event: event.clone(), timeout_ms: *timeout_ms })
            }
            _ => return None,
        },
        _ => return None,
    })
}
