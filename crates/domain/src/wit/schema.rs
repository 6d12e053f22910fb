//! The JSON Schema (draft 2020-12) of a WIT type.

use super::{Case, Field, Named, Outcome, WitFunction, WitType};
use serde_json::{Map, Value, json};

impl WitFunction {
    /// What its input must look like: an object with one key for each parameter.
    #[must_use]
    pub fn input_schema(&self) -> Value {
        let mut schema = object(&self.params);
        put(&mut schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
        if let Some(docs) = &self.docs {
            put(&mut schema, "description", docs.as_str());
        }
        schema
    }

    /// What it gives when it succeeds.
    #[must_use]
    pub fn output_schema(&self) -> Value {
        let (Outcome::Value(ty) | Outcome::Task { ok: ty } | Outcome::Fallible { ok: ty, .. }) = self.outcome();
        let mut schema = optional(ty);
        put(&mut schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema
    }
}

impl WitType {
    /// The schema of an input that is of this type as a whole. `docs` stands in for a type without documentation.
    #[must_use]
    pub fn schema_of_whole(&self, docs: Option<&str>) -> Value {
        let mut schema = self.schema();
        put(&mut schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
        if let (None, Some(docs)) = (schema.get("description"), docs) {
            put(&mut schema, "description", docs);
        }
        schema
    }

    /// The JSON that [`WitType::decode`] reads, names spelled as in WIT.
    #[must_use]
    pub fn schema(&self) -> Value {
        match self {
            Self::Bool => json!({ "type": "boolean" }),
            Self::U8 => integer(0, u8::MAX),
            Self::U16 => integer(0, u16::MAX),
            Self::U32 => integer(0, u32::MAX),
            Self::S8 => integer(i8::MIN, i8::MAX),
            Self::S16 => integer(i16::MIN, i16::MAX),
            Self::S32 => integer(i32::MIN, i32::MAX),
            Self::U64 => wide(0, u64::MAX, &format!("^(0|{})$", up_to(u64::MAX))),
            Self::S64 => wide(
                i64::MIN,
                i64::MAX,
                &format!("^(0|{}|-({}))$", up_to(i64::MAX.unsigned_abs()), up_to(i64::MIN.unsigned_abs())),
            ),
            Self::F32 => {
                float(json!({ "type": "number", "exclusiveMinimum": -F32_ROUNDS_UP, "exclusiveMaximum": F32_ROUNDS_UP }))
            }
            Self::F64 => float(json!({ "type": "number" })),
            Self::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Self::String => json!({ "type": "string" }),
            Self::List(element) if **element == Self::U8 => {
                let text = json!({ "type": "string", "contentEncoding": "base64", "pattern": BASE64 });
                json!({ "anyOf": [text, { "type": "array", "items": element.schema() }] })
            }
            Self::List(element) => json!({ "type": "array", "items": element.schema() }),
            Self::FixedList { element, length } => {
                json!({ "type": "array", "items": element.schema(), "minItems": length, "maxItems": length })
            }
            Self::Map { key, value } if **key == Self::String => {
                json!({ "type": "object", "additionalProperties": value.schema() })
            }
            Self::Map { key, value } => json!({ "type": "array", "items": tuple(&[key, value]) }),
            Self::Record { named, fields } => labelled(object(fields), named),
            Self::Tuple(types) => tuple(&types.iter().collect::<Vec<_>>()),
            Self::Variant { named, .. } if self.is_json() => labelled(json!({}), named),
            Self::Variant { named, cases } => labelled(json!({ "oneOf": cases.iter().map(case).collect::<Vec<_>>() }), named),
            Self::Enum { named, cases } => labelled(json!({ "enum": names(cases) }), named),
            Self::Flags { named, flags } => {
                labelled(json!({ "type": "array", "items": { "enum": names(flags) }, "uniqueItems": true }), named)
            }
            Self::Option(inner) => {
                let some = if matches!(**inner, Self::Option(_)) { only("some", inner.schema()) } else { inner.schema() };
                json!({ "anyOf": [some, { "type": "null" }] })
            }
            Self::Result { ok, err } => {
                json!({ "oneOf": [only("ok", optional(ok.as_deref())), only("err", optional(err.as_deref()))] })
            }
        }
    }
}

/// The first number that is not rounded to one of 32 bits any more: half a step above the largest.
const F32_ROUNDS_UP: f64 = 3.402_823_567_797_336_6e38;
/// With padding, and without anything in the bits that stand for nothing (RFC 4648, 3.5).
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

fn float(number: Value) -> Value {
    json!({ "anyOf": [number, { "enum": ["NaN", "Infinity", "-Infinity"] }] })
}

/// The decimal numbers from 1 to a largest one, as alternatives of a regular expression.
fn up_to(largest: u64) -> String {
    let digits = largest.to_string();
    let mut forms = vec![format!("[1-9][0-9]{{0,{}}}", digits.len() - 2)];
    // As long as the largest, and the first digit that differs is smaller.
    for (place, digit) in digits.bytes().enumerate() {
        let least = if place == 0 { b'1' } else { b'0' };
        if digit > least {
            let rest = digits.len() - place - 1;
            forms.push(format!("{}[{}-{}][0-9]{{{rest}}}", &digits[..place], char::from(least), char::from(digit - 1)));
        }
    }
    forms.push(digits);
    forms.join("|")
}

fn integer(min: impl Into<Value>, max: impl Into<Value>) -> Value {
    json!({ "type": "integer", "minimum": min.into(), "maximum": max.into() })
}

/// Beyond 2^53 as a string. Bounds apply to numbers only, the pattern to strings only.
fn wide(min: impl Into<Value>, max: impl Into<Value>, pattern: &str) -> Value {
    json!({ "type": ["integer", "string"], "minimum": min.into(), "maximum": max.into(), "pattern": pattern })
}

fn tuple(types: &[&WitType]) -> Value {
    let schemas: Vec<_> = types.iter().map(|ty| ty.schema()).collect();
    json!({ "type": "array", "prefixItems": schemas, "minItems": types.len(), "maxItems": types.len() })
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<_, _> = fields
        .iter()
        .map(|field| {
            let mut schema = field.ty.schema();
            if let Some(docs) = &field.docs {
                put(&mut schema, "description", docs.as_str());
            }
            (field.name.clone(), schema)
        })
        .collect();
    let required: Vec<_> =
        fields.iter().filter(|field| !matches!(field.ty, WitType::Option(_))).map(|field| field.name.as_str()).collect();
    let order: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    // JSON objects have no order; forms show the fields in the author's.
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false, "x-order": order })
}

fn only(key: &str, value: Value) -> Value {
    json!({ "type": "object", "properties": { key: value }, "required": [key], "additionalProperties": false })
}

fn optional(ty: Option<&WitType>) -> Value {
    ty.map_or_else(|| json!({ "type": "null" }), WitType::schema)
}

fn case(case: &Case) -> Value {
    let mut schema = match &case.ty {
        None => json!({ "const": case.name }),
        Some(ty) => only(&case.name, ty.schema()),
    };
    if let Some(docs) = &case.docs {
        put(&mut schema, "description", docs.as_str());
    }
    schema
}

fn names(cases: &[Case]) -> Vec<&str> {
    cases.iter().map(|case| case.name.as_str()).collect()
}

fn labelled(mut schema: Value, named: &Named) -> Value {
    if let Some(name) = &named.name {
        put(&mut schema, "title", name.as_str());
    }
    if let Some(docs) = &named.docs {
        put(&mut schema, "description", docs.as_str());
    }
    schema
}

fn put(schema: &mut Value, key: &str, value: &str) {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert(key.to_owned(), value.into());
    }
}
