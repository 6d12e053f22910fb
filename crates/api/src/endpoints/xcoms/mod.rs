//! What tasks left for others.

mod get;
mod list;
mod text;

use crate::App;
use cofferdam_api_types::XComEntry;
use cofferdam_store::xcoms;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list::handler)).routes(routes!(get::handler))
}

fn wire(found: xcoms::FoundXCom) -> XComEntry {
    XComEntry {
        key: found.entry.key,
        dag_id: found.dag_id,
        dag_run_id: found.dag_run_id,
        task_id: found.task_id,
        map_index: found.map_index,
        size_bytes: found.entry.size_bytes,
        timestamp: found.entry.created_at,
        execution_date: found.logical_date,
    }
}
