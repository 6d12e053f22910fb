use crate::App;
use crate::error::ApiError;
use axum::extract::FromRequestParts;
use cofferdam_api_types::{ErrorCode, IDEMPOTENCY_KEY};
use cofferdam_domain::context::Context;
use cofferdam_store::idempotency::{self, Begun};
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The `Idempotency-Key` of a request, when it has one.
pub(crate) struct IdempotencyKey(Option<String>);

/// A key taken for the work at hand; the answer will be kept under it.
pub(crate) struct Taken {
    scope: String,
    key: String,
}

/// What to do with a request.
pub(crate) enum Decision {
    /// The work.
    Work(Option<Taken>),
    /// It was done: answer with this body again.
    Replay(Value),
}

impl FromRequestParts<Arc<App>> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len())).map(str::to_owned).ok_or_else(|| {
            ApiError::new(ErrorCode::InvalidParameter, "An Idempotency-Key has from 1 to 255 visible ASCII characters.")
        })?;
        Ok(Self(Some(key)))
    }
}

impl IdempotencyKey {
    /// Takes the key for a request to `scope` that asks for `request`.
    pub(crate) async fn begin(
        self,
        app: &App,
        context: &Context,
        scope: String,
        request: &impl Serialize,
    ) -> Result<Decision, ApiError> {
        let Some(key) = self.0 else { return Ok(Decision::Work(None)) };
        let request = serde_json::to_vec(request).map_err(ApiError::internal)?;
        let mut tx = app.state.store.begin(context).await?;
        let begun = idempotency::begin(&mut tx, &scope, &key, &Sha256::digest(request).into(), app.now()).await?;
        tx.commit().await?;
        match begun {
            Begun::Fresh => Ok(Decision::Work(Some(Taken { scope, key }))),
            Begun::Replay { body, .. } => Ok(Decision::Replay(body)),
            Begun::Mismatch => Err(ApiError::new(
                ErrorCode::IdempotencyKeyReused,
                "This Idempotency-Key came with another body before; use a new key for a new request.",
            )),
            Begun::InProgress => {
                Err(ApiError::new(ErrorCode::Conflict, "A request with this Idempotency-Key is at work; ask again in a moment."))
            }
        }
    }
}

impl Taken {
    /// Keeps the answer, or gives the key back when the work failed. A failure to do so is only logged: the work is done.
    pub(crate) async fn finish<T: Serialize>(self, app: &App, context: &Context, result: &Result<T, ApiError>) {
        let done = async {
            let mut tx = app.state.store.begin(context).await?;
            match result {
                Ok(answer) => {
                    let body = serde_json::to_value(answer).map_err(ApiError::internal)?;
                    idempotency::finish(&mut tx, &self.scope, &self.key, 200, &body).await?;
                }
                Err(_) => idempotency::abandon(&mut tx, &self.scope, &self.key).await?,
            }
            tx.commit().await?;
            Ok::<_, ApiError>(())
        };
        if let Err(error) = done.await {
            tracing::warn!(idempotency.scope = self.scope, "an answer could not be kept: {}", error.problem().detail);
        }
    }
}
