//! What was done, by whom, to what. Only administrators may read it.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::link::{dag_link, link};
use crate::components::page::{PageHead, Search};
use crate::components::pager::Pager;
use crate::components::time::Moment;
use crate::core::address::address;
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{EventLog, EventLogCollection};
use leptos::prelude::*;

/// Entries of a page.
const LIMIT: u32 = 50;

/// A date field as the API takes it. It is in UTC.
fn moment(date: &str) -> String {
    if date.is_empty() { String::new() } else { format!("{date}T00:00:00Z") }
}

/// See the module. The address has the filters and the page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let address = address();
    let (event, owner, dag) = (address.signal("event"), address.signal("owner"), address.signal("dag"));
    let (after, before) = (address.signal("after"), address.signal("before"));
    let offset = Memo::new(move |_| address.number("offset").unwrap_or_default());
    let entries = query::<EventLogCollection>(move || {
        let (limit, offset) = (LIMIT.to_string(), offset.get().to_string());
        let values = [
            ("limit", limit.as_str()),
            ("offset", &offset),
            ("order_by", "-event_log_id"),
            ("event", &event.get()),
            ("owner", &owner.get()),
            ("dag_id", &dag.get()),
            ("after", &moment(&after.get())),
            ("before", &moment(&before.get())),
        ];
        Some(format!("/eventLogs{}", paths::query(&values)))
    })
    .refetch_on(|_| false);
    let tag = move |name: &'static str, value: Memo<String>| {
        move || {
            Some(value.get()).filter(|value| !value.is_empty()).map(|value| {
                let label = format!("Remove the filter {value}");
                view! { <button type="button" class="tag on" aria-label=label on:click=move |_| address.set([(name, ""), ("offset", "")])>{value}<Icon name="close" class="s"/></button> }
            })
        }
    };
    let date = move |name: &'static str, label: &'static str, value: Memo<String>| {
        view! {
            <label class="row small muted">{label}
                <input class="input small" type="date" prop:value=move || value.get() on:change=move |event| address.set([(name, event_target_value(&event)), ("offset", String::new())])/>
            </label>
        }
    };
    view! {
        <PageHead title="Audit log"/>
        <div class="content">
            <div class="toolbar">
                <Search value=event on_input=move |text: String| address.set([("event", text), ("offset", String::new())]) label="Only one action: dag.apply"/>
                {date("after", "From", after)}{date("before", "to (UTC)", before)}
                {tag("owner", owner)}{tag("dag", dag)}
            </div>
            <section class="card" aria-label="Audit log">
                {loaded(entries, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.event_logs.is_empty() {
                        return view! { <Empty icon="history" title="Nothing that was done fits these filters"><p>"An action is written as it stands in the log, in whole: "<code>"variable.create"</code>"."</p></Empty> }.into_any();
                    }
                    view! {
                        <div class="table-wrap" tabindex="0" role="region" aria-label="List of entries">
                            <table class="table">
                                <thead><tr><th scope="col">"When"</th><th scope="col">"Who"</th><th scope="col">"Action"</th><th scope="col">"What it was done to"</th><th scope="col">"More"</th></tr></thead>
                                <tbody>{list.event_logs.iter().map(|it| view! { <Row it=it.clone() address/> }).collect_view()}</tbody>
                            </table>
                        </div>
                        <Pager limit=LIMIT offset total={let total = list.total_entries; Signal::derive(move || total)} names=("entry", "entries")
                            go=move |offset: u32| address.set([("offset", if offset == 0 { String::new() } else { offset.to_string() })])/>
                    }.into_any()
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
                view! { <button type="button" class="link" title="Only by this user" on:click=move |_| address.set([("owner", name.clone()), ("offset", String::new())])>{owner}</button> }
            })}</td>
            <td><button type="button" class="link mono" title="Only this action" on:click=move |_| address.set([("event", event.clone()), ("offset", String::new())])>{it.event.clone()}</button></td>
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
