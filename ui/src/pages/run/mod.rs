//! One run: how far it is, when each task ran, and everything about the task that is looked at.

mod actions;
mod artifacts;
mod input;
mod instances;
mod note;
mod receipt;
mod task_list;
mod task_panel;
mod tries;
mod watch;
mod xcoms;

use crate::components::code::Code;
use crate::components::dialog::Dialog;
use crate::components::feedback::{FailureNotice, Skeleton, Toasts, loaded};
use crate::components::gantt::{Gantt, Span};
use crate::components::graph::{Camera, Graph, TaskFace, Traits};
use crate::components::icon::Icon;
use crate::components::menu::{Item, Menu};
use crate::components::page::PageHead;
use crate::components::status::StatusLabel;
use crate::components::time::{Elapsed, Moment};
use crate::core::address::{Address, address};
use crate::core::flow::What;
use crate::core::highlight::Language;
use crate::core::live::{self, News};
use crate::core::query::{Query, query};
use crate::core::session::session;
use crate::core::status::{Status, reason, run_type};
use crate::core::tally::{self, Tally};
use crate::core::{format, http, paths};
use crate::pages::dag::graph::{Folding, drawing, edge_types, face, summary_face, traits_of};
use actions::{ActionDialog, Asked, Deed};
use cofferdam_api_types::{
    DagDetail, DagRun, Event, MarkedRunState, Role, TaskInstanceCollection, TaskState, TaskSummary, TaskSummaryCollection,
};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;
use note::NoteDialog;
use std::collections::HashMap;
use std::sync::Arc;
use task_list::TaskList;
use task_panel::TaskPanel;
use watch::{Callbacks, Missed, deadlines};

/// The most task instances that are read for the graph and the timeline. Beyond it they show tasks as a whole.
const IN_DETAIL: usize = 300;

/// How far a running task said it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: u8,
    /// What it is doing.
    pub message: String,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The task and its position; the run, when there is none.
    pub task: Option<(String, i32)>,
    /// The note that there is.
    pub note: String,
}

/// The run of the page.
#[derive(Clone, Copy)]
pub struct RunContext {
    /// Its dag.
    pub dag_id: Memo<String>,
    /// Its name.
    pub run_id: Memo<String>,
    /// What the page shows.
    pub address: Address,
    /// The run itself.
    pub run: Query<DagRun>,
    /// The task that is looked at.
    pub task: Memo<Option<String>>,
    /// The first instances of the run, for what a summary does not tell.
    pub tasks: Query<TaskInstanceCollection>,
    /// The tasks of the run.
    pub summaries: Query<TaskSummaryCollection>,
    /// How many instances are in which state.
    pub counts: Memo<Vec<(Status, u64)>>,
    /// The version of the dag that the run is pinned to.
    pub detail: Query<DagDetail>,
    /// How far running task instances said they are, by task and position.
    pub progress: RwSignal<HashMap<(String, i32), Progress>>,
    /// Looks at a task, or at none.
    pub select: Callback<Option<String>>,
    /// What is asked to be done.
    pub asked: RwSignal<Option<Asked>>,
    /// What a note is written about.
    pub noted: RwSignal<Option<Noted>>,
    /// Something was done: what is shown is read again.
    pub changed: Callback<()>,
    /// Grows each time that something was done.
    pub changes: RwSignal<u32>,
}

impl RunContext {
    /// Whether an update concerns the run.
    #[must_use]
    pub fn concerns(self, update: &News) -> bool {
        !update.is_progress()
            && update.run_id() == Some(self.run_id.get_untracked().as_str())
            && update.dag_id() == Some(self.dag_id.get_untracked().as_str())
    }

    /// Reads it again each time that something was done.
    pub fn keep_up<T: Send + Sync + 'static>(self, query: Query<T>) {
        Effect::new(move |before: Option<u32>| {
            let now = self.changes.get();
            if before.is_some_and(|before| before != now) {
                query.refetch();
            }
            now
        });
    }
}

/// See the module.
#[component]
pub fn RunPage() -> impl IntoView {
    let params = use_params_map();
    let address = address();
    let dag_id = Memo::new(move |_| params.with(|params| params.get("dag_id").unwrap_or_default()));
    let run_id = Memo::new(move |_| params.with(|params| params.get("run_id").unwrap_or_default()));
    let task = Memo::new(move |_| Some(address.get("task")).filter(|task| !task.is_empty()));
    let tab = address.signal("view");
    let concerns = move |update: &News| {
        !update.is_progress()
            && update.run_id() == Some(run_id.get_untracked().as_str())
            && update.dag_id() == Some(dag_id.get_untracked().as_str())
    };
    let path = move || paths::run(&dag_id.get(), &run_id.get());
    let run = query::<DagRun>(move || Some(path())).refetch_on(concerns);
    let summaries = query::<TaskSummaryCollection>(move || Some(format!("{}/taskSummaries", path()))).refetch_on(concerns);
    let tasks =
        query::<TaskInstanceCollection>(move || Some(format!("{}/taskInstances?limit={IN_DETAIL}", path()))).refetch_on(concerns);
    // The run is pinned to a version of its dag, which is the one that is drawn.
    let version = Memo::new(move |_| run.data.with(|run| run.as_ref().map(|run| run.version_number)));
    let detail = query::<DagDetail>(move || {
        version.get().map(|version| format!("{}/details?version_number={version}", paths::dag(&dag_id.get())))
    });
    let select = Callback::new(move |task: Option<String>| {
        let other = task != untrack(|| Some(address.get("task")));
        let mut changes = vec![("task", task.unwrap_or_default())];
        if other {
            changes.extend(["map_index", "try", "index_state", "index_offset"].map(|name| (name, String::new())));
        }
        address.set(changes);
    });
    let counts = Memo::new(move |_| {
        summaries.data.with(|all| {
            let sum = all.as_ref().map(|all| tally::sum(all.task_summaries.iter().map(|task| &task.states))).unwrap_or_default();
            sum.into_iter().map(|(state, count)| (Status::from(state), count)).collect::<Vec<_>>()
        })
    });
    let changes = RwSignal::new(0_u32);
    let changed = Callback::new(move |()| {
        run.refetch();
        summaries.refetch();
        tasks.refetch();
        changes.update(|n| *n += 1);
    });
    let progress = RwSignal::new(HashMap::new());
    live::listen(move |news| {
        let is_ours =
            news.dag_id() == Some(dag_id.get_untracked().as_str()) && news.run_id() == Some(run_id.get_untracked().as_str());
        match news {
            News::Change(Event::Progress { task_id, map_index, fraction, message, .. }) if is_ours => {
                let told = Progress { percent: (fraction.clamp(0.0, 1.0) * 100.0).round() as u8, message: message.clone() };
                progress.update(|all| drop(all.insert((task_id.to_string(), *map_index), told)));
            }
            // What one try said is not true of the next.
            News::Change(Event::TaskInstance { task_id, map_index, state, .. }) if is_ours && *state != TaskState::Running => {
                let of = (task_id.to_string(), *map_index);
                if progress.with_untracked(|all| all.contains_key(&of)) {
                    progress.update(|all| drop(all.remove(&of)));
                }
            }
            _ => {}
        }
    });
    let asked = RwSignal::new(None::<Asked>);
    let noted = RwSignal::new(None::<Noted>);
    let context = RunContext {
        dag_id,
        run_id,
        address,
        run,
        task,
        tasks,
        summaries,
        counts,
        detail,
        progress,
        select,
        asked,
        noted,
        changed,
        changes,
    };
    provide_context(context);
    let deadlines = deadlines();
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
    let views = [
        ("", "dags", "Graph"),
        ("timeline", "gantt", "Timeline"),
        ("tasks", "list", "Tasks"),
        ("callbacks", "bolt", "Callbacks"),
        ("conf", "code", "Conf"),
    ];
    view! {
        <PageHead title=Signal::derive(move || run_id.get()) crumbs=crumbs
            beside=move || data.with(|run| run.as_ref().map(|run| view! { <StatusLabel status=Status::from(run.state) pill=true/> }))
            actions=move || view! { <RunActions/><Cancel run/> }>
            {move || data.with(|run| run.as_ref().map(|run| view! { <Facts run=DagRun::clone(run)/> }))}
        </PageHead>
        <div class="content run-content">
            {move || run.failure.get().map(|failure| view! { <FailureNotice failure retry/> })}
            <Missed deadlines/>
            <div class="run-body" class:with-panel=move || task.with(Option::is_some)>
                <div class="stack">
                    <section class="card" aria-label="Tasks of the run">
                        <header>
                            <div class="segmented" role="group" aria-label="View">
                                {views.into_iter().map(|(value, icon, label)| view! {
                                    <button type="button" aria-pressed=move || (tab.get() == value).to_string() on:click=move |_| address.set([("view", value), ("offset", "")])><Icon name=icon class="s"/>{label}</button>
                                }).collect_view()}
                            </div>
                            <span class="grow"></span>
                            <Counts/>
                        </header>
                        {move || match tab.get().as_str() {
                            "timeline" => loaded(summaries, Skeleton::Block, move |list| view! { <Timeline list/> }).into_any(),
                            "tasks" => view! { <TaskList/> }.into_any(),
                            "callbacks" => view! { <Callbacks deadlines/> }.into_any(),
                            "conf" => loaded(run, Skeleton::Lines, |run| view! {
                                <Code text=Signal::derive(move || run.with(|run| serde_json::to_string_pretty(&run.conf).unwrap_or_default())) language=Language::Json label="What the run was triggered with"/>
                            }).into_any(),
                            _ => loaded(detail, Skeleton::Block, move |detail| view! { <Picture detail/> }).into_any(),
                        }}
                    </section>
                    <Show when=move || tab.with(String::is_empty)>
                        <section class="card" aria-label="Timeline">
                            <header><h2>"Timeline"</h2></header>
                            {loaded(summaries, Skeleton::Lines, move |list| view! { <Timeline list/> })}
                        </section>
                    </Show>
                </div>
                {move || task.get().map(|task| view! { <TaskPanel task/> })}
            </div>
        </div>
        <ActionDialog asked/>
        <NoteDialog about=noted/>
    }
}

/// The context of the run page.
#[must_use]
pub fn run_context() -> RunContext {
    expect_context::<RunContext>()
}

/// What can be done to the run.
#[component]
fn RunActions() -> impl IntoView {
    let context = run_context();
    let session = session();
    let may = move || session.may(Role::Operator);
    let ask = move |deed| context.asked.set(Some(Asked::of_run(deed)));
    let items = move || {
        let run = context.run.data.get();
        let finished = run.as_ref().is_some_and(|run| run.state.is_finished());
        let marked = run.as_ref().is_some_and(|run| run.reason == Some(cofferdam_api_types::Reason::MarkedByUser));
        let note = run.and_then(|run| run.note.clone()).unwrap_or_default();
        let mut items = vec![
            Item::new("Clear…", "retry", move || ask(Deed::Clear)),
            Item::new("Mark as success…", "check-circle", move || ask(Deed::MarkRun(MarkedRunState::Success))),
            Item::new("Mark as failed…", "x-circle", move || ask(Deed::MarkRun(MarkedRunState::Failed))),
        ];
        if marked {
            items.push(Item::new("Take the mark back…", "circle", move || ask(Deed::MarkRun(MarkedRunState::Queued))));
        }
        items.push(Item::new("Note…", "note", move || context.noted.set(Some(Noted { task: None, note: note.clone() }))));
        if finished && session.may(Role::Editor) {
            items.push(Item::new("Delete…", "trash", move || ask(Deed::Delete)).dangerous());
        }
        items
    };
    let known = Memo::new(move |_| context.run.data.with(Option::is_some));
    view! { <Menu label="Actions" icon="bolt" disabled=Signal::derive(move || !(may() && known.get())) items=Signal::derive(items)/> }
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

/// How many task instances are in which state.
#[component]
fn Counts() -> impl IntoView {
    let context = run_context();
    view! {
        <div class="legend" role="status" aria-label="Tasks by state">
            {move || context.counts.get().into_iter().map(|(status, count)| view! { <span class="row" style="gap:5px"><StatusLabel status/><span class="num">{format::grouped(count)}</span></span> }).collect_view()}
        </div>
    }
}

#[component]
fn Picture(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let context = run_context();
    let by_name = Memo::new(move |_| {
        let mut faces: HashMap<String, (TaskSummary, Option<TaskFace>)> = HashMap::new();
        context.summaries.data.with(|all| {
            for summary in all.iter().flat_map(|all| &all.task_summaries) {
                faces.insert(summary.task_id.to_string(), (summary.clone(), None));
            }
        });
        context.tasks.data.with(|list| {
            for task in list.iter().flat_map(|list| &list.task_instances).filter(|task| task.map_index < 0) {
                if let Some((summary, shown)) = faces.get_mut(task.task_id.as_str()).filter(|(summary, _)| summary.instances == 1)
                {
                    // The summary is the newer of the two, or as new.
                    if tally::worst(&summary.states) == Some(task.state) {
                        *shown = Some(face(task));
                    }
                }
            }
        });
        faces
    });
    let camera = Camera::new();
    let folding = Folding::new(context.address, detail);
    let face_of = move |what: What| match what {
        What::Task(task) => {
            let mut face = by_name
                .with(|all| all.get(&task).map(|(summary, face)| face.clone().unwrap_or_else(|| summary_face(summary))))
                .unwrap_or(TaskFace { status: None, detail: String::new() });
            if face.status.is_some_and(Status::is_running)
                && let Some(percent) = context.progress.with(|all| all.get(&(task, -1)).map(|told| told.percent))
            {
                face.detail.push_str(&format!(" · {percent} %"));
            }
            face
        }
        What::Group(group) => {
            let tally: Tally = detail.with(|detail| {
                by_name.with(|all| {
                    let members = crate::core::flow::members(detail, &group);
                    tally::sum(members.filter_map(|task| all.get(task.task_id.as_str()).map(|(summary, _)| &summary.states)))
                })
            });
            TaskFace { status: tally::worst(&tally).map(Status::from), detail: tally::progress(&tally) }
        }
        What::Asset(_) => TaskFace { status: None, detail: String::new() },
    };
    let traits = move |task: String| -> Traits { detail.with_untracked(|detail| traits_of(detail, &task)) };
    let types = edge_types(detail);
    let shape = Memo::new(move |_| detail.with(|detail| drawing(detail, &folding.folded.get())));
    view! {
        {move || {
            let drawing = shape.get();
            view! { <Graph drawing camera face=face_of traits types selected=context.task on_select=move |task| context.select.run(Some(task)) on_fold=folding.toggle/> }
        }}
    }
}

/// The most lines of the timeline.
const LINES: usize = 300;

#[component]
fn Timeline(list: Signal<Arc<TaskSummaryCollection>>) -> impl IntoView {
    let context = run_context();
    let few = move || list.with(|list| list.task_summaries.iter().map(|task| task.instances).sum::<u64>()) <= IN_DETAIL as u64;
    let spans = Signal::derive(move || {
        if few() {
            let single = context.tasks.data.with(|list| {
                list.as_ref().map(|list| {
                    let span = |task: &cofferdam_api_types::TaskInstance| Span {
                        task: if task.map_index < 0 {
                            task.task_id.to_string()
                        } else {
                            format!("{}[{}]", task.task_id, task.map_index)
                        },
                        status: Status::from(task.state),
                        queued: task.queued_at,
                        start: task.start_date,
                        end: task.end_date,
                    };
                    list.task_instances.iter().map(span).collect::<Vec<_>>()
                })
            });
            if let Some(single) = single {
                return single;
            }
        }
        list.with(|list| {
            let span = |task: &TaskSummary| Span {
                task: task.task_id.to_string(),
                status: Status::from(tally::worst(&task.states).unwrap_or(cofferdam_api_types::TaskState::None)),
                queued: None,
                start: task.start_date,
                end: task.end_date,
            };
            list.task_summaries.iter().take(LINES).map(span).collect()
        })
    });
    let open = move |task: String| match task.strip_suffix(']').and_then(|task| task.split_once('[')) {
        Some((task, index)) => context.address.set([("task", task), ("map_index", index), ("try", "")]),
        None => context.select.run(Some(task)),
    };
    let left = move || list.with(|list| list.task_summaries.len().saturating_sub(LINES));
    view! {
        <Gantt spans selected=context.task on_select=open/>
        {move || Some(left()).filter(|left| *left > 0 && !few()).map(|left| view! {
            <p class="picture-note small muted">{format!("{} more: the list of tasks has all.", format::plural(left as u64, "task", "tasks"))}</p>
        })}
    }
}

/// The button that stops the run, with the question whether one means it.
#[component]
fn Cancel(run: Query<DagRun>) -> impl IntoView {
    let session = session();
    let counts = run_context().counts;
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
        counts.with(|counts| counts.iter().filter(|(status, _)| status.is_active()).map(|(_, n)| n).sum::<u64>())
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
                <p class="muted">{move || format::plural(unfinished.get(), "task has", "tasks have")}" not finished."</p>
            </div>
            <footer>
                <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Keep it running"</button>
                <button type="button" class="btn danger solid" disabled=move || busy.get() on:click=cancel>"Cancel the run"</button>
            </footer>
        </Dialog>
    }
}
