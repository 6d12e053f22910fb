//! One HTTP request, sent by the SDK, and its whole response as the operators give it.

use cofferdam::http;
use serde_json::{Map, Value};
use std::time::Duration;

/// What is sent.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The URL.
    pub url: &'a str,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Milliseconds for each step of it.
    pub timeout_ms: Option<u64>,
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum HttpError {
    /// The request is wrong, or not allowed: nothing that another try would change.
    Refused(String),
    /// It did not get through.
    Failed(String),
}

/// Sends a request and reads its response.
///
/// # Errors
/// When there is none.
pub fn send(request: Request<'_>) -> Result<Response, HttpError> {
    let Request { method, url, headers, body, timeout_ms } = request;
    let mut sent = http::Request::new(method, url).body(body.unwrap_or_default());
    sent.headers = headers;
    sent.timeout = timeout_ms.map(Duration::from_millis);
    match sent.send() {
        Ok(http::Response { status, headers, body }) => Ok(Response { status, headers, body }),
        Err(error) if error.is_permanent() => Err(HttpError::Refused(error.to_string())),
        Err(error) => Err(HttpError::Failed(error.to_string())),
    }
}

impl Response {
    /// Whether another try may do better.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }

    /// The body: JSON where it is that, else text.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).replace('\0', "\u{fffd}")
    }

    /// The headers as an object.
    #[must_use]
    pub fn header_value(&self) -> Value {
        Value::Object(self.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect())
    }
}

/// Headers from a JSON object of texts.
///
/// # Errors
/// When it is none.
pub fn headers(value: Option<Value>) -> Result<Vec<(String, String)>, crate::Unfit> {
    let object = match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(crate::Unfit("headers are an object of texts".to_owned())),
    };
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        _ => Err(crate::Unfit(format!("the header '{name}' is no text"))),
    };
    object.into_iter().map(text).collect()
}
