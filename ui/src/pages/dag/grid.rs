//! Runs by tasks: one column for each of the last runs, one row for each task, groups that fold.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::page::Search;
use crate::components::picked::{Picked, Tick};
use crate::components::status::StatusLabel;
use crate::core::address::address;
use crate::core::flow::{chain, edges, short};
use crate::core::http;
use crate::core::layout::topological;
use crate::core::live::{self, News};
use crate::core::query::query;
use crate::core::status::{Status, run_type};
use crate::core::tally::{self, Tally};
use crate::core::{clock, format, paths};
use crate::pages::dag::dag_context;
use crate::pages::dag::graph::Folding;
use crate::pages::dag::several::RunsBar;
use cofferdam_api_types::{DagDetail, DagRun, DagRunCollection, Event, TaskState, TaskSummaryCollection};
use cofferdam_ids::DagRunId;
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use leptos_router::components::A;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::JsCast;

/// How many runs are shown at first, and how many more each time that more are asked for.
const RUNS: u32 = 30;
/// The most runs that are shown.
const MOST_RUNS: u32 = 365;
/// The height of a row; see the style sheet.
const ROW: f64 = 28.0;
/// Rows that are kept ready above and below the window.
const SPARE: usize = 12;
/// The rows change by so many at once.
const STEP: usize = 8;

/// The instances of each task of some runs.
#[derive(Clone, Copy)]
struct States {
    of_run: RwSignal<HashMap<String, HashMap<String, Tally>>>,
    /// Runs that had finished when they were read: they need no second look.
    settled: StoredValue<HashSet<String>>,
    waiting: StoredValue<HashSet<String>>,
}

impl States {
    fn read(self, dag_id: String, run_id: String, finished: bool) {
        spawn_local(async move {
            let path = format!("{}/taskSummaries", paths::run(&dag_id, &run_id));
            // A run whose tasks cannot be read stays blank; the failure is shown where the run itself is opened.
            let Ok(list) = http::get::<TaskSummaryCollection>(&path).await else { return };
            let states = list.task_summaries.into_iter().map(|task| (task.task_id.to_string(), task.states)).collect();
            if finished {
                self.settled.try_update_value(|settled| settled.insert(run_id.clone()));
            }
            self.of_run.try_update(|all| all.insert(run_id, states));
        });
    }

    /// Reads a run again, once for all changes of a moment.
    fn read_soon(self, dag_id: &str, run_id: &str) {
        self.settled.try_update_value(|settled| settled.remove(run_id));
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

/// See the module.
#[component]
pub fn GridTab() -> impl IntoView {
    let dag = dag_context();
    let address = address();
    let wanted = Memo::new(move |_| address.number("runs").unwrap_or(RUNS).clamp(1, MOST_RUNS));
    let runs = query::<DagRunCollection>(move || {
        Some(format!("{}/dagRuns?limit={}&order_by=-logical_date", paths::dag(&dag.id.get()), wanted.get()))
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
                        run.insert(task_id.to_string(), Tally::from([(*state, 1)]));
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
            {loaded(dag.detail, Skeleton::Block, move |detail| loaded(runs, Skeleton::Block, move |list| view! { <Grid detail runs=list states changed=Callback::new(move |()| runs.refetch())/> }))}
        </section>
    }
}

/// A row of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Row {
    /// A group, with the tasks in it.
    Group { name: String, depth: usize, tasks: Vec<String>, is_folded: bool },
    /// A task.
    Task { name: String, depth: usize },
}

impl Row {
    fn name(&self) -> &str {
        match self {
            Self::Group { name, .. } | Self::Task { name, .. } => name,
        }
    }
}

/// The rows: tasks in the order of the dag, those of a group together below its name. With `text`, only tasks whose name has it.
fn rows(detail: &DagDetail, folded: &BTreeSet<String>, text: &str) -> Vec<Row> {
    let edges = edges(&detail.tasks, &detail.edges);
    let text = text.to_lowercase();
    let order: Vec<usize> = topological(detail.tasks.len(), &edges)
        .into_iter()
        .filter(|&index| text.is_empty() || detail.tasks[index].task_id.as_str().to_lowercase().contains(&text))
        .collect();
    let around = |index: usize| detail.tasks[index].group.as_ref().map(|group| group.as_str());
    let mut out = Vec::new();
    below(&order, &around, 0, &|index| detail.tasks[index].task_id.to_string(), folded, &mut out);
    out
}

/// Writes the tasks of `order`, all of them in `group`, with the groups in it where the first task of each stands.
fn below<'a>(
    order: &[usize],
    around: &dyn Fn(usize) -> Option<&'a str>,
    depth: usize,
    name: &dyn Fn(usize) -> String,
    folded: &BTreeSet<String>,
    out: &mut Vec<Row>,
) {
    let mut done: HashSet<&str> = HashSet::new();
    for &index in order {
        let inner = around(index).and_then(|of| chain(of).nth(depth));
        match inner {
            None => out.push(Row::Task { name: name(index), depth }),
            Some(inner) if done.insert(inner) => {
                let within: Vec<usize> = order
                    .iter()
                    .copied()
                    .filter(|&other| around(other).is_some_and(|of| chain(of).nth(depth) == Some(inner)))
                    .collect();
                let is_folded = folded.contains(inner);
                let tasks = within.iter().map(|&task| name(task)).collect();
                out.push(Row::Group { name: inner.to_owned(), depth, tasks, is_folded });
                if !is_folded {
                    below(&within, around, depth + 1, name, folded, out);
                }
            }
            Some(_) => {}
        }
    }
}

#[component]
fn Grid(
    detail: Signal<Arc<DagDetail>>,
    runs: Signal<Arc<DagRunCollection>>,
    states: States,
    changed: Callback<()>,
) -> impl IntoView {
    let address = address();
    let folding = Folding::new(address, detail);
    let text = address.signal("q");
    let rows = Memo::new(move |_| detail.with(|detail| rows(detail, &folding.folded.get(), &text.get())));
    let list = Memo::new(move |_| runs.with(|runs| runs.dag_runs.iter().rev().cloned().collect::<Vec<DagRun>>()));
    let none = Memo::new(move |_| list.with(Vec::is_empty));
    let more = Memo::new(move |_| {
        let shown = list.with(Vec::len) as u32;
        runs.with(|runs| runs.total_entries > u64::from(shown)) && shown < MOST_RUNS
    });
    let older = move |_| address.set([("runs", (list.with_untracked(Vec::len) as u32 + RUNS).min(MOST_RUNS).to_string())]);
    let picked = Picked::new();
    let picking = RwSignal::new(false);
    let pick = move |_| {
        picking.update(|on| *on = !*on);
        picked.clear();
    };
    let many = Memo::new(move |_| detail.with(|detail| detail.tasks.len() > 12));
    let frame = NodeRef::<html::Div>::new();
    // Which rows are near the window.
    let window = RwSignal::new((0.0_f64, 900.0_f64));
    let look = move || {
        if let Some(frame) = frame.get_untracked() {
            window.set((f64::from(frame.scroll_top()), f64::from(frame.client_height())));
        }
    };
    // The newest runs are at the right, and are looked at first.
    Effect::new(move |_| {
        if frame.get().is_some() {
            request_animation_frame(move || {
                if let Some(frame) = frame.get_untracked() {
                    frame.set_scroll_left(frame.scroll_width());
                    look();
                }
            });
        }
    });
    let resized = window_event_listener(leptos::ev::resize, move |_| look());
    on_cleanup(move || resized.remove());
    let shown = Memo::new(move |_| {
        let (top, height) = window.get();
        let count = rows.with(Vec::len);
        // In steps, so that rows are not drawn anew with every pixel.
        let first = (((top / ROW) as usize).saturating_sub(SPARE) / STEP * STEP).min(count);
        let last = (((top + height) / ROW) as usize + SPARE).next_multiple_of(STEP).min(count);
        (first, last.max(first), count)
    });
    let body = move || {
        let (first, last, count) = shown.get();
        let gap = |rows: usize| {
            (rows > 0).then(|| view! { <tr class="gap" aria-hidden="true" style=format!("height:{}px", rows as f64 * ROW)></tr> })
        };
        let list = list.get();
        let columns = list.len();
        let lines = rows.with(|rows| rows[first.min(rows.len())..last.min(rows.len())].to_vec());
        let dag_id = detail.with_untracked(|detail| detail.dag.dag_id.to_string());
        let lines = lines
            .into_iter()
            .enumerate()
            .map(|(offset, row)| {
                let number = first + offset;
                let cells = list
                    .iter()
                    .enumerate()
                    .map(|(column, run)| {
                        let reachable = number == first && column + 1 == columns;
                        view! { <Cell dag_id=dag_id.clone() run_id=run.dag_run_id.to_string() row=row.clone() states at=(number, column) reachable/> }
                    })
                    .collect_view();
                let is_group = matches!(row, Row::Group { .. });
                view! { <tr class:group=is_group><RowHead row on_fold=folding.toggle/>{cells}</tr> }
            })
            .collect_view();
        view! { {gap(first)}{lines}{gap(count - last)} }
    };
    let heads = move || {
        let list = list.get();
        let longest = list.iter().filter_map(seconds).fold(0.0, f64::max);
        let axis = [1.0, 0.5].map(|part| format::duration_s(longest * part));
        let heads = list.into_iter().map(|run| view! { <Head run longest picked picking/> }).collect_view();
        view! {
            <th scope="col"><div class="axis" aria-hidden="true"><span>{axis[0].clone()}</span><span>{axis[1].clone()}</span><span>"0"</span></div><span class="visually-hidden">"Task"</span></th>
            {heads}
        }
    };
    move || {
        if none.get() {
            return view! {
                <Empty icon="grid" title="This dag has not run yet"><p>"Trigger a run, or wait for its schedule. Each run becomes a column, each task a row."</p></Empty>
            }
            .into_any();
        }
        view! {
            <header>
                <Show when=move || many.get() || !text.with(String::is_empty) fallback=|| view! { <h2>"Runs and tasks"</h2> }>
                    <Search value=text on_input=move |text: String| address.set([("q", text)]) label="Find a task"/>
                </Show>
                <Show when=move || more.get()><button type="button" class="btn small" on:click=older><Icon name="chevron-left" class="s"/>"Older runs"</button></Show>
                <button type="button" class="btn small" aria-pressed=move || picking.get().to_string() on:click=pick>"Select runs"</button>
                <Show when=move || picking.get()><RunsBar picked changed/></Show>
                <span class="grow"></span>
                <Legend/>
            </header>
            <div class="grid-scroll" node_ref=frame tabindex="0" role="region" aria-label="Grid. Arrow keys move between cells." on:keydown=walk on:scroll=move |_| look()>
                <table class="run-grid">
                    <thead><tr>{heads}</tr></thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
            <Show when=move || rows.with(Vec::is_empty)><Empty icon="search" title="No task has this in its name"><button type="button" class="btn small" on:click=move |_| address.set([("q", "")])>"Show all tasks"</button></Empty></Show>
        }
        .into_any()
    }
}

#[component]
fn RowHead(row: Row, on_fold: Callback<String>) -> impl IntoView {
    let indent = |depth: usize| format!("padding-left:{}px", 16 + depth * 16);
    match row {
        Row::Task { name, depth } => {
            view! { <th scope="row" style=indent(depth)><span class="clip" title=name.clone()>{name.clone()}</span></th> }
                .into_any()
        }
        Row::Group { name, depth, tasks, is_folded } => {
            let label = format!("{} the group {name}", if is_folded { "Unfold" } else { "Fold" });
            let fold = name.clone();
            view! {
                <th scope="row" style=indent(depth)>
                    <button type="button" class="fold" aria-expanded=(!is_folded).to_string() aria-label=label title=name.clone() on:click=move |_| on_fold.run(fold.clone())>
                        <Icon name=if is_folded { "chevron" } else { "caret" } class="s"/><span class="clip">{short(&name).to_owned()}</span><span class="small faint num" aria-hidden="true">{tasks.len()}</span>
                    </button>
                </th>
            }
            .into_any()
        }
    }
}

fn seconds(run: &DagRun) -> Option<f64> {
    run.duration.or_else(|| run.start_date.map(|start| ((clock::now_ms() - start.timestamp_millis()) as f64 / 1e3).max(0.0)))
}

#[component]
fn Head(run: DagRun, longest: f64, picked: Picked<DagRunId>, picking: RwSignal<bool>) -> impl IntoView {
    let status = Status::from(run.state);
    let (kind, icon) = run_type(run.run_type);
    let id = run.dag_run_id.clone();
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
            {move || picking.get().then(|| view! { <Tick picked key=id.clone() name=id.to_string()/> })}
            <A href=paths::run_page(run.dag_id.as_str(), run.dag_run_id.as_str()) attr:class="grid-bar" attr:data-state=status.slug() attr:title=title attr:aria-label=format!("Run {}: {}", run.dag_run_id, status.label())>
                <i style=format!("height:{height:.0}px")></i>
                <Icon name=icon class="kind"/>
            </A>
        </th>
    }
}

/// What a cell shows.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    status: Status,
    /// The instances, when there is not just one.
    tally: Option<Tally>,
}

impl Shown {
    fn of(tally: &Tally) -> Option<Self> {
        let status = Status::from(tally::worst(tally)?);
        Some(Self { status, tally: (tally::total(tally) > 1).then(|| tally.clone()) })
    }

    fn words(&self) -> String {
        self.tally.as_ref().map_or_else(|| self.status.label().to_owned(), tally::words)
    }

    /// The number in the cell: the instances that are in the state that matters most, or all when all are in one.
    fn number(&self) -> Option<String> {
        let tally = self.tally.as_ref()?;
        let state = tally::worst(tally)?;
        Some(few(tally.get(&state).copied().unwrap_or(0)))
    }
}

/// A number in three characters at the most.
fn few(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..100_000 => format!("{}k", count / 1_000),
        _ => "99k".to_owned(),
    }
}

#[component]
fn Cell(dag_id: String, run_id: String, row: Row, states: States, at: (usize, usize), reachable: bool) -> impl IntoView {
    let name = row.name().to_owned();
    let (href, is_group) = match &row {
        Row::Task { name, .. } => (paths::task_page(&dag_id, &run_id, name), false),
        Row::Group { .. } => (paths::run_page(&dag_id, &run_id), true),
    };
    let shown = {
        let run_id = run_id.clone();
        Memo::new(move |_| {
            states.of_run.with(|all| {
                let run = all.get(&run_id)?;
                match &row {
                    Row::Task { name, .. } => Shown::of(run.get(name)?),
                    Row::Group { tasks, .. } => Shown::of(&tally::sum(tasks.iter().filter_map(|task| run.get(task)))),
                }
            })
        })
    };
    let label = move || {
        shown.with(|shown| match shown {
            Some(shown) => format!("{name}: {}", shown.words()),
            None => format!("{name}: not part of this run"),
        })
    };
    let title = {
        let label = label.clone();
        move || format!("{}\n{run_id}", label())
    };
    let number = Memo::new(move |_| shown.with(|shown| shown.as_ref().and_then(Shown::number)).filter(|_| !is_group));
    let class = if is_group { "cell of-group" } else { "cell" };
    view! {
        <td>
            <A href=href attr:class=class attr:data-state=move || shown.with(|shown| shown.as_ref().map(|it| it.status.slug())) attr:title=title attr:aria-label=label
                attr:tabindex=if reachable { "0" } else { "-1" } attr:data-cell=format!("{}-{}", at.0, at.1)>
                {move || match number.get() {
                    Some(number) => view! { <span class="many">{number}</span> }.into_any(),
                    None => view! { <Icon name=Signal::derive(move || shown.with(|shown| shown.as_ref().map_or("glyph-none", |it| it.status.glyph())))/> }.into_any(),
                }}
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
        TaskState::Deferred,
        TaskState::Queued,
    ];
    view! { <div class="legend" aria-label="Legend">{shown.into_iter().map(|state| view! { <StatusLabel status=Status::from(state)/> }).collect_view()}</div> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_rows_where_their_first_task_stands() {
        let groups = [None, Some("g"), Some("g.h"), None, Some("g")];
        let name = |index: usize| format!("t{index}");
        let rows = |folded: &[&str]| {
            let folded = folded.iter().map(|group| (*group).to_owned()).collect();
            let mut out = Vec::new();
            below(&[0, 1, 2, 3, 4], &|index| groups[index], 0, &name, &folded, &mut out);
            out.iter()
                .map(|row| match row {
                    Row::Task { name, depth } => format!("{}{name}", " ".repeat(*depth)),
                    Row::Group { name, depth, tasks, .. } => format!("{}{name} {}", " ".repeat(*depth), tasks.len()),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&[]), ["t0", "g 3", " t1", " g.h 1", "  t2", " t4", "t3"]);
        assert_eq!(rows(&["g.h"]), ["t0", "g 3", " t1", " g.h 1", " t4", "t3"]);
        assert_eq!(rows(&["g"]), ["t0", "g 3", "t3"]);
    }

    #[test]
    fn a_cell_of_many_says_how_many_matter_most() {
        let tally = Tally::from([(TaskState::Success, 7_300), (TaskState::Failed, 12)]);
        let shown = Shown::of(&tally).unwrap();
        assert_eq!((shown.status.slug(), shown.number().as_deref()), ("failed", Some("12")));
        assert_eq!(shown.words(), "12 failed, 7\u{202f}300 success");
        assert_eq!(Shown::of(&Tally::from([(TaskState::Success, 1)])).unwrap().number(), None);
        assert_eq!(few(10_000), "10k");
    }
}
