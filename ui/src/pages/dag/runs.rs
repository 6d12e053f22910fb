//! All runs of a dag.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::pager::Pager;
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::paths;
use crate::core::query::query;
use crate::core::status::{Status, reason, run_type};
use crate::pages::dag::dag_context;
use cofferdam_api_types::{DagRun, DagRunCollection};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

const LIMIT: u32 = 50;

#[derive(Clone, Debug, Default, PartialEq)]
struct Filter {
    state: String,
    order: String,
    offset: u32,
}

/// See the module.
#[component]
pub fn RunsTab() -> impl IntoView {
    let dag = dag_context();
    let address = use_query_map();
    let navigate = use_navigate();
    let filter = Memo::new(move |_| {
        address.with(|map| Filter {
            state: map.get("state").unwrap_or_default(),
            order: map.get("order_by").unwrap_or_default(),
            offset: map.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or_default(),
        })
    });
    let go = Callback::new(move |filter: Filter| {
        let offset = if filter.offset == 0 { String::new() } else { filter.offset.to_string() };
        let values = [("state", filter.state.as_str()), ("order_by", &filter.order), ("offset", &offset)];
        let page = format!("{}/runs{}", paths::dag(&dag.id.get_untracked()), paths::query(&values));
        navigate(&page, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    });
    let runs = query::<DagRunCollection>(move || {
        let filter = filter.get();
        let (limit, offset) = (LIMIT.to_string(), filter.offset.to_string());
        let order = if filter.order.is_empty() { "-logical_date" } else { &filter.order };
        let values = [("limit", limit.as_str()), ("offset", &offset), ("state", &filter.state), ("order_by", order)];
        Some(format!("{}/dagRuns{}", paths::dag(&dag.id.get()), paths::query(&values)))
    })
    .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(dag.id.get_untracked().as_str()));
    let states = [("", "All"), ("running", "Running"), ("queued", "Queued"), ("success", "Success"), ("failed", "Failed")];
    let orders = [
        ("", "Logical date, newest first"),
        ("logical_date", "Logical date, oldest first"),
        ("-queued_at", "Made, newest first"),
        ("queued_at", "Made, oldest first"),
    ];
    view! {
        <div class="toolbar">
            <div class="segmented" role="group" aria-label="State">
                {states.into_iter().map(|(value, label)| view! {
                    <button type="button" aria-pressed=move || (filter.get().state == value).to_string()
                        on:click=move |_| go.run(Filter { state: value.to_owned(), offset: 0, ..filter.get_untracked() })>{label}</button>
                }).collect_view()}
            </div>
            <select class="select small" aria-label="Order" on:change=move |event| go.run(Filter { order: event_target_value(&event), offset: 0, ..filter.get_untracked() })>
                {orders.into_iter().map(|(value, label)| view! { <option value=value selected=move || filter.get().order == value>{label}</option> }).collect_view()}
            </select>
        </div>
        <section class="card" aria-label="Runs">
            {loaded(runs, Skeleton::Rows, move |list| move || {
                let list = list.get();
                if list.dag_runs.is_empty() {
                    return view! { <Empty icon="list" title=if filter.get().state.is_empty() { "No runs yet" } else { "No run is in this state" }/> }.into_any();
                }
                let total = list.total_entries;
                view! {
                    <div class="table-wrap" tabindex="0" role="region" aria-label="List of runs">
                        <table class="table">
                            <thead><tr><th scope="col">"Run"</th><th scope="col">"State"</th><th scope="col">"Logical date"</th><th scope="col">"Started"</th><th scope="col" class="num">"Duration"</th><th scope="col" class="num">"Version"</th></tr></thead>
                            <tbody>{list.dag_runs.iter().cloned().map(|run| view! { <Row run/> }).collect_view()}</tbody>
                        </table>
                    </div>
                    <Pager limit=LIMIT offset=Signal::derive(move || filter.get().offset) total=Signal::stored(total) names=("run", "runs") go=move |offset| go.run(Filter { offset, ..filter.get_untracked() })/>
                }.into_any()
            })}
        </section>
    }
}

#[component]
fn Row(run: DagRun) -> impl IntoView {
    let (kind, icon) = run_type(run.run_type);
    view! {
        <tr>
            <td>
                <A href=paths::run_page(run.dag_id.as_str(), run.dag_run_id.as_str()) attr:class="name mono">{run.dag_run_id.to_string()}</A>
                <div class="small faint row" style="gap:5px"><Icon name=icon class="s"/>{kind}{run.note.clone().map(|note| view! { <span class="clip" style="max-width:40ch" title=note.clone()>{format!("· {note}")}</span> })}</div>
            </td>
            <td><StatusLabel status=Status::from(run.state)/>{run.reason.map(|it| view! { <div class="small muted">{reason(it).0}</div> })}</td>
            <td><Moment at=run.logical_date short=true/></td>
            <td>{run.start_date.map_or_else(|| view! { <span class="faint">"–"</span> }.into_any(), |at| view! { <Moment at short=true/> }.into_any())}</td>
            <td class="num"><Elapsed start=Signal::stored(run.start_date) end=Signal::stored(run.end_date)/></td>
            <td class="num">{run.version_number}</td>
        </tr>
    }
}
