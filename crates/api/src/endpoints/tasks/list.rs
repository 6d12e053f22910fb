use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{StandaloneTaskCollection, StandaloneTaskListQuery};
use cofferdam_store::dags::{self, DagFilter};
use std::sync::Arc;

/// The tasks by themselves, by name.
#[utoipa::path(
    get,
    path = "/api/tasks",
    tag = "tasks",
    operation_id = "list_tasks",
    params(StandaloneTaskListQuery),
    responses((status = 200, body = StandaloneTaskCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<StandaloneTaskListQuery>,
) -> Result<Json<StandaloneTaskCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let tags = query.tags.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let filter = DagFilter {
        tags: tags.map(str::to_owned).collect(),
        id_contains: query.task_id_pattern,
        paused: query.paused,
        only_active: false,
        standalone: Some(true),
        backwards: order(query.order_by.as_deref(), &[("task_id", ())])?.backwards,
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = dags::list(&mut tx, &filter, page).await?;
    let versions: Vec<_> = listed.items.iter().map(|dag| dag.version).collect();
    let mut definitions = dags::definitions(&mut tx, &versions).await?;
    let tasks = listed.items.into_iter().map(|dag| {
        let definition = definitions.remove(&dag.version).unwrap_or_default();
        wire(dag, definition)
    });
    Ok(Json(StandaloneTaskCollection { tasks: tasks.collect::<Result<_, _>>()?, total_entries: listed.total }))
}
