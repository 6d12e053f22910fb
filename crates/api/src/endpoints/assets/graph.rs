use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{AssetGraph, AssetGraphEdge, AssetGraphKind, AssetGraphNode};
use cofferdam_store::{Page, assets};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Assets in one picture.
const MOST: u32 = 1_000;

/// Which dags produce which assets, and which dags wait for them: up to 1000 assets.
#[utoipa::path(
    get,
    path = "/api/v1/assets/graph",
    tag = "assets",
    operation_id = "get_asset_graph",
    responses((status = 200, body = AssetGraph))
)]
pub(crate) async fn handler(State(app): State<Arc<App>>, caller: Caller<Viewer>) -> Result<Json<AssetGraph>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = assets::list(&mut tx, None, None, Page::first(MOST)).await?;
    let mut nodes = BTreeSet::new();
    let mut edges = BTreeSet::new();
    let dag = |dag: &str| AssetGraphNode { id: format!("dag:{dag}"), kind: AssetGraphKind::Dag, label: dag.to_owned() };
    for asset in listed.items {
        let uri = String::from(asset.uri);
        let node = AssetGraphNode { id: format!("asset:{uri}"), kind: AssetGraphKind::Asset, label: uri };
        for (producer, _) in &asset.producers {
            edges.insert(AssetGraphEdge { source: dag(producer).id, target: node.id.clone() });
            nodes.insert(dag(producer));
        }
        for consumer in &asset.consumers {
            edges.insert(AssetGraphEdge { source: node.id.clone(), target: dag(consumer).id });
            nodes.insert(dag(consumer));
        }
        nodes.insert(node);
    }
    Ok(Json(AssetGraph { nodes: nodes.into_iter().collect(), edges: edges.into_iter().collect() }))
}
