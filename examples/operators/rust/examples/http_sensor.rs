//! `std/http-sensor`: asks a server until it answers as wanted.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "http-sensor-operator", generate_all });
}

#[path = "support/shared.rs"]
mod shared;

use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::http_sensor::{Condition, Guest, Json};
use chrono::{DateTime, Utc};
use cofferdam_operators::http::{self, HttpError, Request};
use shared::{document, fatal, json};
use std::time::SystemTime;

/// Milliseconds between two requests, when nothing is said.
const EVERY_MS: u64 = 60_000;
/// Milliseconds for each step of a request.
const TIMEOUT_MS: u64 = 30_000;

struct Operator;

impl Guest for Operator {
    fn wait(
        url: String,
        headers: Option<Json>,
        status: Option<u16>,
        at: Option<String>,
        condition: Option<Condition>,
        every_ms: Option<u64>,
        until: Option<String>,
    ) -> Result<Json, TaskError> {
        let headers = http::headers(headers.map(document).transpose()?).map_err(fatal)?;
        let condition = condition.map(shared::condition).transpose()?;
        let request = Request { method: "GET", url: &url, headers, body: None, timeout_ms: Some(TIMEOUT_MS) };
        match http::send(request) {
            Ok(response) => {
                let body = response.value();
                let wanted = response.status == status.unwrap_or(200);
                if wanted && condition.is_none_or(|condition| condition.holds(&body, at.as_deref().unwrap_or_default())) {
                    return Ok(json(&body));
                }
            }
            Err(HttpError::Refused(why)) => return Err(fatal(why)),
            // A server that is not there yet is what a sensor waits for.
            Err(HttpError::Failed(why)) => println!("{why}"),
        }
        if let Some(until) = until {
            let end = DateTime::parse_from_rfc3339(&until).map_err(|error| fatal(format!("'{until}' is no moment: {error}")))?;
            if DateTime::<Utc>::from(SystemTime::now()) >= end {
                return Err(fatal(format!("{url} did not answer as wanted until {until}")));
            }
        }
        Err(TaskError::Reschedule(every_ms.unwrap_or(EVERY_MS)))
    }
}

bindings::export!(Operator with_types_in bindings);
