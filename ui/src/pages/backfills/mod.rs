//! The backfills of all dags: how far each is, and what can be done with it.

mod form;

use crate::components::backfills::act;
use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{Empty, Skeleton, Toasts, loaded};
use crate::components::icon::Icon;
use crate::components::link::dag_link;
use crate::components::page::PageHead;
use crate::components::pager::Pager;
use crate::components::time::{Ago, Moment};
use crate::core::address::address;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::{format, paths};
use cofferdam_api_types::{Backfill, BackfillCollection, BackfillProgress, BackfillState, ReprocessBehavior, Role};
use form::BackfillDialog;
use leptos::prelude::*;

/// Backfills of a page.
const LIMIT: u32 = 25;

/// A state with its colour and its icon.
const fn state(state: BackfillState) -> (&'static str, &'static str, &'static str) {
    match state {
        BackfillState::Running => ("running", "running", "Running"),
        BackfillState::Paused => ("deferred", "pause-circle", "Paused"),
        BackfillState::Completed => ("success", "check-circle", "Completed"),
        BackfillState::Cancelled => ("skipped", "minus-circle", "Cancelled"),
    }
}

/// How many intervals are where, in the order in which they stand in a bar: words, number, the state whose colour it has.
fn shares(it: &BackfillProgress) -> [(u32, &'static str, &'static str); 7] {
    [
        (it.success, "success", "succeeded"),
        (it.failed, "failed", "failed"),
        (it.running, "running", "running"),
        (it.queued, "queued", "queued"),
        (it.waiting, "none", "waiting"),
        (it.left_out, "skipped", "left out"),
        (it.deleted, "none", "deleted"),
    ]
}

/// See the module. The address names the dag, when only its backfills are meant.
#[component]
pub fn BackfillList() -> impl IntoView {
    let address = address();
    let dag = address.signal("dag");
    let offset = Memo::new(move |_| address.number("offset").unwrap_or_default());
    let backfills = query::<BackfillCollection>(move || {
        let (limit, offset) = (LIMIT.to_string(), offset.get().to_string());
        Some(format!("/backfills{}", paths::query(&[("limit", &limit), ("offset", &offset), ("dag_id", &dag.get())])))
    })
    .refetch_on(|news| !news.is_progress() && news.run_id().is_some());
    let session = session();
    let may = move || session.may(Role::Operator);
    let making = RwSignal::new(None::<String>);
    let ended = RwSignal::new(None::<Backfill>);
    let done = Callback::new(move |()| backfills.refetch());
    view! {
        <PageHead title="Backfills" actions=move || view! {
            <button type="button" class="btn primary" disabled=move || !may() on:click=move |_| making.set(Some(dag.get_untracked()))><Icon name="plus" class="s"/>"New backfill"</button>
        }/>
        <div class="content">
            <Show when=move || dag.with(|dag| !dag.is_empty())>
                <div class="toolbar">
                    <button type="button" class="tag on" aria-label=move || format!("Remove the filter {}", dag.get()) on:click=move |_| address.set([("dag", ""), ("offset", "")])>{dag}<Icon name="close" class="s"/></button>
                </div>
            </Show>
            <section class="card" aria-label="Backfills">
                {loaded(backfills, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.backfills.is_empty() {
                        return view! {
                            <Empty icon="backfill" title="No backfills yet">
                                <p>"A backfill runs the intervals of a dag's schedule that have passed. Make one here, or on the command line:"</p>
                                <pre tabindex="0"><code>"cofferdam backfill create weather_etl --from 2026-10-01 --to 2026-10-31 --dry-run"</code></pre>
                            </Empty>
                        }.into_any();
                    }
                    view! {
                        <div class="table-wrap" tabindex="0" role="region" aria-label="List of backfills">
                            <table class="table">
                                <thead><tr><th scope="col">"Dag"</th><th scope="col">"Intervals"</th><th scope="col">"State"</th><th scope="col">"Progress"</th><th scope="col">"Made"</th><th scope="col" class="tight"><span class="visually-hidden">"Actions"</span></th></tr></thead>
                                <tbody>{list.backfills.iter().map(|it| view! { <Row it=it.clone() ended done/> }).collect_view()}</tbody>
                            </table>
                        </div>
                        <Pager limit=LIMIT offset total={let total = list.total_entries; Signal::derive(move || total)} names=("backfill", "backfills")
                            go=move |offset: u32| address.set([("offset", if offset == 0 { String::new() } else { offset.to_string() })])/>
                    }.into_any()
                })}
            </section>
        </div>
        <BackfillDialog dag=making done/>
        <EndDialog ended done/>
    }
}

#[component]
fn Row(it: Backfill, ended: RwSignal<Option<Backfill>>, done: Callback<()>) -> impl IntoView {
    let session = session();
    let toasts = expect_context::<Toasts>();
    let may = move || session.may(Role::Operator);
    let busy = RwSignal::new(false);
    let (slug, icon, word) = state(it.state);
    let dag = it.dag_id.to_string();
    let is_active = matches!(it.state, BackfillState::Running | BackfillState::Paused);
    let (verb, verb_word, verb_icon, told) = if it.is_paused {
        ("unpause", "Resume", "play", "The backfill goes on")
    } else {
        ("pause", "Pause", "pause-circle", "The backfill is paused")
    };
    let mut details = vec![format!("{} at once", format::plural(u64::from(it.max_active_runs), "run", "runs"))];
    if it.run_backwards {
        details.push("latest first".to_owned());
    }
    match it.reprocess_behavior {
        ReprocessBehavior::None => {}
        ReprocessBehavior::Failed => details.push("runs failed ones again".to_owned()),
        ReprocessBehavior::Completed => details.push("runs finished ones again".to_owned()),
    }
    let id = it.id.to_string();
    let goner = it.clone();
    view! {
        <tr>
            <td>{dag_link(&dag)}<div class="small muted">{details.join(", ")}</div></td>
            <td><Moment at=it.from_date short=true/>" to "<Moment at=it.to_date short=true/></td>
            <td><span class="status" data-state=slug><Icon name=icon/>{word}</span></td>
            <td class="taken"><Progress it=it.progress/></td>
            <td><Ago at=it.created_at/></td>
            <td class="tight">{is_active.then(|| view! {
                <div class="row">
                    <button type="button" class="btn small" aria-label=format!("{verb_word} the backfill of {dag}") disabled=move || busy.get() || !may() on:click=move |_| act(id.clone(), verb, told, toasts, busy, done)><Icon name=verb_icon class="s"/>{verb_word}</button>
                    <button type="button" class="btn small danger" aria-label=format!("End the backfill of {dag}") disabled=move || busy.get() || !may() on:click=move |_| ended.set(Some(goner.clone()))>"End"</button>
                </div>
            })}</td>
        </tr>
    }
}

/// How far a backfill is, as a bar with the figures below.
#[component]
pub fn Progress(it: BackfillProgress) -> impl IntoView {
    let shares = shares(&it);
    let finished = it.success + it.failed + it.left_out + it.deleted;
    let told: Vec<String> = shares.iter().filter(|(n, _, _)| *n > 0).map(|(n, _, word)| format!("{n} {word}")).collect();
    let told = told.join(", ");
    let all = f64::from(it.total.max(1));
    view! {
        <div class="share" role="img" aria-label=format!("{finished} of {}: {told}", it.total)>
            {shares.iter().filter(|(n, _, _)| *n > 0).map(|(n, state, _)| view! { <i data-state=*state style=format!("width:{:.2}%", f64::from(*n) / all * 100.0)></i> }).collect_view()}
        </div>
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
    fn the_shares_are_the_whole() {
        let it =
            BackfillProgress { total: 28, waiting: 1, left_out: 2, queued: 3, running: 4, success: 5, failed: 6, deleted: 7 };
        assert_eq!(shares(&it).iter().map(|(n, _, _)| n).sum::<u32>(), it.total);
    }
}
