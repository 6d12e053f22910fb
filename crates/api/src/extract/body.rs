use crate::App;
use crate::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use cofferdam_api_types::ErrorCode;
use futures::StreamExt;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::sync::Arc;

/// The most bytes of a JSON or YAML body.
pub(crate) const MAX_BODY: u64 = 4 << 20;

/// A JSON body. An empty body counts as `{}`. Mistakes are answered with a JSON Pointer to the place.
pub(crate) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let is_json = media_type(&parts.headers).is_none_or(|kind| kind == "application/json" || kind.ends_with("+json"));
        let bytes = read_body(&parts.headers, body, MAX_BODY).await?;
        if !is_json && !bytes.is_empty() {
            return Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                "This endpoint takes JSON: send it with 'Content-Type: application/json'.",
            ));
        }
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

/// The media type of a body, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a body as it comes, and stops as soon as it is too large.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body, max: u64) -> Result<Bytes, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(too_large(max));
    }
    let mut read = Vec::with_capacity(usize::try_from(announced.unwrap_or(0).min(max)).unwrap_or(0));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| ApiError::new(ErrorCode::MalformedBody, "The body broke off.").because(error))?;
        if read.len() as u64 + chunk.len() as u64 > max {
            return Err(too_large(max));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}

pub(crate) fn too_large(max: u64) -> ApiError {
    ApiError::new(ErrorCode::PayloadTooLarge, format!("The body has more than {max} bytes, the most that is taken here."))
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let at = pointer(error.path());
        let error = error.into_inner();
        let (line, column) = (error.line(), error.column());
        if error.is_data() {
            // serde_json adds the position to its message; the pointer says it better.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            ApiError::new(ErrorCode::InvalidBody, crate::error::sentence(&crate::error::plain(message))).at(at)
        } else {
            ApiError::new(ErrorCode::MalformedBody, format!("The body is not valid JSON, at line {line}, column {column}."))
        }
    })?;
    deserializer.end().map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ApiError::new(ErrorCode::MalformedBody, format!("Something follows the JSON value, at line {line}, column {column}."))
    })?;
    Ok(value)
}

/// A path as a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            // The variant is not part of the document, or it cannot be said where.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_api_types::{LoginRequest, TriggerDagRun};

    #[test]
    fn a_wrong_field_is_pointed_at() {
        let error = parse::<TriggerDagRun>(br#"{"dag_run_id": "a b"}"#).err().unwrap();
        assert_eq!(error.problem().code, ErrorCode::InvalidBody);
        assert_eq!(error.problem().pointer.as_deref(), Some("/dag_run_id"));
        assert!(error.problem().detail.starts_with("A dag_run_id is made of"), "{}", error.problem().detail);
    }

    #[test]
    fn an_unknown_field_and_a_missing_one_are_named() {
        let error = parse::<TriggerDagRun>(br#"{"config": {}}"#).err().unwrap();
        assert!(error.problem().detail.contains("`config`"), "{}", error.problem().detail);
        let error = parse::<LoginRequest>(br#"{"username": "ada"}"#).err().unwrap();
        assert!(error.problem().detail.contains("`password`"), "{}", error.problem().detail);
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for text in ["{", "{} {}", "nope", "\u{feff}{}"] {
            let error = parse::<TriggerDagRun>(text.as_bytes()).err().unwrap();
            assert_eq!(error.problem().code, ErrorCode::MalformedBody, "{text}");
        }
    }
}
