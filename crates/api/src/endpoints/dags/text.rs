//! The text of a definition, as it was sent.

use crate::error::ApiError;
use crate::extract::{MAX_BODY, media_type, read_body};
use axum::extract::Request;
use cofferdam_api_types::ErrorCode;
use cofferdam_domain::definition::{Source, SyntaxError};
use serde_json::Value;

/// A definition in JSON or YAML.
pub(super) struct DefinitionText {
    text: String,
    is_json: bool,
}

impl DefinitionText {
    /// What it says.
    pub(super) fn parse(&self) -> Result<Value, SyntaxError> {
        if !self.is_json {
            return Source::read(&self.text).map(|(value, _)| value);
        }
        serde_json::from_str(&self.text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            SyntaxError { message, line: u32::try_from(error.line()).ok(), column: u32::try_from(error.column().max(1)).ok() }
        })
    }

    /// What it says, or that it cannot be read.
    pub(super) fn value(&self) -> Result<Value, ApiError> {
        self.parse().map_err(|error| {
            let kind = if self.is_json { "JSON" } else { "YAML" };
            let place = match (error.line, error.column) {
                (Some(line), Some(column)) => format!(", at line {line}, column {column}"),
                _ => String::new(),
            };
            ApiError::new(ErrorCode::MalformedBody, format!("The body is not valid {kind}{place}: {}.", error.message))
        })
    }

    /// Where in it each value stands.
    pub(super) fn source(&self) -> Source {
        Source::of(&self.text)
    }
}

/// Reads the definition, by its media type.
pub(super) async fn read(request: Request) -> Result<DefinitionText, ApiError> {
    let (parts, body) = request.into_parts();
    let kind = media_type(&parts.headers);
    let bytes = read_body(&parts.headers, body, MAX_BODY).await?;
    let is_json = match kind.as_deref() {
        None | Some("application/json") => true,
        Some("application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml") => false,
        Some(other) => {
            let detail = format!("Send the definition as 'application/json' or 'application/yaml', not as '{other}'.");
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail));
        }
    };
    let text =
        String::from_utf8(bytes.into()).map_err(|_| ApiError::new(ErrorCode::MalformedBody, "The body is not text in UTF-8."))?;
    Ok(DefinitionText { text, is_json })
}
