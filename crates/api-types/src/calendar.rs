use crate::dag::NextRun;
use crate::dag_run::DagRunState;
use chrono::NaiveDate;
use cofferdam_ids::DagId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The query of `GET /dags/{dag_id}/calendar`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DagCalendarQuery {
    /// The first day; 365 days before `to` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// The last day, at most 731 days after `from`; 30 days from today when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
}

/// The runs of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CalendarDay {
    /// The day, in UTC.
    pub date: NaiveDate,
    /// How many runs for this day are in each state.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, u64>))]
    pub states: BTreeMap<DagRunState, u64>,
    /// How many more runs the schedule will make for this day.
    pub planned: u64,
}

/// The runs of a dag by the days that they are for, and those that its schedule will make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagCalendar {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The days that have runs, the earliest first.
    pub days: Vec<CalendarDay>,
    /// The next runs of the schedule, at most ten. None while the dag is paused.
    pub next_runs: Vec<NextRun>,
    /// Whether the schedule makes more runs until `to` than were counted.
    pub is_cut: bool,
}
