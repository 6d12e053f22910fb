use super::{domain_role, wire};
use crate::App;
use crate::auth::secret;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Viewer};
use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use cofferdam_api_types::{CreateApiKey, CreatedApiKey, ErrorCode};
use cofferdam_ids::ApiKeyId;
use cofferdam_store::api_keys::{self, NewApiKey};
use cofferdam_store::audit::{self, Action};
use http::StatusCode;
use std::sync::Arc;

/// The longest that a key may be valid: ten years.
const LONGEST_DAYS: u32 = 3650;

/// Makes an API key of the caller. The key itself is in this answer and nowhere else, so the request cannot be repeated by an
/// idempotency key; a key that was lost is revoked.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys",
    tag = "api-keys",
    operation_id = "create_api_key",
    request_body = CreateApiKey,
    responses((status = 201, body = CreatedApiKey))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    JsonBody(request): JsonBody<CreateApiKey>,
) -> Result<(StatusCode, Json<CreatedApiKey>), ApiError> {
    let context = caller.context;
    let Some(user) = context.user() else {
        return Err(ApiError::new(ErrorCode::Unauthenticated, "Only users have API keys."));
    };
    if !(1..=120).contains(&request.name.chars().count()) {
        return Err(ApiError::new(ErrorCode::InvalidBody, "A key's name has from 1 to 120 characters.").at("/name"));
    }
    let role = request.role.map_or(context.role, domain_role);
    context.require(role).map_err(|error| ApiError::from(error).at("/role"))?;
    let now = app.now();
    let expires_at = match request.expires_in_days {
        None => None,
        Some(days) if (1..=LONGEST_DAYS).contains(&days) => Some(now + TimeDelta::days(i64::from(days))),
        Some(_) => {
            let detail = format!("A key is valid for 1 to {LONGEST_DAYS} days; leave the field out for a key without an end.");
            return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/expires_in_days"));
        }
    };
    let id = ApiKeyId::generate();
    let (key, hash) = secret::generate(secret::API_KEY, id.uuid(), &app.state.rng);
    let mut tx = app.state.store.begin(&context).await?;
    let stored = api_keys::create(&mut tx, &NewApiKey { id, user, name: request.name, role, expires_at }, &hash, now).await?;
    let target = id.to_string();
    let done = Action { action: "api_key.create", target_kind: "api_key", target: &target };
    audit::append(&mut tx, done, &serde_json::json!({ "name": stored.name, "role": role }), now).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(CreatedApiKey { key, api_key: wire(stored) })))
}
