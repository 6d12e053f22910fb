//! What surrounds every request: its id, its span, its figures, and the problem document when it fails.

use crate::error::{Failure, chain};
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use cofferdam_api_types::{ErrorCode, PROBLEM_JSON, REQUEST_ID};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

/// The id of the request at hand.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub String);

/// The outermost layer.
pub(crate) async fn layer(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let started = Instant::now();
    async move {
        let mut response = next.run(request).await;
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            response = write(failure, &id);
        }
        let (status, elapsed) = (response.status(), started.elapsed());
        let labels = [("method", method.to_string()), ("route", route), ("status", status.as_u16().to_string())];
        metrics::counter!("cofferdam_http_requests_total", &labels).increment(1);
        metrics::histogram!("cofferdam_http_request_seconds", &labels).record(elapsed.as_secs_f64());
        tracing::debug!(http.status = status.as_u16(), http.duration_us = elapsed.as_micros() as u64, "request served");
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(HeaderName::from_bytes(REQUEST_ID.as_bytes()).unwrap_or(header::VIA), id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // Answers of the API are one client's; what may be kept says so itself.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }
    .instrument(span)
    .await
}

/// Writes the problem document, and the cause to the log.
fn write(failure: Failure, id: &str) -> Response {
    let Failure { mut problem, source, headers } = failure;
    id.clone_into(&mut problem.request_id);
    let cause = source.as_ref().map(|source| chain(source.as_ref())).unwrap_or_default();
    if problem.code == ErrorCode::Internal {
        tracing::error!(error.code = problem.code.as_str(), error.cause = cause, "request failed: {}", problem.detail);
    } else if source.is_some() {
        tracing::warn!(error.code = problem.code.as_str(), error.cause = cause, "request failed: {}", problem.detail);
    } else {
        tracing::debug!(error.code = problem.code.as_str(), "request refused: {}", problem.detail);
    }
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    for (name, value) in headers {
        out.append(name, value);
    }
    response
}

/// The id that came with the request, when it can be logged; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_forge_a_log_line_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc-1"));
        assert_eq!(request_id(&headers), "abc-1");
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc 1"));
        assert_ne!(request_id(&headers), "abc 1");
        headers.insert(REQUEST_ID, HeaderValue::try_from("a".repeat(65)).unwrap());
        assert_eq!(request_id(&headers).len(), 36);
    }
}
