use crate::App;
use crate::error::{ApiError, plain, sentence};
use axum::extract::{FromRequestParts, RawPathParams};
use cofferdam_api_types::{ErrorCode, Page};
use cofferdam_store::Order;
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The parameters of the path, as a struct. One that is no valid name cannot name anything, so the answer is "not found".
pub(crate) struct PathParams<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for PathParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, ApiError> {
        let not_found = |detail: String| ApiError::new(ErrorCode::NotFound, detail);
        let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|error| not_found(sentence(&error)))?;
        let map: Map<String, Value> = raw.iter().map(|(name, value)| (name.to_owned(), text_or_number(name, value))).collect();
        serde_json::from_value(Value::Object(map)).map(Self).map_err(|error| not_found(sentence(&error)))
    }
}

/// Path parameters are text, but for numbers of tries, entries and import errors and the position in a mapped task.
fn text_or_number(name: &str, value: &str) -> Value {
    match value.parse::<i64>() {
        Ok(number) if matches!(name, "try_number" | "map_index" | "event_log_id" | "import_error_id") => number.into(),
        _ => value.into(),
    }
}

/// The parameters of the query, as a struct.
pub(crate) struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let uri = joined(&parts.uri);
        axum::extract::Query::<T>::try_from_uri(&uri).map(|axum::extract::Query(value)| Self(value)).map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            ApiError::new(ErrorCode::InvalidParameter, told(&cause))
        })
    }
}

/// What is wrong with a query. Where serde names the parameter first, it is quoted: names are not sentences.
fn told(cause: &str) -> String {
    match cause.split_once(": ") {
        Some((name, why)) if !name.contains(' ') => format!("'{name}': {}.", plain(why).trim_end_matches('.')),
        _ => sentence(&plain(cause)),
    }
}

/// The address with what stands under one name several times as one value, separated by commas: Airflow's clients repeat the
/// name of a list.
fn joined(uri: &Uri) -> Uri {
    let Some(query) = uri.query() else { return uri.clone() };
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push_str("%2C");
                values.push_str(value);
            }
            None => pairs.push((name, value.to_owned())),
        }
    }
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}?{}", uri.path(), query.join("&")).parse().unwrap_or_else(|_| uri.clone())
}

/// Checks the part of a list that is asked for.
pub(crate) fn page(limit: u32, offset: u32) -> Result<cofferdam_store::Page, ApiError> {
    if (1..=Page::MAX_LIMIT).contains(&limit) {
        Ok(cofferdam_store::Page { limit, offset })
    } else {
        let detail = format!("'limit' is {limit}; it must be from 1 to {}.", Page::MAX_LIMIT);
        Err(ApiError::new(ErrorCode::InvalidParameter, detail))
    }
}

/// Reads `order_by`: the name of a field, with `-` before it for the other direction. Left out, it is the first of them.
pub(crate) fn order<F: Copy>(order_by: Option<&str>, fields: &[(&str, F)]) -> Result<Order<F>, ApiError> {
    let asked = order_by.unwrap_or_else(|| fields.first().map_or("", |(name, _)| name));
    let (backwards, name) = asked.strip_prefix('-').map_or((false, asked), |name| (true, name));
    let found = fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, field)| Order { field: *field, backwards }).ok_or_else(|| {
        let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let detail =
            format!("'order_by' is '{asked}'; it can be {}, with '-' before it for the other direction.", known.join(", "));
        ApiError::new(ErrorCode::InvalidParameter, detail)
    })
}
