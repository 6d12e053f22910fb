//! Which dags produce which assets, and which wait for them.

use super::Tell;
use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::graph::{Graph, TaskFace};
use crate::core::flow::{self, What, plain};
use crate::core::layout::{between, lay_out};
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{AssetGraph, AssetGraphKind};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of assets and dags, what each is, and where they stand.
type Drawing = (Arc<Vec<String>>, Arc<HashMap<String, AssetGraphKind>>, Arc<flow::Drawing>);

/// Draws the graph. A dag that has the name of an asset is told apart by a word behind it.
fn draw(graph: &AssetGraph) -> Drawing {
    let name = |i: usize| {
        let node = &graph.nodes[i];
        let twin = graph.nodes.iter().any(|other| other.label == node.label && other.kind != node.kind);
        if twin && node.kind == AssetGraphKind::Dag { format!("{} (dag)", node.label) } else { node.label.clone() }
    };
    let names: Vec<String> = (0..graph.nodes.len()).map(name).collect();
    let ids = graph.nodes.iter().map(|node| node.id.as_str());
    let edges = between(ids, graph.edges.iter().map(|edge| (edge.source.as_str(), edge.target.as_str())));
    let layout = lay_out(names.len(), &edges);
    let kinds = names.iter().cloned().zip(graph.nodes.iter().map(|node| node.kind)).collect();
    let drawing = plain(&names, &layout);
    (Arc::new(names), Arc::new(kinds), Arc::new(drawing))
}

/// See the module.
#[component]
pub fn GraphTab() -> impl IntoView {
    let tell = expect_context::<Tell>();
    let graph = query::<AssetGraph>(move || {
        tell.told.track();
        Some("/assets/graph".to_owned())
    })
    .refetch_on(|news| matches!(news, crate::core::live::News::Change(cofferdam_api_types::Event::Dag { .. })));
    let navigate = use_navigate();
    view! {
        <section class="card" aria-label="Graph">
            <header><h2>"Dags and the assets between them"</h2><span class="grow"></span><span class="small muted">"From what is produced to what waits for it"</span></header>
            {loaded(graph, Skeleton::Block, move |graph| {
                let navigate = navigate.clone();
                let drawn = Memo::new(move |_| graph.with(|graph| draw(graph)));
                move || {
                    let (names, kinds, drawing) = drawn.get();
                    if names.is_empty() {
                        return view! {
                            <Empty icon="asset" title="No dag produces an asset or waits for one">
                                <p>"A task produces assets with "<code>"produces"</code>", a dag waits for them with "<code>"schedule: {assets: […]}"</code>"."</p>
                            </Empty>
                        }.into_any();
                    }
                    let face = { let kinds = kinds.clone(); move |name: What| TaskFace {
                        status: None,
                        detail: if kinds.get(name.name()) == Some(&AssetGraphKind::Asset) { "Asset".to_owned() } else { "Dag".to_owned() },
                    } };
                    let open = { let navigate = navigate.clone(); move |name: String| {
                        let to = match kinds.get(&name) {
                            Some(AssetGraphKind::Asset) => format!("/assets/events{}", paths::query(&[("uri", &name)])),
                            _ => paths::dag(name.strip_suffix(" (dag)").unwrap_or(&name)),
                        };
                        navigate(&to, Default::default());
                    } };
                    view! { <Graph drawing face selected=Signal::stored(None::<String>) on_select=open/> }.into_any()
                }
            })}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_api_types::{AssetGraphEdge, AssetGraphNode};

    #[test]
    fn an_asset_and_a_dag_of_one_name_are_told_apart() {
        let node = |id: &str, kind, label: &str| AssetGraphNode { id: id.to_owned(), kind, label: label.to_owned() };
        let graph = AssetGraph {
            nodes: vec![node("asset:orders", AssetGraphKind::Asset, "orders"), node("dag:orders", AssetGraphKind::Dag, "orders")],
            edges: vec![AssetGraphEdge { source: "dag:orders".to_owned(), target: "asset:orders".to_owned() }],
        };
        let (names, kinds, drawing) = draw(&graph);
        assert_eq!(*names, ["orders", "orders (dag)"]);
        assert_eq!((kinds["orders"], drawing.lines.len()), (AssetGraphKind::Asset, 1));
    }
}
