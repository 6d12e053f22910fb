//! As much of JSON Schema as the schemas of types use; a second opinion on what they mean.

use regex::Regex;
use serde_json::Value;

/// Whether a value is as a schema says.
///
/// # Panics
/// When the schema has a word that is not known here.
pub fn accepts(schema: &Value, value: &Value) -> bool {
    let Value::Object(words) = schema else { panic!("not a schema: {schema}") };
    words.iter().all(|(word, wanted)| match word.as_str() {
        "type" => match wanted {
            Value::Array(types) => types.iter().any(|ty| is(ty, value)),
            ty => is(ty, value),
        },
        "minimum" => compare(value, wanted).is_none_or(std::cmp::Ordering::is_ge),
        "maximum" => compare(value, wanted).is_none_or(std::cmp::Ordering::is_le),
        "exclusiveMinimum" => value.as_f64().is_none_or(|number| number > wanted.as_f64().expect("a number")),
        "exclusiveMaximum" => value.as_f64().is_none_or(|number| number < wanted.as_f64().expect("a number")),
        "pattern" => value.as_str().is_none_or(|text| pattern(wanted).is_match(text)),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= number(wanted)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= number(wanted)),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= number(wanted)),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= number(wanted)),
        "uniqueItems" => {
            value.as_array().is_none_or(|items| items.iter().enumerate().all(|(index, item)| !items[..index].contains(item)))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| accepts(wanted, item))),
        "prefixItems" => value
            .as_array()
            .is_none_or(|items| items.iter().zip(wanted.as_array().expect("a list")).all(|(item, schema)| accepts(schema, item))),
        "properties" => value.as_object().is_none_or(|fields| {
            let schemas = wanted.as_object().expect("an object");
            fields.iter().all(|(key, field)| schemas.get(key).is_none_or(|schema| accepts(schema, field)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let known = |key: &String| words.get("properties").is_some_and(|known| known.get(key).is_some());
            let mut others = fields.iter().filter(|(key, _)| !known(key));
            if wanted == &Value::Bool(false) { others.next().is_none() } else { others.all(|(_, field)| accepts(wanted, field)) }
        }),
        "required" => value.as_object().is_none_or(|fields| {
            wanted.as_array().expect("a list").iter().all(|key| fields.contains_key(key.as_str().expect("a key")))
        }),
        "enum" => wanted.as_array().expect("a list").contains(value),
        "const" => wanted == value,
        "anyOf" => wanted.as_array().expect("a list").iter().any(|schema| accepts(schema, value)),
        "oneOf" => wanted.as_array().expect("a list").iter().filter(|schema| accepts(schema, value)).count() == 1,
        "title" | "description" | "$schema" | "x-order" | "contentEncoding" => true,
        other => panic!("the word {other} of JSON Schema is not known here"),
    })
}

fn is(ty: &Value, value: &Value) -> bool {
    match (ty.as_str().expect("the name of a type"), value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("number", Value::Number(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => number.is_i64() || number.is_u64(),
        _ => false,
    }
}

/// Whole numbers by their order; `None` for what is no whole number.
fn compare(value: &Value, bound: &Value) -> Option<std::cmp::Ordering> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    Some(whole(value)?.cmp(&whole(bound).expect("bounds are whole")))
}

fn pattern(wanted: &Value) -> Regex {
    Regex::new(wanted.as_str().expect("a pattern")).expect("a pattern that can be read")
}

fn number(wanted: &Value) -> u64 {
    wanted.as_u64().expect("a count")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_as_their_schema_says_or_not() {
        for (schema, good, bad) in [
            (json!({ "type": "integer", "minimum": 0, "maximum": 255 }), json!(255), json!(256)),
            (json!({ "type": ["integer", "string"], "pattern": "^(0|[1-9][0-9]*)$" }), json!("12"), json!("012")),
            (json!({ "type": "number", "exclusiveMaximum": 1.5 }), json!(1.25), json!(1.5)),
            (json!({ "type": "array", "items": { "type": "null" }, "minItems": 1 }), json!([null]), json!([])),
            (json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }), json!("b"), json!("c")),
            (
                json!({ "type": "object", "properties": { "a": {} }, "required": ["a"], "additionalProperties": false }),
                json!({ "a": 1 }),
                json!({ "a": 1, "b": 2 }),
            ),
        ] {
            assert!(accepts(&schema, &good), "{schema}: {good}");
            assert!(!accepts(&schema, &bad), "{schema}: {bad}");
        }
    }
}
