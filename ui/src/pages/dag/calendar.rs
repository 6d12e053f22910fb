//! A year of a dag: a square for each day, coloured by how its runs ended, and what the schedule plans.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::status::StatusLabel;
use crate::components::table::{Column, Table, plain};
use crate::components::time::{Ago, Moment};
use crate::core::address::address;
use crate::core::calendar::{look, month_of, moved, weeks, words};
use crate::core::query::query;
use crate::core::status::Status;
use crate::core::{clock, format, paths};
use crate::pages::dag::dag_context;
use chrono::{DateTime, Datelike, NaiveDate};
use cofferdam_api_types::{CalendarDay, DagCalendar, DagRunState};
use leptos::prelude::*;
use leptos_router::components::A;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use wasm_bindgen::JsCast;

const NEXT: &[Column] = &[plain("For"), plain("Starts"), plain("From now")];

/// See the module.
#[component]
pub fn CalendarTab() -> impl IntoView {
    let dag = dag_context();
    let address = address();
    let this_year = DateTime::from_timestamp_millis(clock::now_ms()).unwrap_or_default().year();
    let year = Memo::new(move |_| {
        address.get("year").parse::<i32>().ok().filter(|year| (1..=9_998).contains(year)).unwrap_or(this_year)
    });
    let calendar = query::<DagCalendar>(move || {
        let year = year.get();
        Some(format!("{}/calendar?from={year:04}-01-01&to={year:04}-12-31", paths::dag(&dag.id.get())))
    })
    .refetch_on(move |update| update.is_about_runs() && update.dag_id() == Some(dag.id.get_untracked().as_str()));
    let go = move |step: i32| {
        let next = year.get_untracked() + step;
        address.set([("year", if next == this_year { String::new() } else { next.to_string() })]);
    };
    view! {
        <section class="card" aria-label="Calendar">
            <header>
                <div class="row">
                    <button type="button" class="btn small icon-only" aria-label="The year before" on:click=move |_| go(-1)><Icon name="chevron-left" class="s"/></button>
                    <h2 class="num">{year}</h2>
                    <button type="button" class="btn small icon-only" aria-label="The year after" on:click=move |_| go(1)><Icon name="chevron" class="s"/></button>
                </div>
                <span class="small muted">"Days are in UTC"</span>
                <span class="grow"></span>
                <div class="legend" aria-label="Legend">
                    {[DagRunState::Success, DagRunState::Failed, DagRunState::Running, DagRunState::Queued].into_iter().map(|state| view! { <StatusLabel status=Status::from(state)/> }).collect_view()}
                    <span class="row" style="gap:6px"><i class="day planned" aria-hidden="true"></i>"Planned"</span>
                </div>
            </header>
            {loaded(calendar, Skeleton::Block, move |found| view! { <Year found year/> })}
        </section>
        {loaded(calendar, Skeleton::Lines, |found| view! { <NextRuns found/> })}
    }
}

#[component]
fn Year(found: Signal<Arc<DagCalendar>>, year: Memo<i32>) -> impl IntoView {
    let dag = dag_context();
    let today = DateTime::from_timestamp_millis(clock::now_ms()).unwrap_or_default().date_naive();
    let sums = move || {
        let mut sums: BTreeMap<DagRunState, u64> = BTreeMap::new();
        found.with(|found| {
            for (state, count) in found.days.iter().flat_map(|day| &day.states) {
                *sums.entry(*state).or_default() += count;
            }
        });
        let planned: u64 = found.with(|found| found.days.iter().map(|day| day.planned).sum());
        (sums, planned)
    };
    let squares = move || {
        let days: HashMap<NaiveDate, CalendarDay> =
            found.with(|found| found.days.iter().map(|day| (day.date, day.clone())).collect());
        let base = paths::dag(&dag.id.get());
        let weeks = weeks(year.get());
        // Tab comes to one day: today, or the first.
        let reachable = if weeks.iter().flatten().flatten().any(|day| *day == today) {
            Some(today)
        } else {
            weeks.iter().flatten().flatten().next().copied()
        };
        weeks
            .into_iter()
            .map(|week| {
                let month = month_of(&week);
                let cells = week.into_iter().map(|date| match date {
                    None => view! { <i class="day none"></i> }.into_any(),
                    Some(date) => {
                        let day = days.get(&date);
                        let text = format!("{}: {}", date.format("%a %-d %b %Y"), day.map_or_else(|| "no runs".to_owned(), words));
                        let shown = day.and_then(look);
                        let planned = day.is_some_and(|day| day.planned > 0);
                        let text_date = date.format("%Y-%m-%d").to_string();
                        let href = format!("{base}/runs{}", paths::query(&[("from", &text_date), ("to", &text_date)]));
                        let class = match (shown.is_some(), planned) {
                            (true, true) => "day some",
                            (true, false) => "day some",
                            (false, true) => "day planned",
                            (false, false) => "day",
                        };
                        let class = if date == today { format!("{class} today") } else { class.to_owned() };
                        view! {
                            <A href=href attr:class=class attr:data-state=shown.map(|(state, _)| state.as_str()) attr:style=shown.map(|(_, share)| format!("--share:{share}%"))
                                attr:title=text.clone() attr:aria-label=text attr:data-day=text_date attr:tabindex=if reachable == Some(date) { "0" } else { "-1" }>""</A>
                        }
                        .into_any()
                    }
                });
                view! { <div class="week"><span class="month" aria-hidden="true">{month}</span>{cells.collect_view()}</div> }
            })
            .collect_view()
    };
    view! {
        <div class="calendar" tabindex="-1" role="group" aria-label="Days of the year. Arrow keys move between them." on:keydown=walk>
            <div class="weekdays" aria-hidden="true"><span></span><span>"Mon"</span><span></span><span>"Wed"</span><span></span><span>"Fri"</span><span></span><span>"Sun"</span></div>
            <div class="weeks">{squares}</div>
        </div>
        <p class="picture-note foot small muted">
            {move || {
                let (sums, planned) = sums();
                let total: u64 = sums.values().sum();
                let mut words: Vec<String> = vec![format::plural(total, "run", "runs")];
                words.extend(sums.iter().map(|(state, count)| format!("{} {state}", format::grouped(*count))));
                if planned > 0 {
                    words.push(format!("{}{} planned", if found.with(|found| found.is_cut) { "more than " } else { "" }, format::grouped(planned)));
                }
                words.join(" · ")
            }}
        </p>
    }
}

#[component]
fn NextRuns(found: Signal<Arc<DagCalendar>>) -> impl IntoView {
    let dag = dag_context();
    let paused = Memo::new(move |_| dag.detail.data.with(|detail| detail.as_ref().is_some_and(|detail| detail.dag.is_paused)));
    view! {
        <section class="card" aria-label="Next runs">
            <header><h2>"Next runs"</h2></header>
            {move || {
                let next = found.with(|found| found.next_runs.clone());
                if next.is_empty() {
                    let why = if paused.get() { "The dag is paused: it makes no runs by itself until it is active." } else { "Its schedule has no times, or none is left. Trigger a run by hand." };
                    return view! { <Empty icon="clock" title="None are planned"><p>{why}</p></Empty> }.into_any();
                }
                view! {
                    <Table label="List of next runs" columns=NEXT>
                        {next.into_iter().map(|run| view! { <tr><td><Moment at=run.logical_date/></td><td><Moment at=run.due_at/></td><td class="small muted"><Ago at=run.due_at/></td></tr> }).collect_view()}
                    </Table>
                }.into_any()
            }}
        </section>
    }
}

/// Moves the focus from day to day.
fn walk(event: leptos::ev::KeyboardEvent) {
    let day = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .and_then(|day| day.get_attribute("data-day"))
        .and_then(|day| day.parse::<NaiveDate>().ok());
    let Some(next) = day.and_then(|day| moved(day, &event.key())) else { return };
    let found = document().query_selector(&format!("[data-day=\"{}\"]", next.format("%Y-%m-%d"))).ok().flatten();
    if let Some(day) = found.and_then(|day| day.dyn_into::<web_sys::HtmlElement>().ok()) {
        event.prevent_default();
        let _ = day.focus();
    }
}
