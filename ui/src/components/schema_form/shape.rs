//! What a form asks for, read from the JSON Schema of a function's input.

use serde_json::{Map, Value};

/// A kind of value, and so of field.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// True or false.
    Bool,
    /// A whole number. Beyond 2^53 it is sent as text.
    Integer,
    /// A number, or one of the words for those that JSON does not have.
    Number,
    /// Text.
    Text,
    /// Bytes, in base64.
    Bytes,
    /// One of some words.
    Enum(Vec<String>),
    /// Any of some words.
    Flags(Vec<String>),
    /// Any number of values.
    List(Box<Shape>),
    /// Values in a fixed order.
    Tuple(Vec<Shape>),
    /// Values with names.
    Record(Vec<Part>),
    /// One of some cases, with or without a value.
    Choice(Vec<(String, Option<Shape>)>),
    /// A value or `null`; in `{"some": …}` when the value may be `null` itself.
    Optional(Box<Shape>, bool),
    /// Nothing.
    Null,
    /// Anything: typed as JSON.
    Json,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub shape: Shape,
    /// What it is for.
    pub help: Option<String>,
}

/// Reads a schema as the API describes functions; what it does not know is typed as JSON.
#[must_use]
pub fn shape(schema: &Value) -> Shape {
    let Some(schema) = schema.as_object() else { return Shape::Json };
    if let Some(words) = schema.get("enum").and_then(words) {
        return Shape::Enum(words);
    }
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    if let Some(any) = list("anyOf") {
        return any_of(any);
    }
    if let Some(cases) = list("oneOf") {
        let cases: Option<Vec<_>> = cases.iter().map(case).collect();
        return cases.map_or(Shape::Json, Shape::Choice);
    }
    match schema.get("type") {
        Some(Value::String(kind)) => match kind.as_str() {
            "boolean" => Shape::Bool,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "string" => Shape::Text,
            "null" => Shape::Null,
            "array" => array(schema),
            "object" => record(schema),
            _ => Shape::Json,
        },
        // 64 bits: a number or a text.
        Some(Value::Array(kinds)) if kinds.iter().any(|kind| kind == "integer") => Shape::Integer,
        _ => Shape::Json,
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

fn any_of(any: &[Value]) -> Shape {
    let is = |schema: &Value, kind: &str| schema.get("type").is_some_and(|it| it == kind);
    match any {
        [inner, null] if is(null, "null") => match only(inner) {
            Some(("some", inner)) => Shape::Optional(Box::new(shape(inner)), true),
            _ => Shape::Optional(Box::new(shape(inner)), false),
        },
        [number, ..] if is(number, "number") => Shape::Number,
        [text, ..] if text.get("contentEncoding").is_some() => Shape::Bytes,
        _ => Shape::Json,
    }
}

/// The only property of an object that has just one, with its schema.
fn only(schema: &Value) -> Option<(&str, &Value)> {
    let properties = schema.get("properties")?.as_object().filter(|properties| properties.len() == 1)?;
    schema.get("required")?.as_array().filter(|required| required.len() == 1)?;
    properties.iter().next().map(|(name, schema)| (name.as_str(), schema))
}

fn case(schema: &Value) -> Option<(String, Option<Shape>)> {
    if let Some(name) = schema.get("const") {
        return Some((name.as_str()?.to_owned(), None));
    }
    let (name, inner) = only(schema)?;
    Some((name.to_owned(), Some(shape(inner))))
}

fn array(schema: &Map<String, Value>) -> Shape {
    if let Some(items) = schema.get("prefixItems").and_then(Value::as_array) {
        return Shape::Tuple(items.iter().map(shape).collect());
    }
    let Some(items) = schema.get("items") else { return Shape::Json };
    if schema.get("uniqueItems").is_some_and(|unique| unique == true)
        && let Some(words) = items.get("enum").and_then(words)
    {
        return Shape::Flags(words);
    }
    match (schema.get("minItems").and_then(Value::as_u64), schema.get("maxItems").and_then(Value::as_u64)) {
        (Some(min), Some(max)) if min == max && max <= 32 => Shape::Tuple((0..max).map(|_| shape(items)).collect()),
        (None, None) => Shape::List(Box::new(shape(items))),
        _ => Shape::Json,
    }
}

/// Between which numbers a whole number lies, in words.
fn bounds(schema: &Value) -> Option<String> {
    schema.get("type").filter(|kind| *kind == "integer")?;
    Some(format!("{} to {}", schema.get("minimum")?, schema.get("maximum")?))
}

fn record(schema: &Map<String, Value>) -> Shape {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Shape::Json };
    let order = schema.get("x-order").and_then(words).unwrap_or_else(|| properties.keys().cloned().collect());
    let parts = order.into_iter().filter_map(|name| {
        let schema = properties.get(&name)?;
        let help = schema.get("description").and_then(Value::as_str).map(str::to_owned).or_else(|| bounds(schema));
        Some(Part { shape: shape(schema), name, help })
    });
    Shape::Record(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_of_schema_has_its_field() {
        let integer = json!({ "type": "integer", "minimum": 0, "maximum": 255 });
        let float = json!({ "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] });
        let wide = json!({ "type": ["integer", "string"], "pattern": "x" });
        let bytes =
            json!({ "anyOf": [{ "type": "string", "contentEncoding": "base64" }, { "type": "array", "items": integer }] });
        let some = json!({ "type": "object", "properties": { "some": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] } }, "required": ["some"] });
        for (schema, expected) in [
            (integer.clone(), Shape::Integer),
            (float, Shape::Number),
            (wide, Shape::Integer),
            (bytes, Shape::Bytes),
            (json!({ "enum": ["a", "b"] }), Shape::Enum(vec!["a".into(), "b".into()])),
            (json!({ "type": "array", "items": { "enum": ["a"] }, "uniqueItems": true }), Shape::Flags(vec!["a".into()])),
            (json!({ "type": "array", "items": { "type": "string" } }), Shape::List(Box::new(Shape::Text))),
            (
                json!({ "type": "array", "prefixItems": [integer, { "type": "boolean" }] }),
                Shape::Tuple(vec![Shape::Integer, Shape::Bool]),
            ),
            (json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }), Shape::Optional(Box::new(Shape::Text), false)),
            (
                json!({ "anyOf": [some, { "type": "null" }] }),
                Shape::Optional(Box::new(Shape::Optional(Box::new(Shape::Bool), false)), true),
            ),
            (
                json!({ "oneOf": [{ "const": "none" }, { "type": "object", "properties": { "circle": { "type": "number" } }, "required": ["circle"] }] }),
                Shape::Choice(vec![("none".into(), None), ("circle".into(), Some(Shape::Number))]),
            ),
            (json!({}), Shape::Json),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), Shape::Json),
        ] {
            assert_eq!(shape(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn fields_are_in_the_authors_order() {
        let schema = json!({
            "type": "object", "x-order": ["z", "a"],
            "properties": { "a": { "type": "integer", "minimum": 0, "maximum": 255 }, "z": { "type": "string", "description": "Last letter." } },
        });
        let Shape::Record(parts) = shape(&schema) else { panic!("it is a record") };
        assert_eq!(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!(parts.iter().map(|part| part.help.as_deref()).collect::<Vec<_>>(), [Some("Last letter."), Some("0 to 255")]);
    }
}
