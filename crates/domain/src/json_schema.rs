//! The part of JSON Schema (draft 2020-12) that parameters of dags are described with.
//!
//! A keyword that is not known here is refused when the schema is read, rather than passed over when a value is checked. There is
//! no `$ref`. Patterns are not regular expressions of ECMAScript but of Rust's `regex` crate, which take linear time.

use crate::definition::join;
use crate::definition::suggest::closest;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How deep a schema may be nested.
const MAX_DEPTH: usize = 16;
/// Characters of a pattern.
const MAX_PATTERN: usize = 1_000;

/// Keywords that check.
const CHECKS: &[&str] = &[
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
    "uniqueItems",
];
/// Keywords that describe; the last ones are Airflow's.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "description_md",
    "section",
    "values_display",
];
const TYPES: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];

/// A schema that has been read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonSchema(Value);

/// What is wrong with a schema, or with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// Where in the schema or in the value: a JSON Pointer.
    pub pointer: String,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
}

impl JsonSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Everything that is wrong with it; never an empty list.
    pub fn parse(schema: &Value) -> Result<Self, Vec<SchemaProblem>> {
        let mut found = Vec::new();
        read(schema, "", 0, &mut found);
        if found.is_empty() { Ok(Self(schema.clone())) } else { Err(found) }
    }

    /// The schema as it was written.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.0
    }

    /// What of a value does not fit; nothing when all does.
    #[must_use]
    pub fn check(&self, value: &Value) -> Vec<SchemaProblem> {
        let mut found = Vec::new();
        check(&self.0, value, "", &mut found);
        found
    }
}

fn problem(pointer: &str, message: impl Into<String>) -> SchemaProblem {
    SchemaProblem { pointer: pointer.to_owned(), message: message.into(), help: None }
}

fn read(schema: &Value, at: &str, depth: usize, found: &mut Vec<SchemaProblem>) {
    let fields = match schema {
        Value::Bool(_) => return,
        Value::Object(fields) => fields,
        _ => return found.push(problem(at, "a schema is an object, true or false")),
    };
    if depth > MAX_DEPTH {
        return found.push(problem(at, format!("a schema is at most {MAX_DEPTH} levels deep")));
    }
    for (keyword, value) in fields {
        let here = join(at, keyword);
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                found.push(problem(&here, format!("'{keyword}' takes {what}")));
            }
        };
        match keyword.as_str() {
            "type" => {
                let known = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
                let names = value.as_array().map_or_else(|| known(value), |names| !names.is_empty() && names.iter().all(known));
                expect(names, &format!("one or several of {}", TYPES.join(", ")));
            }
            "enum" => expect(value.as_array().is_some_and(|values| !values.is_empty()), "a list of values"),
            "required" => {
                expect(value.as_array().is_some_and(|names| names.iter().all(Value::is_string)), "a list of names");
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => expect(value.is_number(), "a number"),
            "multipleOf" => expect(value.as_f64().is_some_and(|step| step > 0.0), "a number of more than 0"),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                expect(value.is_u64(), "a whole number");
            }
            "uniqueItems" => expect(value.is_boolean(), "true or false"),
            "format" => expect(value.is_string(), "a name"),
            "pattern" => {
                let pattern = value.as_str().filter(|pattern| pattern.len() <= MAX_PATTERN);
                expect(pattern.is_some_and(|pattern| regex(pattern).is_some()), "a regular expression that is not too long");
            }
            "const" => {}
            "items" | "additionalProperties" | "not" => read(value, &here, depth + 1, found),
            "allOf" | "anyOf" | "oneOf" => match value.as_array().filter(|schemas| !schemas.is_empty()) {
                Some(schemas) => {
                    for (index, schema) in schemas.iter().enumerate() {
                        read(schema, &join(&here, index), depth + 1, found);
                    }
                }
                None => expect(false, "a list of schemas"),
            },
            "properties" => match value.as_object() {
                Some(properties) => {
                    for (name, schema) in properties {
                        read(schema, &join(&here, name), depth + 1, found);
                    }
                }
                None => expect(false, "an object of schemas"),
            },
            other if ANNOTATIONS.contains(&other) || other.starts_with("x-") => {}
            other => {
                let known = CHECKS.iter().chain(ANNOTATIONS).copied();
                let help = match closest(other, known) {
                    Some(known) => format!("did you mean '{known}'?"),
                    None => format!("those that check are {}", CHECKS.join(", ")),
                };
                found.push(SchemaProblem {
                    help: Some(help),
                    ..problem(&here, format!("the keyword '{other}' is not known here"))
                });
            }
        }
    }
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<SchemaProblem>) {
    let fields = match schema {
        Value::Bool(false) => return found.push(problem(at, "nothing may stand here")),
        Value::Object(fields) => fields,
        _ => return,
    };
    let before = found.len();
    for (keyword, argument) in fields {
        if let Some(message) = unfit(keyword, argument, value) {
            found.push(problem(at, message));
        }
    }
    if found.len() > before {
        // What is of the wrong kind altogether need not be looked into.
        return;
    }
    match value {
        Value::Array(items) => {
            if let Some(schema) = fields.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(schema, item, &join(at, index), found);
                }
            }
        }
        Value::Object(given) => properties(fields, given, at, found),
        _ => {}
    }
    let fits = |schema: &Value| {
        let mut found = Vec::new();
        check(schema, value, at, &mut found);
        found.is_empty()
    };
    let all = |keyword: &str| fields.get(keyword).and_then(Value::as_array);
    for schema in all("allOf").into_iter().flatten() {
        check(schema, value, at, found);
    }
    if all("anyOf").is_some_and(|schemas| !schemas.iter().any(fits)) {
        found.push(problem(at, "it fits none of what is allowed here"));
    }
    if all("oneOf").is_some_and(|schemas| schemas.iter().filter(|schema| fits(schema)).count() != 1) {
        found.push(problem(at, "it must fit exactly one of what is allowed here"));
    }
    if fields.get("not").is_some_and(fits) {
        found.push(problem(at, "it is what must not stand here"));
    }
}

fn properties(fields: &Map<String, Value>, given: &Map<String, Value>, at: &str, found: &mut Vec<SchemaProblem>) {
    let properties = fields.get("properties").and_then(Value::as_object);
    for name in fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !given.contains_key(name) {
            found.push(problem(at, format!("the field '{name}' is missing")));
        }
    }
    for (name, value) in given {
        let schema = properties.and_then(|properties| properties.get(name)).or_else(|| fields.get("additionalProperties"));
        match schema {
            Some(Value::Bool(false)) => found.push(problem(&join(at, name), format!("there is no field '{name}'"))),
            Some(schema) => check(schema, value, &join(at, name), found),
            None => {}
        }
    }
}

/// What one keyword has against a value itself, apart from what is in it.
fn unfit(keyword: &str, argument: &Value, value: &Value) -> Option<String> {
    let number = || Some((value.as_f64()?, argument.as_f64()?));
    let count = |kind: &str| {
        let length = match (kind, value) {
            ("Length", Value::String(text)) => text.chars().count(),
            ("Items", Value::Array(items)) => items.len(),
            ("Properties", Value::Object(fields)) => fields.len(),
            _ => return None,
        };
        Some((length as u64, argument.as_u64()?))
    };
    match keyword {
        "type" => {
            let names: Vec<&str> = match argument {
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect(),
            };
            (!names.iter().any(|name| is_a(value, name)))
                .then(|| format!("it must be of type {}, not {}", names.join(" or "), kind(value)))
        }
        "enum" => {
            let allowed = argument.as_array()?;
            (!allowed.contains(value)).then(|| {
                let named: Vec<String> = allowed.iter().take(20).map(ToString::to_string).collect();
                format!("it must be one of {}", named.join(", "))
            })
        }
        "const" => (argument != value).then(|| format!("it must be {argument}")),
        "minimum" => number().filter(|(given, bound)| given < bound).map(|_| format!("it must be at least {argument}")),
        "maximum" => number().filter(|(given, bound)| given > bound).map(|_| format!("it must be at most {argument}")),
        "exclusiveMinimum" => {
            number().filter(|(given, bound)| given <= bound).map(|_| format!("it must be more than {argument}"))
        }
        "exclusiveMaximum" => {
            number().filter(|(given, bound)| given >= bound).map(|_| format!("it must be less than {argument}"))
        }
        "multipleOf" => number()
            .filter(|(given, step)| ((given / step) - (given / step).round()).abs() > 1e-9)
            .map(|_| format!("it must be a multiple of {argument}")),
        "minLength" => {
            count("Length").filter(|(has, min)| has < min).map(|_| format!("it must have at least {argument} characters"))
        }
        "maxLength" => {
            count("Length").filter(|(has, max)| has > max).map(|_| format!("it must have at most {argument} characters"))
        }
        "minItems" => count("Items").filter(|(has, min)| has < min).map(|_| format!("it must have at least {argument} items")),
        "maxItems" => count("Items").filter(|(has, max)| has > max).map(|_| format!("it must have at most {argument} items")),
        "minProperties" => {
            count("Properties").filter(|(has, min)| has < min).map(|_| format!("it must have at least {argument} fields"))
        }
        "maxProperties" => {
            count("Properties").filter(|(has, max)| has > max).map(|_| format!("it must have at most {argument} fields"))
        }
        "uniqueItems" if argument == &Value::Bool(true) => {
            let items = value.as_array()?;
            let mut seen = std::collections::HashSet::new();
            (!items.iter().all(|item| seen.insert(item.to_string()))).then(|| "no item may come twice".to_owned())
        }
        "pattern" => {
            let (text, pattern) = (value.as_str()?, argument.as_str()?);
            let fits = regex(pattern).is_some_and(|pattern| pattern.is_match(text));
            (!fits).then(|| format!("it must match {pattern:?}"))
        }
        "format" => {
            let (text, format) = (value.as_str()?, argument.as_str()?);
            let fits = match format {
                "date" => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
                "time" => chrono::NaiveTime::parse_from_str(text, "%H:%M:%S").is_ok(),
                "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
                // Others describe.
                _ => true,
            };
            (!fits).then(|| format!("it must be a {format}"))
        }
        _ => None,
    }
}

/// A pattern in which `\d`, `\w` and `\s` mean what they do in ECMAScript: ASCII.
fn regex(pattern: &str) -> Option<Regex> {
    let mut rewritten = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            rewritten.push(letter);
            continue;
        }
        match letters.next() {
            Some('d') => rewritten.push_str("[0-9]"),
            Some('D') => rewritten.push_str("[^0-9]"),
            Some('w') => rewritten.push_str("[0-9A-Za-z_]"),
            Some('W') => rewritten.push_str("[^0-9A-Za-z_]"),
            Some('s') => rewritten.push_str("[\\t\\n\\x0B\\x0C\\r ]"),
            Some('S') => rewritten.push_str("[^\\t\\n\\x0B\\x0C\\r ]"),
            Some('b') => rewritten.push_str("(?-u:\\b)"),
            Some(other) => {
                rewritten.push('\\');
                rewritten.push(other);
            }
            None => return None,
        }
    }
    Regex::new(&rewritten).ok()
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(schema: Value, value: &Value) -> Vec<String> {
        let problems = JsonSchema::parse(&schema).unwrap().check(value);
        problems.into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect()
    }

    #[test]
    fn values_are_checked() {
        for (schema, fits, does_not, told) in [
            (json!({ "type": "string", "enum": ["a", "b"] }), json!("a"), json!("c"), ": it must be one of \"a\", \"b\""),
            (json!({ "type": ["null", "integer"] }), json!(null), json!(1.5), ": it must be of type null or integer, not number"),
            (json!({ "minimum": 1, "exclusiveMaximum": 10 }), json!(1), json!(10), ": it must be less than 10"),
            (json!({ "multipleOf": 0.1 }), json!(0.3), json!(0.35), ": it must be a multiple of 0.1"),
            (json!({ "minLength": 2, "pattern": "^[a-z]+$" }), json!("ab"), json!("a1"), ": it must match \"^[a-z]+$\""),
            (json!({ "format": "date" }), json!("2026-11-21"), json!("21.11."), ": it must be a date"),
            (
                json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true }),
                json!([1, 2]),
                json!([1, "x"]),
                "/1: it must be of type integer, not string",
            ),
            (json!({ "type": "array", "uniqueItems": true }), json!([1]), json!([1, 1]), ": no item may come twice"),
            (
                json!({ "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false }),
                json!({ "a": 1 }),
                json!({ "a": 1, "b": 2 }),
                "/b: there is no field 'b'",
            ),
            (json!({ "required": ["a"] }), json!({ "a": 1 }), json!({}), ": the field 'a' is missing"),
            (
                json!({ "anyOf": [{ "type": "string" }, { "minimum": 3 }] }),
                json!(3),
                json!(2),
                ": it fits none of what is allowed here",
            ),
            (
                json!({ "oneOf": [{ "type": "integer" }, { "minimum": 3 }] }),
                json!(1),
                json!(4),
                ": it must fit exactly one of what is allowed here",
            ),
            (
                json!({ "allOf": [{ "maxItems": 1 }], "not": { "const": [1] } }),
                json!([2]),
                json!([1]),
                ": it is what must not stand here",
            ),
            (json!({ "const": 1 }), json!(1), json!(2), ": it must be 1"),
            (
                json!({ "pattern": "^\\d{4}[\\w-]\\s$" }),
                json!("2026- "),
                json!("٣٣٣٣- "),
                ": it must match \"^\\\\d{4}[\\\\w-]\\\\s$\"",
            ),
        ] {
            assert_eq!(messages(schema.clone(), &fits), [""; 0], "{schema}");
            assert_eq!(messages(schema.clone(), &does_not), [told], "{schema}");
        }
        assert_eq!(messages(json!(true), &json!([1])), [""; 0]);
        assert_eq!(messages(json!(false), &json!(1)), [": nothing may stand here"]);
    }

    #[test]
    fn schemas_that_cannot_be_followed_are_refused() {
        for (schema, pointer) in [
            (json!({ "typ": "string" }), "/typ"),
            (json!({ "type": "text" }), "/type"),
            (json!({ "$ref": "#/x" }), "/$ref"),
            (json!({ "properties": { "a": { "minimum": "1" } } }), "/properties/a/minimum"),
            (json!({ "pattern": "(" }), "/pattern"),
            (json!({ "anyOf": [] }), "/anyOf"),
            (json!({ "anyOf": [{ "enum": [] }] }), "/anyOf/0/enum"),
            (json!([]), ""),
        ] {
            assert_eq!(JsonSchema::parse(&schema).unwrap_err()[0].pointer, pointer, "{schema}");
        }
        assert_eq!(JsonSchema::parse(&json!({ "minimun": 1 })).unwrap_err()[0].help.as_deref(), Some("did you mean 'minimum'?"));
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({ "not": deep });
        }
        assert_eq!(JsonSchema::parse(&deep).unwrap_err().len(), 1);
    }
}
