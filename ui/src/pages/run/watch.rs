//! What a run has called, and its deadlines.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::log_view::{LogView, log_path};
use crate::components::status::StatusLabel;
use crate::components::time::{Ago, Elapsed, Moment};
use crate::core::query::{Query, query};
use crate::core::status::{Status, reason};
use crate::core::{format, paths};
use crate::pages::run::run_context;
use cofferdam_api_types::{Callback, CallbackCollection, CallbackEvent, Deadline, DeadlineCollection, DeadlineFrom};
use leptos::prelude::*;

/// From when a deadline is counted, in words.
const fn since(from: DeadlineFrom) -> &'static str {
    match from {
        DeadlineFrom::QueuedAt => "it was queued",
        DeadlineFrom::StartedAt => "it started",
        DeadlineFrom::LogicalDate => "the moment that the run is for",
    }
}

const fn event(event: CallbackEvent) -> &'static str {
    match event {
        CallbackEvent::OnSuccess => "Success",
        CallbackEvent::OnFailure => "Failure",
        CallbackEvent::OnRetry => "Retry",
        CallbackEvent::OnSkipped => "Skipped",
        CallbackEvent::Deadline => "Deadline missed",
    }
}

/// The deadlines of the run.
#[must_use]
pub fn deadlines() -> Query<DeadlineCollection> {
    let context = run_context();
    query::<DeadlineCollection>(move || Some(format!("{}/deadlines", paths::run(&context.dag_id.get(), &context.run_id.get()))))
        .refetch_on(move |update| context.concerns(update))
}

/// Says that deadlines were missed, when some were.
#[component]
pub fn Missed(deadlines: Query<DeadlineCollection>) -> impl IntoView {
    let missed = Memo::new(move |_| {
        let is_missed = |all: &DeadlineCollection| {
            all.deadlines.iter().filter(|it| it.missed_at.is_some()).cloned().collect::<Vec<Deadline>>()
        };
        deadlines.data.with(|all| all.as_deref().map(is_missed).unwrap_or_default())
    });
    move || {
        let missed = missed.get();
        (!missed.is_empty()).then(|| {
            view! {
                <div class="notice warn" role="note" aria-label="Missed deadlines">
                    <Icon name="timer"/>
                    <div class="grow">
                        <h3>{format::plural(missed.len() as u64, "deadline was missed", "deadlines were missed")}</h3>
                        <ul class="small">{missed.iter().map(|it| view! {
                            <li>{it.task_id.as_ref().map_or_else(|| "The run".to_owned(), ToString::to_string)}
                                {format!(": {} after {}", format::duration_us(it.after_ms.saturating_mul(1_000)), since(it.from))}
                                {it.missed_at.map(|at| view! { <span class="muted">", seen "<Ago at/></span> })}</li>
                        }).collect_view()}</ul>
                    </div>
                </div>
            }
        })
    }
}

/// The callbacks of the run, with their tries and logs.
#[component]
pub fn Callbacks(deadlines: Query<DeadlineCollection>) -> impl IntoView {
    let context = run_context();
    let list = query::<CallbackCollection>(move || {
        Some(format!("{}/callbacks", paths::run(&context.dag_id.get(), &context.run_id.get())))
    })
    .refetch_on(move |update| context.concerns(update));
    let ahead = move || {
        let all = deadlines.data.get();
        let ahead: Vec<Deadline> =
            all.iter().flat_map(|all| &all.deadlines).filter(|it| it.missed_at.is_none()).cloned().collect();
        (!ahead.is_empty()).then(|| {
            let row = |it: &Deadline| {
                let whose = it.task_id.as_ref().map_or_else(|| "The run".to_owned(), ToString::to_string);
                let after = format!("{} after {}", format::duration_us(it.after_ms.saturating_mul(1_000)), since(it.from));
                view! { <li class="row"><strong>{whose}</strong><span class="muted">{after}</span>{it.due_at.map(|at| view! { <Moment at/> })}</li> }
            };
            view! { <section class="body stack" aria-label="Deadlines"><h3>"Deadlines ahead"</h3><ul class="stack small">{ahead.iter().map(row).collect_view()}</ul></section> }
        })
    };
    view! {
        {ahead}
        {loaded(list, Skeleton::Rows, move |list| move || {
            if list.with(|list| list.callbacks.is_empty()) {
                return view! { <Empty icon="bolt" title="No callback was called"><p>"With on_success, on_failure, on_retry and on_skipped, and with deadlines, a dag and its tasks say what is called when something happens to them."</p></Empty> }.into_any();
            }
            view! { <ul class="called" aria-label="Callbacks">{list.with(|list| list.callbacks.iter().cloned().map(|it| view! { <Called it/> }).collect_view())}</ul> }.into_any()
        })}
    }
}

#[component]
fn Called(it: Callback) -> impl IntoView {
    let context = run_context();
    let open = RwSignal::new(false);
    let (dag, run) = (context.dag_id.get_untracked(), context.run_id.get_untracked());
    let name = it.task_id.to_string();
    let subject = match (&it.subject_task_id, it.subject_map_index) {
        (None, _) => "the run".to_owned(),
        (Some(task), ..0) => task.to_string(),
        (Some(task), index) => format!("{task} [{index}]"),
    };
    let path = log_path(&dag, &run, &name, it.map_index, it.try_number.max(1));
    let file = format!("{dag}.{name}.{}.log", it.try_number);
    view! {
        <li>
            <div class="row wrap">
                <StatusLabel status=Status::from(it.state)/>
                <strong>{event(it.event)}</strong><span class="muted">{format!("of {subject}")}</span>
                <code class="small">{name}</code>
                <span class="grow"></span>
                <span class="small muted">{(it.try_number > 1).then(|| format!("try {} · ", it.try_number))}<Elapsed start=Signal::stored(it.start_date) end=Signal::stored(it.end_date)/>" · "<Ago at=it.called_at/></span>
                <button type="button" class="btn small" aria-expanded=move || open.get().to_string() disabled=it.try_number == 0 on:click=move |_| open.update(|open| *open = !*open)>"Log"</button>
            </div>
            {it.reason.map(|why| view! { <p class="small muted">{reason(why).0}{it.message.clone().map(|text| format!(": {text}"))}</p> })}
            <Show when=move || open.get()><div class="called-log"><LogView path=path.clone() file_name=file.clone()/></div></Show>
        </li>
    }
}
