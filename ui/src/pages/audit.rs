//! What was done, by whom, to what. Only administrators may read it.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Day, Tag};
use crate::components::link::{dag_link, link};
use crate::components::page::{PageHead, Search};
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Moment;
use crate::core::address::address;
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{EventLog, EventLogCollection};
use leptos::prelude::*;

/// Entries of a page.
const LIMIT: u32 = 50;

const COLUMNS: &[Column] = &[
    ordered("When", "event_log_id").latest(),
    ordered("Who", "owner"),
    ordered("Action", "event"),
    ordered("What it was done to", "dag_id"),
    plain("More"),
];

/// The latest first, unless the address says otherwise.
const USUAL: &str = "-event_log_id";

/// A date field as the API takes it. It is in UTC.
fn moment(date: &str) -> String {
    if date.is_empty() { String::new() } else { format!("{date}T00:00:00Z") }
}

/// See the module. The address has the filters and the page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let address = address();
    let (event, owner, dag) = (address.signal("event"), address.signal("owner"), address.signal("dag"));
    let (after, before, order) = (address.signal("after"), address.signal("before"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let entries = query::<EventLogCollection>(move || {
        let order = order.get();
        let values = paging.query(&[
            ("order_by", if order.is_empty() { USUAL } else { &order }),
            ("event", &event.get()),
            ("owner", &owner.get()),
            ("dag_id", &dag.get()),
            ("after", &moment(&after.get())),
            ("before", &moment(&before.get())),
        ]);
        Some(format!("/eventLogs{values}"))
    })
    .refetch_on(|_| false);
    view! {
        <PageHead title="Audit log"/>
        <div class="content">
            <div class="toolbar">
                <Search value=event on_input=move |text: String| address.narrow("event", text) label="Only one action: dag.apply"/>
                <Day address name="after" word="From" label="From this day"/><Day address name="before" word="to (UTC)" label="To before this day"/>
                <Tag address name="owner"/><Tag address name="dag"/>
            </div>
            <section class="card" aria-label="Audit log">
                {loaded(entries, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.event_logs.is_empty() {
                        return view! { <Empty icon="history" title="Nothing that was done fits these filters"><p>"An action is written as it stands in the log, in whole: "<code>"variable.create"</code>"."</p></Empty> }.into_any();
                    }
                    let rows = list.event_logs.iter().map(|it| view! { <Row it=it.clone() address/> }).collect_view();
                    view! { <Listed address paging total=Signal::stored(list.total_entries) names=("entry", "entries") columns=COLUMNS usual=USUAL>{rows}</Listed> }.into_any()
                })}
            </section>
        </div>
    }
}

#[component]
fn Row(it: EventLog, address: crate::core::address::Address) -> impl IntoView {
    let target = match (it.dag_id.clone(), it.run_id.clone(), it.task_id.clone()) {
        (Some(dag), Some(run), Some(task)) => link(paths::task_page(&dag, &run, &task), format!("{dag} · {run} · {task}")),
        (Some(dag), Some(run), None) => link(paths::run_page(&dag, &run), format!("{dag} · {run}")),
        (Some(dag), None, _) => dag_link(&dag),
        _ => view! { <span class="muted">{it.target_kind.clone()}" "</span>{it.target.clone()} }.into_any(),
    };
    let (event, owner) = (it.event.clone(), it.owner.clone());
    let more = it.extra.clone().filter(|extra| extra != "{}" && extra != "null");
    view! {
        <tr>
            <td><Moment at=it.when/></td>
            <td>{owner.map(|owner| {
                let name = owner.clone();
                view! { <button type="button" class="link" title="Only by this user" on:click=move |_| address.narrow("owner", name.clone())>{owner}</button> }
            })}</td>
            <td><button type="button" class="link mono" title="Only this action" on:click=move |_| address.narrow("event", event.clone())>{it.event.clone()}</button></td>
            <td class="value">{target}</td>
            <td class="value">{more.map(|more| view! { <code>{more}</code> })}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(moment("2026-11-21"), "2026-11-21T00:00:00Z");
        assert_eq!(moment(""), "");
    }
}
