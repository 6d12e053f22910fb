//! JSON to the values of the runtime, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cofferdam_domain::wit::{Build, Field, MAX_DEPTH, Scalar, WitType};
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

/// Beyond this, a number is written as a string: many programs read numbers as 64-bit floats.
const EXACT: u64 = 1 << 53;

/// Makes values of the runtime.
pub(crate) struct Values {
    /// Whether a record may have more fields than are asked for.
    pub is_open: bool,
}

impl Build for Values {
    type Value = Val;

    fn is_closed(&self) -> bool {
        !self.is_open
    }
    fn scalar(&mut self, scalar: Scalar<'_>) -> Val {
        match scalar {
            Scalar::Bool(value) => Val::Bool(value),
            Scalar::U8(value) => Val::U8(value),
            Scalar::U16(value) => Val::U16(value),
            Scalar::U32(value) => Val::U32(value),
            Scalar::U64(value) => Val::U64(value),
            Scalar::S8(value) => Val::S8(value),
            Scalar::S16(value) => Val::S16(value),
            Scalar::S32(value) => Val::S32(value),
            Scalar::S64(value) => Val::S64(value),
            Scalar::F32(value) => Val::Float32(value),
            Scalar::F64(value) => Val::Float64(value),
            Scalar::Char(value) => Val::Char(value),
            Scalar::String(value) => Val::String(value.to_owned()),
        }
    }
    fn bytes(&mut self, bytes: &[u8]) -> Val {
        Val::List(bytes.iter().copied().map(Val::U8).collect())
    }
    fn list(&mut self, items: Vec<Val>) -> Val {
        Val::List(items)
    }
    fn fixed_list(&mut self, items: Vec<Val>) -> Val {
        Val::FixedLengthList(items)
    }
    fn map(&mut self, entries: Vec<(Val, Val)>) -> Val {
        Val::Map(entries)
    }
    fn record(&mut self, fields: &[Field], values: Vec<Val>) -> Val {
        Val::Record(fields.iter().map(|field| field.name.clone()).zip(values).collect())
    }
    fn tuple(&mut self, items: Vec<Val>) -> Val {
        Val::Tuple(items)
    }
    fn variant(&mut self, case: &str, payload: Option<Val>) -> Val {
        Val::Variant(case.to_owned(), payload.map(Box::new))
    }
    fn enumeration(&mut self, case: &str) -> Val {
        Val::Enum(case.to_owned())
    }
    fn flags(&mut self, flags: Vec<&str>) -> Val {
        Val::Flags(flags.into_iter().map(str::to_owned).collect())
    }
    fn option(&mut self, inner: Option<Val>) -> Val {
        Val::Option(inner.map(Box::new))
    }
    fn result(&mut self, result: Result<Option<Val>, Option<Val>>) -> Val {
        Val::Result(result.map(|ok| ok.map(Box::new)).map_err(|err| err.map(Box::new)))
    }
}

/// A value that cannot be written as JSON that is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if .pointer.is_empty() { String::new() } else { format!("at {}: ", .pointer) })]
pub(crate) struct Fault {
    /// The place: a JSON Pointer.
    pub pointer: String,
    /// What is wrong there.
    pub problem: &'static str,
}

impl Fault {
    const fn new(problem: &'static str) -> Self {
        Self { pointer: String::new(), problem }
    }

    fn below(mut self, step: impl std::fmt::Display) -> Self {
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        self.pointer.insert_str(0, &format!("/{step}"));
        self
    }
}

/// The JSON of a value. What comes out is read back by [`WitType::decode`] to the same value.
pub(crate) fn encode(ty: &WitType, value: &Val) -> Result<Value, Fault> {
    Ok(match (ty, value) {
        (_, Val::Bool(value)) => Value::Bool(*value),
        (_, Val::U8(value)) => Value::from(*value),
        (_, Val::U16(value)) => Value::from(*value),
        (_, Val::U32(value)) => Value::from(*value),
        (_, Val::S8(value)) => Value::from(*value),
        (_, Val::S16(value)) => Value::from(*value),
        (_, Val::S32(value)) => Value::from(*value),
        (_, Val::U64(value)) if *value <= EXACT => Value::from(*value),
        (_, Val::U64(value)) => Value::String(value.to_string()),
        (_, Val::S64(value)) if value.unsigned_abs() <= EXACT => Value::from(*value),
        (_, Val::S64(value)) => Value::String(value.to_string()),
        // By its shortest digits: 0.1, and not the 0.10000000149011612 that the same bits are as 64-bit float.
        (_, Val::Float32(value)) => float(value.to_string().parse().unwrap_or(f64::from(*value))),
        (_, Val::Float64(value)) => float(*value),
        (_, Val::Char(value)) => text(value.to_string())?,
        (_, Val::String(value)) => text(value.clone())?,
        (WitType::List(element), Val::List(items)) if **element == WitType::U8 => {
            let bytes = items.iter().map(|item| if let Val::U8(byte) = item { Ok(*byte) } else { Err(MISFIT) });
            Value::String(BASE64.encode(bytes.collect::<Result<Vec<_>, _>>()?))
        }
        (WitType::List(element), Val::List(items)) | (WitType::FixedList { element, .. }, Val::FixedLengthList(items)) => {
            each(items.iter().map(|item| (&**element, item)))?
        }
        (WitType::Map { key, value }, Val::Map(entries)) if **key == WitType::String => {
            let mut fields = Map::new();
            // Of the same key twice, the last counts, as the component model has it.
            for (name, field) in entries {
                let Val::String(name) = name else { return Err(MISFIT) };
                let field = encode(value, field).map_err(|fault| fault.below(name))?;
                if name.contains('\0') {
                    return Err(Fault::new(NUL));
                }
                fields.insert(name.clone(), field);
            }
            Value::Object(fields)
        }
        (WitType::Map { key, value }, Val::Map(entries)) => {
            let mut pairs = Vec::with_capacity(entries.len());
            for (index, (first, second)) in entries.iter().enumerate() {
                let first = encode(key, first).map_err(|fault| fault.below(0).below(index))?;
                let second = encode(value, second).map_err(|fault| fault.below(1).below(index))?;
                pairs.push(Value::Array(vec![first, second]));
            }
            Value::Array(pairs)
        }
        (WitType::Record { fields, .. }, Val::Record(values)) => {
            let mut object = Map::new();
            for (field, (name, value)) in fields.iter().zip(values) {
                object.insert(name.clone(), encode(&field.ty, value).map_err(|fault| fault.below(name))?);
            }
            Value::Object(object)
        }
        (WitType::Tuple(types), Val::Tuple(items)) => each(types.iter().zip(items))?,
        (WitType::Variant { .. }, Val::Variant(_, payload)) if ty.is_json() => {
            let Some(Val::String(text)) = payload.as_deref() else { return Err(MISFIT) };
            let document =
                serde_json::from_str(text).map_err(|_| Fault::new("a text that is no JSON stands where JSON must be"))?;
            if holds_nul(&document) {
                return Err(Fault::new(NUL));
            }
            // The levels around it are those of the function's types.
            if levels(&document) > 127 - MAX_DEPTH {
                return Err(Fault::new("it is nested too deep to be kept"));
            }
            document
        }
        (WitType::Variant { cases, .. }, Val::Variant(name, payload)) => {
            match (cases.iter().find(|case| case.name == *name).and_then(|case| case.ty.as_ref()), payload) {
                (Some(ty), Some(value)) => {
                    let value = encode(ty, value).map_err(|fault| fault.below(name))?;
                    Value::Object(Map::from_iter([(name.clone(), value)]))
                }
                (_, None) => Value::String(name.clone()),
                (None, Some(_)) => return Err(MISFIT),
            }
        }
        (_, Val::Enum(name)) => Value::String(name.clone()),
        (_, Val::Flags(names)) => Value::from(names.clone()),
        (WitType::Option(_), Val::Option(None)) => Value::Null,
        (WitType::Option(inner), Val::Option(Some(value))) => match &**inner {
            WitType::Option(_) => {
                let value = encode(inner, value).map_err(|fault| fault.below("some"))?;
                Value::Object(Map::from_iter([("some".to_owned(), value)]))
            }
            inner => encode(inner, value)?,
        },
        (WitType::Result { ok, err }, Val::Result(result)) => {
            let (key, ty, value) = match result {
                Ok(value) => ("ok", ok, value),
                Err(value) => ("err", err, value),
            };
            let value = payload(ty.as_deref(), value.as_deref()).map_err(|fault| fault.below(key))?;
            Value::Object(Map::from_iter([(key.to_owned(), value)]))
        }
        _ => return Err(MISFIT),
    })
}

/// The JSON of what a case carries, if it carries anything.
pub(crate) fn payload(ty: Option<&WitType>, value: Option<&Val>) -> Result<Value, Fault> {
    match (ty, value) {
        (Some(ty), Some(value)) => encode(ty, value),
        (None, None) => Ok(Value::Null),
        _ => Err(MISFIT),
    }
}

const NUL: &str = "a string contains the character U+0000, which cannot be kept";
/// The runtime checks types on both sides, so this does not happen.
pub(crate) const MISFIT: Fault = Fault::new("the value is not of its type");

fn each<'a>(items: impl ExactSizeIterator<Item = (&'a WitType, &'a Val)>) -> Result<Value, Fault> {
    let mut values = Vec::with_capacity(items.len());
    for (index, (ty, item)) in items.enumerate() {
        values.push(encode(ty, item).map_err(|fault| fault.below(index))?);
    }
    Ok(Value::Array(values))
}

fn text(text: String) -> Result<Value, Fault> {
    if text.contains('\0') { Err(Fault::new(NUL)) } else { Ok(Value::String(text)) }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}
