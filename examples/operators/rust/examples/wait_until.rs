//! `std/wait-until`: waits for a moment, deferred.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "wait-until-operator", generate_all });
}

use bindings::cofferdam::task::types::{DeferRequest, TaskError};
use bindings::exports::std::operators::wait_until::Guest;
use chrono::{DateTime, Utc};
use std::time::SystemTime;

/// The platform wakes a task after a year at the latest; then it waits on.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;

struct Operator;

impl Guest for Operator {
    fn wait(until: String) -> Result<String, TaskError> {
        let moment = DateTime::parse_from_rfc3339(&until).map_err(|error| {
            TaskError::Fatal(format!("'{until}' is no moment: {error}; write for example 2026-12-24T18:00:00Z"))
        })?;
        let left = moment.with_timezone(&Utc) - DateTime::<Utc>::from(SystemTime::now());
        match u64::try_from(left.num_milliseconds()) {
            // Rounded up, so that it is not woken a moment too early.
            Ok(left) if left > 0 => {
                let timeout_ms = left.saturating_add(1).min(LONGEST_MS);
                Err(TaskError::Defer(DeferRequest { event: format!("wait-until/{until}"), timeout_ms }))
            }
            _ => Ok(until),
        }
    }
}

bindings::export!(Operator with_types_in bindings);
