//! The graph of a dag, coloured by one of its runs.

use crate::components::feedback::{Skeleton, loaded};
use crate::components::graph::{Graph, TaskFace};
use crate::components::status::StatusLabel;
use crate::core::layout::{Layout, lay_out};
use crate::core::query::query;
use crate::core::status::Status;
use crate::core::{clock, format, paths};
use crate::pages::dag::dag_context;
use crate::pages::dag::grid::Legend;
use cofferdam_api_types::{DagDetail, TaskInstance, TaskInstanceCollection};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use std::collections::HashMap;
use std::sync::Arc;

/// The names of a dag's tasks and where they stand.
#[must_use]
pub fn drawing(detail: &DagDetail) -> (Arc<Vec<String>>, Arc<Layout>) {
    let tasks: Vec<String> = detail.tasks.iter().map(|task| task.task_id.to_string()).collect();
    let place: HashMap<&str, usize> = tasks.iter().enumerate().map(|(i, task)| (task.as_str(), i)).collect();
    let edges: Vec<(usize, usize)> = detail
        .edges
        .iter()
        .filter_map(|edge| Some((*place.get(edge.upstream.as_str())?, *place.get(edge.downstream.as_str())?)))
        .collect();
    let layout = lay_out(tasks.len(), &edges);
    (Arc::new(tasks), Arc::new(layout))
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
    let address = use_query_map();
    let navigate = use_navigate();
    let recent = Memo::new(move |_| detail.with(|detail| detail.dag.recent_runs.clone()));
    // The run that the address names, else the newest.
    let run_id = Memo::new(move |_| {
        let wanted = address.with(|address| address.get("run"));
        wanted.or_else(|| recent.with(|recent| recent.first().map(|run| run.dag_run_id.to_string())))
    });
    let tasks = query::<TaskInstanceCollection>(move || {
        run_id.get().map(|run| format!("{}/taskInstances?limit=1000", paths::run(&dag.id.get(), &run)))
    })
    .refetch_on(move |update| {
        !update.is_progress() && run_id.with_untracked(|run| run.is_some() && update.run_id() == run.as_deref())
    });
    let by_name = Memo::new(move |_| {
        tasks.data.with(|list| {
            list.as_ref()
                .map(|list| {
                    list.task_instances.iter().map(|task| (task.task_id.to_string(), task.clone())).collect::<HashMap<_, _>>()
                })
                .unwrap_or_default()
        })
    });
    let component_of = Memo::new(move |_| {
        detail.with(|detail| {
            detail
                .tasks
                .iter()
                .map(|task| (task.task_id.to_string(), task.component.as_ref().map(ToString::to_string).unwrap_or_default()))
                .collect::<HashMap<_, _>>()
        })
    });
    let face_of = move |task: String| {
        by_name.with(|all| all.get(&task).map(face)).unwrap_or_else(|| TaskFace {
            status: None,
            detail: component_of.with(|all| all.get(&task).cloned().unwrap_or_default()),
        })
    };
    let open = {
        let navigate = navigate.clone();
        move |task: String| {
            if let Some(run) = run_id.get_untracked() {
                navigate(&paths::task_page(&dag.id.get_untracked(), &run, &task), Default::default());
            }
        }
    };
    let choose = move |event| {
        let address =
            format!("{}/graph{}", paths::dag(&dag.id.get_untracked()), paths::query(&[("run", &event_target_value(&event))]));
        navigate(&address, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    };
    let shape = Memo::new(move |_| detail.with(|detail| drawing(detail)));
    view! {
        <header>
            <Show when=move || recent.with(|recent| !recent.is_empty()) fallback=|| view! { <h2>"No run yet"</h2> }>
                <label class="row"><span class="small muted">"Run"</span>
                    <select class="select small" prop:value=move || run_id.get().unwrap_or_default() on:change=choose.clone()>
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
            let (tasks, layout) = shape.get();
            view! { <Graph tasks layout face=face_of selected=Signal::stored(None::<String>) on_select=open.clone()/> }
        }}
    }
}
