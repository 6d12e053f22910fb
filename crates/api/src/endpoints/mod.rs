//! The endpoints, one file each. Routes and the OpenAPI document come from the same list, so neither can lack one.

pub(crate) mod airflow;
mod api_keys;
mod approvals;
mod artifacts;
mod assets;
mod auth;
mod backfills;
mod bundles;
mod components;
mod connections;
mod dag_runs;
mod dags;
mod dead_letters;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod operations;
mod pools;
mod task_instances;
mod tasks;
mod users;
mod v1;
mod variables;
pub(crate) mod webhooks;
pub(crate) mod words;
mod xcoms;

pub use components::{WORKFLOW_FUEL, WORKFLOW_FUNCTION};
pub(crate) use components::{define, upload_for};

use crate::App;
use crate::error::ApiError;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{ErrorCode, Problem};
use cofferdam_domain::context::Context;
use cofferdam_store::audit::{self, Action};
use http::{HeaderValue, header};
use serde_json::Value;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

/// The document's frame.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Cofferdam",
        description = "Runs untrusted tasks in WebAssembly sandboxes, scheduled as dags. Names and shapes follow Airflow's stable REST API \
                       where it has the same thing. Errors are problem documents (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem, cofferdam_api_types::StreamMessage, cofferdam_api_types::LogFrame)),
    tags(
        (name = "auth", description = "Signing in, and who is signed in."),
        (name = "api-keys", description = "Long-lived credentials."),
        (name = "users", description = "The users of the tenant."),
        (name = "components", description = "Uploaded WebAssembly components."),
        (name = "dags", description = "Dags: what runs when, and in which order."),
        (name = "bundles", description = "Directories and git repositories that dags come from."),
        (name = "dag-runs", description = "Runs of dags."),
        (name = "assets", description = "What tasks produce and dags wait for."),
        (name = "backfills", description = "Runs of intervals that have passed."),
        (name = "dead-letters", description = "What came to nothing, until somebody looks at it."),
        (name = "tasks", description = "Tasks by themselves."),
        (name = "task-instances", description = "Tasks of runs: states, tries, logs, XComs."),
        (name = "approvals", description = "What tasks ask people."),
        (name = "webhooks", description = "What runs dags from outside."),
        (name = "variables", description = "Values that tasks read by name."),
        (name = "connections", description = "How tasks reach what is outside."),
        (name = "pools", description = "Slots that tasks share."),
        (name = "events", description = "What changes, as it changes."),
        (name = "operations", description = "Health, metrics and versions."),
    )
)]
struct Frame;

/// Every route of the API.
pub(crate) fn all() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Frame::openapi())
        .merge(auth::routes())
        .merge(api_keys::routes())
        .merge(users::routes())
        .merge(components::routes())
        .merge(dags::routes())
        .merge(bundles::routes())
        .merge(dag_runs::routes())
        .merge(assets::routes())
        .merge(backfills::routes())
        .merge(dead_letters::routes())
        .merge(tasks::routes())
        .merge(v1::routes())
        .merge(task_instances::routes())
        .merge(approvals::routes())
        .merge(xcoms::routes())
        .merge(artifacts::routes())
        .merge(webhooks::routes())
        .merge(variables::routes())
        .merge(connections::routes())
        .merge(pools::routes())
        .merge(airflow::routes())
        .merge(events::routes())
        .merge(operations::routes())
}

/// The OpenAPI 3.1 document of the API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    finish(all().into_openapi())
}

/// Adds what endpoints have in common: how callers prove who they are, which requests are safe to repeat, and that every error is a problem
/// document.
pub(crate) fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    use utoipa::openapi::{Content, Ref, ResponseBuilder};
    if let Some(components) = &mut document.components {
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An access token or an API key.")).build();
        let cookie = ApiKey::Cookie(ApiKeyValue::new(crate::auth::cookie::NAME));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some("A user's name and password.")).build();
        components.add_security_scheme("basic", SecurityScheme::Http(basic));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
    let problem = ResponseBuilder::new()
        .description("A problem.")
        .content(cofferdam_api_types::PROBLEM_JSON, Content::new(Some(Ref::from_schema_name("Problem"))))
        .build();
    let open = ["/health/", "/metrics", "/api/v1/auth/", "/api/v1/version", "/api/v1/health", "/api/v1/webhooks/"];
    for (path, item) in &mut document.paths.paths {
        let keyed = [("POST", &mut item.post), ("PUT", &mut item.put), ("PATCH", &mut item.patch), ("DELETE", &mut item.delete)];
        for (method, operation) in keyed {
            if let Some(operation) = operation.as_mut().filter(|_| crate::idempotency::ROUTES.contains(&(method, path.as_str())))
            {
                operation.parameters.get_or_insert_default().push(idempotency_key());
            }
        }
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), problem.clone().into());
            if !open.iter().any(|prefix| path.starts_with(prefix)) {
                let none: [&str; 0] = [];
                operation.security = Some(vec![
                    SecurityRequirement::new("bearer", none),
                    SecurityRequirement::new("basic", none),
                    SecurityRequirement::new("cookie", none),
                ]);
            }
        }
    }
    document
}

fn idempotency_key() -> utoipa::openapi::path::Parameter {
    use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
    use utoipa::openapi::{ObjectBuilder, Required, Type};
    ParameterBuilder::new()
        .name(cofferdam_api_types::IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Makes the request safe to repeat: up to 255 characters."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// Serves a JSON document that never changes: the OpenAPI document, a schema.
pub(crate) fn json_document(document: Arc<str>) -> impl Fn() -> Ready<Response> + Clone + Send + 'static {
    move || ready(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], document.to_string()).into_response())
}

/// No such path.
pub(crate) async fn not_found(request: Request) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("There is nothing at '{}'.", request.uri().path()))
}

/// The path exists, not with this method.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "This path exists, and not with this method. The OpenAPI document lists them.")
}

/// Adds an entry to the audit log about what was done just now. The work is done already, so a failure is logged only.
pub(crate) async fn audit_after(app: &App, context: &Context, done: Action<'_>, detail: Value) {
    let stored = async {
        let mut tx = app.state.store.begin(context).await?;
        audit::append(&mut tx, done, &detail, app.now()).await?;
        tx.commit().await
    };
    if let Err(error) = stored.await {
        tracing::error!(
            audit.action = done.action,
            audit.target = done.target,
            "an entry of the audit log is lost: {}",
            crate::error::chain(&error)
        );
    }
}

/// A name as a part of a path.
pub(crate) fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_parts_of_paths() {
        assert_eq!(segment("manual__2026-11-21T06:00:00+00:00"), "manual__2026-11-21T06%3A00%3A00%2B00%3A00");
        assert_eq!(segment("a/b ü"), "a%2Fb%20%C3%BC");
    }
}
