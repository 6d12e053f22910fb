//! Changing the shape of JSON, step by step.

use crate::Unfit;
use crate::condition::Condition;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// A step, as `json-transform.step` in WIT.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The part at this JSON Pointer; null when there is none.
    Get(String),
    /// Of each element of a list, the part at this JSON Pointer.
    Each(String),
    /// Only these fields.
    Pick(Vec<String>),
    /// All but these fields.
    Omit(Vec<String>),
    /// Fields under new names: the old one first.
    Rename(Vec<(String, String)>),
    /// The elements whose part at the pointer is as wanted.
    Keep(String, Condition),
    /// The elements in the order of the part at this JSON Pointer.
    Sort(String),
    /// The elements in the opposite order.
    Reverse,
    /// This many from the start.
    First(u32),
    /// Of a list of lists, one list.
    Flatten,
    /// How long it is.
    Count,
    /// The sum of the numbers.
    Sum,
    /// The keys of an object.
    Keys,
    /// The values of an object.
    Values,
}

/// Takes a value through steps.
///
/// # Errors
/// When a step does not fit what it gets; says which.
pub fn transform(value: Value, steps: Vec<Step>) -> Result<Value, Unfit> {
    steps.into_iter().enumerate().try_fold(value, |value, (index, step)| {
        apply(value, step).map_err(|problem| Unfit(format!("step {}: {problem}", index + 1)))
    })
}

fn apply(value: Value, step: Step) -> Result<Value, Unfit> {
    Ok(match step {
        Step::Get(pointer) => part(&value, &pointer),
        Step::Each(pointer) => list(value)?.iter().map(|item| part(item, &pointer)).collect(),
        Step::Pick(names) => fields(value, &|object| {
            names.iter().filter_map(|name| object.get(name).map(|value| (name.clone(), value.clone()))).collect()
        })?,
        Step::Omit(names) => fields(value, &|mut object| {
            object.retain(|name, _| !names.contains(name));
            object
        })?,
        Step::Rename(names) => fields(value, &|object| {
            let new = |name: String| names.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new.clone());
            object.into_iter().map(|(name, value)| (new(name), value)).collect()
        })?,
        Step::Keep(pointer, condition) => list(value)?.into_iter().filter(|item| condition.holds(item, &pointer)).collect(),
        Step::Sort(pointer) => {
            let mut items = list(value)?;
            items.sort_by(|a, b| order(&part(a, &pointer), &part(b, &pointer)));
            Value::Array(items)
        }
        Step::Reverse => list(value)?.into_iter().rev().collect(),
        Step::First(count) => list(value)?.into_iter().take(count as usize).collect(),
        Step::Flatten => {
            let inner = list(value)?.into_iter().map(list).collect::<Result<Vec<_>, _>>()?;
            inner.into_iter().flatten().collect()
        }
        Step::Count => match &value {
            Value::Array(items) => json!(items.len()),
            Value::Object(fields) => json!(fields.len()),
            Value::String(text) => json!(text.chars().count()),
            other => return Err(misfit("a list, an object or a text", other)),
        },
        Step::Sum => sum(&list(value)?)?,
        Step::Keys => object(value)?.keys().map(|key| json!(key)).collect(),
        Step::Values => object(value)?.into_iter().map(|(_, value)| value).collect(),
    })
}

/// Whole numbers stay whole.
fn sum(items: &[Value]) -> Result<Value, Unfit> {
    let whole = items.iter().map(Value::as_i64).try_fold(0_i64, |sum, item| sum.checked_add(item?));
    if let Some(whole) = whole {
        return Ok(json!(whole));
    }
    let numbers = items.iter().map(|item| item.as_f64().ok_or_else(|| misfit("numbers", item)));
    let sum: f64 = numbers.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
    Ok(json!(sum))
}

fn part(value: &Value, pointer: &str) -> Value {
    value.pointer(pointer).cloned().unwrap_or(Value::Null)
}

fn list(value: Value) -> Result<Vec<Value>, Unfit> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(misfit("a list", &other)),
    }
}

fn object(value: Value) -> Result<Map<String, Value>, Unfit> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(misfit("an object", &other)),
    }
}

fn fields(value: Value, change: &impl Fn(Map<String, Value>) -> Map<String, Value>) -> Result<Value, Unfit> {
    match value {
        Value::Array(items) => items.into_iter().map(|item| Ok(Value::Object(change(object(item)?)))).collect(),
        other => Ok(Value::Object(change(object(other)?))),
    }
}

fn misfit(expected: &str, found: &Value) -> Unfit {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Unfit(format!("it needs {expected}, not {found}"))
}

/// null, booleans, numbers, texts, and the rest as it was.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days() -> Value {
        json!({"days": [{"d": "b", "t": 3, "x": 1}, {"d": "a", "t": 7.5}, {"d": "c", "t": null}]})
    }

    #[test]
    fn steps_follow_each_other() {
        let get = Step::Get("/days".to_owned());
        let kept = Step::Keep("/t".to_owned(), Condition::Exists);
        let steps = vec![get.clone(), kept.clone(), Step::Sort("/d".to_owned()), Step::Omit(vec!["x".to_owned()])];
        assert_eq!(transform(days(), steps).unwrap(), json!([{"d": "a", "t": 7.5}, {"d": "b", "t": 3}]));
        let steps = vec![get.clone(), Step::Rename(vec![("d".to_owned(), "day".to_owned())]), Step::Pick(vec!["day".to_owned()])];
        assert_eq!(transform(days(), steps).unwrap(), json!([{"day": "b"}, {"day": "a"}, {"day": "c"}]));
        let steps = vec![get.clone(), kept, Step::Each("/t".to_owned()), Step::Sum];
        assert_eq!(transform(days(), steps).unwrap(), json!(10.5));
        assert_eq!(transform(days(), vec![get, Step::Count]).unwrap(), json!(3));
        assert_eq!(transform(json!([[1], [2, 3]]), vec![Step::Flatten, Step::Reverse, Step::First(2)]).unwrap(), json!([3, 2]));
        assert_eq!(transform(json!({"a": 1, "b": 2}), vec![Step::Values, Step::Sum]).unwrap(), json!(3));
    }

    #[test]
    fn a_step_that_does_not_fit_is_named() {
        let problem = transform(days(), vec![Step::Keys, Step::Sum]).unwrap_err();
        assert_eq!(problem.0, "step 2: it needs numbers, not a text");
    }
}
