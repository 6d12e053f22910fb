//! One run: how far it is, when each task ran, and everything about the task that is looked at.

mod artifacts;
mod receipt;
mod task_list;
mod task_panel;
mod xcoms;

use crate::components::code::Code;
use crate::components::dialog::Dialog;
use crate::components::feedback::{FailureNotice, Skeleton, Toasts, loaded};
use crate::components::gantt::{Gantt, Span};
use crate::components::graph::{Graph, TaskFace};
use crate::components::icon::Icon;
use crate::components::page::PageHead;
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::highlight::Language;
use crate::core::live::{self, News};
use crate::core::query::{Query, query};
use crate::core::session::session;
use crate::core::status::{Status, reason, run_type};
use crate::core::{format, http, paths};
use crate::pages::dag::graph::{drawing, face};
use cofferdam_api_types::{DagDetail, DagRun, Event, Role, TaskInstance, TaskInstanceCollection};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use std::collections::HashMap;
use std::sync::Arc;
use task_list::TaskList;
use task_panel::TaskPanel;

/// How far a running task said it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: u8,
    /// What it is doing.
    pub message: String,
}

/// The run of the page.
#[derive(Clone, Copy)]
pub struct RunContext {
    /// The task that is looked at.
    pub task: Memo<Option<String>>,
    /// The tasks of the run.
    pub tasks: Query<TaskInstanceCollection>,
    /// How far running tasks said they are.
    pub progress: RwSignal<HashMap<String, Progress>>,
    /// Looks at a task, or at none.
    pub select: Callback<Option<String>>,
}

/// See the module.
#[component]
pub fn RunPage() -> impl IntoView {
    let params = use_params_map();
    let address = use_query_map();
    let navigate = use_navigate();
    let dag_id = Memo::new(move |_| params.with(|params| params.get("dag_id").unwrap_or_default()));
    let run_id = Memo::new(move |_| params.with(|params| params.get("run_id").unwrap_or_default()));
    let task = Memo::new(move |_| address.with(|address| address.get("task").filter(|task| !task.is_empty())));
    let tab = Memo::new(move |_| address.with(|address| address.get("view").unwrap_or_default()));
    let concerns = move |update: &News| {
        !update.is_progress()
            && update.run_id() == Some(run_id.get_untracked().as_str())
            && update.dag_id() == Some(dag_id.get_untracked().as_str())
    };
    let path = move || paths::run(&dag_id.get(), &run_id.get());
    let run = query::<DagRun>(move || Some(path())).refetch_on(concerns);
    let tasks =
        query::<TaskInstanceCollection>(move || Some(format!("{}/taskInstances?limit=1000", path()))).refetch_on(concerns);
    let detail = query::<DagDetail>(move || Some(format!("{}/details", paths::dag(&dag_id.get()))));
    let go = Callback::new(move |(view, task): (String, Option<String>)| {
        let query = paths::query(&[("view", &view), ("task", task.as_deref().unwrap_or_default())]);
        let page = format!("{}{query}", paths::run_page(&dag_id.get_untracked(), &run_id.get_untracked()));
        navigate(&page, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    });
    let select = Callback::new(move |task: Option<String>| go.run((tab.get_untracked(), task)));
    let progress = RwSignal::new(HashMap::new());
    live::listen(move |news| {
        let News::Change(Event::Progress { dag_id: dag, dag_run_id: run, task_id, fraction, message, .. }) = news else { return };
        if dag.as_str() == dag_id.get_untracked() && run.as_str() == run_id.get_untracked() {
            let told = Progress { percent: (fraction.clamp(0.0, 1.0) * 100.0).round() as u8, message: message.clone() };
            progress.update(|all| drop(all.insert(task_id.to_string(), told)));
        }
    });
    provide_context(RunContext { task, tasks, progress, select });
    let escape = window_event_listener(leptos::ev::keydown, move |event| {
        let in_dialog = document().query_selector("dialog[open]").ok().flatten().is_some();
        if event.key() == "Escape" && !in_dialog && task.with_untracked(Option::is_some) {
            select.run(None);
        }
    });
    on_cleanup(move || escape.remove());
    let data = Memo::new(move |_| run.data.get());
    let crumbs = vec![
        ("/dags".to_owned(), "Dags".to_owned()),
        (paths::dag(&dag_id.get_untracked()), dag_id.get_untracked()),
        (format!("{}/runs", paths::dag(&dag_id.get_untracked())), "Runs".to_owned()),
    ];
    let retry = Callback::new(move |()| run.refetch());
    view! {
        <PageHead title=Signal::derive(move || run_id.get()) crumbs=crumbs
            beside=move || data.with(|run| run.as_ref().map(|run| view! { <StatusLabel status=Status::from(run.state) pill=true/> }))
            actions=move || view! { <Cancel run/> }>
            {move || data.with(|run| run.as_ref().map(|run| view! { <Facts run=DagRun::clone(run)/> }))}
        </PageHead>
        <div class="content run-content">
            {move || run.failure.get().map(|failure| view! { <FailureNotice failure retry/> })}
            <div class="run-body" class:with-panel=move || task.with(Option::is_some)>
                <div class="stack">
                    <section class="card" aria-label="Tasks of the run">
                        <header>
                            <div class="segmented" role="group" aria-label="View">
                                {[("", "dags", "Graph"), ("timeline", "gantt", "Timeline"), ("tasks", "list", "Tasks"), ("conf", "code", "Conf")].into_iter().map(|(value, icon, label)| view! {
                                    <button type="button" aria-pressed=move || (tab.get() == value).to_string() on:click=move |_| go.run((value.to_owned(), task.get_untracked()))><Icon name=icon class="s"/>{label}</button>
                                }).collect_view()}
                            </div>
                            <span class="grow"></span>
                            {move || tasks.data.with(|list| list.as_ref().map(|list| view! { <Counts list=list.task_instances.clone()/> }))}
                        </header>
                        {move || match tab.get().as_str() {
                            "timeline" => loaded(tasks, Skeleton::Block, move |list| view! { <Timeline list/> }).into_any(),
                            "tasks" => loaded(tasks, Skeleton::Rows, move |list| view! { <TaskList list/> }).into_any(),
                            "conf" => loaded(run, Skeleton::Lines, |run| view! {
                                <Code text=Signal::derive(move || run.with(|run| serde_json::to_string_pretty(&run.conf).unwrap_or_default())) language=Language::Json label="What the run was triggered with"/>
                            }).into_any(),
                            _ => loaded(detail, Skeleton::Block, move |detail| view! { <Picture detail run/> }).into_any(),
                        }}
                    </section>
                    <Show when=move || tab.with(String::is_empty)>
                        <section class="card" aria-label="Timeline">
                            <header><h2>"Timeline"</h2></header>
                            {loaded(tasks, Skeleton::Lines, move |list| view! { <Timeline list/> })}
                        </section>
                    </Show>
                </div>
                {move || task.get().map(|task| view! { <TaskPanel task/> })}
            </div>
        </div>
    }
}

/// The context of the run page.
#[must_use]
pub fn run_context() -> RunContext {
    expect_context::<RunContext>()
}

#[component]
fn Facts(run: DagRun) -> impl IntoView {
    let (kind, icon) = run_type(run.run_type);
    let interval = format!(
        "Data from {} to {}",
        crate::core::clock::local(run.data_interval_start),
        crate::core::clock::local(run.data_interval_end)
    );
    view! {
        <div class="facts">
            <span title="Duration"><Icon name="timer"/><Elapsed start=Signal::stored(run.start_date) end=Signal::stored(run.end_date)/></span>
            <span><Icon name=icon/>{kind}</span>
            <span title=interval><Icon name="calendar"/>"For "<Moment at=run.logical_date/></span>
            {run.start_date.map(|at| view! { <span><Icon name="play"/>"Started "<Moment at/></span> })}
            <span><Icon name="code"/>{format!("Dag version {}", run.version_number)}</span>
            {run.reason.map(|it| view! { <span data-state="failed" class="status">{reason(it).0}</span> })}
        </div>
        {run.note.map(|note| view! { <p class="small muted run-note">{note}</p> })}
    }
}

/// How many tasks are in which state.
#[component]
fn Counts(list: Vec<TaskInstance>) -> impl IntoView {
    let mut counts: Vec<(Status, usize)> = Vec::new();
    for task in &list {
        let status = Status::from(task.state);
        match counts.iter_mut().find(|(other, _)| *other == status) {
            Some((_, n)) => *n += 1,
            None => counts.push((status, 1)),
        }
    }
    view! {
        <div class="legend" role="status" aria-label="Tasks by state">
            {counts.into_iter().map(|(status, n)| view! { <span class="row" style="gap:5px"><StatusLabel status/><span class="num">{n}</span></span> }).collect_view()}
        </div>
    }
}

#[component]
fn Picture(detail: Signal<Arc<DagDetail>>, run: Query<DagRun>) -> impl IntoView {
    let context = run_context();
    let by_name = Memo::new(move |_| {
        context.tasks.data.with(|list| {
            list.as_ref()
                .map(|list| {
                    list.task_instances.iter().map(|task| (task.task_id.to_string(), task.clone())).collect::<HashMap<_, _>>()
                })
                .unwrap_or_default()
        })
    });
    let face_of = move |task: String| {
        let mut face = by_name.with(|all| all.get(&task).map(face)).unwrap_or(TaskFace { status: None, detail: String::new() });
        if face.status.is_some_and(Status::is_running)
            && let Some(percent) = context.progress.with(|all| all.get(&task).map(|told| told.percent))
        {
            face.detail.push_str(&format!(" · {percent} %"));
        }
        face
    };
    let shape = Memo::new(move |_| detail.with(|detail| drawing(detail)));
    let older = move || {
        let current = detail.with(|detail| detail.dag.version_number);
        run.data
            .with(|run| run.as_ref().map(|run| run.version_number))
            .filter(|version| *version != current)
            .map(|version| (version, current))
    };
    view! {
        {move || older().map(|(version, current)| view! {
            <p class="small muted picture-note"><Icon name="info" class="s"/>{format!("The run is pinned to version {version} of the dag; the graph shows version {current}.")}</p>
        })}
        {move || {
            let (tasks, layout) = shape.get();
            view! { <Graph tasks layout face=face_of selected=context.task on_select=move |task| context.select.run(Some(task))/> }
        }}
    }
}

#[component]
fn Timeline(list: Signal<Arc<TaskInstanceCollection>>) -> impl IntoView {
    let context = run_context();
    let spans = Signal::derive(move || {
        list.with(|list| {
            list.task_instances
                .iter()
                .map(|task| Span {
                    task: if task.map_index < 0 {
                        task.task_id.to_string()
                    } else {
                        format!("{}[{}]", task.task_id, task.map_index)
                    },
                    status: Status::from(task.state),
                    queued: task.queued_at,
                    start: task.start_date,
                    end: task.end_date,
                })
                .collect::<Vec<_>>()
        })
    });
    let open = move |task: String| context.select.run(Some(task.split('[').next().unwrap_or_default().to_owned()));
    view! { <Gantt spans selected=context.task on_select=open/> }
}

/// The button that stops the run, with the question whether one means it.
#[component]
fn Cancel(run: Query<DagRun>) -> impl IntoView {
    let session = session();
    let tasks = run_context().tasks;
    let toasts = expect_context::<Toasts>();
    let open = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let state = Memo::new(move |_| run.data.with(|run| run.as_ref().map(|run| (run.state.is_finished(), run.cancel_requested))));
    let cancel = move |_| {
        let Some(path) =
            run.data.with_untracked(|run| run.as_ref().map(|run| paths::run(run.dag_id.as_str(), run.dag_run_id.as_str())))
        else {
            return;
        };
        busy.set(true);
        spawn_local(async move {
            match http::command(&format!("{path}/cancel")).await {
                Ok(()) => toasts.done("The run is being cancelled"),
                Err(failure) => toasts.failed(&failure),
            }
            open.set(false);
            busy.set(false);
            run.refetch();
        });
    };
    let active = move || state.get().filter(|(finished, _)| !finished).map(|(_, requested)| requested);
    let unfinished = Memo::new(move |_| {
        tasks.data.with(|list| {
            list.as_ref().map_or(0, |list| list.task_instances.iter().filter(|task| Status::from(task.state).is_active()).count())
        })
    });
    view! {
        {move || active().map(|requested| view! {
            <button type="button" class="btn danger" disabled=move || requested || !session.may(Role::Operator) on:click=move |_| open.set(true)>
                <Icon name="stop" class="s"/>{if requested { "Cancelling" } else { "Cancel run" }}
            </button>
        })}
        <Dialog open title="Cancel this run?" narrow=true>
            <div class="body">
                <p>"Running tasks are stopped within a second and what they did outside is not undone. Tasks that have not started will not start. Finished tasks stay as they are."</p>
                <p class="muted">{move || format::plural(unfinished.get() as u64, "task has", "tasks have")}" not finished."</p>
            </div>
            <footer>
                <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Keep it running"</button>
                <button type="button" class="btn danger solid" disabled=move || busy.get() on:click=cancel>"Cancel the run"</button>
            </footer>
        </Dialog>
    }
}
