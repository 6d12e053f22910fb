//! Types and JSON out of a fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use cofferdam_domain::wit::{Case, Field, Named, WitType};
use serde_json::{Map, Number, Value};

/// Which kinds of types are made.
#[derive(Clone, Copy)]
pub struct Kinds {
    /// Maps and lists of fixed length, which uploads cannot have yet.
    pub all: bool,
    /// How deep types are nested.
    pub depth: usize,
}

/// Makes types. Those that need a name get one, so that they can be written as WIT.
pub struct Types {
    kinds: Kinds,
    named: usize,
}

const SCALARS: [WitType; 13] = [
    WitType::Bool,
    WitType::U8,
    WitType::U16,
    WitType::U32,
    WitType::U64,
    WitType::S8,
    WitType::S16,
    WitType::S32,
    WitType::S64,
    WitType::F32,
    WitType::F64,
    WitType::Char,
    WitType::String,
];
const NAMES: [&str; 10] = ["a", "wind-speed", "wind", "x1-y2", "station-id", "none", "some", "ok", "json", "err"];

impl Types {
    /// Begins.
    pub const fn new(kinds: Kinds) -> Self {
        Self { kinds, named: 0 }
    }

    /// The next type.
    pub fn next(&mut self, u: &mut Unstructured<'_>) -> Result<WitType> {
        self.nested(u, self.kinds.depth)
    }

    fn nested(&mut self, u: &mut Unstructured<'_>, depth: usize) -> Result<WitType> {
        if depth == 0 || u.is_empty() {
            return Ok(u.choose(&SCALARS)?.clone());
        }
        let depth = depth - 1;
        Ok(match u.int_in_range(0..=11_u8)? {
            0 | 1 => u.choose(&SCALARS)?.clone(),
            2 => WitType::List(Box::new(self.nested(u, depth)?)),
            3 => WitType::Option(Box::new(self.nested(u, depth)?)),
            4 => WitType::Tuple((0..u.int_in_range(1..=4)?).map(|_| self.nested(u, depth)).collect::<Result<_>>()?),
            5 => WitType::Result { ok: self.maybe(u, depth)?, err: self.maybe(u, depth)? },
            6 => {
                let fields = NAMES[..u.int_in_range(1..=6)?].iter();
                let fields = fields.map(|name| Ok(Field { name: (*name).to_owned(), ty: self.nested(u, depth)?, docs: None }));
                let fields = fields.collect::<Result<_>>()?;
                WitType::Record { named: self.name(), fields }
            }
            7 => {
                let cases = NAMES[..u.int_in_range(1..=6)?].iter();
                let cases = cases.map(|name| {
                    let ty = self.maybe(u, depth)?.map(|ty| *ty);
                    Ok(Case { name: (*name).to_owned(), ty, docs: None })
                });
                let cases = cases.collect::<Result<_>>()?;
                WitType::Variant { named: self.name(), cases }
            }
            8 => WitType::Enum { named: self.name(), cases: words(u)? },
            9 => WitType::Flags { named: self.name(), flags: words(u)? },
            10 if self.kinds.all => {
                WitType::FixedList { element: Box::new(self.nested(u, depth)?), length: u.int_in_range(1..=4)? }
            }
            11 if self.kinds.all => {
                let key = if u.arbitrary()? { WitType::String } else { self.nested(u, depth)? };
                WitType::Map { key: Box::new(key), value: Box::new(self.nested(u, depth)?) }
            }
            // Any JSON.
            _ => {
                let cases = vec![Case { name: "json".to_owned(), ty: Some(WitType::String), docs: None }];
                WitType::Variant { named: self.name(), cases }
            }
        })
    }

    fn maybe(&mut self, u: &mut Unstructured<'_>, depth: usize) -> Result<Option<Box<WitType>>> {
        Ok(if u.arbitrary()? { Some(Box::new(self.nested(u, depth)?)) } else { None })
    }

    fn name(&mut self) -> Named {
        self.named += 1;
        Named { name: Some(format!("t{}", self.named)), docs: None }
    }
}

fn words(u: &mut Unstructured<'_>) -> Result<Vec<Case>> {
    let names = &NAMES[..u.int_in_range(1..=NAMES.len())?];
    Ok(names.iter().map(|name| Case { name: (*name).to_owned(), ty: None, docs: None }).collect())
}

/// JSON by a type, or nearly.
pub struct Json {
    /// Whether everything so far is as its type wants it.
    pub fits: bool,
    /// Whether it has numbers that are not whole in places where any JSON is taken.
    pub fractions_in_any: bool,
}

impl Json {
    /// Begins.
    pub const fn new() -> Self {
        Self { fits: true, fractions_in_any: false }
    }

    /// A value of a type; sometimes, anything else.
    pub fn of(&mut self, ty: &WitType, u: &mut Unstructured<'_>) -> Result<Value> {
        if u.ratio(1, 24_u8)? {
            self.fits = false;
            return self.anything(u, 3);
        }
        Ok(match ty {
            WitType::Bool => Value::Bool(u.arbitrary()?),
            WitType::U8 => u.arbitrary::<u8>()?.into(),
            WitType::U16 => u.arbitrary::<u16>()?.into(),
            WitType::U32 => u.arbitrary::<u32>()?.into(),
            WitType::S8 => u.arbitrary::<i8>()?.into(),
            WitType::S16 => u.arbitrary::<i16>()?.into(),
            WitType::S32 => u.arbitrary::<i32>()?.into(),
            WitType::U64 => {
                let number: u64 = u.arbitrary()?;
                if u.arbitrary()? { number.into() } else { number.to_string().into() }
            }
            WitType::S64 => {
                let number: i64 = u.arbitrary()?;
                if u.arbitrary()? { number.into() } else { number.to_string().into() }
            }
            WitType::F32 => float(f64::from(f32::from_bits(u.arbitrary()?))),
            WitType::F64 => float(f64::from_bits(u.arbitrary()?)),
            WitType::Char => u.arbitrary::<char>()?.to_string().into(),
            WitType::String => u.arbitrary::<&str>()?.into(),
            WitType::List(element) => self.items(u, |json, u| json.of(element, u))?,
            WitType::FixedList { element, length } => {
                Value::Array((0..*length).map(|_| self.of(element, u)).collect::<Result<_>>()?)
            }
            WitType::Map { key, value } if **key == WitType::String => {
                let mut fields = Map::new();
                for _ in 0..u.int_in_range(0..=3)? {
                    fields.insert(u.arbitrary::<&str>()?.to_owned(), self.of(value, u)?);
                }
                // An object that is the mark of an unknown value is that to every type.
                Value::Object(fields)
            }
            WitType::Map { key, value } => {
                self.items(u, |json, u| Ok(Value::Array(vec![json.of(key, u)?, json.of(value, u)?])))?
            }
            WitType::Record { fields, .. } => {
                let mut object = Map::new();
                for field in fields {
                    if matches!(field.ty, WitType::Option(_)) && u.ratio(1, 3_u8)? {
                        continue;
                    }
                    object.insert(spelled(&field.name, u)?, self.of(&field.ty, u)?);
                }
                if u.ratio(1, 30_u8)? {
                    self.fits = false;
                    object.insert(u.arbitrary::<&str>()?.to_owned(), Value::Null);
                }
                Value::Object(object)
            }
            WitType::Tuple(types) => Value::Array(types.iter().map(|ty| self.of(ty, u)).collect::<Result<_>>()?),
            WitType::Variant { .. } if ty.is_json() => {
                let value = self.anything(u, 4)?;
                self.fractions_in_any |= has_fractions(&value);
                value
            }
            WitType::Variant { cases, .. } => {
                let case = u.choose(cases)?;
                match &case.ty {
                    None => Value::String(spelled(&case.name, u)?),
                    Some(ty) => Value::Object(Map::from_iter([(spelled(&case.name, u)?, self.of(ty, u)?)])),
                }
            }
            WitType::Enum { cases, .. } => Value::String(spelled(&u.choose(cases)?.name, u)?),
            WitType::Flags { flags, .. } => {
                let chosen = flags.iter().filter_map(|flag| u.ratio(1, 2_u8).unwrap_or(false).then_some(flag.name.as_str()));
                Value::from(chosen.collect::<Vec<_>>())
            }
            WitType::Option(_) if u.arbitrary()? => Value::Null,
            WitType::Option(inner) => {
                let value = self.of(inner, u)?;
                if matches!(**inner, WitType::Option(_)) {
                    Value::Object(Map::from_iter([("some".to_owned(), value)]))
                } else {
                    value
                }
            }
            WitType::Result { ok, err } => {
                let (key, ty) = if u.arbitrary()? { ("ok", ok) } else { ("err", err) };
                let value = ty.as_deref().map_or(Ok(Value::Null), |ty| self.of(ty, u))?;
                Value::Object(Map::from_iter([(key.to_owned(), value)]))
            }
        })
    }

    fn items(
        &mut self,
        u: &mut Unstructured<'_>,
        mut item: impl FnMut(&mut Self, &mut Unstructured<'_>) -> Result<Value>,
    ) -> Result<Value> {
        Ok(Value::Array((0..u.int_in_range(0..=4_u8)?).map(|_| item(self, u)).collect::<Result<_>>()?))
    }

    /// Any JSON.
    pub fn anything(&mut self, u: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
        Ok(match u.int_in_range(0..=if depth == 0 { 5 } else { 7_u8 })? {
            0 => Value::Null,
            1 => Value::Bool(u.arbitrary()?),
            2 => u.arbitrary::<i64>()?.into(),
            3 => u.arbitrary::<u64>()?.into(),
            4 => Number::from_f64(f64::from_bits(u.arbitrary()?)).map_or(Value::Null, Value::Number),
            5 => u.arbitrary::<&str>()?.into(),
            6 => self.items(u, |json, u| json.anything(u, depth - 1))?,
            _ => {
                let mut fields = Map::new();
                for _ in 0..u.int_in_range(0..=3_u8)? {
                    let name = if u.arbitrary()? { (*u.choose(&NAMES)?).to_owned() } else { u.arbitrary::<String>()? };
                    fields.insert(name, self.anything(u, depth - 1)?);
                }
                Value::Object(fields)
            }
        })
    }
}

/// A name of WIT, sometimes with `_` for `-`.
fn spelled(name: &str, u: &mut Unstructured<'_>) -> Result<String> {
    Ok(if u.ratio(1, 4_u8)? { name.replace('-', "_") } else { name.to_owned() })
}

fn float(value: f64) -> Value {
    let text = || {
        if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
    };
    Number::from_f64(value).map_or_else(|| text().into(), Value::Number)
}

fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fractions),
        Value::Object(fields) => fields.values().any(has_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
