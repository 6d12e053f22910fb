//! Health, metrics and versions.

mod deep;
mod live;
mod metrics;
mod ready;
mod version;

use crate::App;
use crate::state::OperationsState;
use axum::extract::FromRef;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes that every role serves.
pub(crate) fn common_routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    OperationsState: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(live::handler))
        .routes(routes!(ready::handler))
        .routes(routes!(deep::handler))
        .routes(routes!(metrics::handler))
}

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    common_routes().routes(routes!(version::handler))
}

impl FromRef<Arc<App>> for OperationsState {
    fn from_ref(app: &Arc<App>) -> Self {
        app.state.operations()
    }
}
