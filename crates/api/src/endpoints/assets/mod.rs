//! Assets: what tasks produce and dags wait for (Airflow's datasets).

mod event;
mod events;
mod get;
mod graph;
mod list;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{Asset, AssetEvent, ConsumingDag, CreatedDagRun, ErrorCode, ProducingTask};
use cofferdam_domain::asset::AssetUri;
use cofferdam_domain::run::RunStateName;
use cofferdam_store::{StoreError, assets};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(events::handler, event::handler))
        .routes(routes!(graph::handler))
        .routes(routes!(get::handler))
}

fn uri(text: &str) -> Result<AssetUri, ApiError> {
    text.parse()
        .map_err(|error: cofferdam_domain::asset::AssetError| ApiError::new(ErrorCode::InvalidParameter, format!("{error}.")))
}

/// A name as it was stored.
fn name<T: std::str::FromStr>(column: &'static str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| StoreError::corrupt("asset_events", column, text).into())
}

fn wire(asset: assets::Asset) -> Result<Asset, ApiError> {
    Ok(Asset {
        id: asset.id,
        uri: asset.uri.into(),
        created_at: asset.created_at,
        last_event_at: asset.last_event_at,
        producing_tasks: asset
            .producers
            .iter()
            .map(|(dag, task)| Ok(ProducingTask { dag_id: name("dag_id", dag)?, task_id: name("task_id", task)? }))
            .collect::<Result<_, ApiError>>()?,
        consuming_dags: asset
            .consumers
            .iter()
            .map(|dag| Ok(ConsumingDag { dag_id: name("dag_id", dag)? }))
            .collect::<Result<_, ApiError>>()?,
    })
}

fn wire_event(event: assets::AssetEvent) -> Result<AssetEvent, ApiError> {
    let made = event.made.iter().map(|(dag, run, state)| -> Result<CreatedDagRun, ApiError> {
        let known = RunStateName::parse(state).ok_or_else(|| StoreError::corrupt("dag_runs", "state", run))?;
        Ok(CreatedDagRun {
            dag_id: name("dag_id", dag)?,
            run_id: name("dag_run_id", run)?,
            state: crate::endpoints::words::run_state(known),
        })
    });
    Ok(AssetEvent {
        id: event.id,
        asset_id: event.asset_id,
        created_dagruns: made.collect::<Result<_, ApiError>>()?,
        uri: event.uri.into(),
        timestamp: event.at,
        extra: event.extra,
        source_dag_id: event.source_dag_id,
        source_run_id: event.source_run_id,
        source_task_id: event.source_task_id,
        source_map_index: event.source_map_index,
    })
}
