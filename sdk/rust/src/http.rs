//! Requests to other servers, as far as the task's grant names them.
//!
//! ```no_run
//! # fn main() -> cofferdam::Result<()> {
//! use cofferdam::{config, http};
//!
//! let token = config::placeholder("shop", "password");
//! let orders: Vec<u64> = http::get("https://shop.example/orders").header("authorization", format!("Bearer {token}")).send()?.ok()?.json()?;
//! http::post("https://hooks.example/done").json(&orders.len())?.send()?.ok()?;
//! # Ok(())
//! # }
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(target_arch = "wasm32")]
use wasi as host;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::http as host;

/// A request that is being put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long connecting, waiting for the answer, and each silence within it may take; the host's own times when not given.
    pub timeout: Option<Duration>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer, or none that is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It was refused, or is no request: the same at every try. As a task's error it is fatal.
    Refused(String),
    /// It did not get through. As a task's error it is tried again.
    Failed(String),
    /// The server answered with a status that is no success. As a task's error it is tried again when that may pass: for 408, 425,
    /// 429 and all from 500.
    Status {
        /// The status.
        status: u16,
        /// The request, and the beginning of the answer.
        message: String,
    },
}

impl Error {
    /// Whether it is the same at every try.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Failed(_) => false,
            Self::Status { status, .. } => !matches!(status, 408 | 425 | 429 | 500..),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(message) | Self::Failed(message) | Self::Status { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// A `GET` request.
#[must_use]
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// A `POST` request.
#[must_use]
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

impl Request {
    /// A request of any method, in capitals.
    #[must_use]
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With a value as JSON for its body.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(|error| Error::Refused(format!("the body is no JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// With a time for each step of it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and reads the whole answer. A redirect is an answer like any other.
    ///
    /// # Errors
    /// When there is no answer. A status that is no success is not an error yet: [`Response::ok`] makes it one.
    pub fn send(self) -> Result<Response, Error> {
        host::send(&self)
    }
}

impl Response {
    /// The answer, when its status is a success (200 to 299).
    ///
    /// # Errors
    /// When it is not.
    pub fn ok(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let text = self.text();
        let shown: String = text.chars().take(200).collect();
        Err(Error::Status { status: self.status, message: format!("the server answered {}: {shown}", self.status) })
    }

    /// The value of a header, whose name may be in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which is JSON, as a type.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Refused(format!("the answer is not what was expected: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[test]
    fn an_answer_is_read_and_what_was_sent_is_kept() {
        testing::give_response("https://shop.example/orders", 200, b"[1, 2]");
        testing::give_response("https://shop.example/gone", 410, b"no more");
        testing::give_response("https://shop.example/busy", 503, b"later");
        let orders: Vec<u64> =
            get("https://shop.example/orders").header("accept", "*/*").send().unwrap().ok().unwrap().json().unwrap();
        assert_eq!(orders, [1, 2]);
        let gone = get("https://shop.example/gone").send().unwrap().ok().unwrap_err();
        assert!(gone.is_permanent() && gone.to_string() == "the server answered 410: no more");
        assert!(crate::Error::from(gone).is_fatal());
        let busy = post("https://shop.example/busy").json(&json!({"a": 1})).unwrap().send().unwrap().ok().unwrap_err();
        assert!(crate::Error::from(busy).is_retryable());
        let sent = testing::sent_requests();
        assert_eq!((sent.len(), sent[2].method.as_str(), sent[2].body.as_slice()), (3, "POST", &br#"{"a":1}"#[..]));
        // What nobody gave is refused, as what is not granted.
        let refused = get("https://other.example/").send().unwrap_err();
        assert!(refused.is_permanent() && refused.to_string().contains("other.example"), "{refused}");
    }
}
