//! Tasks of dags, as Airflow tells them.

use super::dags::DagPath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ClassReference, ErrorCode, Nothing, Task, TaskCollection, TimeDelta};
use cofferdam_domain::definition::{DagDefinition, TaskSettings, WeightRule};
use cofferdam_domain::plan::{DagPlan, Past, TaskPlan};
use cofferdam_domain::retry::Backoff;
use cofferdam_ids::{DagId, TaskId};
use cofferdam_store::dags::{self, DagVersion};
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize)]
pub(crate) struct TaskPath {
    dag_id: DagId,
    task_id: TaskId,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderQuery {
    /// A field of tasks, `task_id` when left out, with `-` before it for the other direction.
    order_by: Option<String>,
}

/// The tasks of a dag's current version.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/tasks",
    tag = "dags",
    operation_id = "get_tasks",
    params(("dag_id" = String, Path, description = "The dag."), OrderQuery),
    responses((status = 200, body = TaskCollection))
)]
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<OrderQuery>,
) -> Result<Json<TaskCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = Version::read(dags::get_version(&mut tx, &path.dag_id, None).await?)?;
    let mut tasks: Vec<Task> = version.plan.tasks.iter().map(|task| version.wire(task)).collect();
    tasks.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    if let Some(order_by) = query.order_by.as_deref() {
        tasks = ordered(tasks, order_by)?;
    }
    Ok(Json(TaskCollection { total_entries: tasks.len() as u64, tasks }))
}

/// A task of a dag's current version.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/tasks/{task_id}",
    tag = "dags",
    operation_id = "get_task",
    params(("dag_id" = String, Path, description = "The dag."), ("task_id" = String, Path, description = "The task.")),
    responses((status = 200, body = Task))
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<Task>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = Version::read(dags::get_version(&mut tx, &path.dag_id, None).await?)?;
    let found = version.plan.task_named(&path.task_id).map(|task| version.wire(task));
    found.map(Json).ok_or_else(|| ApiError::not_found(format!("The task '{}'", path.task_id)))
}

/// A dag's version, as far as tasks are told from it.
struct Version {
    plan: DagPlan,
    definition: DagDefinition,
}

impl Version {
    fn read(version: DagVersion) -> Result<Self, ApiError> {
        let plan = DagPlan::from_json(version.plan).map_err(ApiError::internal)?;
        Ok(Self { plan, definition: serde_json::from_value(version.definition).map_err(ApiError::internal)? })
    }

    /// What a task and the defaults of its dag say.
    fn settings(&self, task: &TaskPlan) -> TaskSettings {
        let defined = self.definition.tasks.iter().find(|defined| defined.task_id == task.task_id);
        defined.map(|defined| defined.settings_or(&self.definition.defaults)).unwrap_or_default()
    }

    fn wire(&self, task: &TaskPlan) -> Task {
        let plan = &self.plan;
        let settings = self.settings(task);
        let operator = task.work.component().map_or_else(|| task.work.kind().to_owned(), |work| work.component.name.to_string());
        let (module_path, class_name) = operator.rsplit_once('/').unwrap_or(("", &operator));
        let class_ref = ClassReference { module_path: module_path.to_owned(), class_name: class_name.to_owned() };
        Task {
            task_id: task.task_id.clone(),
            task_display_name: task.task_id.to_string(),
            owner: plan.owners.first().cloned().unwrap_or_default(),
            class_ref,
            operator_name: operator,
            downstream_task_ids: task.downstream.iter().filter_map(|index| Some(plan.task(*index)?.task_id.clone())).collect(),
            trigger_rule: task.trigger_rule.as_str().to_owned(),
            pool: task.pool.to_string(),
            pool_slots: task.pool_slots,
            queue: task.queue.to_string(),
            // That of the plan has those of other tasks in it, by the rule.
            priority_weight: settings.priority.unwrap_or(0),
            executor: Nothing,
            weight_rule: match settings.weight_rule.unwrap_or_default() {
                WeightRule::Absolute => "absolute".to_owned(),
                WeightRule::Downstream => "downstream".to_owned(),
                WeightRule::Upstream => "upstream".to_owned(),
            },
            retries: task.retry.max_tries.saturating_sub(1),
            retry_delay: TimeDelta::from_ms(task.retry.delay_ms),
            retry_exponential_backoff: !matches!(task.retry.backoff, Backoff::Constant),
            execution_timeout: TimeDelta::from_ms(task.limits.wall_ms),
            depends_on_past: task.room.past.is_some(),
            wait_for_downstream: task.room.past == Some(Past::TaskAndDownstream),
            is_mapped: task.is_mapped(),
            doc_md: task.doc.clone(),
            start_date: plan.start_date,
            end_date: plan.end_date,
            extra_links: Vec::new(),
            template_fields: vec!["input".to_owned(), "args".to_owned(), "env".to_owned()],
            ui_color: "#fff".to_owned(),
            ui_fgcolor: "#000".to_owned(),
        }
    }
}

/// Tasks in the order of a field of theirs. Those where it is equal stay as they are, and those without it come last.
fn ordered(tasks: Vec<Task>, order_by: &str) -> Result<Vec<Task>, ApiError> {
    let (backwards, field) = order_by.strip_prefix('-').map_or((false, order_by), |field| (true, field));
    let mut keyed = Vec::with_capacity(tasks.len());
    for task in tasks {
        let fields = serde_json::to_value(&task).map_err(ApiError::internal)?;
        let Some(key) = fields.get(field) else {
            let detail =
                format!("'order_by' is '{order_by}'; it can be a field of tasks, with '-' before it for the other direction.");
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        };
        keyed.push((key.clone(), task));
    }
    keyed.sort_by(|(one, _), (other, _)| match (one, other) {
        (Value::Null, _) | (_, Value::Null) => one.is_null().cmp(&other.is_null()),
        (one, other) if backwards => compared(other, one),
        (one, other) => compared(one, other),
    });
    Ok(keyed.into_iter().map(|(_, task)| task).collect())
}

/// Which of two values of one field comes first.
fn compared(one: &Value, other: &Value) -> Ordering {
    let parts = |value: &Value| ["days", "seconds", "microseconds"].map(|part| value[part].as_u64());
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        // Lengths of time; other objects and lists by what they look like.
        (Value::Object(_), Value::Object(_)) if parts(one)[0].is_some() => parts(one).cmp(&parts(other)),
        (one, other) => one.to_string().cmp(&other.to_string()),
    }
}
