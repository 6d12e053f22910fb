//! Backfills: how far they are, what can be done to them, and the form that makes one, with a look at what it would run.

use crate::components::dialog::Dialog;
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::{Empty, FailureNotice, Skeleton, Toasts, loaded};
use crate::components::icon::Icon;
use crate::components::pager::Pager;
use crate::components::time::{Ago, Moment};
use crate::core::address::address;
use crate::core::http::{self, Failure};
use crate::core::latest::Latest;
use crate::core::query::{Query, query};
use crate::core::session::session;
use crate::core::{clock, conf, format, paths};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use cofferdam_api_types::{
    Backfill, BackfillCollection, BackfillProgress, BackfillState, DryRunBackfill, DryRunInterval, NewBackfill,
    ReprocessBehavior, Role,
};
use cofferdam_ids::DagId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;

const LIMIT: u32 = 50;
/// A form that is being typed into asks what it would do this many milliseconds after the last key.
const SETTLE_MS: u32 = 350;
/// As many intervals as the preview lists.
const LISTED: usize = 60;

/// The backfills of a dag, or of all, with the form for a new one of that dag.
#[component]
pub fn Backfills(
    /// The dag; all dags, when it is empty.
    #[prop(into)]
    dag: Signal<String>,
) -> impl IntoView {
    let address = address();
    let session = session();
    let offset = Memo::new(move |_| address.number("offset").unwrap_or(0));
    let list = query::<BackfillCollection>(move || {
        let (limit, offset) = (LIMIT.to_string(), offset.get().to_string());
        Some(format!("/backfills{}", paths::query(&[("dag_id", &dag.get()), ("limit", &limit), ("offset", &offset)])))
    })
    .refetch_on(move |update| {
        update.is_about_runs() && (dag.with_untracked(String::is_empty) || update.dag_id() == Some(dag.get_untracked().as_str()))
    });
    let open = RwSignal::new(false);
    let may = move || session.may(Role::Operator);
    let of_one = Memo::new(move |_| dag.with(|dag| !dag.is_empty()));
    let title = Signal::derive(move || format!("Backfill {}", dag.get()));
    view! {
        <section class="card" aria-label="Backfills">
            <header>
                <h2>"Backfills"</h2><span class="grow"></span>
                <Show when=move || of_one.get()>
                    <button type="button" class="btn small" disabled=move || !may() on:click=move |_| open.set(true)><Icon name="plus" class="s"/>"New backfill"</button>
                </Show>
            </header>
            {loaded(list, Skeleton::Rows, move |found| move || {
                if found.with(|found| found.backfills.is_empty()) {
                    return view! {
                        <Empty icon="calendar" title="No backfills">
                            <p>"A backfill makes the runs of intervals that have passed: those before the dag was applied, or those that failed. A dry run shows first which they are and what they likely cost."</p>
                        </Empty>
                    }.into_any();
                }
                let total = Signal::derive(move || found.with(|found| found.total_entries));
                view! {
                    <div class="table-wrap" tabindex="0" role="region" aria-label="List of backfills">
                        <table class="table">
                            <thead><tr>
                                {(!of_one.get()).then(|| view! { <th scope="col">"Dag"</th> })}
                                <th scope="col">"Intervals"</th><th scope="col">"State"</th><th scope="col">"Progress"</th><th scope="col" class="num">"At once"</th><th scope="col">"Made"</th><th scope="col"><span class="visually-hidden">"Actions"</span></th>
                            </tr></thead>
                            <tbody>{found.with(|found| found.backfills.iter().cloned().map(|one| view! { <Row one list named=!of_one.get()/> }).collect_view())}</tbody>
                        </table>
                    </div>
                    <Pager limit=LIMIT offset=Signal::derive(move || offset.get()) total names=("backfill", "backfills") go=move |offset: u32| address.set([("offset", if offset == 0 { String::new() } else { offset.to_string() })])/>
                }.into_any()
            })}
        </section>
        <Dialog open title><NewForm dag=dag.get_untracked() open list/></Dialog>
    }
}

const fn state_word(state: BackfillState) -> (&'static str, &'static str, &'static str) {
    match state {
        BackfillState::Running => ("running", "running", "Running"),
        BackfillState::Paused => ("deferred", "pause-circle", "Paused"),
        BackfillState::Completed => ("success", "check-circle", "Completed"),
        BackfillState::Cancelled => ("removed", "minus-circle", "Cancelled"),
    }
}

/// The parts of the progress, with the state whose colour they have.
fn parts(progress: &BackfillProgress) -> [(&'static str, &'static str, u32); 7] {
    [
        ("success", "succeeded", progress.success),
        ("failed", "failed", progress.failed),
        ("running", "running", progress.running),
        ("queued", "queued", progress.queued),
        ("skipped", "left out, since they have a run", progress.left_out),
        ("removed", "deleted since", progress.deleted),
        ("none", "waiting", progress.waiting),
    ]
}

fn told(progress: &BackfillProgress) -> String {
    let parts = parts(progress).into_iter().filter(|(_, _, count)| *count > 0);
    parts.map(|(_, word, count)| format!("{} {word}", format::grouped(u64::from(count)))).collect::<Vec<_>>().join(", ")
}

/// Has the server do something with a backfill, and says so.
pub fn act(id: String, verb: &'static str, said: &'static str, toasts: Toasts, busy: RwSignal<bool>, done: Callback<()>) {
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

#[component]
fn Row(one: Backfill, list: Query<BackfillCollection>, named: bool) -> impl IntoView {
    let session = session();
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let done = Callback::new(move |()| list.refetch());
    let (state, icon, word) = state_word(one.state);
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let runs = format!(
        "{}/runs{}",
        paths::dag(one.dag_id.as_str()),
        paths::query(&[("type", "backfill"), ("from", &day(one.from_date)), ("to", &day(one.to_date))])
    );
    let progress = told(&one.progress);
    let id = one.id.to_string();
    let button = move |label: &'static str, verb: &'static str, said: &'static str, danger: bool| {
        let id = id.clone();
        view! { <button type="button" class="btn small" class:danger=danger disabled=move || busy.get() || !session.may(Role::Operator) on:click=move |_| act(id.clone(), verb, said, toasts, busy, done)>{label}</button> }
    };
    view! {
        <tr>
            {named.then(|| view! { <td><A href=format!("{}/backfills", paths::dag(one.dag_id.as_str())) attr:class="name">{one.dag_id.to_string()}</A></td> })}
            <td><A href=runs attr:class="name"><Moment at=one.from_date short=true/>" – "<Moment at=one.to_date short=true/></A>
                {one.run_backwards.then(|| view! { <div class="small muted">"The latest first"</div> })}</td>
            <td><span class="status" data-state=state><Icon name=icon/>{word}</span></td>
            <td class="backfill-progress">
                <div class="tally" role="img" aria-label=progress.clone() title=progress.clone()>
                    {parts(&one.progress).into_iter().filter(|(_, _, count)| *count > 0).map(|(state, _, count)| view! { <i data-state=state style=format!("flex-grow:{count}")></i> }).collect_view()}
                </div>
                <div class="small muted">{progress}</div>
            </td>
            <td class="num">{one.max_active_runs}</td>
            <td class="small"><Ago at=one.created_at/></td>
            <td class="nowrap"><div class="row">{match one.state {
                BackfillState::Running => view! { {button("Pause", "pause", "The backfill is paused", false)}{button("Cancel", "cancel", "The backfill is cancelled", true)} }.into_any(),
                BackfillState::Paused => view! { {button("Resume", "unpause", "The backfill goes on", false)}{button("Cancel", "cancel", "The backfill is cancelled", true)} }.into_any(),
                BackfillState::Completed | BackfillState::Cancelled => ().into_any(),
            }}</div></td>
        </tr>
    }
}

/// Reads a date, with or without a time, in UTC.
fn moment(text: &str, end: bool) -> Result<DateTime<Utc>, &'static str> {
    let text = text.trim();
    if let Ok(day) = text.parse::<NaiveDate>() {
        let time = if end { day.and_hms_opt(23, 59, 59) } else { day.and_hms_opt(0, 0, 0) };
        return time.map(|time| time.and_utc()).ok_or("Type a date.");
    }
    let read = |form: &str| NaiveDateTime::parse_from_str(text, form).ok();
    read("%Y-%m-%dT%H:%M").or_else(|| read("%Y-%m-%dT%H:%M:%S")).map(|at| at.and_utc()).ok_or("Type a date.")
}

type Preview = Option<Result<DryRunBackfill, Failure>>;

#[component]
fn NewForm(dag: String, open: RwSignal<bool>, list: Query<BackfillCollection>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let today = DateTime::from_timestamp_millis(clock::now_ms()).unwrap_or_default();
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let from = RwSignal::new(day(today - TimeDelta::days(7)));
    let to = RwSignal::new(day(today - TimeDelta::days(1)));
    let reprocess = RwSignal::new(ReprocessBehavior::None);
    let backwards = RwSignal::new(false);
    let at_once = RwSignal::new("10".to_owned());
    let text = RwSignal::new(String::new());
    let saving = Saving::new(&["from_date", "to_date", "max_active_runs", "dag_run_conf"]);
    let dag_id = DagId::new(&dag).ok();
    let request = Memo::new(move |_| {
        Some(NewBackfill {
            dag_id: dag_id.clone()?,
            from_date: moment(&from.read(), false).ok()?,
            to_date: moment(&to.read(), true).ok()?,
            run_backwards: backwards.get(),
            dag_run_conf: Some(conf::read(text.read().trim()).ok()?).filter(|map| !map.is_empty()),
            reprocess_behavior: reprocess.get(),
            max_active_runs: Some(at_once.read().trim().parse().ok().filter(|n| (1..=1_000).contains(n))?),
        })
    });
    let preview: RwSignal<Preview> = RwSignal::new(None);
    let latest = Latest::new();
    Effect::new(move |_| {
        let request = request.get();
        let question = latest.ask();
        preview.set(None);
        let Some(request) = request else { return };
        spawn_local(async move {
            if !question.rests(SETTLE_MS).await {
                return;
            }
            let answer = http::post::<DryRunBackfill>("/backfills/dry_run", &request).await;
            if question.is_wanted() {
                preview.try_set(Some(answer));
            }
        });
    });
    let valid =
        Signal::derive(move || request.with(Option::is_some) && preview.with(|it| matches!(it, Some(Ok(it)) if it.runs > 0)));
    let submit = Callback::new(move |()| {
        let Some(request) = request.get_untracked() else { return };
        let send = async move { http::post::<Backfill>("/backfills", &request).await.map(drop) };
        saving.send(send, move || {
            open.try_set(false);
            toasts.done("The backfill is made");
            list.refetch();
        });
    });
    let about = move |field: &'static str, wrong: Signal<Option<String>>| {
        Signal::derive(move || wrong.get().or_else(|| saving.said_of(field)))
    };
    let wrong_conf = Signal::derive(move || conf::read(text.read().trim()).err());
    let wrong_count = Signal::derive(move || {
        let fits = at_once.read().trim().parse::<u32>().is_ok_and(|n| (1..=1_000).contains(&n));
        (!fits).then(|| "Type a number from 1 to 1000.".to_owned())
    });
    let policies = [
        (ReprocessBehavior::None, "none", "Intervals without a run"),
        (ReprocessBehavior::Failed, "failed", "Also those whose last run failed"),
        (ReprocessBehavior::Completed, "completed", "Also those whose last run is finished"),
    ];
    let choose = move |event| {
        let chosen = event_target_value(&event);
        if let Some((policy, _, _)) = policies.iter().find(|(_, word, _)| *word == chosen) {
            reprocess.set(*policy);
        }
    };
    view! {
        <EditForm open saving valid verb="Start the backfill" submit>
            <div class="field-pair">
                <div class="field"><label for="backfill-from">"From (UTC)"</label>
                    <input id="backfill-from" class="input" type="date" autofocus prop:value=move || from.get() on:input=move |event| from.set(event_target_value(&event))/></div>
                <div class="field"><label for="backfill-to">"To, included"</label>
                    <input id="backfill-to" class="input" type="date" prop:value=move || to.get() on:input=move |event| to.set(event_target_value(&event))/></div>
            </div>
            <div class="field-pair">
                <div class="field"><label for="backfill-policy">"Which intervals"</label>
                    <select id="backfill-policy" class="select" on:change=choose>{policies.into_iter().map(|(_, word, label)| view! { <option value=word>{label}</option> }).collect_view()}</select></div>
                <TextField id="backfill-count" label="Runs at once" value=at_once wrong=about("max_active_runs", wrong_count)/>
            </div>
            <label class="check"><input type="checkbox" prop:checked=move || backwards.get() on:change=move |event| backwards.set(event_target_checked(&event))/>"The latest interval first"</label>
            <TextField id="backfill-conf" label="Conf" value=text typed=Typed::Lines hint="A JSON object that each run is triggered with. Empty: the dag's own parameters." wrong=about("dag_run_conf", wrong_conf)/>
            <section class="preview" aria-label="What it would run" aria-live="polite">
                {move || match preview.get() {
                    None if request.with(Option::is_none) => view! { <p class="small muted">"Fill in the dates to see what it would run."</p> }.into_any(),
                    None => view! { <p class="small muted row"><Icon name="running" class="s"/>"Looking at what it would run"</p> }.into_any(),
                    Some(Err(failure)) => view! { <FailureNotice failure/> }.into_any(),
                    Some(Ok(plan)) => view! { <Planned plan/> }.into_any(),
                }}
            </section>
        </EditForm>
    }
}

#[component]
fn Planned(plan: DryRunBackfill) -> impl IntoView {
    let runs = format::plural(plan.runs, "run", "runs");
    let left = plan.total_entries - plan.runs.min(plan.total_entries);
    let unlisted = plan.backfills.len().saturating_sub(LISTED);
    let forecast = plan.forecast.map(|it| {
        let learnt = format!("As much as the last {} used", format::plural(u64::from(it.learnt_from), "successful run", "successful runs"));
        view! {
            <p class="small" title=learnt>"It will likely take "<strong>{format::duration_us(it.wall_ms.saturating_mul(1_000))}</strong>
                {format!(" with {} of CPU, {} units of fuel and {}.", format::duration_us(it.cpu_ms.saturating_mul(1_000)), format::count(it.fuel), format::plural(it.tries, "try", "tries"))}</p>
        }
    });
    let row = |one: DryRunInterval| {
        let (state, word) = match (one.runs, one.last_run) {
            (true, None) => ("queued", "runs".to_owned()),
            (true, Some(last)) => ("up_for_retry", format!("runs again: the last one is {last}")),
            (false, Some(last)) => ("skipped", format!("left out: it has a run ({last})")),
            (false, None) => ("skipped", "left out".to_owned()),
        };
        view! { <li><span class="grow"><Moment at=one.logical_date/></span><span class="status small" data-state=state>{word}</span></li> }
    };
    view! {
        <p class="small"><strong>{runs}</strong>{if left > 0 { format!(", {} left out", format::plural(left, "interval is", "intervals are")) } else { String::new() }}</p>
        {forecast}
        <ul class="touched" tabindex="0" role="region" aria-label="Intervals">{plan.backfills.into_iter().take(LISTED).map(row).collect_view()}</ul>
        {(unlisted > 0).then(|| view! { <p class="small muted">{format!("and {} more", format::grouped(unlisted as u64))}</p> })}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_whole() {
        assert_eq!(moment("2026-11-01", false).unwrap().to_rfc3339(), "2026-11-01T00:00:00+00:00");
        assert_eq!(moment("2026-11-01", true).unwrap().to_rfc3339(), "2026-11-01T23:59:59+00:00");
        assert_eq!(moment("2026-11-01T06:30", true).unwrap().to_rfc3339(), "2026-11-01T06:30:00+00:00");
        assert!(moment("soon", false).is_err());
    }

    #[test]
    fn progress_is_told_without_what_is_not_there() {
        let progress =
            BackfillProgress { total: 12, waiting: 5, success: 4, failed: 1, running: 2, ..BackfillProgress::default() };
        assert_eq!(told(&progress), "4 succeeded, 1 failed, 2 running, 5 waiting");
    }
}
