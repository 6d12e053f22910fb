//! A dead letter with its whole history.

use super::bulk::{Act, Bulk, BulkDialog};
use super::state;
use crate::components::code::Code;
use crate::components::feedback::{Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::link::{dag_link, link};
use crate::components::page::PageHead;
use crate::components::table::{Column, Table, plain};
use crate::components::time::{Ago, Elapsed, Moment};
use crate::core::highlight::Language;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::status::reason;
use crate::core::{ansi, format, paths, yaml};
use cofferdam_api_types::{
    DeadLetterDetail, DeadLetterFilter, DeadLetterResolution, DeadLetterState, DeadLetterTry, Role, UndecodableMessage,
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use std::sync::Arc;

const TRIES: &[Column] = &[plain("Try"), plain("Began"), plain("Took"), plain("Ended"), plain("Used"), plain("Worker")];

/// How a letter was resolved, in words.
const fn resolved(how: DeadLetterResolution) -> &'static str {
    match how {
        DeadLetterResolution::Succeeded => "a later try succeeded",
        DeadLetterResolution::Skipped => "a later try asked to be skipped",
        DeadLetterResolution::MarkedSuccess => "somebody marked the task as succeeded",
        DeadLetterResolution::MarkedSkipped => "somebody marked the task as skipped",
    }
}

/// See the module.
#[component]
pub fn LetterPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("letter_id").unwrap_or_default()));
    let letter = query::<DeadLetterDetail>(move || Some(format!("/deadLetters/{}", paths::segment(&id.get()))))
        .refetch_on(|news| !news.is_progress() && news.run_id().is_some());
    let bulk = RwSignal::new(None::<Bulk>);
    let done = Callback::new(move |()| letter.refetch());
    let session = session();
    let may = move || session.may(Role::Operator);
    let ask = move |act: Act| {
        move |_| {
            let ids = letter.data.with_untracked(|it| it.as_ref().map(|it| vec![it.dead_letter.dead_letter_id]));
            bulk.set(Some(Bulk { act, filter: DeadLetterFilter { dead_letter_ids: ids, ..DeadLetterFilter::default() } }));
        }
    };
    let is_open =
        Memo::new(move |_| letter.data.with(|it| it.as_ref().is_some_and(|it| it.dead_letter.state == DeadLetterState::Open)));
    let title = Signal::derive(move || {
        letter.data.with(|it| {
            it.as_ref()
                .map_or_else(|| "Dead letter".to_owned(), |it| format!("{} of {}", it.dead_letter.task_id, it.dead_letter.dag_id))
        })
    });
    let pill = move || letter.data.with(|it| it.as_ref().map(|it| state(it.dead_letter.state)));
    view! {
        <PageHead title crumbs=vec![("/dead-letters".to_owned(), "Dead letters".to_owned())]
            beside=move || pill().map(|(slug, icon, word)| view! { <span class="status pill" data-state=slug><Icon name=icon/>{word}</span> })
            actions=move || view! {
                <Show when=move || is_open.get()>
                    <button type="button" class="btn" disabled=move || !may() on:click=ask(Act::Discard)>"Discard"</button>
                    <button type="button" class="btn primary" disabled=move || !may() on:click=ask(Act::Retry)><Icon name="retry" class="s"/>"Retry"</button>
                </Show>
            }/>
        <div class="content">{loaded(letter, Skeleton::Lines, |letter| view! { <Letter letter/> })}</div>
        <BulkDialog bulk done/>
    }
}

#[component]
fn Letter(letter: Signal<Arc<DeadLetterDetail>>) -> impl IntoView {
    move || {
        let DeadLetterDetail { dead_letter: it, history, rendered, undecodable } = (*letter.get()).clone();
        let (dag, run, task) = (it.dag_id.to_string(), it.dag_run_id.to_string(), it.task_id.to_string());
        let (why, advice) = reason(it.reason);
        let place = if it.map_index >= 0 { format!("{task} [{}]", it.map_index) } else { task.clone() };
        let run_link = match it.task_state {
            Some(_) => link(paths::task_page(&dag, &run, &task), run.clone()),
            None => view! { <span>{run.clone()}" (deleted)"</span> }.into_any(),
        };
        let closed = it.closed_at.map(|at| {
            let how = match (it.resolution, it.discarded_by.clone()) {
                (Some(how), _) => resolved(how).to_owned(),
                (None, Some(by)) => format!("discarded by {by}"),
                (None, None) => "discarded".to_owned(),
            };
            view! { <dt>"Closed"</dt><dd>{how}", "<Ago at/></dd> }
        });
        view! {
            <div class="notice error" role="note">
                <Icon name="x-circle"/>
                <div class="grow">
                    <h3>{why}</h3>
                    {it.message.clone().map(|message| view! { <pre tabindex="0">{ansi::plain_lines(&message)}</pre> })}
                    <p class="muted">{advice}</p>
                </div>
            </div>
            <section class="card" aria-label="Letter">
                <dl class="definition body">
                    <dt>"Task"</dt><dd>{dag_link(&dag)}" · "{place}</dd>
                    <dt>"Run"</dt><dd>{run_link}", for "<Moment at=it.logical_date short=true/></dd>
                    <dt>"Came"</dt><dd><Ago at=it.first_at/>{(it.times > 1).then(|| view! { {format!(", {} times, last ", it.times)}<Ago at=it.at/> })}</dd>
                    {it.retried_at.map(|at| view! { <dt>"Retried"</dt><dd>{format::plural(u64::from(it.retries), "time", "times")}", last "<Ago at/></dd> })}
                    {closed}
                    {it.note.clone().map(|note| view! { <dt>"Remark"</dt><dd>{note}</dd> })}
                </dl>
            </section>
            {undecodable.map(|message| view! { <Undecodable message/> })}
            <section class="card" aria-label="Tries">
                <header><h2>"Tries"</h2></header>
                <Table label="List of tries" columns=TRIES>
                    {history.into_iter().map(|it| view! { <Ended it at=(dag.clone(), run.clone(), task.clone())/> }).collect_view()}
                </Table>
            </section>
            {rendered.map(|rendered| {
                let text = serde_json::to_value(&rendered).map(|value| yaml::to_yaml(&value)).unwrap_or_default();
                view! { <section class="card" aria-label="Input"><header><h2>"What the last try was given"</h2></header><Code text=Signal::stored(text) language=Signal::stored(Language::Yaml) label="The input" height="420px"/></section> }
            })}
        }
    }
}

#[component]
fn Ended(it: DeadLetterTry, at: (String, String, String)) -> impl IntoView {
    let tried = it.ended;
    let (dag, run, task) = at;
    let why = tried.reason.map(|it| reason(it).0);
    let used = format!("{} fuel, {}", format::count(tried.receipt.fuel), format::bytes(tried.receipt.peak_memory_bytes));
    let number = tried.try_number;
    let log = it.log.map(|_| link(format!("{}&try={number}&tab=log", paths::task_page(&dag, &run, &task)), "Log".to_owned()));
    view! {
        <tr>
            <td class="nowrap"><strong>{number}</strong>" "{log}</td>
            <td>{tried.start_date.map(|at| view! { <Moment at short=true/> })}</td>
            <td><Elapsed start=tried.start_date end=Some(tried.end_date)/></td>
            <td class="value">{why}{tried.message.map(|text| view! { <div class="small muted">{ansi::plain_lines(&text)}</div> })}</td>
            <td class="small">{used}</td>
            <td class="small mono">{tried.worker_id.map(|it| it.to_string())}</td>
        </tr>
    }
}

/// The message that no worker could read.
#[component]
fn Undecodable(message: UndecodableMessage) -> impl IntoView {
    let size = format!(
        "{}{}",
        format::bytes(message.size_bytes),
        if message.truncated { ", of which the beginning is here" } else { "" }
    );
    view! {
        <section class="card" aria-label="Message">
            <header><h2>"The message"</h2><span class="grow"></span><span class="small muted">{message.queue.map(|queue| format!("queue {queue}, "))}{size}</span></header>
            <Code text=Signal::stored(message.body) language=Signal::stored(Language::Text) label="The message in Base64" height="240px"/>
        </section>
    }
}
