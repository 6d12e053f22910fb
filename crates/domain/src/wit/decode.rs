//! Reads JSON by a WIT type.

use super::{Case, Field, WitFunction, WitType};
use crate::definition::join;
use crate::definition::suggest::closest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Where JSON does not fit a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", place(.pointer))]
pub struct Mismatch {
    /// The place: a JSON Pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What would have been right.
    pub expected: String,
    /// What is there.
    pub found: String,
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("at {pointer}: ") }
}

/// A value without parts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the type of WIT that it is called after")]
pub enum Scalar<'a> {
    Bool(bool),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    S8(i8),
    S16(i16),
    S32(i32),
    S64(i64),
    F32(f32),
    F64(f64),
    Char(char),
    String(&'a str),
}

/// Makes values of what is read. A sandbox makes those of its runtime; a check makes none ([`WitFunction::check`]).
pub trait Build {
    /// What it makes.
    type Value;

    /// A value without parts.
    fn scalar(&mut self, scalar: Scalar<'_>) -> Self::Value;
    /// A `list<u8>`.
    fn bytes(&mut self, bytes: &[u8]) -> Self::Value;
    /// A list.
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// A list of fixed length.
    fn fixed_list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// A map.
    fn map(&mut self, entries: Vec<(Self::Value, Self::Value)>) -> Self::Value;
    /// A record; the values are in the order of its fields.
    fn record(&mut self, fields: &[Field], values: Vec<Self::Value>) -> Self::Value;
    /// A tuple.
    fn tuple(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// A case of a variant.
    fn variant(&mut self, case: &str, payload: Option<Self::Value>) -> Self::Value;
    /// A case of an enum.
    fn enumeration(&mut self, case: &str) -> Self::Value;
    /// Flags.
    fn flags(&mut self, flags: Vec<&str>) -> Self::Value;
    /// An option.
    fn option(&mut self, inner: Option<Self::Value>) -> Self::Value;
    /// A result.
    fn result(&mut self, result: Result<Option<Self::Value>, Option<Self::Value>>) -> Self::Value;
    /// A value that is not known yet ([`hole`]), with the number of its hole and the type that is expected there; `None` refuses it.
    fn unknown(&mut self, _: Option<u64>, _: &WitType) -> Option<Self::Value> {
        None
    }
    /// Whether a key that no field of a record is called after is a mistake. It is one in what a person wrote. What another task
    /// returned may have more fields than are asked for.
    fn is_closed(&self) -> bool {
        false
    }
}

/// Builds nothing, and takes what is not known yet for right.
struct Check;

impl Build for Check {
    type Value = ();

    fn scalar(&mut self, _: Scalar<'_>) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn list(&mut self, _: Vec<()>) {}
    fn fixed_list(&mut self, _: Vec<()>) {}
    fn map(&mut self, _: Vec<((), ())>) {}
    fn record(&mut self, _: &[Field], _: Vec<()>) {}
    fn tuple(&mut self, _: Vec<()>) {}
    fn variant(&mut self, _: &str, _: Option<()>) {}
    fn enumeration(&mut self, _: &str) {}
    fn flags(&mut self, _: Vec<&str>) {}
    fn option(&mut self, _: Option<()>) {}
    fn result(&mut self, _: Result<Option<()>, Option<()>>) {}
    fn unknown(&mut self, _: Option<u64>, _: &WitType) -> Option<()> {
        Some(())
    }
    fn is_closed(&self) -> bool {
        true
    }
}

/// The key of a [`hole`]. No JSON that is kept has U+0000 in a string.
pub(super) const HOLE: &str = "\0";

/// Stands in JSON for a value that is not known yet: [`WitFunction::check`] takes it for whatever is expected there.
#[must_use]
pub fn hole() -> Value {
    Value::Object(Map::from_iter([(HOLE.to_owned(), Value::Null)]))
}

/// The number of a hole, if this is one and it has one.
fn as_hole(value: &Value) -> Option<Option<u64>> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(HOLE).map(Value::as_u64)
}

impl WitFunction {
    /// Reads its arguments: a JSON object with one key for each parameter. A parameter that is an option may be left out; names
    /// may be written with `_` for `-`. Whether other keys are taken is for `build` to say ([`Build::is_closed`]).
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn decode<B: Build>(&self, input: &Value, build: &mut B) -> Result<Vec<B::Value>, Mismatch> {
        let none = Map::new();
        let given = match input {
            Value::Object(given) => match as_hole(input) {
                Some(number) if build.unknown(number, &self.input()).is_some() => return Ok(Vec::new()),
                _ => given,
            },
            Value::Null if self.params.is_empty() => &none,
            other => {
                let names: Vec<_> = self.params.iter().map(|param| param.name.as_str()).collect();
                let keys = if names.is_empty() { "no keys".to_owned() } else { format!("the keys {}", names.join(", ")) };
                return Err(mismatch(format!("an object with {keys}"), other));
            }
        };
        fields(&self.params, given, build)
    }

    /// Its parameters as one type.
    #[must_use]
    pub fn input(&self) -> WitType {
        WitType::Record { named: super::Named::default(), fields: self.params.clone() }
    }

    /// Whether an input fits that a person wrote. Holes fit anywhere; keys that are no parameters or fields do not fit.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn check(&self, input: &Value) -> Result<(), Mismatch> {
        self.decode(input, &mut Check).map(drop)
    }
}

impl WitType {
    /// Whether a value fits that a person wrote.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn check(&self, json: &Value) -> Result<(), Mismatch> {
        self.decode(json, &mut Check)
    }

    /// Reads a value of this type.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub fn decode<B: Build>(&self, json: &Value, build: &mut B) -> Result<B::Value, Mismatch> {
        if let Some(number) = as_hole(json)
            && let Some(value) = build.unknown(number, self)
        {
            return Ok(value);
        }
        match self {
            Self::Bool => match json {
                Value::Bool(value) => Ok(build.scalar(Scalar::Bool(*value))),
                other => Err(mismatch("true or false", other)),
            },
            Self::U8 => Ok(build.scalar(Scalar::U8(integer(json, "u8")?))),
            Self::U16 => Ok(build.scalar(Scalar::U16(integer(json, "u16")?))),
            Self::U32 => Ok(build.scalar(Scalar::U32(integer(json, "u32")?))),
            Self::U64 => Ok(build.scalar(Scalar::U64(integer(json, "u64")?))),
            Self::S8 => Ok(build.scalar(Scalar::S8(integer(json, "s8")?))),
            Self::S16 => Ok(build.scalar(Scalar::S16(integer(json, "s16")?))),
            Self::S32 => Ok(build.scalar(Scalar::S32(integer(json, "s32")?))),
            Self::S64 => Ok(build.scalar(Scalar::S64(integer(json, "s64")?))),
            Self::F32 => Ok(build.scalar(Scalar::F32(narrow(float(json, "f32")?, json)?))),
            Self::F64 => Ok(build.scalar(Scalar::F64(float(json, "f64")?))),
            Self::Char => {
                let mut chars = json.as_str().unwrap_or_default().chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => Ok(build.scalar(Scalar::Char(char))),
                    _ => Err(mismatch("a string of one character (char)", json)),
                }
            }
            Self::String => Ok(build.scalar(Scalar::String(string(json, "a string")?))),
            Self::List(element) => list(element, json, build),
            Self::FixedList { element, length } => match json {
                Value::Array(items) if items.len() == *length as usize => {
                    let items = each(items.iter().map(|item| (&**element, item)), build)?;
                    Ok(build.fixed_list(items))
                }
                other => Err(mismatch(format!("an array of {length} ({self})"), other)),
            },
            Self::Map { key, value } => map(key, value, json, build),
            Self::Record { fields: expected, .. } => match json {
                Value::Object(given) => {
                    let values = fields(expected, given, build)?;
                    Ok(build.record(expected, values))
                }
                other => Err(mismatch(format!("an object ({self})"), other)),
            },
            Self::Tuple(types) => match json {
                Value::Array(items) if items.len() == types.len() => {
                    let items = each(types.iter().zip(items), build)?;
                    Ok(build.tuple(items))
                }
                other => Err(mismatch(format!("an array of {} ({self})", types.len()), other)),
            },
            Self::Variant { .. } if self.is_json() => {
                let text = build.scalar(Scalar::String(&json.to_string()));
                Ok(build.variant("json", Some(text)))
            }
            Self::Variant { cases, .. } => variant(self, cases, json, build),
            Self::Enum { cases, .. } => {
                let name = string(json, one_of(cases))?;
                let case = cases.iter().find(|case| same(name, &case.name)).ok_or_else(|| unknown_case(cases, name, json))?;
                Ok(build.enumeration(&case.name))
            }
            Self::Flags { flags: known, .. } => {
                let Value::Array(given) = json else { return Err(mismatch("an array of flags", json)) };
                let mut set = Vec::with_capacity(given.len());
                for (index, flag) in given.iter().enumerate() {
                    let found = string(flag, one_of(known)).and_then(|name| {
                        known.iter().find(|case| same(name, &case.name)).ok_or_else(|| unknown_case(known, name, flag))
                    });
                    let name = found.map_err(|mismatch| mismatch.below(index))?.name.as_str();
                    if set.contains(&name) {
                        return Err(mismatch("each flag once", flag).below(index));
                    }
                    set.push(name);
                }
                Ok(build.flags(set))
            }
            Self::Option(inner) => {
                let inner = match (json, &**inner) {
                    (Value::Null, _) => None,
                    (Value::Object(fields), Self::Option(_)) if fields.len() == 1 && fields.contains_key("some") => {
                        Some(inner.decode(&fields["some"], build).map_err(|mismatch| mismatch.below("some"))?)
                    }
                    (other, Self::Option(_)) => return Err(mismatch(r#"null or {"some": …}"#, other)),
                    (value, inner) => Some(inner.decode(value, build)?),
                };
                Ok(build.option(inner))
            }
            Self::Result { ok, err } => {
                let Some((key, value)) = single(json) else { return Err(mismatch(r#"{"ok": …} or {"err": …}"#, json)) };
                match key {
                    "ok" => {
                        let value = payload(ok.as_deref(), value, build).map_err(|mismatch| mismatch.below("ok"))?;
                        Ok(build.result(Ok(value)))
                    }
                    "err" => {
                        let value = payload(err.as_deref(), value, build).map_err(|mismatch| mismatch.below("err"))?;
                        Ok(build.result(Err(value)))
                    }
                    _ => Err(mismatch(r#"{"ok": …} or {"err": …}"#, json)),
                }
            }
        }
    }
}

impl Mismatch {
    /// The same, seen from one level further out.
    pub(super) fn below(mut self, step: impl std::fmt::Display) -> Self {
        self.pointer.insert_str(0, &join("", step));
        self
    }
}

fn mismatch<'a>(expected: impl Into<Cow<'a, str>>, found: &Value) -> Mismatch {
    Mismatch { pointer: String::new(), expected: expected.into().into_owned(), found: describe(found) }
}

/// A value in a few words.
fn describe(value: &Value) -> String {
    const SHOWN: usize = 60;
    match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) => {
            let keys: Vec<_> = fields.keys().map(String::as_str).take(6).collect();
            let more = if fields.len() > keys.len() { ", …" } else { "" };
            format!("an object with {}{more}", keys.join(", "))
        }
        Value::String(text) if text.chars().nth(SHOWN).is_some() => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("a string beginning with {}", Value::String(start))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn string<'v, 'a>(json: &'v Value, expected: impl Into<Cow<'a, str>>) -> Result<&'v str, Mismatch> {
    json.as_str().ok_or_else(|| mismatch(expected, json))
}

/// An integer within the bounds of its type: a number, or for 64 bits also a string, since many programs round numbers
/// beyond 2^53.
fn integer<T: TryFrom<i128> + Bounds>(json: &Value, name: &str) -> Result<T, Mismatch> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = match json {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Some(i128::from(number)),
            (_, Some(number), _) => Some(i128::from(number)),
            // JSON has one kind of number: 3.0 is an integer too.
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            (.., Some(number)) if number.fract() == 0.0 && number.abs() <= EXACT => Some(number as i128),
            _ => None,
        },
        Value::String(text) if T::WIDE => text.parse::<i128>().ok().filter(|number| number.to_string() == *text),
        _ => None,
    };
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| mismatch(format!("an integer from {} ({name})", T::RANGE), json))
}

/// The bounds of an integer type, in words.
trait Bounds {
    const RANGE: &str;
    /// Whether it has numbers beyond 2^53.
    const WIDE: bool = false;
}

impl Bounds for u8 {
    const RANGE: &str = "0 to 255";
}
impl Bounds for u16 {
    const RANGE: &str = "0 to 65535";
}
impl Bounds for u32 {
    const RANGE: &str = "0 to 4294967295";
}
impl Bounds for u64 {
    const RANGE: &str = "0 to 18446744073709551615";
    const WIDE: bool = true;
}
impl Bounds for i8 {
    const RANGE: &str = "-128 to 127";
}
impl Bounds for i16 {
    const RANGE: &str = "-32768 to 32767";
}
impl Bounds for i32 {
    const RANGE: &str = "-2147483648 to 2147483647";
}
impl Bounds for i64 {
    const RANGE: &str = "-9223372036854775808 to 9223372036854775807";
    const WIDE: bool = true;
}

fn float(json: &Value, name: &str) -> Result<f64, Mismatch> {
    let number = match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    number.ok_or_else(|| mismatch(format!(r#"a number, "NaN", "Infinity" or "-Infinity" ({name})"#), json))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is what is meant")]
fn narrow(wide: f64, json: &Value) -> Result<f32, Mismatch> {
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() { Err(mismatch("a number that fits 32 bits (f32)", json)) } else { Ok(narrow) }
}

fn list<B: Build>(element: &WitType, json: &Value, build: &mut B) -> Result<B::Value, Mismatch> {
    match json {
        Value::String(text) if *element == WitType::U8 => {
            let bytes = BASE64.decode(text).map_err(|error| Mismatch {
                pointer: String::new(),
                expected: "base64 (RFC 4648, padded) or an array of u8".to_owned(),
                found: format!("a string that is not: {error}"),
            })?;
            Ok(build.bytes(&bytes))
        }
        Value::Array(items) => {
            let items = each(items.iter().map(|item| (element, item)), build)?;
            Ok(build.list(items))
        }
        other if *element == WitType::U8 => Err(mismatch("a string in base64 (list<u8>)", other)),
        other => Err(mismatch(format!("an array (list<{element}>)"), other)),
    }
}

/// With text for keys a map is an object, else an array of pairs.
fn map<B: Build>(key: &WitType, value: &WitType, json: &Value, build: &mut B) -> Result<B::Value, Mismatch> {
    let mut entries = Vec::new();
    match (key, json) {
        (WitType::String, Value::Object(fields)) => {
            for (name, field) in fields {
                let field = value.decode(field, build).map_err(|mismatch| mismatch.below(name))?;
                entries.push((build.scalar(Scalar::String(name)), field));
            }
        }
        (WitType::String, other) => return Err(mismatch(format!("an object (map<{key}, {value}>)"), other)),
        (_, Value::Array(pairs)) => {
            for (index, pair) in pairs.iter().enumerate() {
                let Some([first, second]) = pair.as_array().map(Vec::as_slice) else {
                    return Err(mismatch(format!("an array of a key and a value ({key}, {value})"), pair).below(index));
                };
                let first = key.decode(first, build).map_err(|mismatch| mismatch.below(0).below(index))?;
                let second = value.decode(second, build).map_err(|mismatch| mismatch.below(1).below(index))?;
                entries.push((first, second));
            }
        }
        (_, other) => return Err(mismatch(format!("an array of pairs (map<{key}, {value}>)"), other)),
    }
    Ok(build.map(entries))
}

fn each<'a, B: Build>(
    items: impl ExactSizeIterator<Item = (&'a WitType, &'a Value)>,
    build: &mut B,
) -> Result<Vec<B::Value>, Mismatch> {
    let mut values = Vec::with_capacity(items.len());
    for (index, (ty, item)) in items.enumerate() {
        values.push(ty.decode(item, build).map_err(|mismatch| mismatch.below(index))?);
    }
    Ok(values)
}

/// Whether a key is a name of WIT, with `_` taken for `-`.
fn same(key: &str, name: &str) -> bool {
    key == name || (key.len() == name.len() && key.bytes().zip(name.bytes()).all(|(k, n)| k == n || (k == b'_' && n == b'-')))
}

fn fields<B: Build>(expected: &[Field], given: &Map<String, Value>, build: &mut B) -> Result<Vec<B::Value>, Mismatch> {
    let mut values = Vec::with_capacity(expected.len());
    let mut taken = 0;
    for field in expected {
        let exact = given.get_key_value(&field.name);
        let spelled = || if field.name.contains('-') { given.iter().find(|(key, _)| same(key, &field.name)) } else { None };
        match exact.or_else(spelled) {
            Some((key, value)) => {
                taken += 1;
                values.push(field.ty.decode(value, build).map_err(|mismatch| mismatch.below(key))?);
            }
            None if matches!(field.ty, WitType::Option(_)) => values.push(build.option(None)),
            None => {
                let expected = match field.ty.decode(&Value::Null, &mut Check) {
                    Err(mismatch) => mismatch.expected,
                    Ok(()) => field.ty.to_string(),
                };
                return Err(Mismatch { pointer: join("", &field.name), expected, found: "nothing".to_owned() });
            }
        }
    }
    if taken == given.len() || !build.is_closed() {
        return Ok(values);
    }
    // One of the keys is not a field's, or the same field's in another spelling.
    for key in given.keys() {
        let Some(field) = expected.iter().find(|field| same(key, &field.name)) else {
            let names = || expected.iter().map(|field| field.name.as_str());
            let expected = match closest(key, names()) {
                Some(known) => format!("the key {known:?}"),
                None if names().next().is_none() => "no keys".to_owned(),
                None => format!("only the keys {}", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(Mismatch { pointer: join("", key), expected, found: format!("the key {key:?}") });
        };
        if *key != field.name && given.contains_key(&field.name) {
            let expected = format!("the key {:?} once", field.name);
            return Err(Mismatch { pointer: join("", key), expected, found: format!("{key:?} as well") });
        }
    }
    Ok(values)
}

fn variant<B: Build>(ty: &WitType, cases: &[Case], json: &Value, build: &mut B) -> Result<B::Value, Mismatch> {
    if let Value::String(name) = json {
        let case = cases.iter().find(|case| same(name, &case.name)).ok_or_else(|| unknown_case(cases, name, json))?;
        return match &case.ty {
            None => Ok(build.variant(&case.name, None)),
            Some(payload) => Err(mismatch(format!("{{{:?}: …}} with a {payload}", case.name), json)),
        };
    }
    let Some((name, value)) = single(json) else {
        return Err(mismatch(format!(r#""case" or {{"case": …}} of {}"#, one_of(cases)), json));
    };
    let case = cases.iter().find(|case| same(name, &case.name)).ok_or_else(|| unknown_case(cases, name, json))?;
    if let WitType::Variant { .. } = ty {
        let value = payload(case.ty.as_ref(), value, build).map_err(|mismatch| mismatch.below(name))?;
        return Ok(build.variant(&case.name, value));
    }
    Ok(build.enumeration(&case.name))
}

/// The only key of an object, and its value.
fn single(json: &Value) -> Option<(&str, &Value)> {
    let fields = json.as_object().filter(|fields| fields.len() == 1)?;
    fields.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn payload<B: Build>(ty: Option<&WitType>, json: &Value, build: &mut B) -> Result<Option<B::Value>, Mismatch> {
    match ty {
        Some(ty) => ty.decode(json, build).map(Some),
        None if json.is_null() => Ok(None),
        None => Err(mismatch("null, since it carries nothing", json)),
    }
}

fn one_of(cases: &[Case]) -> String {
    const SHOWN: usize = 20;
    let names: Vec<_> = cases.iter().map(|case| format!("{:?}", case.name)).take(SHOWN).collect();
    let more = if cases.len() > SHOWN { ", …" } else { "" };
    format!("one of {}{more}", names.join(", "))
}

fn unknown_case(cases: &[Case], name: &str, json: &Value) -> Mismatch {
    match closest(name, cases.iter().map(|case| case.name.as_str())) {
        Some(known) => mismatch(format!("{}; perhaps {known:?}", one_of(cases)), json),
        None => mismatch(one_of(cases), json),
    }
}
