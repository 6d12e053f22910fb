//! What the operators' exports have in common: JSON and conditions, from WIT and back.

use super::bindings::cofferdam::task::types::TaskError;
use super::bindings::std::operators::shared as wit;
use cofferdam_operators::condition::Condition;
use serde_json::Value;

pub fn fatal(problem: impl ToString) -> TaskError {
    TaskError::Fatal(problem.to_string())
}

pub fn document(json: wit::Json) -> Result<Value, TaskError> {
    let wit::Json::Json(text) = json;
    serde_json::from_str(&text).map_err(fatal)
}

pub fn json(value: &Value) -> wit::Json {
    wit::Json::Json(value.to_string())
}

pub fn condition(condition: wit::Condition) -> Result<Condition, TaskError> {
    Ok(match condition {
        wit::Condition::Exists => Condition::Exists,
        wit::Condition::Missing => Condition::Missing,
        wit::Condition::Equals(value) => Condition::Equals(document(value)?),
        wit::Condition::Differs(value) => Condition::Differs(document(value)?),
        wit::Condition::OneOf(values) => Condition::OneOf(values.into_iter().map(document).collect::<Result<_, _>>()?),
        wit::Condition::Above(bound) => Condition::Above(bound),
        wit::Condition::Below(bound) => Condition::Below(bound),
        wit::Condition::Contains(value) => Condition::Contains(document(value)?),
    })
}
