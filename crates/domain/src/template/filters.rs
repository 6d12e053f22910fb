//! Filters and tests.

use super::evaluate::{Arguments, Evaluated, Evaluation, fault, order, order_json};
use super::item::Item;
use super::{Fault, times};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use minijinja::machinery::Span;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// Every filter.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "ds",
    "ds_nodash",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "unique",
    "upper",
    "urlencode",
];

/// Every test.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
];

/// `item | name(…)`.
pub(super) fn filter<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    name: &str,
    item: Item<'s>,
    arguments: &Arguments<'s>,
    span: Span,
) -> Evaluated<'s> {
    evaluation.step(span)?;
    let wrong = |wrong: String| fault(span, wrong);
    let unfit = |item: &Item<'s>| fault(span, format!("the filter '{name}' has no meaning for {}", item.kind()));
    match name {
        "default" | "d" => {
            let also_false = arguments.get(1, "boolean").is_some_and(Item::is_true);
            let missing = matches!(item, Item::Undefined(_)) || (also_false && !item.is_true());
            let default = || arguments.get(0, "default_value").cloned().unwrap_or_else(|| Item::made(""));
            Ok(if missing { default() } else { item })
        }
        "ds" => Ok(Item::made(times::ds(day(&item, span)?))),
        "ds_nodash" => Ok(Item::made(times::ds_nodash(day(&item, span)?))),
        "ts" => Ok(Item::made(times::ts(&moment(&item, span)?))),
        "ts_nodash" => Ok(Item::made(times::ts_nodash(&moment(&item, span)?))),
        "ts_nodash_with_tz" => Ok(Item::made(times::ts_nodash_with_tz(&moment(&item, span)?))),
        "tojson" => to_json(evaluation, &item, span),
        "string" => evaluation.printed(&item, span).map(Item::made),
        "upper" => evaluation.printed(&item, span).map(|text| Item::made(text.to_uppercase())),
        "lower" => evaluation.printed(&item, span).map(|text| Item::made(text.to_lowercase())),
        "title" => evaluation.printed(&item, span).map(|text| Item::made(title(&text))),
        "capitalize" => evaluation.printed(&item, span).map(|text| Item::made(capitalize(&text))),
        "trim" => evaluation.printed(&item, span).map(|text| Item::made(text.trim())),
        "urlencode" => {
            let text = evaluation.printed(&item, span)?;
            evaluation.charge(text.len().saturating_mul(3), span)?;
            Ok(Item::made(percent_encoded(&text)))
        }
        "replace" => {
            let text = evaluation.printed(&item, span)?;
            match (arguments.given.first().and_then(Item::text), arguments.given.get(1).and_then(Item::text)) {
                (Some(old), Some(new)) => replace(evaluation, &text, old, new, span),
                _ => Err(fault(span, "replace takes two texts")),
            }
        }
        "split" => {
            let text = evaluation.printed(&item, span)?;
            evaluation.charge(text.len().saturating_mul(24), span)?;
            let parts: Vec<Value> = match arguments.given.first().and_then(Item::text) {
                Some("") => return Err(fault(span, "split needs a separator that is not empty")),
                Some(separator) => text.split(separator).map(Value::from).collect(),
                None => text.split_whitespace().map(Value::from).collect(),
            };
            Ok(Item::made(parts))
        }
        "join" => {
            let separator = arguments.get(0, "d").and_then(Item::text).unwrap_or_default().to_owned();
            let attribute = arguments.get(1, "attribute").and_then(Item::text).map(ToOwned::to_owned);
            let mut text = String::new();
            for (index, part) in evaluation.items(&item, span)?.into_iter().enumerate() {
                evaluation.step(span)?;
                let part = match &attribute {
                    Some(name) => field(&part, name, span)?,
                    None => part,
                };
                if index > 0 {
                    evaluation.charge(separator.len(), span)?;
                    text.push_str(&separator);
                }
                let part = evaluation.printed(&part, span)?;
                text.push_str(&part);
            }
            Ok(Item::made(text))
        }
        "length" | "count" => match item.json() {
            Some(Value::String(text)) => Ok(Item::made(text.chars().count())),
            Some(Value::Array(items)) => Ok(Item::made(items.len())),
            Some(Value::Object(fields)) => Ok(Item::made(fields.len())),
            _ => Err(unfit(&item)),
        },
        "first" | "last" => {
            let items = evaluation.items(&item, span)?;
            let found = if name == "first" { items.into_iter().next() } else { items.into_iter().next_back() };
            found.ok_or_else(|| fault(span, "the list is empty"))
        }
        "list" | "reverse" | "sort" | "unique" | "min" | "max" | "sum" | "map" => {
            sequence(evaluation, name, &item, arguments, span)
        }
        "items" | "dictsort" => match item.json() {
            Some(Value::Object(fields)) => {
                evaluation.charge(item.size(), span)?;
                let mut pairs: Vec<(&String, &Value)> = fields.iter().collect();
                if name == "dictsort" {
                    pairs.sort_by_key(|(key, _)| *key);
                }
                Ok(Item::made(
                    pairs
                        .into_iter()
                        .map(|(key, value)| Value::Array(vec![key.as_str().into(), value.clone()]))
                        .collect::<Vec<_>>(),
                ))
            }
            _ => Err(unfit(&item)),
        },
        "int" => {
            let default = arguments.get(0, "default").and_then(|item| item.json()).cloned();
            let number = match item.json() {
                Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
                Some(Value::String(text)) => {
                    text.trim().parse::<i64>().ok().or_else(|| text.trim().parse::<f64>().ok().and_then(whole))
                }
                Some(Value::Bool(value)) => Some(i64::from(*value)),
                _ => None,
            };
            match (number, default) {
                (Some(number), _) => Ok(Item::made(number)),
                (None, Some(default)) => Ok(Item::made(default)),
                (None, None) => Err(unfit(&item)),
            }
        }
        "float" => {
            let number = match item.json() {
                Some(Value::Number(number)) => number.as_f64(),
                Some(Value::String(text)) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
                _ => None,
            };
            number.map(Item::made).or_else(|| arguments.get(0, "default").cloned()).ok_or_else(|| unfit(&item))
        }
        "abs" => match item.json() {
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => Ok(Item::made(number.saturating_abs())),
                None => Ok(Item::made(number.as_f64().unwrap_or_default().abs())),
            },
            _ => Err(unfit(&item)),
        },
        "round" => {
            let number = item.json().and_then(Value::as_f64).ok_or_else(|| unfit(&item))?;
            let places = arguments.get(0, "precision").and_then(|item| item.json()).and_then(Value::as_i64).unwrap_or(0);
            let places = i32::try_from(places).ok().filter(|places| (0..=15).contains(places));
            let factor = 10_f64.powi(places.ok_or_else(|| wrong("the precision is from 0 to 15".to_owned()))?);
            Ok(Item::made((number * factor).round() / factor))
        }
        other => Err(fault(span, format!("there is no filter '{other}'"))),
    }
}

/// Filters of lists.
fn sequence<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    name: &str,
    item: &Item<'s>,
    arguments: &Arguments<'s>,
    span: Span,
) -> Evaluated<'s> {
    let mut values = Vec::new();
    evaluation.charge(item.size(), span)?;
    for item in evaluation.items(item, span)? {
        evaluation.step(span)?;
        values.push(evaluation.value(&item, span)?);
    }
    let attribute = arguments.named.iter().find(|(name, _)| name == "attribute").and_then(|(_, item)| item.text());
    let key = |value: &Value| match attribute {
        Some(name) => value.get(name).cloned().unwrap_or(Value::Null),
        None => value.clone(),
    };
    let compare = |a: &Value, b: &Value| order_json(&key(a), &key(b)).unwrap_or(Ordering::Equal);
    Ok(match name {
        "list" => Item::made(values),
        "reverse" => Item::made(values.into_iter().rev().collect::<Vec<_>>()),
        "sort" => {
            let reverse = arguments.named.iter().any(|(name, item)| name == "reverse" && item.is_true());
            values.sort_by(compare);
            if reverse {
                values.reverse();
            }
            Item::made(values)
        }
        "unique" => {
            let mut seen = std::collections::HashSet::new();
            values.retain(|value| seen.insert(value.to_string()));
            Item::made(values)
        }
        "min" => values.into_iter().min_by(compare).map_or_else(Item::none, Item::made),
        "max" => values.into_iter().max_by(compare).map_or_else(Item::none, Item::made),
        "sum" => {
            let numbers: Option<Vec<f64>> = values.iter().map(|value| key(value).as_f64()).collect();
            let numbers = numbers.ok_or_else(|| fault(span, "sum takes a list of numbers"))?;
            let sum: f64 = numbers.iter().sum();
            let all_whole = values.iter().all(|value| key(value).is_i64());
            whole(sum).filter(|_| all_whole).map_or_else(|| Item::made(sum), Item::made)
        }
        _ => match (attribute, arguments.given.first().and_then(Item::text).map(ToOwned::to_owned)) {
            (Some(name), _) => {
                Item::made(values.iter().map(|value| value.get(name).cloned().unwrap_or(Value::Null)).collect::<Vec<_>>())
            }
            (None, Some(called)) if FILTERS.contains(&called.as_str()) && called != "map" => {
                let rest = Arguments { given: arguments.given.iter().skip(1).cloned().collect(), named: Vec::new() };
                let mut mapped = Vec::new();
                for value in values {
                    let item = filter(evaluation, &called, Item::made(value), &rest, span)?;
                    mapped.push(evaluation.value(&item, span)?);
                }
                Item::made(mapped)
            }
            _ => return Err(fault(span, "map takes attribute='…' or the name of a filter")),
        },
    })
}

/// `item is name(…)`.
pub(super) fn test<'s>(
    evaluation: &mut Evaluation<'s, '_>,
    name: &str,
    item: &Item<'s>,
    arguments: &Arguments<'s>,
    span: Span,
) -> Result<bool, Fault> {
    let other = || arguments.given.first().ok_or_else(|| fault(span, format!("the test '{name}' needs a value to compare with")));
    let whole = || item.json().and_then(Value::as_i64).ok_or_else(|| fault(span, format!("{} is no whole number", item.kind())));
    let json = item.json();
    Ok(match name {
        "defined" => !matches!(item, Item::Undefined(_)),
        "undefined" => matches!(item, Item::Undefined(_)),
        "none" => json.is_some_and(Value::is_null),
        "string" => json.is_some_and(Value::is_string),
        "number" => json.is_some_and(Value::is_number),
        "integer" => json.is_some_and(|value| value.is_i64() || value.is_u64()),
        "float" => json.is_some_and(Value::is_f64),
        "boolean" => json.is_some_and(Value::is_boolean),
        "true" => json == Some(&Value::Bool(true)),
        "false" => json == Some(&Value::Bool(false)),
        "mapping" => json.is_some_and(Value::is_object),
        "sequence" => json.is_some_and(Value::is_array),
        "iterable" => json.is_some_and(|value| value.is_array() || value.is_object() || value.is_string()),
        "odd" => whole()?.rem_euclid(2) == 1,
        "even" => whole()?.rem_euclid(2) == 0,
        "divisibleby" => {
            let by = other()?.json().and_then(Value::as_i64).filter(|by| *by != 0);
            whole()?.checked_rem(by.ok_or_else(|| fault(span, "divisibleby takes a whole number that is not 0"))?) == Some(0)
        }
        "eq" | "equalto" => {
            super::methods::binary(evaluation, minijinja::machinery::ast::BinOpKind::Eq, item, other()?, span)?.is_true()
        }
        "ne" => !super::methods::binary(evaluation, minijinja::machinery::ast::BinOpKind::Eq, item, other()?, span)?.is_true(),
        "in" => super::methods::binary(evaluation, minijinja::machinery::ast::BinOpKind::In, item, other()?, span)?.is_true(),
        "lt" => order(item, other()?) == Some(Ordering::Less),
        "gt" => order(item, other()?) == Some(Ordering::Greater),
        "le" => order(item, other()?).is_some_and(Ordering::is_le),
        "ge" => order(item, other()?).is_some_and(Ordering::is_ge),
        unknown => return Err(fault(span, format!("there is no test '{unknown}'"))),
    })
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it was found to be small")]
    (number.abs() < 9e15).then_some(number.trunc() as i64)
}

fn field<'s>(item: &Item<'s>, name: &str, span: Span) -> Evaluated<'s> {
    item.json()
        .and_then(|value| value.get(name))
        .cloned()
        .map(Item::made)
        .ok_or_else(|| fault(span, format!("'{name}' is not defined")))
}

fn day(item: &Item<'_>, span: Span) -> Result<NaiveDate, Fault> {
    match item {
        Item::Time(time) => Ok(time.date_naive()),
        Item::Date(date) => Ok(*date),
        other => match other.text() {
            Some(text) => times::day(text).map_err(|wrong| fault(span, wrong)),
            None => Err(fault(span, format!("this is {} and no moment", other.kind()))),
        },
    }
}

fn moment(item: &Item<'_>, span: Span) -> Result<DateTime<Tz>, Fault> {
    match item {
        Item::Time(time) => Ok(*time),
        Item::Date(date) => Ok(times::in_utc(date.and_time(chrono::NaiveTime::MIN).and_utc())),
        other => match other.text() {
            Some(text) => times::moment(text).map_err(|wrong| fault(span, wrong)),
            None => Err(fault(span, format!("this is {} and no moment", other.kind()))),
        },
    }
}

pub(super) fn to_json<'s>(evaluation: &mut Evaluation<'s, '_>, item: &Item<'s>, span: Span) -> Evaluated<'s> {
    evaluation.charge(item.size(), span)?;
    let value = evaluation.value(item, span)?;
    Ok(Item::made(value.to_string()))
}

/// Replaces one text by another, with an account of what that makes.
pub(super) fn replace<'s>(evaluation: &mut Evaluation<'s, '_>, text: &str, old: &str, new: &str, span: Span) -> Evaluated<'s> {
    if old.is_empty() {
        return Err(fault(span, "replace needs a text to look for that is not empty"));
    }
    let count = text.matches(old).count();
    evaluation.charge(text.len() + count.saturating_mul(new.len()), span)?;
    Ok(Item::made(text.replace(old, new)))
}

pub(super) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect())
}

pub(super) fn title(text: &str) -> String {
    let mut begins = true;
    text.chars()
        .flat_map(|letter| {
            let written: Vec<char> = if begins { letter.to_uppercase().collect() } else { letter.to_lowercase().collect() };
            begins = !letter.is_alphanumeric();
            written
        })
        .collect()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
