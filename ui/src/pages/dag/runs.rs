//! All runs of a dag: by state, by what made them, by date, in the order of a column.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Choice, Choices, Day, Segments};
use crate::components::icon::Icon;
use crate::components::picked::{Picked, Tick, TickAll};
use crate::components::status::StatusLabel;
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::{Elapsed, Moment};
use crate::core::address::address;
use crate::core::paths;
use crate::core::query::query;
use crate::core::status::{Status, reason, run_type};
use crate::pages::dag::dag_context;
use crate::pages::dag::several::RunsBar;
use chrono::NaiveDate;
use cofferdam_api_types::{DagRun, DagRunCollection};
use cofferdam_ids::DagRunId;
use leptos::prelude::*;
use leptos_router::components::A;

const LIMIT: u32 = 50;

/// The order of the list, when the address names none.
const USUAL: &str = "-logical_date";

const COLUMNS: &[Column] = &[
    ordered("Run", "dag_run_id").latest(),
    plain("State"),
    ordered("Logical date", "logical_date").latest(),
    ordered("Made", "queued_at").latest(),
    ordered("Started", "start_date").latest(),
    ordered("Ended", "end_date").latest(),
    plain("Duration").num(),
    plain("Version").num(),
];

const STATES: &[Choice] =
    &[("", "All"), ("running", "Running"), ("queued", "Queued"), ("success", "Success"), ("failed", "Failed")];

const TYPES: [Choice; 5] = [
    ("", "Made in any way"),
    ("scheduled", "Scheduled"),
    ("manual", "Manual"),
    ("backfill", "Backfill"),
    ("dataset_triggered", "Event"),
];

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
    let paging = address.paging(LIMIT);
    // One memo: an effect that reads the address and memos made of it misses changes.
    let request = Memo::new(move |_| {
        let (start, end) = bounds(&address.get("from"), &address.get("to"));
        let order = Some(address.get("order")).filter(|order| !order.is_empty()).unwrap_or_else(|| USUAL.to_owned());
        let values = paging.query(&[
            ("state", &address.get("state")),
            ("run_type", &address.get("type")),
            ("execution_date_gte", &start),
            ("execution_date_lte", &end),
            ("order_by", &order),
        ]);
        format!("{}/dagRuns{values}", paths::dag(&dag.id.get()))
    });
    let runs = query::<DagRunCollection>(move || Some(request.get()))
        .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(dag.id.get_untracked().as_str()));
    let picked = Picked::new();
    let page = Memo::new(move |_| {
        runs.data.with(|list| list.iter().flat_map(|list| &list.dag_runs).map(|run| run.dag_run_id.clone()).collect::<Vec<_>>())
    });
    let changed = Callback::new(move |()| runs.refetch());
    let filtered = Memo::new(move |_| ["state", "type", "from", "to"].iter().any(|name| !address.get(name).is_empty()));
    let clear = move |_| address.set(["state", "type", "from", "to", "offset"].map(|name| (name, "")));
    view! {
        <div class="toolbar">
            <Segments address name="state" label="State" choices=STATES/>
            <Choices address name="type" label="What made them" choices=TYPES.to_vec()/>
            <Day address name="from" word="For" label="From this day"/><Day address name="to" word="to" label="To this day"/>
            <Show when=move || filtered.get()><button type="button" class="btn quiet small" on:click=clear><Icon name="close" class="s"/>"No filters"</button></Show>
            <RunsBar picked changed/>
        </div>
        <section class="card" aria-label="Runs">
            {loaded(runs, Skeleton::Rows, move |list| move || {
                if list.with(|list| list.dag_runs.is_empty()) {
                    return if filtered.get() || paging.offset.get() > 0 {
                        view! { <Empty icon="search" title="No run fits these filters"><button type="button" class="btn small" on:click=clear>"Show all runs"</button></Empty> }.into_any()
                    } else {
                        view! { <Empty icon="list" title="No runs yet"><p>"Trigger a run, or wait for its schedule."</p></Empty> }.into_any()
                    };
                }
                let total = Signal::derive(move || list.with(|list| list.total_entries));
                let rows = list.with(|list| list.dag_runs.iter().cloned().map(|run| view! { <Row run picked/> }).collect_view());
                let tick = ViewFn::from(move || view! { <TickAll picked page/> });
                view! { <Listed address paging total names=("run", "runs") columns=COLUMNS usual=USUAL tick=Some(tick)>{rows}</Listed> }.into_any()
            })}
        </section>
    }
}

#[component]
fn Row(run: DagRun, picked: Picked<DagRunId>) -> impl IntoView {
    let (kind, icon) = run_type(run.run_type);
    let at = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(|| view! { <span class="faint">"–"</span> }.into_any(), |at| view! { <Moment at short=true/> }.into_any())
    };
    view! {
        <tr>
            <td class="tight"><Tick picked key=run.dag_run_id.clone() name=run.dag_run_id.to_string()/></td>
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
