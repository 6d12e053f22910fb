//! What tasks left for others.

mod get;
mod list;

use super::task_instances::TaskPath;
use crate::App;
use chrono::{DateTime, Utc};
use cofferdam_api_types::XComEntry;
use cofferdam_store::xcoms;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list::handler)).routes(routes!(get::handler))
}

fn wire(entry: xcoms::XComEntry, task: &TaskPath, map_index: i32, execution_date: DateTime<Utc>) -> XComEntry {
    XComEntry {
        key: entry.key,
        dag_id: task.dag_id.clone(),
        dag_run_id: task.dag_run_id.clone(),
        task_id: task.task_id.clone(),
        map_index,
        size_bytes: entry.size_bytes,
        timestamp: entry.created_at,
        execution_date,
    }
}
