//! Requests that are safe to repeat. With an `Idempotency-Key`, the answer to a request is kept, and the same request again gets the same
//! answer and does nothing more. One layer does it for all endpoints in [`ROUTES`], so that none has to think of it.

use crate::App;
use crate::error::ApiError;
use crate::extract::{MAX_BODY, identify, read_body};
use axum::Json;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cofferdam_api_types::{ErrorCode, IDEMPOTENCY_KEY};
use cofferdam_domain::context::{Context, Principal};
use cofferdam_store::idempotency::{self, Begun};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The largest answer that is kept: that of clearing as many task instances as one call can.
const LARGEST_ANSWER: u64 = 16 << 20;

/// The most characters of a path in the name of what a key is for; the whole path is part of what is compared.
const LONGEST_PATH: usize = 180;

/// Methods and paths of the endpoints that take a key: those that change something, but for what is none the worse for being done twice, and
/// for what is secret in a request or its answer (passwords, tokens, keys, variables, connections), which is not kept.
pub(crate) const ROUTES: &[(&str, &str)] = &[
    ("POST", "/api/v1/dags"),
    ("DELETE", "/api/v1/dags/{dag_id}"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}"),
    ("DELETE", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/cancel"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/clear"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/setNote"),
    ("POST", "/api/v1/dags/{dag_id}/clearTaskInstances"),
    ("POST", "/api/v1/dags/{dag_id}/updateTaskInstancesState"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/setNote"),
    ("PATCH", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/setNote"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/run"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/approve"),
    ("POST", "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/reject"),
    ("POST", "/api/v1/assets/events"),
    ("POST", "/api/v1/datasets/events"),
    ("POST", "/api/v1/events/{name}"),
    ("POST", "/api/v1/backfills"),
    ("PUT", "/api/v1/backfills/{backfill_id}/cancel"),
    ("POST", "/api/v1/deadLetters/retry"),
    ("POST", "/api/v1/deadLetters/discard"),
    ("POST", "/api/v1/deadLetters/{dead_letter_id}/retry"),
    ("POST", "/api/v1/deadLetters/{dead_letter_id}/discard"),
    ("POST", "/api/v1/pools"),
    ("DELETE", "/api/v1/pools/{pool_name}"),
    ("POST", "/v1/dags"),
    ("POST", "/v1/dags/{dag_id}/runs"),
    ("POST", "/api/tasks"),
    ("PUT", "/api/tasks/{task_id}"),
    ("DELETE", "/api/tasks/{task_id}"),
];

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Its body; null when it has none.
    body: Value,
    /// Its `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// Answers a request whose key is known as before, and keeps the answer to others.
pub(crate) async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let takes_key = path.is_some_and(|path| ROUTES.contains(&(request.method().as_str(), path)));
    if !takes_key || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    match keyed(&app, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn keyed(app: &App, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = key(request.headers())?;
    let (parts, body) = request.into_parts();
    // Who is not known gets the endpoint's own answer.
    let Ok(Some(context)) = identify(&parts, app).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let body = read_body(&parts.headers, body, MAX_BODY).await?;
    let scope = scope(&context, parts.method.as_str(), parts.uri.path());
    let asked = asked(&parts.uri.to_string(), &body);
    let mut tx = app.state.store.begin(&context).await?;
    let begun = idempotency::begin(&mut tx, &scope, &key, &asked, app.now()).await?;
    tx.commit().await?;
    match begun {
        Begun::Fresh => {}
        Begun::Replay { status, body } => return again(status, body),
        Begun::Mismatch => {
            let detail = "This Idempotency-Key came with another request before; use a new key for a new request.";
            return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, detail));
        }
        Begun::InProgress => {
            let detail = "A request with this Idempotency-Key is at work; ask again in a moment.";
            return Err(ApiError::new(ErrorCode::Conflict, detail));
        }
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    Ok(finish(app, &context, (&scope, &key), response).await)
}

fn key(headers: &HeaderMap) -> Result<String, ApiError> {
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
    key.filter(|key| (1..=255).contains(&key.len())).map(str::to_owned).ok_or_else(|| {
        ApiError::new(ErrorCode::InvalidParameter, "An Idempotency-Key has from 1 to 255 visible ASCII characters.")
    })
}

/// What a key is for. Keys of one person are none of another's.
fn scope(context: &Context, method: &str, path: &str) -> String {
    let who = match &context.principal {
        Principal::User { id, .. } => id.to_string(),
        Principal::System(part) => (*part).to_owned(),
    };
    format!("{who} {method} {}", path.chars().take(LONGEST_PATH).collect::<String>())
}

/// What is asked for: equal for JSON that says the same.
fn asked(uri: &str, body: &Bytes) -> [u8; 32] {
    let same = serde_json::from_slice::<Value>(body).ok().and_then(|value| serde_json::to_vec(&value).ok());
    let mut hash = Sha256::new();
    hash.update(uri.as_bytes());
    hash.update([0]);
    hash.update(same.as_deref().unwrap_or(body));
    hash.finalize().into()
}

/// The answer that was given before.
fn again(status: u16, kept: Value) -> Result<Response, ApiError> {
    let Kept { body, etag } = serde_json::from_value(kept).map_err(ApiError::internal)?;
    let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
    let mut response = if body.is_null() { status.into_response() } else { (status, Json(body)).into_response() };
    if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Keeps the answer, or gives the key back when the work failed. A failure to do so is only logged: the work is done.
async fn finish(app: &App, context: &Context, (scope, key): (&str, &str), response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let (kept, response) = if parts.status.is_success() {
        match read_body(&HeaderMap::new(), body, LARGEST_ANSWER).await {
            Ok(bytes) => {
                let etag = parts.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
                let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
                let kept = body.and_then(|body| serde_json::to_value(Kept { body, etag })).ok();
                (kept, Response::from_parts(parts, Body::from(bytes)))
            }
            Err(error) => return error.into_response(),
        }
    } else {
        (None, Response::from_parts(parts, body))
    };
    let status = response.status().as_u16();
    let done = async {
        let mut tx = app.state.store.begin(context).await?;
        match &kept {
            Some(kept) => idempotency::finish(&mut tx, scope, key, status, kept).await?,
            None => idempotency::abandon(&mut tx, scope, key).await?,
        }
        tx.commit().await
    };
    if let Err(error) = done.await {
        tracing::warn!(idempotency.scope = scope, "an answer could not be kept: {}", crate::error::chain(&error));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_the_same_request() {
        let body = |text: &'static str| Bytes::from_static(text.as_bytes());
        let one = asked("/api/v1/pools", &body(r#"{"name": "a", "slots": 1}"#));
        assert_eq!(one, asked("/api/v1/pools", &body(r#"{"slots":1,"name":"a"}"#)));
        assert_ne!(one, asked("/api/v1/pools", &body(r#"{"slots":2,"name":"a"}"#)));
        assert_ne!(one, asked("/api/v1/pools?x=1", &body(r#"{"slots":1,"name":"a"}"#)));
        assert_ne!(asked("/", &body("dag_id: a")), asked("/", &body("dag_id: b")));
    }
}
