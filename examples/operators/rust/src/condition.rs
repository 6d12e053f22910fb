//! What a value must be.

use serde_json::Value;

/// A condition, as `shared.condition` in WIT.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// It is there and not null.
    Exists,
    /// It is missing or null.
    Missing,
    /// It equals this.
    Equals(Value),
    /// It does not equal this.
    Differs(Value),
    /// It is one of these.
    OneOf(Vec<Value>),
    /// It is a number greater than this.
    Above(f64),
    /// It is a number less than this.
    Below(f64),
    /// It is a text or a list that contains this.
    Contains(Value),
}

impl Condition {
    /// Whether the part of a value at a JSON Pointer is as wanted.
    #[must_use]
    pub fn holds(&self, value: &Value, pointer: &str) -> bool {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        match self {
            Self::Exists => !found.is_null(),
            Self::Missing => found.is_null(),
            Self::Equals(wanted) => equal(found, wanted),
            Self::Differs(other) => !equal(found, other),
            Self::OneOf(known) => known.iter().any(|known| equal(found, known)),
            Self::Above(bound) => found.as_f64().is_some_and(|number| number > *bound),
            Self::Below(bound) => found.as_f64().is_some_and(|number| number < *bound),
            Self::Contains(part) => match (found, part) {
                (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
                (Value::Array(items), part) => items.iter().any(|item| equal(item, part)),
                _ => false,
            },
        }
    }
}

/// JSON does not tell 1 from 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_about_the_part_at_the_pointer() {
        let value = json!({"state": "done", "rows": 3, "tags": ["a", "b"], "none": null});
        let holds = |condition: Condition, pointer: &str| condition.holds(&value, pointer);
        assert!(holds(Condition::Equals(json!("done")), "/state") && !holds(Condition::Equals(json!("open")), "/state"));
        assert!(holds(Condition::Equals(json!(3.0)), "/rows") && holds(Condition::Differs(json!(4)), "/rows"));
        assert!(holds(Condition::Above(2.5), "/rows") && !holds(Condition::Below(3.0), "/rows"));
        assert!(!holds(Condition::Above(0.0), "/state"), "a text is no number");
        assert!(holds(Condition::Exists, "") && holds(Condition::Missing, "/none") && holds(Condition::Missing, "/other"));
        assert!(holds(Condition::Contains(json!("b")), "/tags") && holds(Condition::Contains(json!("on")), "/state"));
        assert!(holds(Condition::OneOf(vec![json!("open"), json!("done")]), "/state"));
    }
}
