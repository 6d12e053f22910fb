use super::cloud_event::{self, NotUnderstood};
use super::refusals::note;
use super::signature::{self, Untrusted};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{PathParams, media_type, read_body};
use crate::request::RequestId;
use axum::extract::{Request, State};
use axum::{Extension, Json};
use cofferdam_api_types::{ErrorCode, WebhookAnswer, WebhookOutcome};
use cofferdam_domain::context::Context;
use cofferdam_engine::WebhookOutcome as Outcome;
use cofferdam_ids::{DagId, TenantName};
use cofferdam_store::audit::Action;
use cofferdam_store::webhooks::WebhookRefusal;
use cofferdam_store::{tenants, webhooks};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The most bytes of an event.
const MAX_EVENT: u64 = 256 << 10;

/// The longest id of an event that is remembered.
const LONGEST_EVENT_ID: usize = 1_200;

#[derive(Deserialize)]
pub(crate) struct Path {
    tenant: String,
    dag_id: String,
}

impl From<Untrusted> for ApiError {
    fn from(error: Untrusted) -> Self {
        Self::new(ErrorCode::Unauthenticated, error.to_string())
    }
}

impl From<Untrusted> for WebhookRefusal {
    fn from(error: Untrusted) -> Self {
        match error {
            Untrusted::Headers => Self::Headers,
            Untrusted::Time => Self::Time,
            Untrusted::Signature => Self::Signature,
        }
    }
}

impl From<NotUnderstood> for ApiError {
    fn from(error: NotUnderstood) -> Self {
        let code = match error {
            NotUnderstood::Json(_) => ErrorCode::MalformedBody,
            NotUnderstood::NoObject | NotUnderstood::Missing(_) => ErrorCode::InvalidBody,
            NotUnderstood::Batch => ErrorCode::UnsupportedMediaType,
        };
        Self::new(code, error.to_string())
    }
}

/// Takes an event from outside and runs the dag with it. The request is signed with the webhook's secret, as the Standard Webhooks
/// specification says; nobody signs in. An event that comes again makes no second run.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{tenant}/{dag_id}",
    tag = "webhooks",
    operation_id = "receive_webhook",
    params(
        ("tenant" = String, Path, description = "The tenant."),
        ("dag_id" = String, Path, description = "The dag."),
        ("webhook-id" = String, Header, description = "The id of the event."),
        ("webhook-timestamp" = String, Header, description = "When it was signed: seconds since 1970."),
        ("webhook-signature" = String, Header, description = "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.")
    ),
    responses((status = 202, body = WebhookAnswer))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    PathParams(path): PathParams<Path>,
    request: Request,
) -> Result<(StatusCode, Json<WebhookAnswer>), ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body, MAX_EVENT).await?;
    // Who is not believed is not told what there is: a dag that does not exist has no secret either.
    let names = TenantName::new(&path.tenant).ok().zip(DagId::new(&path.dag_id).ok());
    let mut found = None;
    if let Some((tenant, dag_id)) = names
        && let Some(tenant) = tenants::find_id(&app.state.store, &tenant).await?
    {
        let context = Context { request_id: request_id.0.clone(), ..Context::system(tenant, "webhook") };
        let mut tx = app.state.store.begin(&context).await?;
        let secret = webhooks::secret(&mut tx, &app.state.keys, &dag_id).await?;
        found = secret.map(|secret| (context, dag_id, secret));
    }
    let secret = found.as_ref().map(|(_, _, secret)| secret.as_str());
    let refuse = |why: WebhookRefusal| {
        if let Some((context, dag_id, _)) = &found {
            note(&app, context.tenant, dag_id, why);
        }
    };
    let delivery_id = signature::verify(&parts.headers, &body, secret, app.now()).inspect_err(|why| refuse((*why).into()))?;
    let said = cloud_event::read(&parts.headers, media_type(&parts.headers).as_deref(), &body)
        .inspect_err(|_| refuse(WebhookRefusal::Body))?;
    let event_id = said.event_id.unwrap_or_else(|| delivery_id.to_owned());
    if event_id.len() > LONGEST_EVENT_ID {
        refuse(WebhookRefusal::Body);
        return Err(ApiError::new(
            ErrorCode::InvalidBody,
            format!("Source and id of an event have at most {LONGEST_EVENT_ID} bytes."),
        ));
    }
    let Some((context, dag_id, _)) = &found else { return Err(Untrusted::Signature.into()) };
    let outcome = app.state.engine.receive_webhook(context, dag_id, &event_id, said.conf).await?;
    let answer = match outcome {
        Outcome::Made(run) => {
            let target = format!("{dag_id}/{run}");
            let done = Action { action: "webhook.receive", target_kind: "dag_run", target: &target };
            audit_after(&app, context, done, json!({ "event_id": event_id })).await;
            WebhookAnswer { outcome: WebhookOutcome::Made, dag_run_id: Some(run) }
        }
        Outcome::Before(run) => WebhookAnswer { outcome: WebhookOutcome::Duplicate, dag_run_id: run },
        Outcome::LeftOut => WebhookAnswer { outcome: WebhookOutcome::LeftOut, dag_run_id: None },
        Outcome::TooMany => {
            refuse(WebhookRefusal::TooMany);
            let detail = "The webhook has received as many events as it takes in a minute; send this one again later.";
            return Err(ApiError::new(ErrorCode::TooManyEvents, detail).with_header(header::RETRY_AFTER, HeaderValue::from(60)));
        }
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
