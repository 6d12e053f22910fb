//! Assets: what there is, what has happened to it, and which dags it connects.

pub mod events;
pub mod graph;
mod tell;

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::link::dag_link;
use crate::components::page::{PageHead, Search};
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Ago;
use crate::core::address::address;
use crate::core::paths;
use crate::core::query::query;
use crate::core::session::session;
use cofferdam_api_types::{Asset, AssetCollection, Role};
use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use tell::TellDialog;

/// Assets or events of a page.
const LIMIT: u32 = 50;

const COLUMNS: &[Column] =
    &[ordered("Asset", "uri"), plain("Produced by"), plain("Waited for by"), ordered("Last change", "last_event_at").latest()];

/// The dialog that says that an asset has changed, for the tabs.
#[derive(Clone, Copy)]
pub struct Tell {
    /// The asset; empty when it is to be typed. The dialog is open while there is one.
    pub asset: RwSignal<Option<String>>,
    /// Counts what was told.
    pub told: RwSignal<u32>,
}

/// The head of the page, around its tabs.
#[component]
pub fn AssetsPage() -> impl IntoView {
    let tell = Tell { asset: RwSignal::new(None), told: RwSignal::new(0) };
    provide_context(tell);
    let session = session();
    let may = move || session.may(Role::Operator);
    let tab = |href: &'static str, icon: &'static str, label: &'static str| view! { <A href=href exact=true><Icon name=icon/>{label}</A> };
    view! {
        <PageHead title="Assets" actions=move || view! {
            <button type="button" class="btn" disabled=move || !may() on:click=move |_| tell.asset.set(Some(String::new()))><Icon name="bolt" class="s"/>"Tell a change"</button>
        }>
            <nav class="tabs spaced" aria-label="Views of the assets">{tab("/assets", "list", "Assets")}{tab("/assets/graph", "dags", "Graph")}{tab("/assets/events", "history", "Events")}</nav>
        </PageHead>
        <div class="content"><Outlet/></div>
        <TellDialog tell/>
    }
}

/// All assets.
#[component]
pub fn AssetList() -> impl IntoView {
    let address = address();
    let tell = expect_context::<Tell>();
    let (text, order) = (address.signal("q"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let assets = query::<AssetCollection>(move || {
        tell.told.track();
        Some(format!("/assets{}", paging.query(&[("uri_pattern", &text.get()), ("order_by", &order.get())])))
    })
    .refetch_on(|news| news.is_about_runs());
    view! {
        <div class="toolbar"><Search value=text on_input=move |text: String| address.narrow("q", text) label="Find an asset by name"/></div>
        <section class="card" aria-label="Assets">
            {loaded(assets, Skeleton::Rows, move |list| move || {
                let list = list.get();
                if list.assets.is_empty() {
                    return if text.with(String::is_empty) {
                        view! {
                            <Empty icon="asset" title="No assets yet">
                                <p>"An asset is something that tasks produce and dags wait for. It is there as soon as a dag names it, in a task:"</p>
                                <pre tabindex="0"><code>"produces: [\"s3://warehouse/orders\"]"</code></pre>
                                <p>"and in the dag that waits for it:"</p>
                                <pre tabindex="0"><code>"schedule: {assets: [\"s3://warehouse/orders\"]}"</code></pre>
                            </Empty>
                        }.into_any()
                    } else {
                        view! { <Empty icon="search" title="No asset has this in its name"/> }.into_any()
                    };
                }
                let rows = list.assets.iter().map(|it| view! { <Row it=it.clone() tell/> }).collect_view();
                view! { <Listed address paging total=Signal::stored(list.total_entries) names=("asset", "assets") columns=COLUMNS usual="uri" actions=true>{rows}</Listed> }.into_any()
            })}
        </section>
    }
}

#[component]
fn Row(it: Asset, tell: Tell) -> impl IntoView {
    let session = session();
    let may = move || session.may(Role::Operator);
    let uri = it.uri.clone();
    let dash = || view! { <span class="faint">"–"</span> }.into_any();
    let producers = it.producing_tasks.iter().map(|task| {
        view! { <div>{dag_link(task.dag_id.as_str())}<span class="muted">{format!(" · {}", task.task_id)}</span></div> }
    });
    let consumers = it.consuming_dags.iter().map(|dag| view! { <div>{dag_link(dag.dag_id.as_str())}</div> });
    view! {
        <tr>
            <td class="value"><A href=format!("/assets/events{}", paths::query(&[("uri", &it.uri)])) attr:class="name mono">{it.uri.clone()}</A></td>
            <td>{if it.producing_tasks.is_empty() { dash() } else { producers.collect_view().into_any() }}</td>
            <td>{if it.consuming_dags.is_empty() { dash() } else { consumers.collect_view().into_any() }}</td>
            <td>{match it.last_event_at { Some(at) => view! { <Ago at/> }.into_any(), None => view! { <span class="faint">"Never"</span> }.into_any() }}</td>
            <td class="tight"><button type="button" class="btn small" aria-label=format!("Tell a change of {uri}") disabled=move || !may() on:click=move |_| tell.asset.set(Some(uri.clone()))><Icon name="bolt" class="s"/>"Tell"</button></td>
        </tr>
    }
}
