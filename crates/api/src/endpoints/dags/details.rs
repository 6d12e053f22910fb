use super::super::words;
use super::{DagPath, wire};
use crate::App;
use crate::endpoints::airflow::only_fields;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::{
    AirflowDagDetail, DagDetail, DagDetailQuery, DagEdge, DagGroup, DagTask, DagVersionSummary, TimeDelta,
};
use cofferdam_domain::plan::{DagPlan, Decides, TaskPlan, TaskWork};
use cofferdam_store::{Page, dags};
use serde_json::{Value, json};
use std::sync::Arc;

/// The most versions in the answer.
const VERSIONS: u32 = 100;

/// A dag with its definition, tasks, edges and versions: those of its current version, or of the one that `version_number` names.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/details",
    tag = "dags",
    operation_id = "get_dag_details",
    params(("dag_id" = String, Path, description = "The dag."), DagDetailQuery),
    responses((status = 200, body = DagDetail))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<DagDetailQuery>,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let mut dag = wire(dags::get(&mut tx, &path.dag_id).await?);
    let version = dags::get_version(&mut tx, &path.dag_id, query.version_number).await?;
    let versions = dags::versions(&mut tx, &path.dag_id, Page::first(VERSIONS)).await?;
    let plan = DagPlan::from_json(version.plan).map_err(ApiError::internal)?;
    let edges = edges(&plan);
    let conf_schema = plan.conf_schema();
    let groups = plan.groups.into_iter().map(|group| DagGroup { name: group.name, description: group.description });
    let groups = groups.collect();
    let tasks = plan.tasks.into_iter().map(task);
    let versions = versions.items.into_iter().map(|version| DagVersionSummary {
        version_number: version.version_number,
        created_at: version.created_at,
        created_by: version.created_by,
        origin: version.origin.map(words::origin),
    });
    dag.airflow.max_active_tasks = plan.max_active_tasks;
    let airflow = AirflowDagDetail {
        concurrency: plan.max_active_tasks,
        dataset_expression: version.definition.pointer("/schedule/assets").map(dataset_expression),
        last_parsed: Some(dag.updated_at),
        ..AirflowDagDetail::default()
    };
    let detail = DagDetail {
        dag,
        shown_version: version.version_number,
        doc_md: version.definition["doc_md"].as_str().map(str::to_owned),
        definition: version.definition,
        conf_schema,
        tasks: tasks.collect(),
        groups,
        edges,
        versions: versions.collect(),
        catchup: plan.catchup,
        start_date: plan.start_date,
        end_date: plan.end_date,
        dag_run_timeout: plan.run_timeout_ms.map(TimeDelta::from_ms),
        airflow,
        params: plan.params,
    };
    only_fields(&detail, None, query.fields.as_deref())
}

/// A condition over assets, as Airflow writes it: a list or a name alone asks for all.
fn dataset_expression(condition: &Value) -> Value {
    match condition {
        Value::String(_) => json!({ "all": [condition] }),
        Value::Array(_) => json!({ "all": condition }),
        _ => condition.clone(),
    }
}

/// Which task waits for which.
pub(super) fn edges(plan: &DagPlan) -> Vec<DagEdge> {
    let of = |task: &TaskPlan| {
        let upstream = task.upstream.iter().filter_map(|index| plan.task(*index));
        upstream
            .map(|upstream| DagEdge { upstream: upstream.task_id.clone(), downstream: task.task_id.clone() })
            .collect::<Vec<_>>()
    };
    plan.tasks.iter().flat_map(of).collect()
}

/// A task, as it is told.
pub(super) fn task(task: TaskPlan) -> DagTask {
    DagTask {
        task_id: task.task_id,
        kind: task.work.kind().to_owned(),
        component: task.work.component().map(|work| work.component.name.clone()),
        digest: task.work.component().map(|work| work.digest.clone()),
        run_dag: match task.work {
            TaskWork::RunDag { run_dag } => Some(run_dag.dag_id),
            TaskWork::Component(_) | TaskWork::Approval { .. } => None,
        },
        group: task.flow.group,
        decides: task.flow.decides.map(|decides| match decides {
            Decides::Branch => "branch".to_owned(),
            Decides::ShortCircuit { .. } => "short_circuit".to_owned(),
        }),
        is_setup: task.flow.setup,
        is_teardown: task.flow.teardown.is_some(),
        trigger_rule: task.trigger_rule.as_str().to_owned(),
        max_tries: task.retry.max_tries.max(1),
        pool: task.pool,
        queue: task.queue,
        priority: task.priority,
        timeout_ms: task.limits.wall_ms,
    }
}
