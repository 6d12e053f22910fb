//! All runs of a dag: by state, by what made them, by date, in the order of a column.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::pager::Pager;
use crate::components::sort::SortHead;
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::address::address;
use crate::core::paths;
use crate::core::query::query;
use crate::core::status::{Status, reason, run_type};
use crate::pages::dag::dag_context;
use chrono::NaiveDate;
use cofferdam_api_types::{DagRun, DagRunCollection};
use leptos::prelude::*;
use leptos_router::components::A;

const LIMIT: u32 = 50;

/// The bounds of the days from `from` to `to`, as the API takes them. What is no date is left out.
fn bounds(from: &str, to: &str) -> (String, String) {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let start = day(from).map(|day| format!("{day}T00:00:00Z")).unwrap_or_default();
    let end = day(to).map(|day| format!("{day}T23:59:59.999999Z")).unwrap_or_default();
    (start, end)
}

/// See the module.
#[component]
pub fn RunsTab() -> impl IntoView {
    let dag = dag_context();
    let address = address();
    let offset = Memo::new(move |_| address.number("offset").unwrap_or(0));
    let order = Memo::new(move |_| {
        Some(address.get("order_by")).filter(|order| !order.is_empty()).unwrap_or_else(|| "-logical_date".to_owned())
    });
    // One memo: an effect that reads the address and memos made of it misses changes.
    let request = Memo::new(move |_| {
        let (limit, offset) = (LIMIT.to_string(), offset.get().to_string());
        let (start, end) = bounds(&address.get("from"), &address.get("to"));
        let values = [
            ("limit", limit.as_str()),
            ("offset", &offset),
            ("state", &address.get("state")),
            ("run_type", &address.get("type")),
            ("execution_date_gte", &start),
            ("execution_date_lte", &end),
            ("order_by", &order.get()),
        ];
        format!("{}/dagRuns{}", paths::dag(&dag.id.get()), paths::query(&values))
    });
    let runs = query::<DagRunCollection>(move || Some(request.get()))
        .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(dag.id.get_untracked().as_str()));
    let states = [("", "All"), ("running", "Running"), ("queued", "Queued"), ("success", "Success"), ("failed", "Failed")];
    let types = [
        ("", "Made in any way"),
        ("scheduled", "Scheduled"),
        ("manual", "Manual"),
        ("backfill", "Backfill"),
        ("dataset_triggered", "Event"),
    ];
    let set = move |name: &'static str, value: String| address.set([(name, value), ("offset", String::new())]);
    let filtered = Memo::new(move |_| ["state", "type", "from", "to"].iter().any(|name| !address.get(name).is_empty()));
    let clear = move |_| address.set(["state", "type", "from", "to", "offset"].map(|name| (name, "")));
    let sort = Callback::new(move |order: String| {
        address.set([("order_by", if order == "-logical_date" { String::new() } else { order }), ("offset", String::new())]);
    });
    let shown_order = Signal::derive(move || order.get());
    view! {
        <div class="toolbar">
            <div class="segmented" role="group" aria-label="State">
                {states.into_iter().map(|(value, label)| view! {
                    <button type="button" aria-pressed=move || (address.get("state") == value).to_string() on:click=move |_| set("state", value.to_owned())>{label}</button>
                }).collect_view()}
            </div>
            <select class="select small" aria-label="What made them" on:change=move |event| set("type", event_target_value(&event))>
                {types.into_iter().map(|(value, label)| view! { <option value=value selected=move || address.get("type") == value>{label}</option> }).collect_view()}
            </select>
            <label class="row small"><span class="muted">"For"</span><input type="date" class="input small date" aria-label="From this day" prop:value=move || address.get("from") on:change=move |event| set("from", event_target_value(&event))/></label>
            <label class="row small"><span class="muted">"to"</span><input type="date" class="input small date" aria-label="To this day" prop:value=move || address.get("to") on:change=move |event| set("to", event_target_value(&event))/></label>
            <Show when=move || filtered.get()><button type="button" class="btn quiet small" on:click=clear><Icon name="close" class="s"/>"No filters"</button></Show>
        </div>
        <section class="card" aria-label="Runs">
            {loaded(runs, Skeleton::Rows, move |list| move || {
                if list.with(|list| list.dag_runs.is_empty()) {
                    return if filtered.get() || offset.get() > 0 {
                        view! { <Empty icon="search" title="No run fits these filters"><button type="button" class="btn small" on:click=clear>"Show all runs"</button></Empty> }.into_any()
                    } else {
                        view! { <Empty icon="list" title="No runs yet"><p>"Trigger a run, or wait for its schedule."</p></Empty> }.into_any()
                    };
                }
                let total = Signal::derive(move || list.with(|list| list.total_entries));
                view! {
                    <div class="table-wrap" tabindex="0" role="region" aria-label="List of runs">
                        <table class="table">
                            <thead><tr>
                                <SortHead label="Run" field="dag_run_id" order=shown_order on_sort=sort/>
                                <th scope="col">"State"</th>
                                <SortHead label="Logical date" field="logical_date" order=shown_order on_sort=sort/>
                                <SortHead label="Made" field="queued_at" order=shown_order on_sort=sort/>
                                <SortHead label="Started" field="start_date" order=shown_order on_sort=sort/>
                                <SortHead label="Ended" field="end_date" order=shown_order on_sort=sort/>
                                <th scope="col" class="num">"Duration"</th><th scope="col" class="num">"Version"</th>
                            </tr></thead>
                            <tbody>{list.with(|list| list.dag_runs.iter().cloned().map(|run| view! { <Row run/> }).collect_view())}</tbody>
                        </table>
                    </div>
                    <Pager limit=LIMIT offset=Signal::derive(move || offset.get()) total names=("run", "runs") go=move |offset: u32| address.set([("offset", if offset == 0 { String::new() } else { offset.to_string() })])/>
                }.into_any()
            })}
        </section>
    }
}

#[component]
fn Row(run: DagRun) -> impl IntoView {
    let (kind, icon) = run_type(run.run_type);
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(|| view! { <span class="faint">"–"</span> }.into_any(), |at| view! { <Moment at short=true/> }.into_any())
    };
    view! {
        <tr>
            <td>
                <A href=paths::run_page(run.dag_id.as_str(), run.dag_run_id.as_str()) attr:class="name mono">{run.dag_run_id.to_string()}</A>
                <div class="small faint row" style="gap:5px"><Icon name=icon class="s"/>{kind}{run.note.clone().map(|note| view! { <span class="clip" style="max-width:40ch" title=note.clone()>{format!("· {note}")}</span> })}</div>
            </td>
            <td><StatusLabel status=Status::from(run.state)/>{run.reason.map(|it| view! { <div class="small muted">{reason(it).0}</div> })}</td>
            <td><Moment at=run.logical_date short=true/></td>
            <td><Moment at=run.queued_at short=true/></td>
            <td>{at(run.start_date)}</td>
            <td>{at(run.end_date)}</td>
            <td class="num"><Elapsed start=Signal::stored(run.start_date) end=Signal::stored(run.end_date)/></td>
            <td class="num">{run.version_number}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_meant_whole() {
        let (from, to) = bounds("2026-11-01", "2026-11-02");
        assert_eq!((from.as_str(), to.as_str()), ("2026-11-01T00:00:00Z", "2026-11-02T23:59:59.999999Z"));
        assert_eq!(bounds("", "soon"), (String::new(), String::new()));
    }
}
