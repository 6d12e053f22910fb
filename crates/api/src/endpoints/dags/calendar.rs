use super::DagPath;
use crate::App;
use crate::endpoints::words::run_state;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use cofferdam_api_types::{CalendarDay, DagCalendar, DagCalendarQuery, ErrorCode, NextRun};
use cofferdam_domain::plan::DagPlan;
use cofferdam_store::{dags, runs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The days of a calendar: two years, one of them a leap year.
const MOST_DAYS: i64 = 731;

/// So many days of a calendar are in the future, unless it is said otherwise.
const AHEAD: Days = Days::new(30);

/// The most runs of a schedule that are counted ahead.
const MOST_PLANNED: usize = 10_000;

/// The most next runs in the answer.
const NEXT: usize = 10;

/// The runs of a dag by the days that they are for, in UTC, and those that its schedule will make.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/calendar",
    tag = "dags",
    operation_id = "get_dag_calendar",
    params(("dag_id" = String, Path, description = "The dag."), DagCalendarQuery),
    responses((status = 200, body = DagCalendar))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<DagCalendarQuery>,
) -> Result<Json<DagCalendar>, ApiError> {
    let now = app.state.clock.now();
    let (from, to) = bounds(query, now.date_naive())?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let dag = dags::get(&mut tx, &path.dag_id).await?;
    let version = dags::get_version(&mut tx, &path.dag_id, None).await?;
    let counted = runs::count_by_day(&mut tx, dag.key, start_of(from), start_of(to + Days::new(1))).await?;
    let plan = DagPlan::from_json(version.plan).map_err(ApiError::internal)?;

    let mut days: BTreeMap<NaiveDate, CalendarDay> = BTreeMap::new();
    for (date, state, count) in counted {
        day(&mut days, date).states.insert(run_state(state), count);
    }
    let mut next_runs = Vec::new();
    let mut planned = 0;
    let first = dag.next.filter(|_| !dag.paused);
    if let Some(first) = first {
        next_runs.push(NextRun { logical_date: first.logical_date, due_at: first.due_at });
    }
    let end = start_of(to + Days::new(1));
    let schedule = plan.schedule();
    let mut at = first.map(|first| first.logical_date);
    while let Some(date) = at.filter(|at| *at < end && planned < MOST_PLANNED) {
        planned += 1;
        if date >= start_of(from) {
            day(&mut days, date.date_naive()).planned += 1;
        }
        let next = schedule.interval_after(date).filter(|next| plan.end_date.is_none_or(|end| next.start <= end));
        if let Some(next) = next.filter(|_| next_runs.len() < NEXT) {
            next_runs.push(NextRun { logical_date: next.start, due_at: plan.due_at(next) });
        }
        at = next.map(|next| next.start);
    }
    let is_cut = at.is_some_and(|at| at < end);
    Ok(Json(DagCalendar { dag_id: path.dag_id, from, to, days: days.into_values().collect(), next_runs, is_cut }))
}

fn day(days: &mut BTreeMap<NaiveDate, CalendarDay>, date: NaiveDate) -> &mut CalendarDay {
    days.entry(date).or_insert_with(|| CalendarDay { date, states: BTreeMap::new(), planned: 0 })
}

fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn bounds(query: DagCalendarQuery, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), ApiError> {
    let refuse = |detail: String| Err(ApiError::new(ErrorCode::InvalidParameter, detail));
    let to = query.to.unwrap_or(today + AHEAD);
    let from = query.from.or_else(|| to.checked_sub_days(Days::new(365))).unwrap_or(to);
    // What PostgreSQL and the calendar both have.
    let known = NaiveDate::from_ymd_opt(1, 1, 1).zip(NaiveDate::from_ymd_opt(9_999, 12, 30));
    if !known.is_some_and(|(first, last)| (first..=last).contains(&from) && (first..=last).contains(&to)) {
        return refuse("'from' and 'to' must be in the years 1 to 9999.".to_owned());
    }
    match (to - from).num_days() {
        0..=MOST_DAYS => Ok((from, to)),
        days if days < 0 => refuse(format!("'to' ({to}) is before 'from' ({from}).")),
        days => refuse(format!("From {from} to {to} are {days} days; at most {MOST_DAYS} can be asked for at once.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_has_two_years_at_the_most() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let of = |from: Option<&str>, to: Option<&str>| {
            bounds(DagCalendarQuery { from: from.map(date), to: to.map(date) }, date("2026-11-21"))
        };
        assert_eq!(of(None, None).unwrap(), (date("2025-12-21"), date("2026-12-21")));
        assert_eq!(of(None, Some("2026-01-01")).unwrap(), (date("2025-01-01"), date("2026-01-01")));
        assert!(of(Some("2024-01-01"), Some("2026-01-01")).is_ok());
        for (from, to) in [("2024-01-01", "2026-01-02"), ("2026-01-02", "2026-01-01"), ("0000-01-01", "0000-01-02")] {
            assert!(of(Some(from), Some(to)).is_err(), "{from} {to}");
        }
    }
}
