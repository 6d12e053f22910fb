//! The HTTP side of Cofferdam: the REST API with its OpenAPI document, the event stream, health and metrics, and the console.
//!
//! Handlers check who calls, ask the engine to change something or the store to read something, and convert between the
//! domain and the wire. They decide nothing about orchestration.

mod auth;
pub mod bootstrap;
mod bundles;
mod console;
mod endpoints;
mod error;
mod extract;
mod idempotency;
pub mod operators;
mod request;
mod scripts;
mod state;
mod trials;

pub use auth::token::TokenKeys;
pub use bundles::{WatchedBundle, WatchedSource, watch as watch_bundles};
pub use endpoints::{WORKFLOW_FUEL, WORKFLOW_FUNCTION, openapi};
pub use state::{ApiConfig, ApiState, OperationsState};

pub(crate) use state::App;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Everything that the role `api` serves.
pub fn router(state: ApiState) -> Router {
    let app = Arc::new(App::new(state));
    let (routes, openapi) = endpoints::all().split_for_parts();
    let document: Arc<str> = endpoints::finish(openapi).to_json().unwrap_or_default().into();
    let dag_schema: Arc<str> = cofferdam_domain::definition::schema().to_string().into();
    routes
        .route("/api/openapi.json", axum::routing::get(endpoints::json_document(document)))
        .route("/api/schemas/dag-1.json", axum::routing::get(endpoints::json_document(dag_schema)))
        .route("/errors/{code}", axum::routing::get(endpoints::explain::handler))
        .fallback(console::serve)
        .method_not_allowed_fallback(endpoints::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), idempotency::layer))
        .layer(from_fn(request::layer))
        .with_state(app)
}

/// Health and metrics only: for the roles `scheduler` and `worker`.
pub fn operations_router(state: OperationsState) -> Router {
    let (routes, _) = endpoints::operations::common_routes().split_for_parts();
    routes
        .fallback(endpoints::not_found)
        .method_not_allowed_fallback(endpoints::method_not_allowed)
        .layer(from_fn(request::layer))
        .with_state(state)
}

/// Serves a router until `stop`; requests that are open then may end. Dropping the future ends them at once.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}
