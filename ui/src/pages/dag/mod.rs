//! One dag: its runs as a grid, its graph, all its runs, a year of days, its backfills, its definition, what it is.

pub mod calendar;
pub mod definition;
pub mod details;
pub mod graph;
pub mod grid;
pub mod runs;
mod several;

use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use crate::components::page::{PageHead, on_shortcut};
use crate::components::time::Ago;
use crate::components::trigger::TriggerDialog;
use crate::core::paths;
use crate::core::query::{Query, query};
use crate::core::session::session;
use crate::pages::dags::list::{PauseSwitch, Schedule};
use cofferdam_api_types::{Dag, DagDetail, Role};
use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_params_map;

/// The dag of the page, for its tabs.
#[derive(Clone, Copy)]
pub struct DagContext {
    /// Its name.
    pub id: Memo<String>,
    /// What is known of it.
    pub detail: Query<DagDetail>,
}

/// The dag of the page.
#[must_use]
pub fn dag_context() -> DagContext {
    expect_context::<DagContext>()
}

/// See the module.
#[component]
pub fn DagPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("dag_id").unwrap_or_default()));
    let detail =
        query::<DagDetail>(move || Some(format!("{}/details", paths::dag(&id.get()))).filter(|_| !id.with(String::is_empty)))
            .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(id.get_untracked().as_str()));
    provide_context(DagContext { id, detail });
    let trigger = RwSignal::new(None::<String>);
    let session = session();
    let may_run = move || session.may(Role::Operator);
    on_shortcut("t", move || {
        if may_run() {
            trigger.set(Some(id.get_untracked()));
        }
    });
    let dag = Memo::new(move |_| detail.data.with(|detail| detail.as_ref().map(|detail| detail.dag.clone())));
    let present = Memo::new(move |_| dag.with(Option::is_some));
    let failed = Memo::new(move |_| detail.failure.get().filter(|_| !present.get()));
    let retry = Callback::new(move |()| detail.refetch());
    let tab = move |end: &str, icon: &'static str, label: &'static str| {
        let end = end.to_owned();
        view! { <A href=move || format!("{}{end}", paths::dag(&id.get())) exact=true><Icon name=icon/>{label}</A> }
    };
    view! {
        <PageHead title=Signal::derive(move || id.get()) crumbs=vec![("/dags".to_owned(), "Dags".to_owned())]
            beside=move || dag.with(|dag| dag.as_ref().map(|dag| dag.tags.iter().cloned().map(|tag| view! { <A href=format!("/dags{}", paths::query(&[("tag", &tag)])) attr:class="tag">{tag}</A> }).collect_view()))
            actions=move || view! {
                {move || present.get().then(|| dag.get_untracked()).flatten().map(|first| {
                    let dag = Memo::new(move |_| dag.get().unwrap_or_else(|| first.clone()));
                    view! { <PauseSwitch dag changed=move || detail.refetch()><span>{move || if dag.with(|dag| dag.is_paused) { "Paused" } else { "Active" }}</span></PauseSwitch> }
                })}
                <A href=move || format!("/editor{}", paths::query(&[("dag", &id.get())])) attr:class="btn"><Icon name="edit" class="s"/>"Edit"</A>
                <button type="button" class="btn primary" disabled=move || !(may_run() && present.get()) title="Trigger a run (T)" on:click=move |_| trigger.set(Some(id.get_untracked()))><Icon name="play" class="s"/>"Trigger"</button>
            }>
            {move || dag.get().map(|dag| view! { <Facts dag/> })}
            <nav class="tabs" aria-label="Views of the dag">
                {tab("", "grid", "Grid")}{tab("/graph", "dags", "Graph")}{tab("/runs", "list", "Runs")}{tab("/calendar", "calendar", "Calendar")}{tab("/backfills", "layers", "Backfills")}{tab("/definition", "code", "Code")}{tab("/details", "info", "Details")}
            </nav>
        </PageHead>
        <div class="content">
            {move || failed.get().map(|failure| view! { <FailureNotice failure retry/> })}
            <Show when=move || failed.with(Option::is_none)><Outlet/></Show>
        </div>
        <TriggerDialog dag=trigger/>
    }
}

#[component]
fn Facts(dag: Dag) -> impl IntoView {
    view! {
        {dag.description.clone().map(|text| view! { <p class="muted page-description">{text}</p> })}
        <div class="facts">
            <span><Icon name="calendar"/><span class="inline-schedule"><Schedule schedule=dag.schedule.clone() words=dag.schedule_in_words.clone() timezone=dag.timezone.clone()/></span></span>
            {dag.next_run.filter(|_| !dag.is_paused).map(|next| view! { <span><Icon name="timer"/>"Next run "<Ago at=next.due_at/></span> })}
            {(!dag.owners.is_empty()).then(|| view! { <span><Icon name="user"/>{dag.owners.join(", ")}</span> })}
            <span><Icon name="code"/>{format!("Version {}", dag.version_number)}</span>
        </div>
    }
}
