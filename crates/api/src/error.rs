//! How failures become answers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{ErrorCode, Problem};
use cofferdam_domain::context::RoleTooLow;
use cofferdam_engine::EngineError;
use cofferdam_objects::ObjectsError;
use cofferdam_queue::QueueError;
use cofferdam_store::StoreError;
use http::{HeaderValue, StatusCode, header};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

type Source = Arc<dyn Error + Send + Sync>;

/// What a handler fails with: the problem that the client sees, and the cause that only the log sees.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Failure>);

/// Travels as an extension of the response to the outermost layer, which adds the request id, writes the body, and logs.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub problem: Problem,
    pub source: Option<Source>,
    pub headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl ApiError {
    /// A failure that the client can read all about.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// There is no such thing, or it is somebody else's.
    pub(crate) fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} was not found."))
    }

    /// A defect, or a state that must not be: the client learns nothing but that.
    pub(crate) fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorCode::Internal, "Cofferdam failed. The request id finds the cause in its log.").because(source)
    }

    /// A part that does not answer.
    pub(crate) fn unavailable(part: &str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorCode::Unavailable, format!("The {part} does not answer. Try again in a moment."))
            .because(source)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("2"))
    }

    /// The same, with its cause.
    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The same, pointing at a place in the body.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.problem.pointer = Some(pointer.into());
        self
    }

    /// The same, with a header.
    pub(crate) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// What the client sees.
    pub(crate) const fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Failure { problem, source: None, headers: Vec::new() }))
    }
}

impl From<RoleTooLow> for ApiError {
    fn from(error: RoleTooLow) -> Self {
        Self::new(ErrorCode::RoleTooLow, sentence(&error))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::new(ErrorCode::NotFound, sentence(&error)),
            StoreError::Conflict { .. } => Self::new(ErrorCode::Conflict, sentence(&error)),
            StoreError::Invalid { .. } => Self::new(ErrorCode::InvalidBody, sentence(&error)),
            StoreError::Unavailable(_) => Self::unavailable("database", error),
            StoreError::Corrupt { .. } | StoreError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Unavailable(_) => Self::unavailable("queue", error),
            QueueError::Refused(_) | QueueError::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<ObjectsError> for ApiError {
    fn from(error: ObjectsError) -> Self {
        Self::unavailable("object store", error)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Queue(error) => error.into(),
            EngineError::Objects(error) => error.into(),
            EngineError::Denied(error) => error.into(),
            EngineError::NotAsked(error) => Self::new(ErrorCode::NotAsked, sentence(&error)),
            EngineError::Invalid { pointer, ref message } => Self::new(ErrorCode::InvalidBody, message.clone()).at(pointer),
            EngineError::Plan { .. } | EngineError::NoSuchTask { .. } => Self::internal(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.0.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// An error's message as a sentence: capital letter, full stop.
pub(crate) fn sentence(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

/// What serde says of a value, without the names of Rust's types.
pub(crate) fn plain(message: &str) -> String {
    // chrono's words for a text that is no moment.
    let no_moment = ["premature end of input", "trailing input", "input contains invalid characters", "input is out of range"];
    if no_moment.contains(&message) {
        return "this is no moment with an offset: write for example 2026-11-21T06:00:00Z".to_owned();
    }
    let kinds = [
        (
            ["expected u8", "expected u16", "expected u32", "expected u64"].as_slice(),
            "expected a whole number that is not below 0",
        ),
        (["expected i8", "expected i16", "expected i32", "expected i64"].as_slice(), "expected a whole number"),
        (["expected f32", "expected f64"].as_slice(), "expected a number"),
        (["expected a sequence"].as_slice(), "expected a list"),
        (["expected a map"].as_slice(), "expected an object"),
        (["expected a string"].as_slice(), "expected a text"),
        (["expected a boolean"].as_slice(), "expected true or false"),
    ];
    let told = kinds.iter().flat_map(|(rust, plain)| rust.iter().map(move |rust| (rust, plain)));
    told.fold(message.to_owned(), |text, (rust, plain)| match text.strip_suffix(rust) {
        Some(before) => format!("{before}{plain}"),
        None => text,
    })
}

/// An error with its causes, for the log.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence(&"the dag was not found"), "The dag was not found.");
        assert_eq!(sentence(&"Why?"), "Why?");
        assert!(plain("premature end of input").starts_with("this is no moment"));
        let said = "invalid value: integer `-1`, expected u32";
        assert_eq!(plain(said), "invalid value: integer `-1`, expected a whole number that is not below 0");
    }

    #[test]
    fn a_cause_stays_out_of_the_problem() {
        let error = ApiError::internal(std::io::Error::other("password=hunter2"));
        assert!(!serde_json::to_string(error.problem()).unwrap().contains("hunter2"));
    }
}
