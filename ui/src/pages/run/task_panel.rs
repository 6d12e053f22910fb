//! Everything about one task of the run.

use crate::components::feedback::{Empty, Skeleton, SkeletonView, loaded};
use crate::components::icon::Icon;
use crate::components::log_view::{LogView, log_path};
use crate::components::menu::{Item, Menu};
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::live::News;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::status::{Status, reason};
use crate::core::{paths, tally};
use crate::pages::approvals::Question;
use crate::pages::approvals::decide::{DecideDialog, Decision};
use crate::pages::run::actions::{Asked, Deed};
use crate::pages::run::artifacts::Artifacts;
use crate::pages::run::input::Input;
use crate::pages::run::instances::Instances;
use crate::pages::run::receipt::ReceiptView;
use crate::pages::run::tries::Tries;
use crate::pages::run::xcoms::XComs;
use crate::pages::run::{Noted, run_context};
use cofferdam_api_types::{Approval, Event, MarkedState, Reason, Role, TaskInstance, Try, TryCollection, TryEnding};
use cofferdam_ids::TaskId;
use leptos::prelude::*;
use leptos_router::components::A;

/// The parts of the panel: name in the address, icon, label.
const PARTS: [(&str, &str, &str); 5] = [
    ("", "info", "Overview"),
    ("input", "in", "Input"),
    ("log", "log", "Log"),
    ("xcoms", "out", "XComs"),
    ("tries", "compare", "Tries"),
];

/// See the module.
#[component]
pub fn TaskPanel(
    /// The task.
    task: String,
) -> impl IntoView {
    let context = run_context();
    let address = context.address;
    let summary = {
        let task = task.clone();
        Memo::new(move |_| {
            context.summaries.data.with(|all| {
                all.as_ref().and_then(|all| all.task_summaries.iter().find(|it| it.task_id.as_str() == task).cloned())
            })
        })
    };
    let known = Memo::new(move |_| context.summaries.data.with(Option::is_some));
    let present = Memo::new(move |_| summary.with(Option::is_some));
    // A mapped task has instances with positions once its list is known.
    let is_many = Memo::new(move |_| {
        summary.with(|summary| summary.as_ref().is_some_and(|it| it.is_mapped && (it.instances > 1 || it.start_date.is_some())))
    });
    let index = Memo::new(move |_| address.get("map_index").parse::<i32>().ok().filter(|index| *index >= 0));
    let whole = Memo::new(move |_| is_many.get() && index.get().is_none());
    let status = Memo::new(move |_| summary.with(|it| it.as_ref().and_then(|it| tally::worst(&it.states)).map(Status::from)));
    let close = move |_| context.select.run(None);
    let (name, label) = (task.clone(), format!("Task {task}"));
    let id = TaskId::new(&task).ok();
    view! {
        <aside class="card task-panel" aria-label=label>
            <header>
                <h2 class="grow clip" title=name.clone()>{name.clone()}{move || index.get().map(|index| format!(" [{index}]"))}</h2>
                {move || whole.get().then(|| status.get().map(|status| view! { <StatusLabel status pill=true/> }))}
                <button type="button" class="btn quiet small icon-only" aria-label="Close (Esc)" title="Close (Esc)" on:click=close><Icon name="close"/></button>
            </header>
            {move || {
                let (task, id) = (task.clone(), id.clone());
                match (present.get(), known.get()) {
                    (true, _) if whole.get() => view! { <div class="panel-bar"><span class="small muted">"A mapped task: each item of its list is an instance."</span><Deeds task=id index=None note=Signal::stored(None)/></div><div class="panel-scroll" tabindex="0" role="region" aria-label="Instances"><Instances task summary/></div> }.into_any(),
                    (true, _) => view! { {move || view! { <Instance task=task.clone() id=id.clone() index=index.get() many=is_many/> }} }.into_any(),
                    (false, true) => view! { <Empty icon="dags" title="This task is not part of the run"><p>"The dag has changed since: the run is pinned to the version it started with."</p></Empty> }.into_any(),
                    (false, false) => view! { <SkeletonView shape=Skeleton::Lines/> }.into_any(),
                }
            }}
        </aside>
    }
}

/// What can be done to a task, or to one instance of it.
#[component]
fn Deeds(task: Option<TaskId>, index: Option<i32>, note: Signal<Option<String>>) -> impl IntoView {
    let context = run_context();
    let session = session();
    let Some(task) = task else { return ().into_any() };
    let ask = {
        let task = task.clone();
        move |deed| context.asked.set(Some(Asked::of(deed, task.clone(), index)))
    };
    let one = |label: &'static str, icon: &'static str, deed: Deed| {
        let ask = ask.clone();
        Item::new(label, icon, move || ask(deed))
    };
    let items = vec![
        one("Clear…", "retry", Deed::Clear),
        one("Retry from here…", "branch", Deed::Retry),
        one("Run by itself…", "play", Deed::RunAlone),
        one("Mark as success…", "check-circle", Deed::Mark(MarkedState::Success)),
        one("Mark as failed…", "x-circle", Deed::Mark(MarkedState::Failed)),
        one("Mark as skipped…", "skip", Deed::Mark(MarkedState::Skipped)),
    ];
    let about = task.to_string();
    let items = Signal::derive(move || {
        let mut items = items.clone();
        // What starts by itself, and has a note, is one instance.
        if let Some(note) = note.get() {
            let about = about.clone();
            let noted = move || Noted { task: Some((about.clone(), index.unwrap_or(-1))), note: note.clone() };
            items.push(Item::new("Note…", "note", move || context.noted.set(Some(noted()))));
        } else {
            items.remove(2);
        }
        items
    });
    view! { <Menu label="Actions" icon="bolt" small=true disabled=Signal::derive(move || !session.may(Role::Operator)) items/> }
        .into_any()
}

/// One instance: its parts, and what can be done to it.
#[component]
fn Instance(task: String, id: Option<TaskId>, index: Option<i32>, many: Memo<bool>) -> impl IntoView {
    let context = run_context();
    let address = context.address;
    let (dag_id, run_id) = (context.dag_id.get_untracked(), context.run_id.get_untracked());
    let api = paths::task(&dag_id, &run_id, &task);
    let path = index.map_or_else(|| api.clone(), |index| format!("{api}/{index}"));
    let at = index.map(|index| format!("?map_index={index}")).unwrap_or_default();
    let about = task.clone();
    let instance = query::<TaskInstance>(move || Some(path.clone())).refetch_on(move |update| match update {
        News::Change(Event::TaskInstance { task_id, map_index, .. }) => {
            task_id.as_str() == about && index.is_none_or(|index| index == *map_index) && context.concerns(update)
        }
        _ => false,
    });
    context.keep_up(instance);
    let changed = Memo::new(move |_| {
        instance.data.with(|it| it.as_ref().map(|it| format!("{} {}", it.state, it.try_number)).unwrap_or_default())
    });
    let tries = query::<TryCollection>({
        let (api, at) = (api.clone(), at.clone());
        move || {
            // Read, not only tracked: a memo that nobody reads never learns of changes.
            let _ = changed.get();
            Some(format!("{api}/tries{at}"))
        }
    });
    // The try that is looked at: the newest, until one is chosen.
    let newest = Memo::new(move |_| instance.data.with(|it| it.as_ref().map_or(0, |it| it.try_number)));
    let number = Memo::new(move |_| address.number("try").filter(|n| *n >= 1).map_or(newest.get(), |n| n.min(newest.get())));
    let part = address.signal("part");
    let chooser = move || {
        let newest = newest.get();
        (newest > 1).then(|| {
            view! {
                <div class="row try-row"><span class="small faint">"Try"</span>
                    <div class="segmented" role="group" aria-label="Try">
                        {(1..=newest).map(|n| view! { <button type="button" aria-pressed=move || (number.get() == n).to_string() on:click=move |_| address.set([("try", n.to_string())])>{n}</button> }).collect_view()}
                    </div>
                </div>
            }
        })
    };
    let shown = Memo::new(move |_| (part.get(), number.get(), newest.get()));
    let of_task = task.clone();
    let asks = Memo::new(move |_| {
        context.detail.data.with(|detail| {
            let tasks = detail.iter().flat_map(|detail| &detail.tasks);
            tasks.into_iter().any(|it| it.task_id.as_str() == of_task && it.kind == "approval")
        })
    });
    let note =
        Signal::derive(move || Some(instance.data.with(|it| it.as_ref().and_then(|it| it.note.clone())).unwrap_or_default()));
    let status = Memo::new(move |_| instance.data.with(|it| it.as_ref().map(|it| Status::from(it.state))));
    let back = move |_| address.set([("map_index", ""), ("try", "")]);
    let parts = move || {
        let (part, number, newest) = shown.get();
        let (api, at) = (api.clone(), at.clone());
        match part.as_str() {
            "input" if number == 0 => view! { <Empty icon="in" title="No input yet"><p>"The task has not been tried."</p></Empty> }.into_any(),
            "input" => view! { <div class="panel-scroll" tabindex="0" role="region" aria-label="Input">{chooser}<Input path=api at number newest/></div> }.into_any(),
            "log" if number == 0 => view! { <Empty icon="log" title="No log yet"><p>"The task has not been tried."</p></Empty> }.into_any(),
            "log" => {
                let name = format!("{dag_id}.{task}.{number}.log");
                let path = log_path(&dag_id, &run_id, &task, index.unwrap_or(-1), number);
                view! { <div class="panel-log">{chooser}<LogView path file_name=name/></div> }.into_any()
            }
            "xcoms" => view! { <div class="panel-scroll" tabindex="0" role="region" aria-label="XComs"><XComs path=api.clone() at=at.clone() changed/><Artifacts path=api at changed/></div> }.into_any(),
            "tries" => view! { <div class="panel-scroll" tabindex="0" role="region" aria-label="Tries"><Tries tries/></div> }.into_any(),
            _ => view! {
                <div class="panel-scroll" tabindex="0" role="region" aria-label="Overview">
                    <div class="body stack">
                        {chooser}
                        {(asks.get() && newest > 0).then(|| view! { <Asks path=api.clone() at=at.clone() changed/> })}
                        {loaded(instance, Skeleton::Lines, move |it| move || {
                            let finished = tries.data.with(|tries| tries.as_ref().and_then(|tries| tries.tries.iter().find(|it| it.try_number == number).cloned()));
                            view! { <Overview finished it=TaskInstance::clone(&it.get()) number asks=asks.get()/> }
                        })}
                    </div>
                </div>
            }
            .into_any(),
        }
    };
    view! {
        <div class="panel-bar top">
            <Show when=move || many.get()><button type="button" class="btn quiet small" on:click=back><Icon name="chevron-left" class="s"/>"All instances"</button></Show>
            {move || status.get().map(|status| view! { <StatusLabel status pill=true/> })}
            <span class="grow"></span>
            <Deeds task=id index note/>
        </div>
        <div class="panel-bar">
            <div class="tabs" role="tablist" aria-label="About the task">
                {PARTS.into_iter().map(|(value, icon, label)| view! {
                    <button type="button" role="tab" aria-selected=move || (part.get() == value).to_string() on:click=move |_| address.set([("part", value)])><Icon name=icon class="s"/>{label}</button>
                }).collect_view()}
            </div>
        </div>
        {parts}
    }
}

/// What a task asks people, and the answer.
#[component]
fn Asks(
    /// The API's path of the task instance, without its position.
    path: String,
    /// The query that names the position, with its `?`.
    at: String,
    /// Grows with every change of the task.
    changed: Memo<String>,
) -> impl IntoView {
    let context = run_context();
    let approval = query::<Approval>(move || {
        // Read, not only tracked: a memo that nobody reads never learns of changes.
        let _ = changed.get();
        Some(format!("{path}/approval{at}"))
    });
    let decision = RwSignal::new(None::<Decision>);
    let done = Callback::new(move |()| {
        approval.refetch();
        context.changed.run(());
    });
    view! {
        <section class="asks" aria-label="Approval">
            {loaded(approval, Skeleton::Lines, move |it| view! { <ul class="questions">{move || view! { <Question it=Approval::clone(&it.get()) decision/> }}</ul> })}
        </section>
        <DecideDialog decision done/>
    }
}

#[component]
fn Overview(
    finished: Option<Try>,
    it: TaskInstance,
    number: u32,
    /// Whether it is a question to a person, which says and uses nothing by itself.
    asks: bool,
) -> impl IntoView {
    let status = Status::from(it.state);
    let latest = number == it.try_number;
    let task = it.task_id.to_string();
    let (queued, start, end, worker) = match &finished {
        Some(one) => (Some(one.queued_at), one.start_date, Some(one.end_date), one.worker_id),
        None => (it.queued_at, it.start_date, it.end_date, it.worker_id),
    };
    let why = match &finished {
        Some(one) => one.reason.map(|why| (why, one.message.clone())),
        None => it.reason.map(|why| (why, it.message.clone())),
    };
    // A state that a person gave stands above what the last try said.
    let marked = (latest && finished.is_some() && it.reason == Some(Reason::MarkedByUser)).then_some(Reason::MarkedByUser);
    let said = finished.as_ref().and_then(|one| one.message.clone()).filter(|_| why.is_none() && !asks);
    let ending = finished.as_ref().map(|one| ending(one.ending));
    let dash = || view! { <span class="faint">"–"</span> }.into_any();
    let moment = move |at: Option<chrono::DateTime<chrono::Utc>>| at.map_or_else(dash, |at| view! { <Moment at/> }.into_any());
    view! {
        {it.note.clone().map(|note| view! { <div class="notice info note"><Icon name="note"/><div class="grow"><p>{note}</p></div></div> })}
        {(latest && finished.is_none()).then(|| view! { <p class="muted">{status.meaning()}</p> })}
        {(latest && status.is_running()).then(|| view! { <HowFar of=(task.clone(), it.map_index)/> })}
        {(latest && status.slug() == "up_for_retry").then(|| view! { <p class="muted">{format!("Try {} of {} failed; the next one follows.", it.try_number, it.max_tries)}</p> })}
        {marked.map(|why| view! { <Why why message=None/> })}
        {why.map(|(why, message)| view! { <Why why message/> })}
        {said.map(|text| view! { <div class="notice info"><Icon name="info"/><div class="grow"><pre>{text}</pre></div></div> })}
        {finished.as_ref().filter(|_| !asks).map(|one| view! { <ReceiptView receipt=one.receipt/> })}
        <dl class="definition" aria-label=format!("Details of {task}")>
            {it.rendered_map_index.clone().map(|label| view! { <dt>"Item"</dt><dd>{label}</dd> })}
            <dt>"Try"</dt><dd>{if number == 0 { "Not tried yet".to_owned() } else { format!("{number} of at most {}", it.max_tries) }}</dd>
            {ending.map(|ending| view! { <dt>"Ended"</dt><dd>{ending}</dd> })}
            <dt>"Queued"</dt><dd>{moment(queued)}</dd>
            <dt>"Started"</dt><dd>{moment(start)}</dd>
            <dt>"Ended at"</dt><dd>{moment(end)}</dd>
            <dt>"Waited"</dt><dd>{match queued { Some(_) => view! { <Elapsed start=Signal::stored(queued) end=Signal::stored(start.or(end))/> }.into_any(), None => dash() }}</dd>
            <dt>"Took"</dt><dd><Elapsed start=Signal::stored(start) end=Signal::stored(end)/></dd>
            <dt>"Worker"</dt><dd>{worker.map_or_else(dash, |worker| view! { <A href="/system"><code>{worker.to_string()}</code></A> }.into_any())}</dd>
            <dt>"Pool"</dt><dd>{it.pool.to_string()}</dd>
            <dt>"Queue"</dt><dd>{it.queue.to_string()}</dd>
        </dl>
    }
}

/// How far the running try said it is, if it said anything.
#[component]
fn HowFar(of: (String, i32)) -> impl IntoView {
    let context = run_context();
    let told = Memo::new(move |_| context.progress.with(|all| all.get(&of).cloned()));
    move || {
        told.get().map(|told| {
            view! {
                <div class="how-far">
                    <span class="gauge" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" aria-valuenow=told.percent.to_string()><i style=format!("width:{}%", told.percent)></i></span>
                    <span class="num small">{format!("{} %", told.percent)}</span>
                    <span class="small muted">{told.message}</span>
                </div>
            }
        })
    }
}

#[component]
fn Why(why: Reason, message: Option<String>) -> impl IntoView {
    let (what, advice) = reason(why);
    let mild = matches!(
        why,
        Reason::SkippedByTask | Reason::SkippedByRule | Reason::NothingToMap | Reason::MarkedByUser | Reason::Removed
    );
    view! {
        <div class="notice" class:error=!mild class:info=mild role="note">
            <Icon name=if mild { "info" } else { "warning" }/>
            <div class="grow">
                <h3>{what}</h3>
                {message.filter(|text| !text.is_empty()).map(|text| view! { <pre tabindex="0">{crate::core::ansi::plain_lines(&text)}</pre> })}
                <p class="muted small">{advice}</p>
                <p class="meta mono">{why.as_str()}</p>
            </div>
        </div>
    }
}

/// How a try ended, in words.
pub const fn ending(ending: TryEnding) -> &'static str {
    match ending {
        TryEnding::Success => "With a result",
        TryEnding::Failure => "With an error",
        TryEnding::Skip => "It asked to be skipped",
        TryEnding::Reschedule => "It asked to be run again later",
        TryEnding::Defer => "It waits for an event",
    }
}
