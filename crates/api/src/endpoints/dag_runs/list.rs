use super::wire;
use crate::App;
use crate::endpoints::airflow::only_fields;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::{DagRunCollection, DagRunListQuery, ErrorCode};
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_ids::DagId;
use cofferdam_store::runs::{self, RunField, RunFilter, RunOrder};
use cofferdam_store::{Order, dags};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: String,
}

/// The runs of a dag; of all dags when `dag_id` is `~`, as Airflow has it.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns",
    tag = "dag-runs",
    operation_id = "list_dag_runs",
    params(("dag_id" = String, Path, description = "The dag, or `~` for all."), DagRunListQuery),
    responses((status = 200, body = DagRunCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<DagRunListQuery>,
) -> Result<Response, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref())?;
    let states = states(query.state.as_deref())?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let dag_id = match path.dag_id.as_str() {
        "~" => None,
        name => {
            let dag_id = DagId::new(name).map_err(|_| ApiError::not_found(format!("The dag '{name}'")))?;
            // An empty list would hide that there is no such dag.
            dags::get(&mut tx, &dag_id).await?;
            Some(dag_id)
        }
    };
    let filter = RunFilter {
        dag_id,
        states,
        types: types(query.run_type.as_deref())?,
        logical_date_from: query.execution_date_gte,
        logical_date_to: query.execution_date_lte,
        started: (query.start_date_gte, query.start_date_lte),
        ended: (query.end_date_gte, query.end_date_lte),
        updated: (query.updated_at_gte, query.updated_at_lte),
        dag_ids: Vec::new(),
    };
    let listed = runs::list(&mut tx, &filter, order, page).await?;
    let listed = DagRunCollection { dag_runs: listed.items.into_iter().map(wire).collect(), total_entries: listed.total };
    only_fields(&listed, Some("dag_runs"), query.fields.as_deref())
}

fn types(text: Option<&str>) -> Result<Vec<RunType>, ApiError> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| match word {
            "manual" => Ok(RunType::Manual),
            "scheduled" => Ok(RunType::Scheduled),
            "backfill" => Ok(RunType::Backfill),
            "dataset_triggered" | "asset_triggered" | "event" => Ok(RunType::Event),
            _ => {
                let detail = format!(
                    "'{word}' is not what makes a run; that is one of manual, scheduled, backfill and dataset_triggered."
                );
                Err(ApiError::new(ErrorCode::InvalidParameter, detail))
            }
        })
        .collect()
}

pub(crate) fn order(text: Option<&str>) -> Result<RunOrder, ApiError> {
    Ok(match text {
        None | Some("-logical_date" | "-execution_date") => RunOrder::LatestLogicalDate,
        Some("logical_date" | "execution_date") => RunOrder::EarliestLogicalDate,
        Some("-start_date") => RunOrder::LastStarted,
        Some("start_date") => RunOrder::FirstStarted,
        Some("-end_date") => RunOrder::LastEnded,
        Some("end_date") => RunOrder::FirstEnded,
        Some("-dag_run_id" | "-run_id") => RunOrder::NameBackwards,
        Some("dag_run_id" | "run_id") => RunOrder::Name,
        Some("-queued_at") => RunOrder::LastQueued,
        Some("queued_at") => RunOrder::FirstQueued,
        Some("-id") => RunOrder::LastQueued,
        Some("id") => RunOrder::FirstQueued,
        Some(other) => {
            let (backwards, name) = other.strip_prefix('-').map_or((false, other), |name| (true, name));
            let field = match name {
                "state" => RunField::State,
                "dag_id" => RunField::Dag,
                "external_trigger" => RunField::ByHand,
                "updated_at" => RunField::Changed,
                _ => {
                    let detail = format!(
                        "'order_by' is '{other}'; it can be logical_date, execution_date, queued_at, id, start_date, end_date, updated_at, \
                         dag_run_id, dag_id, state or external_trigger, with '-' before it for the other direction."
                    );
                    return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
                }
            };
            RunOrder::Other(Order { field, backwards })
        }
    })
}

pub(crate) fn states(text: Option<&str>) -> Result<Vec<RunStateName>, ApiError> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            RunStateName::parse(word).ok_or_else(|| {
                let known: Vec<&str> = RunStateName::ALL.iter().map(|state| state.as_str()).collect();
                let detail = format!("'{word}' is not a state of a run; those are {}.", known.join(", "));
                ApiError::new(ErrorCode::InvalidParameter, detail)
            })
        })
        .collect()
}
