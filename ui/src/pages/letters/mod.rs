//! Dead letters: what came to nothing, until somebody has looked after it.

mod bulk;
pub mod detail;
mod retention;

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Choice, Choices, Segments, Tag};
use crate::components::icon::Icon;
use crate::components::link::link;
use crate::components::page::PageHead;
use crate::components::status::StatusLabel;
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Ago;
use crate::core::address::address;
use crate::core::format;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::status::{Status, reason};
use bulk::{Act, Bulk, BulkDialog};
use cofferdam_api_types::{DeadLetter, DeadLetterCollection, DeadLetterFilter, DeadLetterKind, DeadLetterState, Reason, Role};
use leptos::prelude::*;
use retention::Retention;

/// Letters of a page.
const LIMIT: u32 = 50;

const COLUMNS: &[Column] =
    &[ordered("Task", "task"), ordered("Why", "reason"), plain("Tries"), plain("Now"), ordered("Last came", "at").latest()];

const STATES: &[Choice] = &[("", "Open"), ("resolved", "Resolved"), ("discarded", "Discarded"), ("all", "All")];

const KINDS: &[Choice] = &[("", "Tasks and messages"), ("task", "Tasks"), ("message", "Messages")];

/// A state with its colour, its icon and its name.
#[must_use]
pub const fn state(state: DeadLetterState) -> (&'static str, &'static str, &'static str) {
    match state {
        DeadLetterState::Open => ("failed", "inbox", "Open"),
        DeadLetterState::Resolved => ("success", "check-circle", "Resolved"),
        DeadLetterState::Discarded => ("skipped", "minus-circle", "Discarded"),
    }
}

/// The filter for bulk actions that the address asks for.
fn filter(dag: &str, task: &str, why: &str, kind: &str) -> DeadLetterFilter {
    DeadLetterFilter {
        dag_ids: dag.parse().ok().map(|dag| vec![dag]),
        task_ids: task.parse().ok().map(|task| vec![task]),
        reasons: Reason::ALL.iter().find(|it| it.as_str() == why).map(|it| vec![*it]),
        kinds: [DeadLetterKind::Task, DeadLetterKind::Message].into_iter().find(|it| it.as_str() == kind).map(|it| vec![it]),
        ..DeadLetterFilter::default()
    }
}

/// See the module. The address has the filters, the order and the page.
#[component]
pub fn LetterList() -> impl IntoView {
    let address = address();
    let (wanted, dag, task) = (address.signal("state"), address.signal("dag"), address.signal("task"));
    let (why, kind, order) = (address.signal("reason"), address.signal("kind"), address.signal("order"));
    let paging = address.paging(LIMIT);
    // Those that somebody has to look after, unless others are asked for.
    let state_of = Memo::new(move |_| match wanted.get().as_str() {
        "" => "open".to_owned(),
        "all" => String::new(),
        other => other.to_owned(),
    });
    let letters = query::<DeadLetterCollection>(move || {
        let values = paging.query(&[
            ("order_by", &order.get()),
            ("state", &state_of.get()),
            ("dag_id", &dag.get()),
            ("task_id", &task.get()),
            ("reason", &why.get()),
            ("kind", &kind.get()),
        ]);
        Some(format!("/deadLetters{values}"))
    })
    .refetch_on(|news| !news.is_progress() && news.run_id().is_some());
    let session = session();
    let may = move || session.may(Role::Operator);
    let bulk = RwSignal::new(None::<Bulk>);
    let done = Callback::new(move |()| letters.refetch());
    let of_all = move |act: Act| {
        move |_| bulk.set(Some(Bulk { act, filter: filter(&dag.read(), &task.read(), &why.read(), &kind.read()) }))
    };
    let reasons =
        std::iter::once(("", "Any reason")).chain(Reason::ALL.iter().map(|it| (it.as_str(), reason(*it).0))).collect::<Vec<_>>();
    let is_open = Memo::new(move |_| wanted.with(String::is_empty));
    let any = Memo::new(move |_| letters.data.with(|list| list.as_ref().is_some_and(|list| !list.dead_letters.is_empty())));
    view! {
        <PageHead title="Dead letters" actions=move || view! {
            <Show when=move || is_open.get() && any.get()>
                <button type="button" class="btn" disabled=move || !may() on:click=of_all(Act::Discard)>"Discard all"</button>
                <button type="button" class="btn primary" disabled=move || !may() on:click=of_all(Act::Retry)><Icon name="retry" class="s"/>"Retry all"</button>
            </Show>
        }/>
        <div class="content">
            <div class="toolbar">
                <Segments address name="state" label="State" choices=STATES/>
                <Choices address name="reason" label="Why" choices=reasons/>
                <Choices address name="kind" label="Kind" choices=KINDS.to_vec()/>
                <Tag address name="dag"/><Tag address name="task"/>
            </div>
            <section class="card" aria-label="Dead letters">
                {loaded(letters, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.dead_letters.is_empty() {
                        return view! {
                            <Empty icon="inbox" title=if is_open.get() { "Nothing waits for you here" } else { "No letters fit these filters" }>
                                <p>"A task whose tries are used up stays here with its whole history until it is retried with success or discarded."</p>
                            </Empty>
                        }.into_any();
                    }
                    let rows = list.dead_letters.iter().map(|it| view! { <Row it=it.clone() address bulk/> }).collect_view();
                    view! { <Listed address paging total=Signal::stored(list.total_entries) names=("letter", "letters") columns=COLUMNS usual="-at" actions=true>{rows}</Listed> }.into_any()
                })}
            </section>
            <Retention/>
        </div>
        <BulkDialog bulk done/>
    }
}

#[component]
fn Row(it: DeadLetter, address: crate::core::address::Address, bulk: RwSignal<Option<Bulk>>) -> impl IntoView {
    let session = session();
    let may = move || session.may(Role::Operator);
    let (slug, icon, word) = state(it.state);
    let (dag, task) = (it.dag_id.to_string(), it.task_id.to_string());
    let place = if it.map_index >= 0 { format!("{task} [{}]", it.map_index) } else { task.clone() };
    let one = |act: Act| {
        let filter = DeadLetterFilter { dead_letter_ids: Some(vec![it.dead_letter_id]), ..DeadLetterFilter::default() };
        move |_| bulk.set(Some(Bulk { act, filter: filter.clone() }))
    };
    let (retry, discard) = (one(Act::Retry), one(Act::Discard));
    let is_open = it.state == DeadLetterState::Open;
    let name = format!("{task} of {dag}");
    let only = dag.clone();
    view! {
        <tr>
            <td>
                {link(format!("/dead-letters/{}", it.dead_letter_id), place)}
                <div class="small"><button type="button" class="link" title="Only this dag" on:click=move |_| address.narrow("dag", only.clone())>{dag.clone()}</button>
                    <span class="muted">" · "{it.dag_run_id.to_string()}</span></div>
            </td>
            <td class="value">{reason(it.reason).0}{it.message.clone().map(|text| view! { <div class="small muted one-line">{text.lines().next().unwrap_or_default().to_owned()}</div> })}</td>
            <td class="nowrap">{it.tries}{(it.times > 1).then(|| view! { <span class="small muted">{format!(", came {} times", it.times)}</span> })}</td>
            <td>{if is_open {
                match it.task_state { Some(state) => view! { <StatusLabel status=Status::from(state)/> }.into_any(), None => view! { <span class="faint">"Run deleted"</span> }.into_any() }
            } else {
                view! { <span class="status" data-state=slug><Icon name=icon/>{word}</span> }.into_any()
            }}{(it.retries > 0).then(|| view! { <div class="small muted">{format!("retried {}", format::plural(u64::from(it.retries), "time", "times"))}</div> })}</td>
            <td><Ago at=it.at/></td>
            <td class="tight">{is_open.then(|| view! {
                <div class="row">
                    <button type="button" class="btn small" aria-label=format!("Retry {name}") disabled=move || !may() on:click=retry><Icon name="retry" class="s"/>"Retry"</button>
                    <button type="button" class="btn small" aria-label=format!("Discard {name}") disabled=move || !may() on:click=discard>"Discard"</button>
                </div>
            })}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filtered_is_what_bulk_actions_are_about() {
        assert_eq!(filter("", "", "", ""), DeadLetterFilter::default());
        let some = filter("weather", "load", "timed_out", "message");
        assert_eq!(
            serde_json::to_value(&some).unwrap(),
            serde_json::json!({
                "dag_ids": ["weather"], "task_ids": ["load"], "reasons": ["timed_out"], "kinds": ["message"],
            })
        );
    }
}
