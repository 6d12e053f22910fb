//! Attributes, methods and operators of the values in templates.

use super::evaluate::{Arguments, Evaluated, Evaluation, fault, order};
use super::item::{Handle, Item, size};
use super::names::CONNECTION;
use super::scope::{ConnectionFacts, VariableFacts};
use super::uses::suggestion;
use super::{Fault, times};
use chrono::{Datelike, TimeDelta};
use cofferdam_ids::{ConnectionId, TaskId, VariableKey, XComKey};
use minijinja::machinery::{Span, ast};
use serde_json::Value;
use std::cmp::Ordering;
use std::rc::Rc;

/// The most numbers of `range`.
const MAX_RANGE: i64 = 10_000;

/// `item.name`.
pub(super) fn attribute<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    item: &Item<'s>,
    name: &str,
    written: impl Fn() -> Rc<str>,
    span: Span,
) -> Evaluated<'s> {
    let missing = || Ok(Item::Undefined(written()));
    match item {
        Item::Given(value) => match value.get(name) {
            Some(value) => Ok(Item::Given(value)),
            None => missing(),
        },
        Item::Made(value) => match value.get(name) {
            Some(value) => {
                evaluation.charge(size(value), span)?;
                Ok(Item::made(value.clone()))
            }
            None => missing(),
        },
        Item::Time(time) => times::part(time, name).map_or_else(missing, Ok),
        Item::Date(date) => times::part_of_day(*date, name).map_or_else(missing, Ok),
        Item::Span(length) => match name {
            "days" => Ok(Item::made(length.num_seconds().div_euclid(86_400))),
            "seconds" => Ok(Item::made(length.num_seconds().rem_euclid(86_400))),
            _ => missing(),
        },
        Item::Handle(handle) => of_handle(evaluation, handle, name, written, span),
        Item::Undefined(_) => missing(),
    }
}

fn of_handle<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    handle: &Handle,
    name: &str,
    written: impl Fn() -> Rc<str>,
    span: Span,
) -> Evaluated<'s> {
    let scope = evaluation.scope;
    let (run, task, dag) = (&scope.run, &scope.task, &scope.dag);
    let texts = |texts: &[String]| Item::made(texts.iter().cloned().map(Value::String).collect::<Vec<_>>());
    let state = || scope.happened.map(|happened| Item::made(happened.state.as_str()));
    let found = match (handle, name) {
        (Handle::Instance | Handle::Task, "task_id") => Some(Item::made(task.task_id)),
        (Handle::Instance | Handle::Task, "pool") => Some(Item::made(task.pool)),
        (Handle::Instance | Handle::Task, "queue") => Some(Item::made(task.queue)),
        (Handle::Instance | Handle::Task, "priority_weight") => Some(Item::made(task.priority)),
        (Handle::Instance | Handle::Dag | Handle::Run, "dag_id") => Some(Item::made(dag.dag_id)),
        (Handle::Instance | Handle::Run, "run_id") => Some(Item::made(run.run_id)),
        (Handle::Instance, "try_number") => Some(Item::made(task.try_number)),
        (Handle::Instance, "max_tries") => Some(Item::made(task.max_tries)),
        (Handle::Instance, "map_index") => Some(Item::made(task.map_index)),
        (Handle::Instance | Handle::Run, "state") => state(),
        (Handle::Task, "retries") => Some(Item::made(task.max_tries.saturating_sub(1))),
        (Handle::Dag, "description") => Some(dag.description.map_or_else(Item::none, Item::made)),
        (Handle::Dag, "tags") => Some(texts(dag.tags)),
        (Handle::Dag, "owners") => Some(texts(dag.owners)),
        (Handle::Dag, "owner") => Some(Item::made(dag.owners.join(", "))),
        (Handle::Dag, "timezone") => Some(Item::made(dag.timezone)),
        (Handle::Run, "run_type") => Some(Item::made(run.run_type.as_str())),
        (Handle::Run, "conf") => Some(Item::Given(run.conf)),
        (Handle::Run, "logical_date" | "execution_date") => Some(Item::Time(times::in_utc(run.logical_date))),
        (Handle::Run, "data_interval_start") => Some(Item::Time(times::in_utc(run.interval.0))),
        (Handle::Run, "data_interval_end") => Some(Item::Time(times::in_utc(run.interval.1))),
        (Handle::Run, "queued_at") => Some(Item::Time(times::in_utc(run.queued_at))),
        (Handle::Run, "external_trigger") => Some(Item::made(run.run_type == crate::run::RunType::Manual)),
        (Handle::Macros, "ds_add") => Some(Item::Handle(Handle::Function("ds_add"))),
        (Handle::Macros, "ds_format") => Some(Item::Handle(Handle::Function("ds_format"))),
        (Handle::Macros, "timedelta") => Some(Item::Handle(Handle::Function("timedelta"))),
        (Handle::Macros, "datetime") => Some(Item::Handle(Handle::MacrosDatetime)),
        (Handle::Macros, "json") => Some(Item::Handle(Handle::MacrosJson)),
        (Handle::Variables, "value") => Some(Item::Handle(Handle::VariableTexts)),
        (Handle::Variables, "json") => Some(Item::Handle(Handle::VariableJson)),
        (Handle::VariableTexts | Handle::VariableJson, name) => {
            return Ok(variable(evaluation, handle, name, span)?.unwrap_or_else(|| Item::Undefined(written())));
        }
        (Handle::Connections, name) => return connection(evaluation, name, written, span),
        (Handle::Connection(id), field) => return connection_field(evaluation, id, field, span),
        (Handle::ConnectionExtra(id), key) => Some(Item::made(placeholder(id, &format!("extra:{key}")))),
        _ => None,
    };
    Ok(found.unwrap_or_else(|| Item::Undefined(written())))
}

/// The value of a variable; `None` when there is none of this name.
fn variable<'s>(evaluation: &mut Evaluation<'s, '_>, handle: &Handle, name: &str, span: Span) -> Result<Option<Item<'s>>, Fault> {
    evaluation.scope.grant.variable(name).map_err(|refusal| fault(span, refusal.to_string()))?;
    let key = VariableKey::new(name).map_err(|error| fault(span, error.to_string()))?;
    match evaluation.scope.variables.get(&key) {
        None => Ok(None),
        Some(VariableFacts::Secret) => {
            let mut fault = fault(span, format!("the variable '{name}' is secret and cannot become plain input"));
            fault.help = Some(
                "let the task read it itself, or keep it as the password of a connection and send its placeholder".to_owned(),
            );
            Err(fault)
        }
        Some(VariableFacts::Plain(text)) => {
            evaluation.charge(text.len(), span)?;
            if *handle == Handle::VariableTexts {
                return Ok(Some(Item::made(text.as_str())));
            }
            let value: Value = serde_json::from_str(text)
                .map_err(|_| fault(span, format!("the variable '{name}' is not JSON; use var.value.{name}")))?;
            evaluation.charge(size(&value), span)?;
            Ok(Some(Item::made(value)))
        }
    }
}

fn connection<'s>(evaluation: &mut Evaluation<'s, '_>, name: &str, written: impl Fn() -> Rc<str>, span: Span) -> Evaluated<'s> {
    evaluation.scope.grant.connection(name).map_err(|refusal| fault(span, refusal.to_string()))?;
    let id = ConnectionId::new(name).map_err(|error| fault(span, error.to_string()))?;
    if evaluation.scope.connections.contains_key(&id) {
        Ok(Item::Handle(Handle::Connection(id)))
    } else {
        Ok(Item::Undefined(written()))
    }
}

/// A field of a connection. What is secret is a placeholder, which is filled in on the way out of the sandbox.
fn connection_field<'s>(evaluation: &Evaluation<'s, '_>, id: &ConnectionId, field: &str, span: Span) -> Evaluated<'s> {
    let Some(facts) = evaluation.scope.connections.get(id) else {
        return Err(fault(span, format!("there is no connection '{id}'")));
    };
    let ConnectionFacts { conn_type, description, host, port, login, schema } = facts;
    let text = |text: &Option<String>| text.as_deref().map_or_else(Item::none, Item::made);
    Ok(match field {
        "conn_id" => Item::made(id.as_str()),
        "conn_type" => Item::made(conn_type.as_str()),
        "description" => text(description),
        "host" => text(host),
        "port" => port.map_or_else(Item::none, Item::made),
        "login" => text(login),
        "schema" => text(schema),
        "password" => Item::made(placeholder(id, "password")),
        "extra_dejson" => Item::Handle(Handle::ConnectionExtra(id.clone())),
        other => {
            let mut fault = fault(span, format!("a connection has no field '{other}'"));
            fault.help = Some(suggestion(other, CONNECTION, "fields"));
            return Err(fault);
        }
    })
}

fn placeholder(id: &ConnectionId, field: &str) -> String {
    format!("<<connection:{id}:{field}>>")
}

/// `item[index]`.
pub(super) fn subscript<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    item: &Item<'s>,
    index: &Item<'s>,
    written: impl Fn() -> Rc<str>,
    span: Span,
) -> Evaluated<'s> {
    if let Some(name) = index.text() {
        return attribute(evaluation, item, name, written, span);
    }
    let Some(index) = index.json().and_then(Value::as_i64) else {
        return Err(fault(span, format!("{} cannot be an index", index.kind())));
    };
    let at = |length: usize| usize::try_from(if index < 0 { index + i64::try_from(length).unwrap_or(0) } else { index }).ok();
    let found = match item {
        Item::Given(Value::Array(items)) => at(items.len()).and_then(|at| items.get(at)).map(Item::Given),
        other => match other.json() {
            Some(Value::Array(items)) => match at(items.len()).and_then(|at| items.get(at)) {
                Some(value) => {
                    evaluation.charge(size(value), span)?;
                    Some(Item::made(value.clone()))
                }
                None => None,
            },
            Some(Value::String(text)) => {
                evaluation.charge(text.len(), span)?;
                at(text.chars().count()).and_then(|at| text.chars().nth(at)).map(|letter| Item::made(letter.to_string()))
            }
            _ => return Err(fault(span, format!("{} has no numbered items", other.kind()))),
        },
    };
    Ok(found.unwrap_or_else(|| Item::Undefined(written())))
}

/// `item[start:stop:step]`.
pub(super) fn slice<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    item: &Item<'s>,
    start: Option<i64>,
    stop: Option<i64>,
    step: Option<i64>,
    span: Span,
) -> Evaluated<'s> {
    let step = usize::try_from(step.unwrap_or(1)).ok().filter(|step| *step > 0);
    let step = step.ok_or_else(|| fault(span, "the step of a slice must be more than 0"))?;
    let bound = |given: Option<i64>, default: usize, length: usize| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        given.map_or(default, |given| {
            usize::try_from(if given < 0 { given.saturating_add(length) } else { given }.clamp(0, length)).unwrap_or(0)
        })
    };
    evaluation.charge(item.size(), span)?;
    match item.json() {
        Some(Value::String(text)) => {
            let letters: Vec<char> = text.chars().collect();
            let (from, to) = (bound(start, 0, letters.len()), bound(stop, letters.len(), letters.len()));
            Ok(Item::made(letters.get(from..to.max(from)).unwrap_or_default().iter().step_by(step).collect::<String>()))
        }
        Some(Value::Array(items)) => {
            let (from, to) = (bound(start, 0, items.len()), bound(stop, items.len(), items.len()));
            Ok(Item::made(items.get(from..to.max(from)).unwrap_or_default().iter().step_by(step).cloned().collect::<Vec<_>>()))
        }
        _ => Err(fault(span, format!("{} cannot be sliced", item.kind()))),
    }
}

/// An operator.
pub(super) fn binary<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    kind: ast::BinOpKind,
    left: &Item<'s>,
    right: &Item<'s>,
    span: Span,
) -> Evaluated<'s> {
    use ast::BinOpKind as Op;
    let impossible = |sign: &str| fault(span, format!("'{sign}' has no meaning for {} and {}", left.kind(), right.kind()));
    let compared = |sign: &str, holds: fn(Ordering) -> bool| {
        order(left, right).map(|order| Item::made(holds(order))).ok_or_else(|| impossible(sign))
    };
    let equal = || match (left.json(), right.json()) {
        (Some(a), Some(b)) => a == b || (a.is_number() && b.is_number() && a.as_f64() == b.as_f64()),
        _ => order(left, right) == Some(Ordering::Equal),
    };
    match kind {
        Op::Eq => Ok(Item::made(equal())),
        Op::Ne => Ok(Item::made(!equal())),
        Op::Lt => compared("<", Ordering::is_lt),
        Op::Lte => compared("<=", Ordering::is_le),
        Op::Gt => compared(">", Ordering::is_gt),
        Op::Gte => compared(">=", Ordering::is_ge),
        Op::In => match right.json() {
            Some(Value::Array(items)) => {
                let value = evaluation.value(left, span)?;
                Ok(Item::made(items.contains(&value)))
            }
            Some(Value::Object(fields)) => Ok(Item::made(left.text().is_some_and(|name| fields.contains_key(name)))),
            Some(Value::String(text)) => left.text().map(|part| Item::made(text.contains(part))).ok_or_else(|| impossible("in")),
            _ => Err(impossible("in")),
        },
        Op::Concat => {
            let (mut text, other) = (evaluation.printed(left, span)?, evaluation.printed(right, span)?);
            text.push_str(&other);
            Ok(Item::made(text))
        }
        Op::Add => match (left, right) {
            (Item::Time(time), Item::Span(length)) | (Item::Span(length), Item::Time(time)) => {
                times::plus(time, *length).map(Item::Time).map_err(|wrong| fault(span, wrong))
            }
            (Item::Date(date), Item::Span(length)) | (Item::Span(length), Item::Date(date)) => date
                .checked_add_signed(*length)
                .filter(|date| (1..=9999).contains(&date.year()))
                .map(Item::Date)
                .ok_or_else(|| impossible("+")),
            (Item::Span(a), Item::Span(b)) => a.checked_add(b).map(Item::Span).ok_or_else(|| impossible("+")),
            _ => {
                evaluation.charge(left.size() + right.size(), span)?;
                match (left.json(), right.json()) {
                    (Some(Value::String(a)), Some(Value::String(b))) => Ok(Item::made(format!("{a}{b}"))),
                    (Some(Value::Array(a)), Some(Value::Array(b))) => Ok(Item::made([a.as_slice(), b].concat())),
                    _ => numbers(kind, left, right).ok_or_else(|| impossible("+")),
                }
            }
        },
        Op::Sub => match (left, right) {
            (Item::Time(time), Item::Span(length)) => {
                times::plus(time, -*length).map(Item::Time).map_err(|wrong| fault(span, wrong))
            }
            (Item::Time(a), Item::Time(b)) => Ok(Item::Span(a.signed_duration_since(b))),
            (Item::Date(date), Item::Span(length)) => date
                .checked_sub_signed(*length)
                .filter(|date| (1..=9999).contains(&date.year()))
                .map(Item::Date)
                .ok_or_else(|| impossible("-")),
            (Item::Date(a), Item::Date(b)) => Ok(Item::Span(a.signed_duration_since(*b))),
            (Item::Span(a), Item::Span(b)) => a.checked_sub(b).map(Item::Span).ok_or_else(|| impossible("-")),
            _ => numbers(kind, left, right).ok_or_else(|| impossible("-")),
        },
        Op::Mul => match (left.json(), right.json()) {
            (Some(Value::String(text)), Some(Value::Number(count))) | (Some(Value::Number(count)), Some(Value::String(text))) => {
                let count = usize::try_from(count.as_i64().ok_or_else(|| impossible("*"))?).unwrap_or(0);
                evaluation.charge(text.len().saturating_mul(count), span)?;
                Ok(Item::made(text.repeat(count)))
            }
            _ => match (left, right.json().and_then(Value::as_i64).and_then(|count| i32::try_from(count).ok())) {
                (Item::Span(length), Some(count)) => length.checked_mul(count).map(Item::Span).ok_or_else(|| impossible("*")),
                _ => numbers(kind, left, right).ok_or_else(|| impossible("*")),
            },
        },
        Op::Div | Op::FloorDiv | Op::Rem | Op::Pow => {
            let zero = right.json().and_then(Value::as_f64) == Some(0.0);
            if zero && !matches!(kind, Op::Pow) {
                return Err(fault(span, "a division by zero"));
            }
            numbers(kind, left, right).ok_or_else(|| {
                impossible(match kind {
                    Op::Div => "/",
                    Op::FloorDiv => "//",
                    Op::Rem => "%",
                    _ => "**",
                })
            })
        }
        Op::ScAnd => Ok(if left.is_true() { right.clone() } else { left.clone() }),
        Op::ScOr => Ok(if left.is_true() { left.clone() } else { right.clone() }),
    }
}

/// Arithmetic: whole numbers stay whole, but for `/`.
fn numbers<'s>(kind: ast::BinOpKind, left: &Item<'s>, right: &Item<'s>) -> Option<Item<'s>> {
    use ast::BinOpKind as Op;
    let (Value::Number(a), Value::Number(b)) = (left.json()?, right.json()?) else { return None };
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        let whole = match kind {
            Op::Add => a.checked_add(b),
            Op::Sub => a.checked_sub(b),
            Op::Mul => a.checked_mul(b),
            // Towards minus infinity, as in Python.
            Op::FloorDiv => {
                a.checked_div_euclid(b).map(|quotient| if b < 0 && a.rem_euclid(b) != 0 { quotient - 1 } else { quotient })
            }
            Op::Rem => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
            Op::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            _ => None,
        };
        if whole.is_some() {
            return whole.map(Item::made);
        }
    }
    let (a, b) = (a.as_f64()?, b.as_f64()?);
    let float = match kind {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        Op::FloorDiv => (a / b).floor(),
        Op::Rem => a - b * (a / b).floor(),
        Op::Pow => a.powf(b),
        _ => return None,
    };
    float.is_finite().then(|| Item::made(float))
}

/// `function(…)`.
pub(super) fn function<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    function: &Item<'s>,
    arguments: &Arguments<'s>,
    span: Span,
) -> Evaluated<'s> {
    match function {
        Item::Handle(Handle::Range) => {
            let mut bounds = Vec::new();
            for bound in &arguments.given {
                bounds.push(bound.json().and_then(Value::as_i64).ok_or_else(|| fault(span, "range takes whole numbers"))?);
            }
            let (start, stop, step) = match bounds.as_slice() {
                [stop] => (0, *stop, 1),
                [start, stop] => (*start, *stop, 1),
                [start, stop, step] if *step > 0 => (*start, *stop, *step),
                _ => return Err(fault(span, "range takes a stop, or start, stop and a step of more than 0")),
            };
            if stop.saturating_sub(start) / step > MAX_RANGE {
                return Err(fault(span, format!("range makes at most {MAX_RANGE} numbers")));
            }
            evaluation.charge(usize::try_from(stop.saturating_sub(start).max(0) / step).unwrap_or(0) * 16, span)?;
            let step = usize::try_from(step).unwrap_or(1);
            Ok(Item::made((start..stop).step_by(step).map(Value::from).collect::<Vec<_>>()))
        }
        other => Err(fault(span, format!("{} cannot be called", other.kind()))),
    }
}

/// `item.name(…)`.
pub(super) fn call<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    item: &Item<'s>,
    name: &str,
    arguments: &Arguments<'s>,
    span: Span,
) -> Evaluated<'s> {
    let wrong = |wrong: String| fault(span, wrong);
    let text = |index: usize, called: &str| {
        let given = arguments.get(index, called).and_then(|item| item.text().map(ToOwned::to_owned));
        given.ok_or_else(|| fault(span, format!("{name} takes a text as '{called}'")))
    };
    let shift = || -> Result<times::Shift, Fault> {
        let mut shift = times::Shift::default();
        if let Some(days) = arguments.given.first() {
            let days = days.json().and_then(Value::as_f64).ok_or_else(|| fault(span, format!("{name} takes numbers")))?;
            shift.add("days", days).map_err(wrong)?;
        }
        for (unit, amount) in &arguments.named {
            let amount = amount.json().and_then(Value::as_f64).ok_or_else(|| fault(span, format!("{name} takes numbers")))?;
            shift.add(unit, amount).map_err(wrong)?;
        }
        Ok(shift)
    };
    match (item, name) {
        (Item::Handle(Handle::Instance), "xcom_pull") => xcom_pull(evaluation, arguments, span),
        (Item::Handle(handle @ (Handle::VariableTexts | Handle::VariableJson)), "get") => {
            let found = variable(evaluation, handle, &text(0, "key")?, span)?;
            Ok(found.or_else(|| arguments.get(1, "default_var").cloned()).unwrap_or_else(Item::none))
        }
        (Item::Handle(Handle::Connections), "get") => {
            let id = text(0, "conn_id")?;
            connection(evaluation, &id, || format!("conn.{id}").into(), span)
        }
        (Item::Handle(Handle::Macros), "ds_add") => {
            let day = times::day(&text(0, "ds")?).map_err(wrong)?;
            let days = arguments.get(1, "days").and_then(|item| item.json()).and_then(Value::as_i64);
            let days = days.and_then(TimeDelta::try_days).ok_or_else(|| fault(span, "ds_add takes a number of days"))?;
            let moved = day.checked_add_signed(days).filter(|day| (1..=9999).contains(&day.year()));
            Ok(Item::made(times::ds(moved.ok_or_else(|| fault(span, "the day is too far away"))?)))
        }
        (Item::Handle(Handle::Macros), "ds_format") => {
            let read = times::strptime(&text(0, "ds")?, &text(1, "input_format")?).map_err(wrong)?;
            times::strftime(&read, &text(2, "output_format")?).map(Item::made).map_err(wrong)
        }
        (Item::Handle(Handle::Macros), "timedelta") => shift()?.span().map(Item::Span).map_err(wrong),
        (Item::Handle(Handle::Macros), "datetime") => {
            const PARTS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
            let mut parts = Vec::new();
            for (index, part) in PARTS.iter().enumerate() {
                let default = i64::from(index < 3);
                parts.push(
                    arguments
                        .get(index, part)
                        .and_then(|item| item.json())
                        .map_or(Some(default), Value::as_i64)
                        .ok_or_else(|| fault(span, "datetime takes whole numbers"))?,
                );
            }
            times::datetime(&parts).map(Item::Time).map_err(wrong)
        }
        (Item::Handle(Handle::MacrosDatetime), "strptime") => {
            times::strptime(&text(0, "date_string")?, &text(1, "format")?).map(Item::Time).map_err(wrong)
        }
        (Item::Handle(Handle::MacrosDatetime), "fromisoformat") => {
            times::moment(&text(0, "date_string")?).map(Item::Time).map_err(wrong)
        }
        (Item::Handle(Handle::MacrosJson), "dumps") => {
            let value = arguments.get(0, "obj").ok_or_else(|| fault(span, "dumps takes a value"))?;
            super::filters::to_json(evaluation, value, span)
        }
        (Item::Handle(Handle::MacrosJson), "loads") => {
            let text = text(0, "s")?;
            evaluation.charge(text.len().saturating_mul(4), span)?;
            serde_json::from_str::<Value>(&text).map(Item::made).map_err(|error| fault(span, format!("this is no JSON: {error}")))
        }
        (Item::Time(time), "strftime") => times::strftime(time, &text(0, "format")?).map(Item::made).map_err(wrong),
        (Item::Time(time), "isoformat" | "to_iso8601_string") => Ok(Item::made(times::ts(time))),
        (Item::Time(time), "date") => Ok(Item::Date(time.date_naive())),
        (Item::Time(time), "to_date_string") => Ok(Item::made(times::ds(time.date_naive()))),
        (Item::Time(time), "to_datetime_string") => Ok(Item::made(time.format("%Y-%m-%d %H:%M:%S").to_string())),
        (Item::Time(time), "timestamp") =>
        {
            #[expect(clippy::cast_precision_loss, reason = "as Python's timestamp, a float")]
            Ok(Item::made(time.timestamp_micros() as f64 / 1e6))
        }
        (Item::Time(time), "weekday") => Ok(Item::made(time.weekday().num_days_from_monday())),
        (Item::Time(time), "isoweekday") => Ok(Item::made(time.weekday().number_from_monday())),
        (Item::Time(time), "add") => shift()?.apply(time, 1).map(Item::Time).map_err(wrong),
        (Item::Time(time), "subtract") => shift()?.apply(time, -1).map(Item::Time).map_err(wrong),
        (Item::Time(time), "replace") => {
            let mut parts = Vec::new();
            for (part, value) in &arguments.named {
                let value = value.json().and_then(Value::as_i64);
                parts.push((&**part, value.ok_or_else(|| fault(span, "replace takes whole numbers"))?));
            }
            times::replace(time, &parts).map(Item::Time).map_err(wrong)
        }
        (Item::Time(time), "start_of") => times::edge(time, &text(0, "unit")?, false).map(Item::Time).map_err(wrong),
        (Item::Time(time), "end_of") => times::edge(time, &text(0, "unit")?, true).map(Item::Time).map_err(wrong),
        (Item::Time(time), "in_timezone" | "in_tz" | "astimezone") => {
            let zone = text(0, "tz")?;
            let zone =
                crate::schedule::parse_timezone(&zone).map_err(|_| fault(span, format!("there is no time zone '{zone}'")))?;
            Ok(Item::Time(time.with_timezone(&zone)))
        }
        (Item::Date(date), "strftime") => {
            let time = times::in_utc(date.and_time(chrono::NaiveTime::MIN).and_utc());
            times::strftime(&time, &text(0, "format")?).map(Item::made).map_err(wrong)
        }
        (Item::Date(date), "isoformat") => Ok(Item::made(times::ds(*date))),
        (Item::Date(date), "weekday") => Ok(Item::made(date.weekday().num_days_from_monday())),
        (Item::Span(length), "total_seconds") =>
        {
            #[expect(clippy::cast_precision_loss, reason = "as Python's total_seconds, a float")]
            Ok(Item::made(length.num_milliseconds() as f64 / 1e3))
        }
        (Item::Given(_) | Item::Made(_), _) => of_json(evaluation, item, name, arguments, span),
        _ => Err(fault(span, format!("{} has no method '{name}'", item.kind()))),
    }
}

/// Methods of Python's texts and maps.
fn of_json<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    item: &Item<'s>,
    name: &str,
    arguments: &Arguments<'s>,
    span: Span,
) -> Evaluated<'s> {
    let text = |index: usize| arguments.given.get(index).and_then(Item::text);
    let unknown = || fault(span, format!("{} has no method '{name}'", item.kind()));
    match item.json() {
        Some(Value::Object(fields)) => match name {
            "get" => {
                let key = text(0).ok_or_else(|| fault(span, "get takes the name of a field"))?;
                let found = match item {
                    Item::Given(value) => value.get(key).map(Item::Given),
                    _ => fields.get(key).cloned().map(Item::made),
                };
                Ok(found.or_else(|| arguments.given.get(1).cloned()).unwrap_or_else(Item::none))
            }
            "keys" => Ok(Item::made(fields.keys().cloned().map(Value::String).collect::<Vec<_>>())),
            "values" => {
                evaluation.charge(item.size(), span)?;
                Ok(Item::made(fields.values().cloned().collect::<Vec<_>>()))
            }
            "items" => {
                evaluation.charge(item.size(), span)?;
                Ok(Item::made(
                    fields.iter().map(|(key, value)| Value::Array(vec![key.as_str().into(), value.clone()])).collect::<Vec<_>>(),
                ))
            }
            _ => Err(unknown()),
        },
        Some(Value::String(subject)) => {
            evaluation.charge(subject.len().saturating_mul(2), span)?;
            let letters = |given: Option<&str>| {
                given.map_or_else(|| vec![' ', '\t', '\n', '\r'], |given| given.chars().collect::<Vec<char>>())
            };
            Ok(match name {
                "upper" => Item::made(subject.to_uppercase()),
                "lower" => Item::made(subject.to_lowercase()),
                "strip" => Item::made(subject.trim_matches(letters(text(0)).as_slice())),
                "lstrip" => Item::made(subject.trim_start_matches(letters(text(0)).as_slice())),
                "rstrip" => Item::made(subject.trim_end_matches(letters(text(0)).as_slice())),
                "startswith" => Item::made(subject.starts_with(text(0).ok_or_else(unknown)?)),
                "endswith" => Item::made(subject.ends_with(text(0).ok_or_else(unknown)?)),
                "split" => {
                    evaluation.charge(subject.len().saturating_mul(24), span)?;
                    let parts: Vec<Value> = match text(0) {
                        Some("") => return Err(fault(span, "split needs a separator that is not empty")),
                        Some(separator) => subject.split(separator).map(Value::from).collect(),
                        None => subject.split_whitespace().map(Value::from).collect(),
                    };
                    Item::made(parts)
                }
                "replace" => match (text(0), text(1)) {
                    (Some(old), Some(new)) => return super::filters::replace(evaluation, subject, old, new, span),
                    _ => return Err(fault(span, "replace takes two texts")),
                },
                "title" => Item::made(super::filters::title(subject)),
                "capitalize" => Item::made(super::filters::capitalize(subject)),
                _ => return Err(unknown()),
            })
        }
        _ => Err(unknown()),
    }
}

fn xcom_pull<'s>(evaluation: &mut Evaluation<'s, '_>, arguments: &Arguments<'s>, span: Span) -> Evaluated<'s> {
    let key = match arguments.named.iter().find(|(name, _)| name == "key") {
        Some((_, key)) => XComKey::new(key.text().unwrap_or_default()).map_err(|error| fault(span, error.to_string()))?,
        None => XComKey::return_value(),
    };
    let tasks = arguments.get(0, "task_ids").ok_or_else(|| fault(span, "xcom_pull needs task_ids"))?;
    let default = arguments.named.iter().find(|(name, _)| name == "default").map(|(_, item)| item.clone());
    let scope = evaluation.scope;
    let pull = |name: &str| {
        let task = TaskId::new(name).map_err(|error| fault(span, error.to_string()))?;
        Ok::<_, Fault>((scope.xcom)(&task, &key))
    };
    match tasks.json() {
        Some(Value::String(name)) => Ok(pull(name)?.map(Item::made).or(default).unwrap_or_else(Item::none)),
        Some(Value::Array(names)) => {
            let mut values = Vec::new();
            for name in names {
                let value = pull(name.as_str().unwrap_or_default())?;
                let default = || default.as_ref().and_then(Item::to_json);
                values.push(value.or_else(default).unwrap_or(Value::Null));
            }
            Ok(Item::made(values))
        }
        _ => Err(fault(span, "task_ids is a text or a list of texts")),
    }
}
