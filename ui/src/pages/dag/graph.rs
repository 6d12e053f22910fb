//! The graph of a dag, coloured by one of its runs.

use crate::components::feedback::{Skeleton, loaded};
use crate::components::graph::{Camera, Graph, TaskFace, Traits};
use crate::components::status::StatusLabel;
use crate::core::address::{Address, address};
use crate::core::edge_types::{self, EdgeTypes, Versions};
use crate::core::flow::{self, Drawing, What, chain, draw, members};
use crate::core::query::query;
use crate::core::status::Status;
use crate::core::tally;
use crate::core::{clock, format, http, paths};
use crate::pages::dag::dag_context;
use crate::pages::dag::grid::Legend;
use cofferdam_api_types::{ComponentVersionDetail, DagDetail, TaskInstance, TaskSummary, TaskSummaryCollection};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A dag with more tasks than this shows its outer groups folded at first.
const FOLD_FROM: usize = 60;
/// Stands in the address when no group is folded, where some would be.
const NONE: &str = "-";

/// Which groups are folded, as it stands in the address.
#[derive(Clone, Copy)]
pub struct Folding {
    /// The groups.
    pub folded: Memo<BTreeSet<String>>,
    /// Folds one, or unfolds it.
    pub toggle: Callback<String>,
}

impl Folding {
    /// As the address says; else the outer groups of a large dag.
    #[must_use]
    pub fn new(address: Address, detail: Signal<Arc<DagDetail>>) -> Self {
        let first = move || {
            detail.with(|detail| {
                let outer = detail.tasks.iter().filter_map(|task| chain(task.group.as_ref()?.as_str()).next().map(str::to_owned));
                if detail.tasks.len() > FOLD_FROM { outer.collect() } else { BTreeSet::new() }
            })
        };
        let folded = Memo::new(move |_| match address.get("fold").as_str() {
            "" => first(),
            NONE => BTreeSet::new(),
            groups => groups.split(',').map(str::to_owned).collect(),
        });
        let toggle = Callback::new(move |group: String| {
            let mut now = folded.get_untracked();
            if !now.remove(&group) {
                now.insert(group);
            }
            let text = now.into_iter().collect::<Vec<_>>().join(",");
            address.set([("fold", if text.is_empty() { NONE.to_owned() } else { text })]);
        });
        Self { folded, toggle }
    }
}

/// A dag's tasks and where they stand.
#[must_use]
pub fn drawing(detail: &DagDetail, folded: &BTreeSet<String>) -> Arc<Drawing> {
    Arc::new(draw(detail, &|group| folded.contains(group)))
}

/// What is special about a task.
#[must_use]
pub fn traits_of(detail: &DagDetail, task: &str) -> Traits {
    let found = detail.tasks.iter().find(|it| it.task_id.as_str() == task);
    found.map_or_else(Traits::default, |task| Traits { signs: flow::traits(task, &detail.definition), rule: flow::rule(task) })
}

/// What the box of a task says of all its instances.
#[must_use]
pub fn summary_face(summary: &TaskSummary) -> TaskFace {
    let status = tally::worst(&summary.states).map(Status::from);
    let mut detail = if summary.is_mapped && summary.instances > 1 {
        tally::progress(&summary.states)
    } else {
        status.map(Status::label).unwrap_or_default().to_owned()
    };
    if let Some(seconds) = tally::seconds(summary).filter(|_| status.is_some_and(|it| it.is_running() || !it.is_active())) {
        detail.push_str(&format!(" · {}", format::duration_s(seconds)));
    }
    TaskFace { status, detail }
}

/// The most versions of components that are asked for.
const MOST_VERSIONS: usize = 40;

/// What goes along the edges, in the types of the components' functions. These are asked for once, and the graph does not wait for them.
#[must_use]
pub fn edge_types(detail: Signal<Arc<DagDetail>>) -> Signal<EdgeTypes> {
    let versions = RwSignal::new(Versions::new());
    Effect::new(move |asked: Option<BTreeSet<(String, String)>>| {
        let mut asked = asked.unwrap_or_default();
        let wanted = detail.with(|detail| edge_types::wanted(detail));
        let new: Vec<_> = wanted.difference(&asked).take(MOST_VERSIONS.saturating_sub(asked.len())).cloned().collect();
        asked.extend(new.iter().cloned());
        spawn_local(async move {
            for (name, digest) in new {
                let path = format!("{}/versions/{}", paths::component(&name), paths::segment(&digest));
                // What cannot be read is not told.
                let Ok(version) = http::get::<ComponentVersionDetail>(&path).await else { continue };
                if versions.try_update(|all| all.insert(digest, Arc::new(version))).is_none() {
                    return;
                }
            }
        });
        asked
    });
    Memo::new(move |_| detail.with(|detail| versions.with(|versions| edge_types::told(detail, versions)))).into()
}

/// What a task's box says in a run.
#[must_use]
pub fn face(task: &TaskInstance) -> TaskFace {
    let status = Status::from(task.state);
    let mut detail = status.label().to_owned();
    if let (Some(seconds), false) = (task.duration, status.is_active()) {
        detail.push_str(&format!(" · {}", format::duration_s(seconds)));
    } else if let (Some(start), true) = (task.start_date, status.is_running()) {
        detail.push_str(&format!(
            " · {}",
            format::duration_s(((clock::tracked_now_ms() - start.timestamp_millis()) / 1_000).max(0) as f64)
        ));
    }
    if task.try_number > 1 {
        detail.push_str(&format!(" · try {}", task.try_number));
    }
    TaskFace { status: Some(status), detail }
}

/// See the module.
#[component]
pub fn GraphTab() -> impl IntoView {
    let dag = dag_context();
    view! { <section class="card" aria-label="Graph">{loaded(dag.detail, Skeleton::Block, |detail| view! { <Coloured detail/> })}</section> }
}

#[component]
fn Coloured(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let dag = dag_context();
    let address = address();
    let navigate = use_navigate();
    let recent = Memo::new(move |_| detail.with(|detail| detail.dag.recent_runs.clone()));
    // The run that the address names, else the newest.
    let run_id = Memo::new(move |_| {
        let wanted = Some(address.get("run")).filter(|run| !run.is_empty());
        wanted.or_else(|| recent.with(|recent| recent.first().map(|run| run.dag_run_id.to_string())))
    });
    let tasks = query::<TaskSummaryCollection>(move || {
        run_id.get().map(|run| format!("{}/taskSummaries", paths::run(&dag.id.get(), &run)))
    })
    .refetch_on(move |update| {
        !update.is_progress() && run_id.with_untracked(|run| run.is_some() && update.run_id() == run.as_deref())
    });
    let by_name = Memo::new(move |_| {
        tasks.data.with(|list| {
            list.as_ref()
                .map(|list| {
                    list.task_summaries.iter().map(|task| (task.task_id.to_string(), task.clone())).collect::<HashMap<_, _>>()
                })
                .unwrap_or_default()
        })
    });
    let work_of = Memo::new(move |_| {
        detail.with(|detail| {
            let work = |task: &cofferdam_api_types::DagTask| match (&task.component, &task.run_dag) {
                (Some(component), _) => component.to_string(),
                (None, Some(dag)) => format!("Runs {dag}"),
                (None, None) => task.kind.clone(),
            };
            detail.tasks.iter().map(|task| (task.task_id.to_string(), work(task))).collect::<HashMap<_, _>>()
        })
    });
    let face_of = move |what: What| match what {
        What::Task(task) => by_name.with(|all| all.get(&task).map(summary_face)).unwrap_or_else(|| TaskFace {
            status: None,
            detail: work_of.with(|all| all.get(&task).cloned().unwrap_or_default()),
        }),
        What::Group(group) => detail.with(|detail| {
            let tally = by_name.with(|all| {
                tally::sum(members(detail, &group).filter_map(|task| all.get(task.task_id.as_str()).map(|it| &it.states)))
            });
            let count = members(detail, &group).count() as u64;
            let status = tally::worst(&tally).map(Status::from);
            let text = if status.is_some() { tally::progress(&tally) } else { format::plural(count, "task", "tasks") };
            TaskFace { status, detail: text }
        }),
        What::Asset(_) => TaskFace { status: None, detail: String::new() },
    };
    let open = {
        let navigate = navigate.clone();
        move |task: String| {
            if let Some(run) = run_id.get_untracked() {
                navigate(&paths::task_page(&dag.id.get_untracked(), &run, &task), Default::default());
            }
        }
    };
    let choose = move |event| address.set([("run", event_target_value(&event))]);
    let camera = Camera::new();
    let folding = Folding::new(address, detail);
    let traits = move |task: String| detail.with_untracked(|detail| traits_of(detail, &task));
    let types = edge_types(detail);
    let shape = Memo::new(move |_| detail.with(|detail| drawing(detail, &folding.folded.get())));
    view! {
        <header>
            <Show when=move || recent.with(|recent| !recent.is_empty()) fallback=|| view! { <h2>"No run yet"</h2> }>
                <label class="row"><span class="small muted">"Run"</span>
                    <select class="select small" prop:value=move || run_id.get().unwrap_or_default() on:change=choose>
                        {move || recent.get().into_iter().map(|run| {
                            let id = run.dag_run_id.to_string();
                            let chosen = run_id.get().as_deref() == Some(id.as_str());
                            view! { <option value=id selected=chosen>{format!("{} · {}", clock::local(run.logical_date), Status::from(run.state).label())}</option> }
                        }).collect_view()}
                    </select>
                </label>
                {move || recent.with(|recent| recent.iter().find(|run| run_id.get().as_deref() == Some(run.dag_run_id.as_str())).map(|run| view! { <StatusLabel status=Status::from(run.state) pill=true/> }))}
            </Show>
            <span class="grow"></span>
            <Legend/>
        </header>
        {move || {
            let drawing = shape.get();
            view! { <Graph drawing camera face=face_of traits types selected=Signal::stored(None::<String>) on_select=open.clone() on_fold=folding.toggle/> }
        }}
    }
}
