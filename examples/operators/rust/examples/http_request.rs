//! `std/http-request`: one HTTP request.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "http-request-operator", generate_all });
}

use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::http_request::{Guest, Json, Method, Response};
use cofferdam_operators::http::{self, HttpError, Request};
use serde_json::Value;

/// Milliseconds for each step of a request, when nothing is said.
const TIMEOUT_MS: u64 = 30_000;

struct Operator;

impl Guest for Operator {
    fn request(
        url: String,
        method: Option<Method>,
        headers: Option<Json>,
        body: Option<Json>,
        text: Option<String>,
        accept: Option<Vec<u16>>,
        timeout_ms: Option<u64>,
    ) -> Result<Response, TaskError> {
        let mut headers = http::headers(headers.map(document).transpose()?).map_err(fatal)?;
        let body = match (body, text) {
            (Some(_), Some(_)) => return Err(fatal("a request has either 'body' or 'text'")),
            (Some(Json::Json(json)), None) => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                Some(json.into_bytes())
            }
            (None, text) => text.map(String::into_bytes),
        };
        let method = match method {
            None if body.is_some() => "POST",
            None | Some(Method::Get) => "GET",
            Some(Method::Head) => "HEAD",
            Some(Method::Post) => "POST",
            Some(Method::Put) => "PUT",
            Some(Method::Patch) => "PATCH",
            Some(Method::Delete) => "DELETE",
        };
        let timeout_ms = Some(timeout_ms.unwrap_or(TIMEOUT_MS));
        let response = http::send(Request { method, url: &url, headers, body, timeout_ms }).map_err(|error| match error {
            HttpError::Refused(why) => fatal(why),
            HttpError::Failed(why) => TaskError::Retryable(why),
        })?;
        if response.status >= 400 && !accept.unwrap_or_default().contains(&response.status) {
            let start: String = response.text().chars().take(200).collect();
            let message = format!("{method} {url}: the server answered {}: {start}", response.status);
            return Err(if response.may_pass() { TaskError::Retryable(message) } else { TaskError::Fatal(message) });
        }
        let json = |value: Value| Json::Json(value.to_string());
        Ok(Response { status: response.status, headers: json(response.header_value()), body: json(response.value()) })
    }
}

fn document(json: Json) -> Result<Value, TaskError> {
    let Json::Json(text) = json;
    serde_json::from_str(&text).map_err(fatal)
}

fn fatal(problem: impl ToString) -> TaskError {
    TaskError::Fatal(problem.to_string())
}

bindings::export!(Operator with_types_in bindings);
