//! `schedule` as a user writes it: times, assets, the end of another dag, or a list of these.

pub(super) mod schema;

use super::diagnostic::join;
use super::suggest::closest;
use super::validate::MAX_TEXT;
use super::{DagDefinition, Diagnostic, DiagnosticCode as Code, Moment, TimeSpan};
use crate::asset::{AssetCondition, AssetUri};
use crate::run::RunStateName;
use crate::schedule::{Schedule, ScheduleError, parse_timezone};
use chrono_tz::Tz;
use cofferdam_ids::DagId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;

/// How many schedules a list may have.
pub(super) const MAX_SCHEDULES: usize = 50;

/// The longest jitter.
pub(super) const MAX_JITTER_MS: u64 = 24 * 60 * 60 * 1_000;

/// When a dag runs: one or several of [`ScheduleItem`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ScheduleDefinition {
    items: Vec<ScheduleItem>,
    /// Whether it was written as a list: it is written back as one.
    list: bool,
}

/// One thing that makes a dag run.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleItem {
    /// A crontab expression, an alias or an interval, in the dag's time zone or in one of its own.
    Times {
        /// See [`Schedule::parse`].
        text: String,
        /// Its time zone, when it is not the dag's.
        timezone: Option<String>,
    },
    /// One moment.
    Once(Moment),
    /// Assets that changed.
    Assets(AssetCondition),
    /// The end of a run of another dag.
    Dag(DagEnd),
}

/// The end of a run of another dag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagEnd {
    /// The other dag.
    pub dag_id: DagId,
    /// How its run ends.
    #[serde(default)]
    pub state: EndState,
}

/// How a run ends that makes another dag run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// With success.
    #[default]
    Success,
    /// With failure.
    Failed,
    /// However.
    Any,
}

impl EndState {
    /// Every way.
    pub const ALL: &[Self] = &[Self::Success, Self::Failed, Self::Any];

    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Any => "any",
        }
    }

    /// Whether a run that ended so counts.
    #[must_use]
    pub fn holds(self, ended: RunStateName) -> bool {
        match self {
            Self::Success => ended == RunStateName::Success,
            Self::Failed => ended == RunStateName::Failed,
            Self::Any => ended.is_finished(),
        }
    }
}

/// What happens when a run is due while another of the dag is not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run, up to `max_active_runs`.
    #[default]
    Allow,
    /// The new one is left out.
    Skip,
    /// The new one waits until the other has finished.
    Queue,
    /// The other is cancelled.
    CancelPrevious,
}

impl Overlap {
    /// Every policy.
    pub const ALL: &[Self] = &[Self::Allow, Self::Skip, Self::Queue, Self::CancelPrevious];

    /// The policy as it is written and stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::CancelPrevious => "cancel_previous",
        }
    }

    /// Reads what [`Overlap::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|policy| policy.as_str() == text)
    }
}

/// A schedule that is none of the known forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleFormError(String);

impl ScheduleDefinition {
    /// What makes the dag run.
    #[must_use]
    pub fn items(&self) -> &[ScheduleItem] {
        &self.items
    }

    /// The times among it, as one schedule; dates without a time zone are meant in `timezone`.
    ///
    /// # Errors
    /// The first time that cannot be read, with the position of its item.
    pub fn times(&self, timezone: Tz) -> Result<Schedule, (usize, ScheduleError)> {
        let mut schedules = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            let schedule = match item {
                ScheduleItem::Times { text, timezone: own } => {
                    let zone = own.as_deref().map_or(Ok(timezone), parse_timezone).map_err(|error| (index, error))?;
                    Schedule::parse(text, zone).map_err(|error| (index, error))?
                }
                ScheduleItem::Once(moment) => Schedule::at([moment.resolve(timezone)], timezone),
                ScheduleItem::Assets(_) | ScheduleItem::Dag(_) => continue,
            };
            schedules.push(schedule);
        }
        Ok(Schedule::any(schedules))
    }

    /// The conditions on assets among it.
    pub fn assets(&self) -> impl Iterator<Item = &AssetCondition> {
        self.items.iter().filter_map(|item| match item {
            ScheduleItem::Assets(condition) => Some(condition),
            ScheduleItem::Times { .. } | ScheduleItem::Once(_) | ScheduleItem::Dag(_) => None,
        })
    }

    /// The ends of other dags among it.
    pub fn dags(&self) -> impl Iterator<Item = &DagEnd> {
        self.items.iter().filter_map(|item| match item {
            ScheduleItem::Dag(end) => Some(end),
            ScheduleItem::Times { .. } | ScheduleItem::Once(_) | ScheduleItem::Assets(_) => None,
        })
    }

    /// The schedule in words.
    #[must_use]
    pub fn describe(&self, timezone: Tz) -> String {
        let mut words: Vec<String> = Vec::new();
        if let Ok(times) = self.times(timezone)
            && times.is_some()
        {
            words.push(times.describe());
        }
        words.extend(self.assets().map(|condition| format!("when {condition} changed")));
        words.extend(self.dags().map(|end| match end.state {
            EndState::Success => format!("when {} succeeds", end.dag_id),
            EndState::Failed => format!("when {} fails", end.dag_id),
            EndState::Any => format!("when {} ends", end.dag_id),
        }));
        words.join("; ")
    }

    /// Where an item stands in the document.
    fn pointer(&self, index: usize) -> String {
        if self.list { join("/schedule", index) } else { "/schedule".to_owned() }
    }
}

/// What is wrong with the schedule of a dag, and with what goes with it.
pub(super) fn validate(dag: &DagDefinition, timezone: Tz, found: &mut Vec<Diagnostic>) {
    if dag.jitter.is_some_and(|jitter| jitter.ms() > MAX_JITTER_MS) {
        let message = format!("it must be at most {}", TimeSpan::from_ms(MAX_JITTER_MS));
        found.push(Diagnostic::error(Code::OutOfRange, "/jitter", message));
    }
    let Some(schedule) = &dag.schedule else {
        let given = [("/start_date", dag.start_date.is_some()), ("/end_date", dag.end_date.is_some())];
        for (pointer, _) in given.into_iter().filter(|(_, given)| *given) {
            found.push(Diagnostic::warning(Code::NoEffect, pointer, "without a schedule the date has no effect"));
        }
        if dag.jitter.is_some() {
            found.push(Diagnostic::warning(Code::NoEffect, "/jitter", "without a schedule it has no effect"));
        }
        return;
    };
    if schedule.to_string().len() > MAX_TEXT {
        found.push(Diagnostic::error(Code::TooLong, "/schedule", format!("at most {MAX_TEXT} bytes are allowed")));
    }
    if schedule.items.len() > MAX_SCHEDULES {
        let message = format!("at most {MAX_SCHEDULES} are allowed; here are {}", schedule.items.len());
        found.push(Diagnostic::error(Code::TooLong, "/schedule", message));
    }
    // Each on its own, so that one mistake does not hide another.
    for (index, item) in schedule.items.iter().enumerate() {
        let alone = ScheduleDefinition { items: vec![item.clone()], list: false };
        if let Err((_, error)) = alone.times(timezone) {
            let code = match error {
                ScheduleError::UnknownTimezone { .. } => Code::UnknownTimezone,
                _ => Code::InvalidSchedule,
            };
            found.push(Diagnostic::error(code, schedule.pointer(index), error.to_string()).maybe_help(error.help()));
        }
        match item {
            ScheduleItem::Times { text, .. } if schedule.items.len() > 1 && text.trim().eq_ignore_ascii_case("@once") => {
                let problem = Diagnostic::error(Code::InvalidSchedule, schedule.pointer(index), "'@once' stands alone");
                found.push(problem.help("in a list, name the moment: {\"once\": \"2026-11-21T06:00\"}"));
            }
            ScheduleItem::Dag(end) if end.dag_id == dag.dag_id => {
                let message = "a dag cannot wait for the end of its own runs: it would never stop";
                found.push(Diagnostic::error(Code::InvalidSchedule, schedule.pointer(index), message));
            }
            ScheduleItem::Dag(end)
                if schedule
                    .items
                    .iter()
                    .take(index)
                    .any(|other| matches!(other, ScheduleItem::Dag(other) if other.dag_id == end.dag_id)) =>
            {
                let problem = Diagnostic::error(
                    Code::InvalidSchedule,
                    schedule.pointer(index),
                    format!("the dag '{}' is named twice", end.dag_id),
                );
                found.push(problem.help("write 'any' as the state when both will do"));
            }
            ScheduleItem::Times { .. } | ScheduleItem::Once(_) | ScheduleItem::Assets(_) | ScheduleItem::Dag(_) => {}
        }
    }
    let own: Vec<&AssetUri> = dag.tasks.iter().flat_map(|task| &task.produces).map(|produced| &produced.asset).collect();
    for uri in schedule.assets().flat_map(AssetCondition::uris).filter(|uri| own.contains(uri)) {
        let message = format!("the dag waits for '{uri}', which its own tasks produce: each run makes the next");
        found.push(Diagnostic::warning(Code::InvalidSchedule, "/schedule", message));
    }
    if schedule.times(timezone).is_ok_and(|times| !times.is_some()) && dag.jitter.is_some() {
        found.push(Diagnostic::warning(Code::NoEffect, "/jitter", "it spreads runs that the clock makes; there are none"));
    }
}

impl TryFrom<Value> for ScheduleItem {
    type Error = ScheduleFormError;

    fn try_from(value: Value) -> Result<Self, ScheduleFormError> {
        let other = |given: &str| {
            ScheduleFormError(format!(
                "a schedule is a text such as \"0 6 * * *\", or an object with one of 'cron', 'once', 'assets' and 'dag', not {given}"
            ))
        };
        let mut object = match value {
            Value::String(text) => return Ok(Self::Times { text, timezone: None }),
            Value::Object(object) => object,
            Value::Null => return Err(other("null")),
            Value::Bool(_) => return Err(other("a boolean")),
            Value::Number(_) => return Err(other("a number")),
            Value::Array(_) => return Err(other("a list within a list")),
        };
        let mut text = |key: &str, required: bool| match object.remove(key) {
            Some(Value::String(text)) => Ok(Some(text)),
            None | Some(Value::Null) if !required => Ok(None),
            _ => Err(ScheduleFormError(format!("'{key}' must be a text"))),
        };
        let item = if let Some(cron) = text("cron", false)? {
            Self::Times { text: cron, timezone: text("timezone", false)? }
        } else if let Some(once) = text("once", false)? {
            Self::Once(once.parse().map_err(|error| ScheduleFormError(format!("in 'once': {error}")))?)
        } else if let Some(assets) = object.remove("assets") {
            Self::Assets(AssetCondition::read(&assets).map_err(|error| ScheduleFormError(format!("in 'assets': {error}")))?)
        } else if let Some(end) = object.remove("dag") {
            Self::Dag(serde_json::from_value(end).map_err(|error| ScheduleFormError(format!("in 'dag': {error}")))?)
        } else {
            let known = ["cron", "once", "assets", "dag"];
            let near = object.keys().find_map(|key| closest(key, known).map(|known| (key.clone(), known)));
            return Err(match near {
                Some((given, known)) => ScheduleFormError(format!("a schedule has no '{given}'; did you mean '{known}'?")),
                None => other("another object"),
            });
        };
        match object.keys().next() {
            None => Ok(item),
            Some(left) => Err(ScheduleFormError(format!("'{left}' does not belong here"))),
        }
    }
}

impl From<ScheduleItem> for Value {
    fn from(item: ScheduleItem) -> Self {
        match item {
            ScheduleItem::Times { text, timezone: None } => text.into(),
            ScheduleItem::Times { text, timezone: Some(timezone) } => json!({ "cron": text, "timezone": timezone }),
            ScheduleItem::Once(moment) => json!({ "once": String::from(moment) }),
            ScheduleItem::Assets(condition) => json!({ "assets": condition.to_json() }),
            ScheduleItem::Dag(end) => json!({ "dag": { "dag_id": end.dag_id.as_str(), "state": end.state.as_str() } }),
        }
    }
}

impl TryFrom<Value> for ScheduleDefinition {
    type Error = ScheduleFormError;

    fn try_from(value: Value) -> Result<Self, ScheduleFormError> {
        match value {
            Value::Array(items) => {
                if items.is_empty() {
                    return Err(ScheduleFormError("a list of schedules must not be empty".to_owned()));
                }
                let item = |(index, item): (usize, Value)| {
                    ScheduleItem::try_from(item).map_err(|error| ScheduleFormError(format!("schedule {}: {error}", index + 1)))
                };
                let items = items.into_iter().enumerate().map(item).collect::<Result<_, _>>()?;
                Ok(Self { items, list: true })
            }
            one => Ok(Self { items: vec![one.try_into()?], list: false }),
        }
    }
}

impl From<ScheduleDefinition> for Value {
    fn from(schedule: ScheduleDefinition) -> Self {
        let list = schedule.list;
        let mut items: Vec<Self> = schedule.items.into_iter().map(Self::from).collect();
        if list { Self::Array(items) } else { items.pop().unwrap_or_default() }
    }
}

impl From<&str> for ScheduleDefinition {
    fn from(text: &str) -> Self {
        Self { items: vec![ScheduleItem::Times { text: text.to_owned(), timezone: None }], list: false }
    }
}

/// As it is shown and stored in a line: a text as it is, all else as JSON.
impl fmt::Display for ScheduleDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Value::from(self.clone()) {
            Value::String(text) => f.write_str(&text),
            other => write!(f, "{other}"),
        }
    }
}

impl FromStr for ScheduleDefinition {
    type Err = ScheduleFormError;

    /// Reads what `Display` wrote, and what a person types into one line.
    fn from_str(text: &str) -> Result<Self, ScheduleFormError> {
        if text.trim_start().starts_with(['{', '[']) {
            let value: Value =
                serde_json::from_str(text).map_err(|error| ScheduleFormError(format!("the schedule is not JSON: {error}")))?;
            return value.try_into();
        }
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests;
