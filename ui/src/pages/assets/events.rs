//! What has happened to assets, and which runs followed.

use super::{LIMIT, Tell};
use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::Tag;
use crate::components::link::{dag_link, link};
use crate::components::status::StatusLabel;
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Ago;
use crate::core::address::{Address, address};
use crate::core::paths;
use crate::core::query::query;
use crate::core::status::Status;
use cofferdam_api_types::{AssetEvent, AssetEventCollection};
use leptos::prelude::*;

const COLUMNS: &[Column] = &[
    ordered("When", "timestamp").latest(),
    plain("Asset"),
    ordered("From", "source_dag_id"),
    plain("Said of it"),
    plain("Runs that followed"),
];

/// See the module. The address names the asset or the dag, when only their events are meant.
#[component]
pub fn EventList() -> impl IntoView {
    let address = address();
    let tell = expect_context::<Tell>();
    let (uri, dag, order) = (address.signal("uri"), address.signal("dag"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let events = query::<AssetEventCollection>(move || {
        tell.told.track();
        let values = paging.query(&[("uri", &uri.get()), ("source_dag_id", &dag.get()), ("order_by", &order.get())]);
        Some(format!("/assets/events{values}"))
    })
    .refetch_on(|news| news.is_about_runs());
    let filtered = move || !(uri.with(String::is_empty) && dag.with(String::is_empty));
    view! {
        <Show when=filtered><div class="toolbar"><Tag address name="uri"/><Tag address name="dag"/></div></Show>
        <section class="card" aria-label="Events">
            {loaded(events, Skeleton::Rows, move |list| move || {
                let list = list.get();
                if list.asset_events.is_empty() {
                    return view! {
                        <Empty icon="history" title="Nothing has happened yet">
                            <p>"An event is recorded when a task succeeds that produces an asset, and when somebody tells a change."</p>
                        </Empty>
                    }.into_any();
                }
                let rows = list.asset_events.iter().map(|it| view! { <Row it=it.clone() address/> }).collect_view();
                view! { <Listed address paging total=Signal::stored(list.total_entries) names=("event", "events") columns=COLUMNS usual="-timestamp">{rows}</Listed> }.into_any()
            })}
        </section>
    }
}

#[component]
fn Row(it: AssetEvent, address: Address) -> impl IntoView {
    let (asset, shown) = (it.uri.clone(), it.uri.clone());
    let source = match (it.source_dag_id, it.source_run_id, it.source_task_id) {
        (Some(dag), Some(run), Some(task)) => {
            let place = if it.source_map_index >= 0 { format!("{task} [{}]", it.source_map_index) } else { task.clone() };
            view! { {link(paths::task_page(&dag, &run, &task), dag)}<div class="small muted">{place}</div> }.into_any()
        }
        (Some(dag), _, _) => dag_link(&dag),
        _ => view! { <span class="muted">"Told over the API"</span> }.into_any(),
    };
    let runs = it.created_dagruns.iter().map(|run| {
        let (dag, name) = (run.dag_id.to_string(), run.run_id.to_string());
        view! { <div class="row"><StatusLabel status=Status::from(run.state)/>{link(paths::run_page(&dag, &name), dag)}</div> }
    });
    view! {
        <tr>
            <td><Ago at=it.timestamp/></td>
            <td class="value"><button type="button" class="link mono" title="Only of this asset" on:click=move |_| address.narrow("uri", asset.clone())>{shown}</button></td>
            <td>{source}</td>
            <td class="value">{it.extra.as_ref().filter(|extra| !extra.is_null()).map(|extra| view! { <code>{extra.to_string()}</code> })}</td>
            <td>{if it.created_dagruns.is_empty() { view! { <span class="faint">"None"</span> }.into_any() } else { runs.collect_view().into_any() }}</td>
        </tr>
    }
}
