//! Backfills, of all dags or of one: how far each is, and what can be done with it.

mod form;

use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{Empty, Skeleton, Toasts, loaded};
use crate::components::filters::{Choice, Segments, Tag};
use crate::components::icon::Icon;
use crate::components::link::dag_link;
use crate::components::page::PageHead;
use crate::components::share::{Part, Share, told};
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::{Ago, Moment};
use crate::core::address::address;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::{format, http, paths};
use crate::pages::dag::dag_context;
use chrono::{DateTime, Utc};
use cofferdam_api_types::{Backfill, BackfillCollection, BackfillProgress, BackfillState, ReprocessBehavior, Role};
use form::BackfillDialog;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;

/// Backfills of a page.
const LIMIT: u32 = 50;

const COLUMNS: &[Column] = &[
    ordered("Dag", "dag_id"),
    ordered("Intervals", "from_date").latest(),
    ordered("State", "state"),
    plain("Progress"),
    ordered("Made", "created_at").latest(),
];

const STATES: &[Choice] =
    &[("", "All"), ("running", "Running"), ("paused", "Paused"), ("completed", "Completed"), ("cancelled", "Cancelled")];

/// A state with its colour and its icon.
const fn state(state: BackfillState) -> (&'static str, &'static str, &'static str) {
    match state {
        BackfillState::Running => ("running", "running", "Running"),
        BackfillState::Paused => ("deferred", "pause-circle", "Paused"),
        BackfillState::Completed => ("success", "check-circle", "Completed"),
        BackfillState::Cancelled => ("skipped", "minus-circle", "Cancelled"),
    }
}

/// How many intervals are where, in the order in which they stand in a bar.
fn parts(it: &BackfillProgress) -> Vec<Part> {
    let parts = [
        (it.success, "success", "succeeded"),
        (it.failed, "failed", "failed"),
        (it.running, "running", "running"),
        (it.queued, "queued", "queued"),
        (it.waiting, "none", "waiting"),
        (it.left_out, "skipped", "left out"),
        (it.deleted, "none", "deleted"),
    ];
    parts.into_iter().map(|(count, state, word)| (u64::from(count), state, word)).collect()
}

/// The page of the backfills of all dags. The address names a dag, when only its backfills are meant.
#[component]
pub fn BackfillPage() -> impl IntoView {
    let address = address();
    let dag = address.signal("dag");
    let making = RwSignal::new(None::<String>);
    view! {
        <PageHead title="Backfills" actions=move || view! { <New making dag=dag class="btn primary"/> }/>
        <div class="content">
            <div class="toolbar"><Segments address name="state" label="State" choices=STATES/><Tag address name="dag"/></div>
            <section class="card" aria-label="Backfills"><Backfills dag=dag making is_named=true/></section>
        </div>
    }
}

/// The backfills of the dag around this.
#[component]
pub fn BackfillsTab() -> impl IntoView {
    let dag = dag_context().id;
    let making = RwSignal::new(None::<String>);
    view! {
        <section class="card" aria-label="Backfills">
            <header><h2>"Backfills"</h2><span class="grow"></span><New making dag=dag class="btn small"/></header>
            <Backfills dag=dag making is_named=false/>
        </section>
    }
}

/// The button that opens the form.
#[component]
fn New(making: RwSignal<Option<String>>, #[prop(into)] dag: Signal<String>, class: &'static str) -> impl IntoView {
    let session = session();
    view! {
        <button type="button" class=class disabled=move || !session.may(Role::Operator) on:click=move |_| making.set(Some(dag.get_untracked()))><Icon name="plus" class="s"/>"New backfill"</button>
    }
}

#[component]
fn Backfills(
    /// Whose backfills; those of all dags, when it is empty.
    #[prop(into)]
    dag: Signal<String>,
    /// The dag that a new one is made for.
    making: RwSignal<Option<String>>,
    /// Whether each says whose it is.
    is_named: bool,
) -> impl IntoView {
    let address = address();
    let (state, order) = (address.signal("state"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let list = query::<BackfillCollection>(move || {
        let values = paging.query(&[("dag_id", &dag.get()), ("state", &state.get()), ("order_by", &order.get())]);
        Some(format!("/backfills{values}"))
    })
    .refetch_on(move |news| {
        news.is_about_runs() && dag.with_untracked(|dag| dag.is_empty() || news.dag_id() == Some(dag.as_str()))
    });
    let ended = RwSignal::new(None::<Backfill>);
    let done = Callback::new(move |()| list.refetch());
    let columns = if is_named { COLUMNS } else { &COLUMNS[1..] };
    view! {
        {loaded(list, Skeleton::Rows, move |found| move || {
            let found = found.get();
            if found.backfills.is_empty() && !state.with(String::is_empty) {
                return view! { <Empty icon="search" title="No backfill is in this state"/> }.into_any();
            }
            if found.backfills.is_empty() {
                let name = Some(dag.get()).filter(|dag| !dag.is_empty()).unwrap_or_else(|| "weather_etl".to_owned());
                return view! {
                    <Empty icon="backfill" title="No backfills yet">
                        <p>"A backfill runs the intervals of a dag's schedule that have passed: those before the dag was applied, or those that failed. Make one here, or on the command line:"</p>
                        <pre tabindex="0"><code>{format!("cofferdam backfill create {name} --from 2026-10-01 --to 2026-10-31 --dry-run")}</code></pre>
                    </Empty>
                }.into_any();
            }
            let rows = found.backfills.iter().map(|it| view! { <Row it=it.clone() ended done is_named/> }).collect_view();
            view! { <Listed address paging total=Signal::stored(found.total_entries) names=("backfill", "backfills") columns usual="-created_at" actions=true>{rows}</Listed> }.into_any()
        })}
        <BackfillDialog dag=making done/>
        <EndDialog ended done/>
    }
}

/// Has the server do something with a backfill, and says so.
fn act(id: String, verb: &'static str, said: &'static str, toasts: Toasts, busy: RwSignal<bool>, done: Callback<()>) {
    busy.set(true);
    spawn_local(async move {
        match http::put::<Backfill>(&format!("/backfills/{}/{verb}", paths::segment(&id))).await {
            Ok(_) => toasts.done(said),
            Err(failure) => toasts.failed(&failure),
        }
        busy.try_set(false);
        done.run(());
    });
}

/// How it runs, in words.
fn details(it: &Backfill) -> String {
    let mut details = vec![format!("{} at once", format::plural(u64::from(it.max_active_runs), "run", "runs"))];
    if it.run_backwards {
        details.push("latest first".to_owned());
    }
    match it.reprocess_behavior {
        ReprocessBehavior::None => {}
        ReprocessBehavior::Failed => details.push("runs failed ones again".to_owned()),
        ReprocessBehavior::Completed => details.push("runs finished ones again".to_owned()),
    }
    details.join(", ")
}

/// The page of the runs that are of the intervals of a backfill.
fn runs(it: &Backfill) -> String {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let of = [("type", "backfill"), ("from", &day(it.from_date)), ("to", &day(it.to_date))];
    format!("{}/runs{}", paths::dag(it.dag_id.as_str()), paths::query(&of))
}

#[component]
fn Row(it: Backfill, ended: RwSignal<Option<Backfill>>, done: Callback<()>, is_named: bool) -> impl IntoView {
    let session = session();
    let toasts = expect_context::<Toasts>();
    let may = move || session.may(Role::Operator);
    let busy = RwSignal::new(false);
    let (slug, icon, word) = state(it.state);
    let dag = it.dag_id.to_string();
    let is_active = matches!(it.state, BackfillState::Running | BackfillState::Paused);
    let (verb, verb_word, verb_icon, said) = if it.is_paused {
        ("unpause", "Resume", "play", "The backfill goes on")
    } else {
        ("pause", "Pause", "pause-circle", "The backfill is paused")
    };
    let id = it.id.to_string();
    let goner = it.clone();
    view! {
        <tr>
            {is_named.then(|| view! { <td>{dag_link(&dag)}</td> })}
            <td><A href=runs(&it) attr:class="name"><Moment at=it.from_date short=true/>" to "<Moment at=it.to_date short=true/></A><div class="small muted">{details(&it)}</div></td>
            <td><span class="status" data-state=slug><Icon name=icon/>{word}</span></td>
            <td class="taken"><Progress it=it.progress/></td>
            <td><Ago at=it.created_at/></td>
            <td class="tight">{is_active.then(|| view! {
                <div class="row">
                    <button type="button" class="btn small" aria-label=format!("{verb_word} the backfill of {dag}") disabled=move || busy.get() || !may() on:click=move |_| act(id.clone(), verb, said, toasts, busy, done)><Icon name=verb_icon class="s"/>{verb_word}</button>
                    <button type="button" class="btn small danger" aria-label=format!("End the backfill of {dag}") disabled=move || busy.get() || !may() on:click=move |_| ended.set(Some(goner.clone()))>"End"</button>
                </div>
            })}</td>
        </tr>
    }
}

/// How far a backfill is, as a bar with the figures below.
#[component]
fn Progress(it: BackfillProgress) -> impl IntoView {
    let parts = parts(&it);
    let finished = it.success + it.failed + it.left_out + it.deleted;
    let told = told(&parts);
    view! {
        <Share parts all=u64::from(it.total) label=format!("{finished} of {}: {told}", it.total)/>
        <span class="small"><strong class="num">{format!("{finished} / {}", it.total)}</strong>" "<span class="muted">{told.clone()}</span></span>
    }
}

#[component]
fn EndDialog(ended: RwSignal<Option<Backfill>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(ended);
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let title = Signal::derive(move || {
        ended.with(|it| it.as_ref().map_or_else(String::new, |it| format!("End the backfill of {}?", it.dag_id)))
    });
    let finished = Callback::new(move |()| {
        open.try_set(false);
        done.run(());
    });
    let end = move |_| {
        if let Some(it) = ended.get_untracked() {
            act(it.id.to_string(), "cancel", "The backfill has ended", toasts, busy, finished);
        }
    };
    let left = move || ended.with(|it| it.as_ref().map_or(0, |it| it.progress.queued + it.progress.running));
    view! {
        <Dialog open title narrow=true>
            <div class="body"><p>{move || match left() {
                0 => "It makes no more runs. What has run stays.".to_owned(),
                n => format!("It makes no more runs, and {} that {} not finished {} cancelled. What has run stays.",
                    format::plural(u64::from(n), "run", "runs"), if n == 1 { "is" } else { "are" }, if n == 1 { "is" } else { "are" }),
            }}</p></div>
            <footer>
                <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Let it go on"</button>
                <button type="button" class="btn danger solid" disabled=move || busy.get() on:click=end>"End the backfill"</button>
            </footer>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        let it =
            BackfillProgress { total: 28, waiting: 1, left_out: 2, queued: 3, running: 4, success: 5, failed: 6, deleted: 7 };
        assert_eq!(parts(&it).iter().map(|(count, _, _)| *count).sum::<u64>(), u64::from(it.total));
    }
}
