//! `std/slack-webhook`: posts a message.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "slack-webhook-operator", generate_all });
}

use bindings::cofferdam::task::config;
use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::slack_webhook::{Guest, Json};
use cofferdam_operators::http::{self, HttpError, Request};
use serde_json::{Value, json};

struct Operator;

impl Guest for Operator {
    fn post(connection: String, text: String, blocks: Option<Json>) -> Result<(), TaskError> {
        let url = url(&connection)?;
        let mut message = json!({ "text": text });
        if let Some(Json::Json(blocks)) = blocks {
            message["blocks"] = serde_json::from_str::<Value>(&blocks).map_err(|error| TaskError::Fatal(error.to_string()))?;
        }
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = Some(message.to_string().into_bytes());
        // What went wrong is told without the URL, which is the webhook's secret.
        let response = http::send(Request { method: "POST", url: &url, headers, body, timeout_ms: Some(30_000) });
        let hidden = |why: String| why.replace(&url, "the webhook");
        match response {
            Ok(response) if response.status < 300 => Ok(()),
            Ok(response) => {
                let message = format!("the webhook answered {}: {}", response.status, response.text());
                Err(if response.may_pass() { TaskError::Retryable(message) } else { TaskError::Fatal(message) })
            }
            Err(HttpError::Refused(why)) => Err(TaskError::Fatal(hidden(why))),
            Err(HttpError::Failed(why)) => Err(TaskError::Retryable(hidden(why))),
        }
    }
}

/// The URL of the webhook, from its connection.
fn url(name: &str) -> Result<String, TaskError> {
    let fatal = |why: String| TaskError::Fatal(why);
    let found = config::get_connection(name).map_err(|error| match error {
        config::ConfigError::InvalidName(why) | config::ConfigError::Denied(why) => fatal(why),
    })?;
    let connection = found.ok_or_else(|| fatal(format!("there is no connection '{name}'")))?;
    let host = connection.host.ok_or_else(|| fatal(format!("the connection '{name}' has no host")))?;
    let path = connection
        .password
        .ok_or_else(|| fatal(format!("the connection '{name}' has no password: put the path of the webhook there")))?;
    let scheme = connection.schema.unwrap_or_else(|| "https".to_owned());
    let port = connection.port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}/{}", path.trim_start_matches('/')))
}

bindings::export!(Operator with_types_in bindings);
