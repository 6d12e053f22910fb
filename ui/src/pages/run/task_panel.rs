//! Everything about one task of a run: its tries with what they used and said, its log, its XComs.

use crate::components::feedback::{Empty, Skeleton, SkeletonView, loaded};
use crate::components::icon::Icon;
use crate::components::log_view::{LogView, log_path};
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::paths;
use crate::core::query::query;
use crate::core::status::{Status, reason};
use crate::pages::run::artifacts::Artifacts;
use crate::pages::run::receipt::ReceiptView;
use crate::pages::run::run_context;
use crate::pages::run::xcoms::XComs;
use cofferdam_api_types::{Reason, TaskInstance, Try, TryCollection, TryEnding};
use leptos::prelude::*;
use leptos_router::components::A;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Overview,
    Log,
    XComs,
}

/// See the module.
#[component]
pub fn TaskPanel(
    /// The task.
    task: String,
) -> impl IntoView {
    let context = run_context();
    let instances = {
        let task = task.clone();
        Memo::new(move |_| {
            context.tasks.data.with(|list| {
                list.as_ref()
                    .map(|list| list.task_instances.iter().filter(|it| it.task_id.as_str() == task).cloned().collect::<Vec<_>>())
            })
        })
    };
    let map_index = RwSignal::new(None::<i32>);
    let instance = Memo::new(move |_| {
        instances.with(|all| {
            all.as_ref().and_then(|all| all.iter().find(|it| map_index.get().is_none_or(|index| it.map_index == index)).cloned())
        })
    });
    let part = RwSignal::new(Part::Overview);
    let close = move |_| context.select.run(None);
    let indexes = Memo::new(move |_| {
        instances.with(|all| all.as_ref().map(|all| all.iter().map(|it| it.map_index).collect::<Vec<_>>()).unwrap_or_default())
    });
    let path = Memo::new(move |_| {
        instance.with(|it| {
            it.as_ref().map(|it| (it.dag_id.to_string(), it.dag_run_id.to_string(), it.task_id.to_string(), it.map_index))
        })
    });
    view! {
        <aside class="card task-panel" aria-label=format!("Task {task}")>
            <header>
                <h2 class="grow clip" title=task.clone()>{task.clone()}</h2>
                {move || instance.with(|it| it.as_ref().map(|it| view! { <StatusLabel status=Status::from(it.state) pill=true/> }))}
                <button type="button" class="btn quiet small icon-only" aria-label="Close (Esc)" title="Close (Esc)" on:click=close><Icon name="close"/></button>
            </header>
            <div class="panel-bar">
                <div class="tabs" role="tablist" aria-label="About the task">
                    {[(Part::Overview, "info", "Overview"), (Part::Log, "log", "Log"), (Part::XComs, "out", "XComs")].into_iter().map(|(value, icon, label)| view! {
                        <button type="button" role="tab" aria-selected=move || (part.get() == value).to_string() on:click=move |_| part.set(value)><Icon name=icon class="s"/>{label}</button>
                    }).collect_view()}
                </div>
                <Show when=move || indexes.with(|all| all.len() > 1)>
                    <select class="select small" aria-label="Map index" on:change=move |event| map_index.set(event_target_value(&event).parse().ok())>
                        {move || indexes.get().into_iter().map(|index| view! { <option value=index>{format!("[{index}]")}</option> }).collect_view()}
                    </select>
                </Show>
            </div>
            {move || match path.get() {
                Some(path) => view! { <Parts path instance part/> }.into_any(),
                None if instances.with(Option::is_some) => view! { <Empty icon="dags" title="This task is not part of the run"><p>"The dag has changed since: the run is pinned to the version it started with."</p></Empty> }.into_any(),
                None => view! { <SkeletonView shape=Skeleton::Lines/> }.into_any(),
            }}
        </aside>
    }
}

/// The parts of the panel, for one instance.
#[component]
fn Parts(path: (String, String, String, i32), instance: Memo<Option<TaskInstance>>, part: RwSignal<Part>) -> impl IntoView {
    let (dag_id, run_id, task_id, map_index) = path;
    let api = paths::task(&dag_id, &run_id, &task_id);
    let changed = Memo::new(move |_| {
        instance.with(|it| it.as_ref().map(|it| format!("{} {}", it.state, it.try_number)).unwrap_or_default())
    });
    let tries = query::<TryCollection>({
        let api = api.clone();
        move || {
            // Read, not only tracked: a memo that nobody reads never learns of changes.
            let _ = changed.get();
            let map = if map_index < 0 { String::new() } else { format!("?map_index={map_index}") };
            Some(format!("{api}/tries{map}"))
        }
    });
    // The try that is looked at: the newest, until one is chosen.
    let chosen = RwSignal::new(None::<u32>);
    let newest = Memo::new(move |_| instance.with(|it| it.as_ref().map_or(0, |it| it.try_number)));
    let number = Memo::new(move |_| chosen.get().unwrap_or_else(|| newest.get()));
    let chooser = move || {
        let newest = newest.get();
        (newest > 1).then(|| {
            view! {
                <div class="row try-row"><span class="small faint">"Try"</span>
                    <div class="segmented" role="group" aria-label="Try">
                        {(1..=newest).map(|n| view! { <button type="button" aria-pressed=move || (number.get() == n).to_string() on:click=move |_| chosen.set(Some(n))>{n}</button> }).collect_view()}
                    </div>
                </div>
            }
        })
    };
    let shown = Memo::new(move |_| (part.get(), number.get()));
    move || {
        let (part, number) = shown.get();
        match part {
            Part::Overview => view! {
                <div class="panel-scroll" tabindex="0" role="region" aria-label="Overview">
                    <div class="body stack">
                        {chooser}
                        {loaded(tries, Skeleton::Lines, move |tries| move || {
                            let finished = tries.with(|tries| tries.tries.iter().find(|it| it.try_number == number).cloned());
                            instance.get().map(|it| view! { <Overview finished it number/> })
                        })}
                    </div>
                </div>
            }
            .into_any(),
            Part::Log if number == 0 => view! { <Empty icon="log" title="No log yet"><p>"The task has not been tried."</p></Empty> }.into_any(),
            Part::Log => {
                let name = format!("{dag_id}.{task_id}.{number}.log");
                view! { <div class="panel-log">{chooser}<LogView path=log_path(&dag_id, &run_id, &task_id, map_index, number) file_name=name/></div> }.into_any()
            }
            Part::XComs => view! { <div class="panel-scroll" tabindex="0" role="region" aria-label="XComs"><XComs path=api.clone() changed/><Artifacts path=api.clone() changed/></div> }.into_any(),
        }
    }
}

#[component]
fn Overview(finished: Option<Try>, it: TaskInstance, number: u32) -> impl IntoView {
    let status = Status::from(it.state);
    let latest = number == it.try_number;
    let component = it.task_id.to_string();
    let (queued, start, end, worker) = match &finished {
        Some(one) => (Some(one.queued_at), one.start_date, Some(one.end_date), one.worker_id),
        None => (it.queued_at, it.start_date, it.end_date, it.worker_id),
    };
    let why = match &finished {
        Some(one) => one.reason.map(|why| (why, one.message.clone())),
        None => it.reason.map(|why| (why, it.message.clone())),
    };
    let said = finished.as_ref().and_then(|one| one.message.clone()).filter(|_| why.is_none());
    let ending = finished.as_ref().map(|one| ending(one.ending));
    let dash = || view! { <span class="faint">"–"</span> }.into_any();
    let moment = move |at: Option<chrono::DateTime<chrono::Utc>>| at.map_or_else(dash, |at| view! { <Moment at/> }.into_any());
    view! {
        {(latest && finished.is_none()).then(|| view! { <p class="muted">{status.meaning()}</p> })}
        {(latest && status.is_running()).then(|| view! { <HowFar task=component.clone()/> })}
        {(latest && status.slug() == "up_for_retry").then(|| view! { <p class="muted">{format!("Try {} of {} failed; the next one follows.", it.try_number, it.max_tries)}</p> })}
        {why.map(|(why, message)| view! { <Why why message/> })}
        {said.map(|text| view! { <div class="notice info"><Icon name="info"/><div class="grow"><pre>{text}</pre></div></div> })}
        {finished.as_ref().map(|one| view! { <ReceiptView receipt=one.receipt/> })}
        <dl class="definition" aria-label=format!("Details of {component}")>
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
fn HowFar(task: String) -> impl IntoView {
    let context = run_context();
    let told = Memo::new(move |_| context.progress.with(|all| all.get(&task).cloned()));
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

const fn ending(ending: TryEnding) -> &'static str {
    match ending {
        TryEnding::Success => "With a result",
        TryEnding::Failure => "With an error",
        TryEnding::Skip => "It asked to be skipped",
        TryEnding::Reschedule => "It asked to be run again later",
        TryEnding::Defer => "It waits for an event",
    }
}
