//! Parameters of a dag: plain values, or values with a JSON Schema.

use super::diagnostic::join;
use super::{DagDefinition, Diagnostic, DiagnosticCode as Code};
use crate::json_schema::{JsonSchema, SchemaProblem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Parameters that a dag may have.
const MAX_PARAMS: usize = 200;

/// A parameter that is declared with a schema: `{"schema": {…}, "default": …, "description": …}`. An object with other fields, or
/// without `schema`, is a plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// What its values have to be like.
    pub schema: JsonSchema,
    /// Its value when a run's `conf` gives none. Without it, a run has to give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The fields of a declaration.
const FIELDS: [&str; 3] = ["schema", "default", "description"];

/// The fields of a declaration, when a value of `params` is one.
fn declaration(value: &Value) -> Option<&Map<String, Value>> {
    let fields = value.as_object()?;
    (fields.contains_key("schema") && fields.keys().all(|field| FIELDS.contains(&field.as_str()))).then_some(fields)
}

fn param(fields: &Map<String, Value>) -> Result<Param, Vec<SchemaProblem>> {
    Ok(Param {
        schema: JsonSchema::parse(fields.get("schema").unwrap_or(&Value::Null))?,
        default: fields.get("default").cloned(),
        description: fields.get("description").and_then(Value::as_str).map(ToOwned::to_owned),
    })
}

/// The parameters that are declared with a schema. Those whose schema cannot be read are left out.
#[must_use]
pub(crate) fn declared(params: &Map<String, Value>) -> BTreeMap<String, Param> {
    let declared = params.iter().filter_map(|(name, value)| Some((name.clone(), param(declaration(value)?).ok()?)));
    declared.collect()
}

/// The values that parameters have when a run gives none.
#[must_use]
pub(crate) fn defaults(params: &Map<String, Value>) -> Map<String, Value> {
    let given = params.iter().filter_map(|(name, value)| {
        let default = match declaration(value) {
            Some(fields) => fields.get("default").cloned()?,
            None => value.clone(),
        };
        Some((name.clone(), default))
    });
    given.collect()
}

/// The JSON Schema of a run's `conf`: what each parameter has to be like, and which must be given.
#[must_use]
pub fn conf_schema(defaults: &Map<String, Value>, declared: &BTreeMap<String, Param>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, value) in defaults.iter().filter(|(name, _)| !declared.contains_key(*name)) {
        properties.insert(name.clone(), json!({ "default": value }));
    }
    for (name, param) in declared {
        let mut schema = match param.schema.source() {
            Value::Object(fields) => fields.clone(),
            other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
        };
        match &param.default {
            Some(default) => {
                schema.insert("default".to_owned(), default.clone());
            }
            None => required.push(Value::from(name.as_str())),
        }
        if let Some(description) = &param.description {
            schema.insert("description".to_owned(), Value::from(description.as_str()));
        }
        properties.insert(name.clone(), Value::Object(schema));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

/// What is wrong with the values of a run: with a pointer into its `conf`.
#[must_use]
pub(crate) fn check(declared: &BTreeMap<String, Param>, conf: &Value) -> Vec<SchemaProblem> {
    let mut found = Vec::new();
    for (name, param) in declared {
        let at = join("", name);
        match conf.get(name) {
            None => found.push(SchemaProblem {
                pointer: String::new(),
                message: format!("the parameter '{name}' has no default and must be given"),
                help: None,
            }),
            Some(value) => found.extend(param.schema.check(value).into_iter().map(|problem| SchemaProblem {
                pointer: format!("{at}{}", problem.pointer),
                message: format!("the parameter '{name}' does not fit its schema: {}", problem.message),
                ..problem
            })),
        }
    }
    found
}

pub(super) fn validate(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    if dag.params.len() > MAX_PARAMS {
        let message = format!("a dag has at most {MAX_PARAMS} parameters; this one has {}", dag.params.len());
        found.push(Diagnostic::error(Code::TooLong, "/params", message));
    }
    for (name, value) in &dag.params {
        let at = join("/params", name);
        let Some(fields) = declaration(value) else { continue };
        if fields.get("description").is_some_and(|description| !description.is_string()) {
            found.push(Diagnostic::error(Code::InvalidParam, join(&at, "description"), "a description is a text"));
        }
        let param = match param(fields) {
            Ok(param) => param,
            Err(problems) => {
                found.extend(problems.into_iter().map(|problem| {
                    let pointer = format!("{at}/schema{}", problem.pointer);
                    Diagnostic::error(Code::InvalidParam, pointer, problem.message).maybe_help(problem.help)
                }));
                continue;
            }
        };
        match &param.default {
            Some(default) => found.extend(param.schema.check(default).into_iter().map(|problem| {
                let pointer = format!("{at}/default{}", problem.pointer);
                Diagnostic::error(
                    Code::InvalidParam,
                    pointer,
                    format!("the default does not fit the schema: {}", problem.message),
                )
            })),
            None if dag.schedule.is_some() => found.push(
                Diagnostic::error(
                    Code::InvalidParam,
                    at,
                    format!("the parameter '{name}' has no default, and a schedule gives it no value"),
                )
                .help("give a default"),
            ),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, validate as validate_dag};
    use super::*;

    fn dag(params: Value, schedule: Value) -> DagDefinition {
        parse(json!({ "dag_id": "d", "params": params, "schedule": schedule, "tasks": [{ "task_id": "a", "component": "c" }] }))
            .unwrap()
    }

    fn params() -> Value {
        json!({
            "station": { "schema": { "type": "string", "enum": ["berlin", "oslo"] }, "default": "berlin", "description": "Whose readings" },
            "limit": 10,
            "table": { "schema": "public", "name": "readings" },
            "day": { "schema": { "type": "string", "format": "date" } },
        })
    }

    #[test]
    fn declarations_and_plain_values_stand_side_by_side() {
        let dag = dag(params(), Value::Null);
        assert_eq!(validate_dag(&dag), []);
        let (defaults, declared) = (defaults(&dag.params), declared(&dag.params));
        assert_eq!(
            Value::Object(defaults.clone()),
            json!({ "station": "berlin", "limit": 10, "table": { "schema": "public", "name": "readings" } })
        );
        assert_eq!(declared.keys().collect::<Vec<_>>(), ["day", "station"]);
        let schema = conf_schema(&defaults, &declared);
        assert_eq!(schema["required"], json!(["day"]));
        assert_eq!(
            schema["properties"]["station"],
            json!({ "type": "string", "enum": ["berlin", "oslo"], "default": "berlin", "description": "Whose readings" })
        );
        assert_eq!(schema["properties"]["limit"], json!({ "default": 10 }));
        // What is combined is a schema of its own, and says the same.
        let combined = JsonSchema::parse(&schema).unwrap();
        for conf in [
            json!({ "day": "2026-11-21", "station": "oslo" }),
            json!({ "day": "x", "station": "oslo" }),
            json!({ "station": "oslo" }),
            json!({ "day": "2026-11-21", "station": "rome" }),
        ] {
            assert_eq!(combined.check(&conf).is_empty(), check(&declared, &conf).is_empty(), "{conf}");
        }
        let wrong = check(&declared, &json!({ "station": "rome" }));
        assert_eq!(wrong.iter().map(|problem| problem.pointer.as_str()).collect::<Vec<_>>(), ["", "/station"]);
    }

    #[test]
    fn mistakes_in_declarations_have_their_place() {
        let told = |params: Value, schedule: Value| -> Vec<String> {
            validate_dag(&dag(params, schedule)).into_iter().map(|found| format!("{} {}", found.code, found.pointer)).collect()
        };
        assert_eq!(told(json!({ "a": { "schema": { "type": "txt" } } }), Value::Null), ["invalid_param /params/a/schema/type"]);
        assert_eq!(
            told(json!({ "a": { "schema": { "type": "string" }, "default": 1 } }), Value::Null),
            ["invalid_param /params/a/default"]
        );
        assert_eq!(told(params(), json!("@daily")), ["invalid_param /params/day"]);
    }
}
