//! Dags: applied, listed, paused, deleted.

pub(super) mod apply;
mod calendar;
mod changes;
mod compile;
mod delete;
mod details;
mod get;
pub(super) mod list;
mod patch;
mod patch_many;
mod text;

use self::changes::changes;
use self::details::{edges, task};
use super::words::{run_state, run_type};
use crate::App;
use cofferdam_api_types::{AirflowDag, Dag, NextRun, RecentRun, ScheduleInterval};
use cofferdam_domain::definition::ScheduleDefinition;
use cofferdam_domain::schedule::parse_timezone;
use cofferdam_ids::DagId;
use cofferdam_store::dags;
use http::HeaderValue;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(apply::handler, list::handler, patch_many::handler))
        .routes(routes!(get::handler, patch::handler, delete::handler))
        .routes(routes!(details::handler))
        .routes(routes!(calendar::handler))
        .routes(routes!(compile::handler))
}

#[derive(Deserialize)]
pub(crate) struct DagPath {
    dag_id: DagId,
}

pub(super) fn wire(dag: dags::Dag) -> Dag {
    let timezone = parse_timezone(&dag.timezone).ok();
    let schedule = dag.schedule.as_deref().and_then(|text| text.parse::<ScheduleDefinition>().ok());
    let in_words = schedule.zip(timezone).map(|(schedule, timezone)| schedule.describe(timezone));
    let interval_end = dag.next.map(|next| next.due_at);
    let airflow = AirflowDag {
        dag_display_name: dag.dag_id.to_string(),
        default_view: "grid".to_owned(),
        file_token: dag.dag_id.to_string(),
        fileloc: dag.bundle_path.clone().unwrap_or_default(),
        has_import_errors: dag.has_import_errors,
        is_active: dag.stale_since.is_none(),
        last_parsed_time: Some(dag.updated_at),
        next_dagrun: dag.next.map(|next| next.logical_date),
        next_dagrun_create_after: interval_end,
        next_dagrun_data_interval_start: dag.next.map(|next| next.logical_date),
        next_dagrun_data_interval_end: interval_end,
        schedule_interval: dag.schedule.clone().map(|value| ScheduleInterval { kind: "CronExpression".to_owned(), value }),
        timetable_description: in_words.clone(),
        ..AirflowDag::default()
    };
    Dag {
        airflow,
        dag_id: dag.dag_id,
        description: dag.description,
        is_paused: dag.paused,
        tags: dag.tags,
        owners: dag.owners,
        schedule_in_words: in_words,
        schedule: dag.schedule,
        timezone: dag.timezone,
        next_run: dag.next.map(|next| NextRun { logical_date: next.logical_date, due_at: next.due_at }),
        recent_runs: dag
            .recent_runs
            .into_iter()
            .map(|run| RecentRun {
                dag_run_id: run.dag_run_id,
                state: run_state(run.state),
                run_type: run_type(run.run_type),
                logical_date: run.logical_date,
                start_date: run.started_at,
                end_date: run.ended_at,
            })
            .collect(),
        version_number: dag.version_number,
        revision: dag.revision,
        max_active_runs: dag.max_active_runs,
        created_at: dag.created_at,
        updated_at: dag.updated_at,
    }
}

/// What names of dags have to contain. Airflow's clients write `%` for any text before and after it.
fn contained(pattern: &str) -> Option<String> {
    Some(pattern.trim_matches('%')).filter(|pattern| !pattern.is_empty()).map(str::to_owned)
}

/// The `ETag` of a dag: its revision, quoted.
fn etag(dag: &Dag) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", dag.revision)).unwrap_or(HeaderValue::from_static("\"0\""))
}
