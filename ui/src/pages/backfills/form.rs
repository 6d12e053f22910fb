//! The dialog that makes a backfill. It says what would be run, and what that likely costs, before anything is.

use crate::components::dag_field::DagField;
use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::{FailureNotice, Toasts};
use crate::components::icon::Icon;
use crate::components::time::Moment;
use crate::components::touched::Choice;
use crate::core::http::{self, Failure};
use crate::core::latest::Latest;
use crate::core::{clock, conf, format};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use cofferdam_api_types::{Backfill, DryRunBackfill, DryRunInterval, NewBackfill, ReprocessBehavior};
use cofferdam_ids::DagId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::{Map, Value};

const FIELDS: &[&str] = &["dag_id", "from_date", "to_date", "dag_run_conf", "max_active_runs"];

/// How long after the last key the forecast is asked for, in milliseconds.
const PAUSE_MS: u32 = 250;

/// As many intervals as the forecast lists.
const LISTED: usize = 60;

/// How many runs there may be at once.
const AT_ONCE: std::ops::RangeInclusive<u32> = 1..=1_000;

/// Reads a date field, which is in UTC.
fn read_date(text: &str) -> Option<DateTime<Utc>> {
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text.trim(), form).ok()).map(|date| date.and_utc())
}

/// Reads a conf. Nothing is none.
fn read_conf(text: &str) -> Result<Option<Map<String, Value>>, String> {
    match text.trim() {
        "" => Ok(None),
        text => conf::read(text).map(Some),
    }
}

/// See the module. It is open while `dag` is something: the dag to begin with, or an empty text.
#[component]
pub fn BackfillDialog(dag: RwSignal<Option<String>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(dag);
    view! { <Dialog open title="New backfill">{move || dag.get().map(|dag| view! { <Form dag open done/> })}</Dialog> }
}

#[component]
fn Form(dag: String, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let dag = RwSignal::new(dag);
    // The last seven days, but for today.
    let today = DateTime::from_timestamp_millis(clock::now_ms()).unwrap_or_default();
    let from = RwSignal::new((today - TimeDelta::days(7)).format("%Y-%m-%dT00:00").to_string());
    let to = RwSignal::new((today - TimeDelta::days(1)).format("%Y-%m-%dT23:59").to_string());
    let backwards = RwSignal::new(false);
    let again = RwSignal::new(ReprocessBehavior::None);
    let at_once = RwSignal::new("10".to_owned());
    let conf = RwSignal::new(String::new());
    let has_conf = RwSignal::new(false);
    let parsed_conf = Memo::new(move |_| if has_conf.get() { read_conf(&conf.read()) } else { Ok(None) });
    let body = Memo::new(move |_| {
        Some(NewBackfill {
            dag_id: DagId::new(dag.get()).ok()?,
            from_date: read_date(&from.read())?,
            to_date: read_date(&to.read())?,
            run_backwards: backwards.get(),
            dag_run_conf: parsed_conf.get().ok()?,
            reprocess_behavior: again.get(),
            max_active_runs: Some(at_once.read().trim().parse().ok().filter(|n| AT_ONCE.contains(n))?),
        })
    });
    let forecast = RwSignal::new(None::<Result<DryRunBackfill, Failure>>);
    let latest = Latest::new();
    Effect::new(move |_| {
        let body = body.get();
        let question = latest.ask();
        forecast.set(None);
        let Some(body) = body else { return };
        spawn_local(async move {
            if !question.rests(PAUSE_MS).await {
                return;
            }
            let answer = http::post("/backfills/dry_run", &body).await;
            if question.is_wanted() {
                forecast.try_set(Some(answer));
            }
        });
    });
    let key = format!("console-{}-{:x}", clock::now_ms(), (js_sys::Math::random() * 9e15) as u64);
    let submit = Callback::new(move |()| {
        let Some(body) = body.get_untracked() else { return };
        let (key, name) = (key.clone(), body.dag_id.to_string());
        saving.send(async move { http::post_once::<Backfill>("/backfills", &body, &key).await.map(drop) }, move || {
            open.try_set(false);
            toasts.done(format!("The backfill of {name} has begun"));
            done.run(());
        });
    });
    let wrong_conf = Signal::derive(move || parsed_conf.get().err().or_else(|| saving.said_of("dag_run_conf")));
    let wrong_at_once = Signal::derive(move || {
        let fits = at_once.with(|text| text.trim().parse::<u32>().is_ok_and(|n| AT_ONCE.contains(&n)));
        (!fits).then(|| "A number from 1 to 1000.".to_owned()).or_else(|| saving.said_of("max_active_runs"))
    });
    let runs = move || forecast.with(|forecast| forecast.as_ref().and_then(|it| it.as_ref().ok()).is_some_and(|it| it.runs > 0));
    let choices =
        [(ReprocessBehavior::None, "None"), (ReprocessBehavior::Failed, "Failed"), (ReprocessBehavior::Completed, "Finished")];
    let date = move |id: &'static str, label: &'static str, value: RwSignal<String>, field: &'static str| {
        view! {
            <div class="field">
                <label for=id>{label}</label>
                <input id=id class="input" type="datetime-local" prop:value=move || value.get() on:input=move |event| value.set(event_target_value(&event))/>
                {move || saving.said_of(field).map(|wrong| view! { <p class="wrong">{wrong}</p> })}
            </div>
        }
    };
    view! {
        <EditForm open saving valid=Signal::derive(move || body.with(Option::is_some) && runs()) submit verb="Start the backfill">
            <DagField id="backfill-dag" value=dag scheduled=true wrong=Signal::derive(move || saving.said_of("dag_id"))/>
            <div class="field-row even">
                {date("backfill-from", "Intervals that begin from (UTC)", from, "from_date")}
                {date("backfill-to", "up to (UTC)", to, "to_date")}
            </div>
            <div class="field" role="group" aria-labelledby="backfill-again">
                <div class="row">
                    <span class="label grow" id="backfill-again">"Intervals that have a run already: run again"</span>
                    <div class="segmented small">
                        {choices.into_iter().map(|(choice, word)| view! { <button type="button" aria-pressed=move || (again.get() == choice).to_string() on:click=move |_| again.set(choice)>{word}</button> }).collect_view()}
                    </div>
                </div>
            </div>
            <div class="field-row even">
                <TextField id="backfill-at-once" label="Runs at once" value=at_once wrong=wrong_at_once/>
                <div class="field" role="group" aria-labelledby="backfill-order"><span class="label" id="backfill-order">"Order"</span><Choice label="The latest first" get=backwards set=move |on| backwards.set(on)/></div>
            </div>
            <button type="button" class="btn quiet small" style="align-self:flex-start" aria-expanded=move || has_conf.get().to_string() on:click=move |_| has_conf.update(|on| *on = !*on)>
                {move || if has_conf.get() { "Without a conf" } else { "With a conf" }}
            </button>
            <Show when=move || has_conf.get()>
                <TextField id="backfill-conf" label="Conf" value=conf typed=Typed::Lines hint="A JSON object that each run is triggered with. Empty: the dag's own parameters." wrong=wrong_conf/>
            </Show>
            <section class="preview" aria-label="What it would run" aria-live="polite">
                {move || match forecast.get() {
                    None if body.with(Option::is_none) => view! { <p class="small muted">"What would be run is shown here when dag and dates are there."</p> }.into_any(),
                    None => view! { <p class="small muted row"><Icon name="running" class="s"/>"Looking at what it would run"</p> }.into_any(),
                    Some(Err(failure)) => view! { <FailureNotice failure/> }.into_any(),
                    Some(Ok(it)) => view! { <Forecast it/> }.into_any(),
                }}
            </section>
        </EditForm>
    }
}

/// What becomes of an interval: the state whose colour it has, and words.
fn fate(one: &DryRunInterval) -> (&'static str, String) {
    match (one.runs, one.last_run) {
        (true, None) => ("queued", "runs".to_owned()),
        (true, Some(last)) => ("up_for_retry", format!("runs again: the last one is {last}")),
        (false, Some(last)) => ("skipped", format!("left out: it has a run ({last})")),
        (false, None) => ("skipped", "left out".to_owned()),
    }
}

/// What would be run, and what that likely costs.
#[component]
fn Forecast(it: DryRunBackfill) -> impl IntoView {
    let left_out = it.total_entries.saturating_sub(it.runs);
    let cost = it.forecast.map(|cost| {
        format!(
            "It will likely take {} until the last has ended, with {} of CPU and {} units of fuel, as {} did.",
            format::duration_us(cost.wall_ms.saturating_mul(1_000)),
            format::duration_us(cost.cpu_ms.saturating_mul(1_000)),
            format::count(cost.fuel),
            match cost.learnt_from {
                1 => "the last successful run".to_owned(),
                several => format!("the last {} successful runs", format::grouped(u64::from(several))),
            },
        )
    });
    let unlisted = it.backfills.len().saturating_sub(LISTED);
    let row = |one: DryRunInterval| {
        let (state, word) = fate(&one);
        view! { <li><span class="grow"><Moment at=one.logical_date/></span><span class="status small" data-state=state>{word}</span></li> }
    };
    view! {
        <p class="small"><strong>{format!("{} would be made", format::plural(it.runs, "run", "runs"))}</strong>
            {(left_out > 0).then(|| format!(", {} left out", format::plural(left_out, "interval is", "intervals are")))}</p>
        <p class="small muted">{match (it.total_entries, cost) {
            (0, _) => "No interval of the schedule begins between these dates.".to_owned(),
            (_, Some(cost)) => cost,
            (_, None) => "No run of the dag has succeeded yet, so what it costs is not known.".to_owned(),
        }}</p>
        {(it.total_entries > 0).then(|| view! { <ul class="touched" tabindex="0" role="region" aria-label="Intervals">{it.backfills.into_iter().take(LISTED).map(row).collect_view()}</ul> })}
        {(unlisted > 0).then(|| view! { <p class="small muted">{format!("and {} more", format::grouped(unlisted as u64))}</p> })}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_conf_are_read() {
        assert_eq!(read_date("2026-11-21T06:00").unwrap().to_rfc3339(), "2026-11-21T06:00:00+00:00");
        assert_eq!(read_date(""), None);
        assert_eq!(read_conf(" "), Ok(None));
        assert!(read_conf("[1]").unwrap_err().contains("object"));
        assert_eq!(read_conf("{\"a\": 1}").unwrap().unwrap()["a"], 1);
    }
}
