//! Runs by tasks: one column for each of the last runs, one row for each task.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::status::StatusLabel;
use crate::core::http;
use crate::core::layout::topological;
use crate::core::live::{self, News};
use crate::core::query::query;
use crate::core::status::{Status, run_type};
use crate::core::{clock, format, paths};
use crate::pages::dag::dag_context;
use cofferdam_api_types::{DagDetail, DagRun, DagRunCollection, Event, TaskInstanceCollection, TaskState};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::JsCast;

/// How many runs are shown.
const RUNS: u32 = 30;

/// The states of the tasks of some runs.
#[derive(Clone, Copy)]
struct States {
    of_run: RwSignal<HashMap<String, HashMap<String, TaskState>>>,
    /// Runs that had finished when they were read: they need no second look.
    settled: StoredValue<HashSet<String>>,
    waiting: StoredValue<HashSet<String>>,
}

impl States {
    fn read(self, dag_id: String, run_id: String, finished: bool) {
        spawn_local(async move {
            let path = format!("{}/taskInstances?limit=1000", paths::run(&dag_id, &run_id));
            // A run whose tasks cannot be read stays blank; the failure is shown where the run itself is opened.
            let Ok(list) = http::get::<TaskInstanceCollection>(&path).await else { return };
            let mut states = HashMap::new();
            for task in list.task_instances {
                let worst = states.entry(task.task_id.to_string()).or_insert(task.state);
                if rank(task.state) > rank(*worst) {
                    *worst = task.state;
                }
            }
            if finished {
                self.settled.try_update_value(|settled| settled.insert(run_id.clone()));
            }
            self.of_run.try_update(|all| all.insert(run_id, states));
        });
    }

    /// Reads a run again, once for all changes of a moment.
    fn read_soon(self, dag_id: &str, run_id: &str) {
        let first = self.waiting.try_update_value(|waiting| waiting.insert(run_id.to_owned())).unwrap_or(false);
        if first {
            let (dag_id, run_id) = (dag_id.to_owned(), run_id.to_owned());
            set_timeout(
                move || {
                    if self.waiting.try_update_value(|waiting| waiting.remove(&run_id)).is_some() {
                        self.read(dag_id, run_id, false);
                    }
                },
                Duration::from_millis(300),
            );
        }
    }
}

/// Of the instances of a mapped task the cell shows the one that matters most.
const fn rank(state: TaskState) -> u8 {
    match state {
        TaskState::Failed => 9,
        TaskState::UpstreamFailed => 8,
        TaskState::UpForRetry | TaskState::UpForReschedule => 7,
        TaskState::Running | TaskState::Restarting => 6,
        TaskState::Deferred => 5,
        TaskState::Queued | TaskState::Scheduled => 4,
        TaskState::None => 3,
        TaskState::Success => 2,
        TaskState::Skipped => 1,
        TaskState::Removed => 0,
    }
}

/// See the module.
#[component]
pub fn GridTab() -> impl IntoView {
    let dag = dag_context();
    let runs = query::<DagRunCollection>(move || {
        Some(format!("{}/dagRuns?limit={RUNS}&order_by=-logical_date", paths::dag(&dag.id.get())))
    })
    .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(dag.id.get_untracked().as_str()));
    let states =
        States { of_run: RwSignal::new(HashMap::new()), settled: StoredValue::default(), waiting: StoredValue::default() };
    Effect::new(move |_| {
        let Some(list) = runs.data.get() else { return };
        for run in &list.dag_runs {
            let run_id = run.dag_run_id.to_string();
            if !states.settled.with_value(|settled| settled.contains(&run_id)) {
                states.read(run.dag_id.to_string(), run_id, run.state.is_finished());
            }
        }
    });
    live::listen(move |update| match update {
        News::Change(Event::TaskInstance { dag_id, dag_run_id, task_id, state, map_index, .. })
            if dag_id.as_str() == dag.id.get_untracked() =>
        {
            if *map_index < 0 {
                states.of_run.update(|all| {
                    if let Some(run) = all.get_mut(dag_run_id.as_str()) {
                        run.insert(task_id.to_string(), *state);
                    }
                });
            }
            let is_shown = runs.data.with_untracked(|list| {
                list.as_ref().is_some_and(|list| list.dag_runs.iter().any(|run| run.dag_run_id == *dag_run_id))
            });
            if is_shown {
                states.read_soon(dag_id.as_str(), dag_run_id.as_str());
            }
        }
        _ => {}
    });
    view! {
        <section class="card" aria-label="Grid of runs and tasks">
            {loaded(dag.detail, Skeleton::Block, move |detail| loaded(runs, Skeleton::Block, move |runs| view! { <Grid detail runs states/> }))}
        </section>
    }
}

#[component]
fn Grid(detail: Signal<Arc<DagDetail>>, runs: Signal<Arc<DagRunCollection>>, states: States) -> impl IntoView {
    let tasks = Memo::new(move |_| detail.with(|detail| ordered_tasks(detail)));
    move || {
        let list: Vec<DagRun> = runs.with(|runs| runs.dag_runs.iter().rev().cloned().collect());
        if list.is_empty() {
            return view! {
                <Empty icon="grid" title="This dag has not run yet"><p>"Trigger a run, or wait for its schedule. Each run becomes a column, each task a row."</p></Empty>
            }
            .into_any();
        }
        let dag_id = detail.with_untracked(|detail| detail.dag.dag_id.to_string());
        let longest = list.iter().filter_map(seconds).fold(0.0, f64::max);
        let columns = list.len();
        let axis = [1.0, 0.5].map(|part| format::duration_s(longest * part));
        let heads = list.iter().map(|run| view! { <Head run=run.clone() longest/> }).collect_view();
        let rows = tasks
            .get()
            .into_iter()
            .enumerate()
            .map(|(row, task)| {
                let cells = list
                    .iter()
                    .enumerate()
                    .map(|(column, run)| {
                        let first = row == 0 && column + 1 == columns;
                        view! { <Cell dag_id=dag_id.clone() run_id=run.dag_run_id.to_string() task=task.clone() states at=(row, column) first/> }
                    })
                    .collect_view();
                view! { <tr><th scope="row"><span class="clip" title=task.clone()>{task.clone()}</span></th>{cells}</tr> }
            })
            .collect_view();
        view! {
            <header>
                <h2>"Runs and tasks"</h2>
                <span class="grow"></span>
                <Legend/>
            </header>
            <div class="grid-scroll" tabindex="0" role="region" aria-label="Grid. Arrow keys move between cells." on:keydown=walk>
                <table class="run-grid">
                    <thead><tr>
                        <th scope="col"><div class="axis" aria-hidden="true"><span>{axis[0].clone()}</span><span>{axis[1].clone()}</span><span>"0"</span></div><span class="visually-hidden">"Task"</span></th>
                        {heads}
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    }
}

fn ordered_tasks(detail: &DagDetail) -> Vec<String> {
    let place: HashMap<&str, usize> = detail.tasks.iter().enumerate().map(|(i, task)| (task.task_id.as_str(), i)).collect();
    let edges: Vec<(usize, usize)> = detail
        .edges
        .iter()
        .filter_map(|edge| Some((*place.get(edge.upstream.as_str())?, *place.get(edge.downstream.as_str())?)))
        .collect();
    topological(detail.tasks.len(), &edges).into_iter().map(|i| detail.tasks[i].task_id.to_string()).collect()
}

fn seconds(run: &DagRun) -> Option<f64> {
    run.duration.or_else(|| run.start_date.map(|start| ((clock::now_ms() - start.timestamp_millis()) as f64 / 1e3).max(0.0)))
}

#[component]
fn Head(run: DagRun, longest: f64) -> impl IntoView {
    let status = Status::from(run.state);
    let (kind, icon) = run_type(run.run_type);
    let took = seconds(&run);
    let height = if longest > 0.0 { took.unwrap_or(0.0) / longest * 84.0 } else { 0.0 };
    let title = format!(
        "{}\n{} · {kind}\n{}{}",
        run.dag_run_id,
        status.label(),
        clock::local(run.logical_date),
        took.map(|took| format!("\n{}", format::duration_s(took))).unwrap_or_default()
    );
    view! {
        <th scope="col">
            <A href=paths::run_page(run.dag_id.as_str(), run.dag_run_id.as_str()) attr:class="grid-bar" attr:data-state=status.slug() attr:title=title attr:aria-label=format!("Run {}: {}", run.dag_run_id, status.label())>
                <i style=format!("height:{height:.0}px")></i>
                <Icon name=icon class="kind"/>
            </A>
        </th>
    }
}

#[component]
fn Cell(dag_id: String, run_id: String, task: String, states: States, at: (usize, usize), first: bool) -> impl IntoView {
    let href = paths::task_page(&dag_id, &run_id, &task);
    let state = {
        let (run_id, task) = (run_id.clone(), task.clone());
        Memo::new(move |_| {
            states.of_run.with(|all| all.get(&run_id).and_then(|run| run.get(&task)).map(|state| Status::from(*state)))
        })
    };
    let label =
        move || state.get().map_or_else(|| format!("{task}: not part of this run"), |state| format!("{task}: {}", state.label()));
    let title = {
        let label = label.clone();
        move || format!("{}\n{run_id}", label())
    };
    view! {
        <td>
            <A href=href attr:class="cell" attr:data-state=move || state.get().map(Status::slug) attr:title=title attr:aria-label=label
                attr:tabindex=if first { "0" } else { "-1" } attr:data-cell=format!("{}-{}", at.0, at.1)>
                <Icon name=Signal::derive(move || state.get().map_or("glyph-none", Status::glyph))/>
            </A>
        </td>
    }
}

/// Moves the focus from cell to cell.
fn walk(event: leptos::ev::KeyboardEvent) {
    let (down, right) = match event.key().as_str() {
        "ArrowUp" => (-1, 0),
        "ArrowDown" => (1, 0),
        "ArrowLeft" => (0, -1),
        "ArrowRight" => (0, 1),
        _ => return,
    };
    let place = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .and_then(|cell| cell.get_attribute("data-cell"))
        .and_then(|at| {
            at.split_once('-').and_then(|(row, column)| Some((row.parse::<i64>().ok()?, column.parse::<i64>().ok()?)))
        });
    let Some((row, column)) = place else { return };
    let wanted = format!("[data-cell=\"{}-{}\"]", row + down, column + right);
    if let Some(cell) =
        document().query_selector(&wanted).ok().flatten().and_then(|cell| cell.dyn_into::<web_sys::HtmlElement>().ok())
    {
        event.prevent_default();
        let _ = cell.focus();
    }
}

/// What the colours and signs mean.
#[component]
pub fn Legend() -> impl IntoView {
    let shown = [
        TaskState::Success,
        TaskState::Running,
        TaskState::Failed,
        TaskState::UpForRetry,
        TaskState::UpstreamFailed,
        TaskState::Skipped,
        TaskState::Queued,
    ];
    view! { <div class="legend" aria-label="Legend">{shown.into_iter().map(|state| view! { <StatusLabel status=Status::from(state)/> }).collect_view()}</div> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outranks_everything_else_in_a_cell() {
        assert_eq!(TaskState::ALL.iter().copied().max_by_key(|state| rank(*state)), Some(TaskState::Failed));
    }
}
