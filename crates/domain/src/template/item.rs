//! The values that expressions have while a template is rendered.

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use chrono_tz::Tz;
use cofferdam_ids::ConnectionId;
use serde_json::{Number, Value};
use std::rc::Rc;

/// A value. JSON that was given to the template is borrowed; what it makes is shared.
#[derive(Clone)]
pub(super) enum Item<'s> {
    /// A name that is not there, as it was written. Only `is defined` and `default` take it.
    Undefined(Rc<str>),
    /// JSON that was given.
    Given(&'s Value),
    /// JSON that was made.
    Made(Rc<Value>),
    /// A moment.
    Time(DateTime<Tz>),
    /// A day.
    Date(NaiveDate),
    /// A length of time.
    Span(TimeDelta),
    /// A name that has attributes, but no value.
    Handle(Handle),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handle {
    Instance,
    Task,
    Dag,
    Run,
    Macros,
    MacrosJson,
    MacrosDatetime,
    Variables,
    VariableTexts,
    VariableJson,
    Connections,
    Connection(ConnectionId),
    ConnectionExtra(ConnectionId),
    /// A function or method, with what it is called on.
    Function(&'static str),
    Range,
}

impl<'s> Item<'s> {
    pub(super) fn made(value: impl Into<Value>) -> Self {
        Self::Made(Rc::new(value.into()))
    }

    pub(super) fn none() -> Self {
        Self::made(Value::Null)
    }

    /// The JSON value, if it is one.
    pub(super) fn json(&self) -> Option<&Value> {
        match self {
            Self::Given(value) => Some(value),
            Self::Made(value) => Some(value),
            Self::Undefined(_) | Self::Time(_) | Self::Date(_) | Self::Span(_) | Self::Handle(_) => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.json().and_then(Value::as_str)
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "undefined",
            Self::Given(_) | Self::Made(_) => match self.json() {
                Some(Value::Bool(_)) => "a boolean",
                Some(Value::Number(_)) => "a number",
                Some(Value::String(_)) => "a text",
                Some(Value::Array(_)) => "a list",
                Some(Value::Object(_)) => "a map",
                Some(Value::Null) | None => "none",
            },
            Self::Time(_) => "a moment",
            Self::Date(_) => "a day",
            Self::Span(_) => "a length of time",
            Self::Handle(_) => "a name without a value of its own",
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) => false,
            Self::Given(_) | Self::Made(_) => match self.json() {
                Some(Value::Bool(value)) => *value,
                Some(Value::Number(number)) => number.as_f64() != Some(0.0),
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Array(items)) => !items.is_empty(),
                Some(Value::Object(fields)) => !fields.is_empty(),
                Some(Value::Null) | None => false,
            },
            Self::Span(span) => !span.is_zero(),
            Self::Time(_) | Self::Date(_) | Self::Handle(_) => true,
        }
    }

    /// The value as JSON: moments as texts. `None` for what has no value.
    pub(super) fn to_json(&self) -> Option<Value> {
        match self {
            Self::Given(value) => Some((*value).clone()),
            Self::Made(value) => Some((**value).clone()),
            Self::Time(time) => Some(Value::String(iso(time))),
            Self::Date(date) => Some(Value::String(date.to_string())),
            Self::Span(span) => Some(Value::String(span_text(*span))),
            Self::Undefined(_) | Self::Handle(_) => None,
        }
    }

    /// About how many bytes the value has.
    pub(super) fn size(&self) -> usize {
        self.json().map_or(32, size)
    }
}

/// About how many bytes a value takes.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 16,
        Value::String(text) => 24 + text.len(),
        Value::Array(items) => 24 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 24 + fields.iter().map(|(key, value)| 32 + key.len() + size(value)).sum::<usize>(),
    }
}

/// A moment as Python's `isoformat` writes it.
pub(super) fn iso(time: &DateTime<Tz>) -> String {
    let format = if time.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    time.to_rfc3339_opts(format, false)
}

/// A length of time as Python's `str` writes it.
pub(super) fn span_text(span: TimeDelta) -> String {
    let days = span.num_seconds().div_euclid(86_400);
    let seconds = span.num_seconds().rem_euclid(86_400);
    let clock = format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match days {
        0 => clock,
        1 | -1 => format!("{days} day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

/// A number of JSON as text: whole floats keep their `.0`, as in Python.
pub(super) fn number_text(number: &Number) -> String {
    number.to_string()
}
