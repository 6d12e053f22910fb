//! What a task takes and gives, told in its component.
//!
//! `#[derive(Schema)]` on the types of a `#[cofferdam::task]` writes them into a section of the component. Cofferdam checks by it what dags
//! give the task and take from it, and makes a form of it. Types without the derive are any JSON.
//!
//! The derive reads what serde's attributes say: `rename`, `rename_all`, `default`, `skip…` and `transparent`. What depends on more than that
//! (`flatten`, `tag`, `untagged`, `from`, `with`) is any JSON. On a field, `#[schema(any)]` says so of any type, as it must inside of itself,
//! and `#[schema(like = String)]` that it is written as another.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! /// An order.
//! #[derive(Deserialize, cofferdam::Schema)]
//! struct Order {
//!     /// The day, as in `2026-11-21`.
//!     day: String,
//!     #[serde(default)]
//!     express: bool,
//!     parts: Vec<Part>,
//! }
//!
//! #[derive(Deserialize, cofferdam::Schema)]
//! #[serde(rename_all = "kebab-case")]
//! enum Part { Wheel { inches: u8 }, Bell, HandleBar(String) }
//!
//! #[derive(Serialize, cofferdam::Schema)]
//! struct Price { cents: u64 }
//!
//! #[cofferdam::task]
//! fn price(order: Order) -> Result<Price, cofferdam::Error> {
//!     Ok(Price { cents: 1_000 * order.parts.len() as u64 })
//! }
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// A type whose JSON is known when the program is compiled.
#[diagnostic::on_unimplemented(
    message = "how `{Self}` is written as JSON is not told by a `Schema`",
    label = "no `Schema`",
    note = "derive `cofferdam::Schema` for it, or put `#[schema(any)]` or `#[schema(like = String)]` on the field"
)]
pub trait Schema {
    /// The type.
    const TYPE: Type;
}

/// A type of JSON. Texts in it are JSON themselves, quotes included; those of documentation are empty where there is none.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Type {
    Any,
    Nothing,
    Byte,
    Text,
    /// By its name in WIT.
    Plain(&'static str),
    List(&'static Type),
    Array(&'static Type, usize),
    Option(&'static Type),
    /// With texts for keys.
    Map(&'static Type),
    Tuple(&'static [Type]),
    Record(Named, &'static [Field]),
    Choice(Named, &'static [Case]),
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub name: &'static str,
    pub docs: &'static str,
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub named: Named,
    pub ty: Type,
    pub input: Presence,
    pub output: Presence,
}

/// Whether a field is there.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    Always,
    Maybe,
    Never,
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub named: Named,
    pub ty: Option<Type>,
}

/// What a component tells of its task.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub docs: &'static str,
    pub input: Option<Type>,
    pub output: Option<Type>,
}

/// Finds out whether a type has a schema: its own constant goes before that of [`Untold`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

impl<T: Schema> Probe<T> {
    pub const TYPE: Option<Type> = Some(T::TYPE);
}

#[doc(hidden)]
pub trait Untold {
    const TYPE: Option<Type> = None;
}

impl<T> Untold for Probe<T> {}

/// What a task returns when it succeeds.
#[doc(hidden)]
pub trait Returned {
    type Output;
}

impl<T, E> Returned for Result<T, E> {
    type Output = T;
}

impl Told {
    /// The bytes of [`Told::section`].
    #[must_use]
    pub const fn size(&self) -> usize {
        self.write(&mut [])
    }

    /// The content of the section `cofferdam-docs`: a byte for the version, and JSON. It has [`Told::size`] bytes.
    #[must_use]
    pub const fn section<const SIZE: usize>(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        self.write(&mut bytes);
        bytes
    }

    const fn write(&self, out: &mut [u8]) -> usize {
        let mut at = put(out, 0, "\0{\"worlds\":{");
        if !self.docs.is_empty() {
            at = put(out, at, "\"task\":{\"func_exports\":{\"run\":");
            at = put(out, at, self.docs);
            at = put(out, at, "}}");
        }
        at = put(out, at, "},\"run\":{");
        if let Some(input) = &self.input {
            at = put(out, at, "\"input\":");
            at = input.write(out, at, true);
        }
        if let Some(output) = &self.output {
            at = put(out, at, if self.input.is_some() { ",\"output\":" } else { "\"output\":" });
            at = match output {
                Type::Nothing => put(out, at, "null"),
                output => output.write(out, at, false),
            };
        }
        put(out, at, "}}")
    }
}

impl Type {
    /// Writes it to a place, if there is room, and returns the place after it. What is absent from inputs may be in outputs.
    const fn write(&self, out: &mut [u8], at: usize, is_input: bool) -> usize {
        match self {
            Self::Any | Self::Nothing => {
                put(out, at, r#"{"variant":{"named":{"name":"json"},"cases":[{"name":"json","type":"string"}]}}"#)
            }
            Self::Byte => put(out, at, "\"u8\""),
            Self::Text => put(out, at, "\"string\""),
            Self::Plain(name) => {
                let at = put(out, at, "\"");
                let at = put(out, at, name);
                put(out, at, "\"")
            }
            // WIT writes lists of bytes in base64, serde as numbers.
            Self::List(Self::Byte) => put(out, at, "{\"list\":\"u16\"}"),
            Self::List(item) => item.inside(out, at, "{\"list\":", is_input),
            Self::Array(item, length) => {
                let at = match item {
                    Self::Byte => put(out, at, "{\"fixed_list\":{\"element\":\"u16\""),
                    item => {
                        let at = put(out, at, "{\"fixed_list\":{\"element\":");
                        item.write(out, at, is_input)
                    }
                };
                let at = put(out, at, ",\"length\":");
                let at = number(out, at, *length);
                put(out, at, "}}")
            }
            // Serde does not tell a missing option from one of nothing.
            Self::Option(Self::Option(inner)) => Self::Option(*inner).write(out, at, is_input),
            Self::Option(inner) => inner.inside(out, at, "{\"option\":", is_input),
            Self::Map(value) => {
                let at = value.inside(out, at, "{\"map\":{\"key\":\"string\",\"value\":", is_input);
                put(out, at, "}")
            }
            Self::Tuple(items) => {
                let mut at = put(out, at, "{\"tuple\":[");
                let mut index = 0;
                while index < items.len() {
                    at = put(out, at, if index > 0 { "," } else { "" });
                    at = items[index].write(out, at, is_input);
                    index += 1;
                }
                put(out, at, "]}")
            }
            Self::Record(named, fields) => {
                let at = put(out, at, "{\"record\":{\"named\":{");
                let at = named.write(out, at);
                let mut at = put(out, at, "},\"fields\":[");
                let (mut index, mut written) = (0, false);
                while index < fields.len() {
                    let field = &fields[index];
                    let presence = if is_input { field.input } else { field.output };
                    if !matches!(presence, Presence::Never) {
                        at = put(out, at, if written { ",{" } else { "{" });
                        at = field.named.write(out, at);
                        at = put(out, at, ",\"type\":");
                        at = match (presence, field.ty) {
                            (Presence::Maybe, Self::Option(_)) | (Presence::Always | Presence::Never, _) => {
                                field.ty.write(out, at, is_input)
                            }
                            (Presence::Maybe, _) => field.ty.inside(out, at, "{\"option\":", is_input),
                        };
                        at = put(out, at, "}");
                        written = true;
                    }
                    index += 1;
                }
                put(out, at, "]}}")
            }
            Self::Choice(named, cases) => {
                let (mut carries, mut index) = (false, 0);
                while index < cases.len() {
                    carries |= cases[index].ty.is_some();
                    index += 1;
                }
                let at = put(out, at, if carries { "{\"variant\":{\"named\":{" } else { "{\"enum\":{\"named\":{" });
                let at = named.write(out, at);
                let mut at = put(out, at, "},\"cases\":[");
                index = 0;
                while index < cases.len() {
                    at = put(out, at, if index > 0 { ",{" } else { "{" });
                    at = cases[index].named.write(out, at);
                    if let Some(ty) = &cases[index].ty {
                        at = put(out, at, ",\"type\":");
                        at = ty.write(out, at, is_input);
                    }
                    at = put(out, at, "}");
                    index += 1;
                }
                put(out, at, "]}}")
            }
        }
    }

    /// Writes it after a beginning, and closes that.
    const fn inside(&self, out: &mut [u8], at: usize, beginning: &str, is_input: bool) -> usize {
        let at = put(out, at, beginning);
        let at = self.write(out, at, is_input);
        put(out, at, "}")
    }
}

impl Named {
    const fn write(&self, out: &mut [u8], at: usize) -> usize {
        let at = put(out, at, "\"name\":");
        let mut at = put(out, at, self.name);
        if !self.docs.is_empty() {
            at = put(out, at, ",\"docs\":");
            at = put(out, at, self.docs);
        }
        at
    }
}

const fn put(out: &mut [u8], at: usize, text: &str) -> usize {
    let end = at + text.len();
    if end <= out.len() {
        out.split_at_mut(at).1.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
    }
    end
}

const fn number(out: &mut [u8], at: usize, number: usize) -> usize {
    let at = if number >= 10 { self::number(out, at, number / 10) } else { at };
    if at < out.len() {
        out[at] = b'0' + (number % 10) as u8;
    }
    at + 1
}

macro_rules! plain {
    ($($ty:ty: $name:literal),*) => {
        $(impl Schema for $ty {
            const TYPE: Type = Type::Plain($name);
        })*
    };
}

// A component has addresses of 32 bits.
plain! {
    bool: "bool", u16: "u16", u32: "u32", u64: "u64", usize: "u32", i8: "s8", i16: "s16", i32: "s32", i64: "s64", isize: "s32",
    f32: "f32", f64: "f64", char: "char"
}

macro_rules! same {
    ($(($($generics:tt)*) $ty:ty: $like:expr),* $(,)?) => {
        $(impl<$($generics)*> Schema for $ty {
            const TYPE: Type = $like;
        })*
    };
}

same! {
    () u8: Type::Byte,
    () (): Type::Nothing,
    () String: Type::Text,
    () &str: Type::Text,
    () serde_json::Value: Type::Any,
    () serde_json::Map<String, serde_json::Value>: Type::Map(&Type::Any),
    (T: Schema) Box<T>: T::TYPE,
    (T: Schema + ToOwned + ?Sized) Cow<'_, T>: T::TYPE,
    () str: Type::Text,
    (T: Schema) Option<T>: Type::Option(&T::TYPE),
    (T: Schema) Vec<T>: Type::List(&T::TYPE),
    (T: Schema) VecDeque<T>: Type::List(&T::TYPE),
    (T: Schema) BTreeSet<T>: Type::List(&T::TYPE),
    (T: Schema, S) HashSet<T, S>: Type::List(&T::TYPE),
    (T: Schema, const N: usize) [T; N]: Type::Array(&T::TYPE, N),
    (K: Schema, V: Schema) BTreeMap<K, V>: map(&K::TYPE, &V::TYPE),
    (K: Schema, V: Schema, S) HashMap<K, V, S>: map(&K::TYPE, &V::TYPE),
    (A: Schema) (A,): Type::Tuple(&[A::TYPE]),
    (A: Schema, B: Schema) (A, B): Type::Tuple(&[A::TYPE, B::TYPE]),
    (A: Schema, B: Schema, C: Schema) (A, B, C): Type::Tuple(&[A::TYPE, B::TYPE, C::TYPE]),
    (A: Schema, B: Schema, C: Schema, D: Schema) (A, B, C, D): Type::Tuple(&[A::TYPE, B::TYPE, C::TYPE, D::TYPE]),
}

/// A map: its keys are texts, whatever they are; which texts, only WIT's own maps could tell.
const fn map(key: &'static Type, value: &'static Type) -> Type {
    match key {
        Type::Text => Type::Map(value),
        _ => Type::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_macros::Schema;
    use serde_json::{Value, json};

    /// What a type with its derive tells as input and as output.
    fn told<T: Schema>() -> (Value, Value) {
        let told = Told { docs: "", input: Some(T::TYPE), output: Some(T::TYPE) };
        let mut bytes = vec![0; told.size()];
        assert_eq!(told.write(&mut bytes), bytes.len());
        let (version, text) = bytes.split_first().unwrap();
        assert_eq!(*version, 0);
        let mut all: Value =
            serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
        (all["run"]["input"].take(), all["run"]["output"].take())
    }

    fn input<T: Schema>() -> Value {
        told::<T>().0
    }

    #[test]
    fn types_of_rust_are_those_of_wit() {
        assert_eq!(input::<Vec<(u32, Option<f64>)>>(), json!({"list": {"tuple": ["u32", {"option": "f64"}]}}));
        assert_eq!(input::<HashMap<String, i8>>(), json!({"map": {"key": "string", "value": "s8"}}));
        assert_eq!(input::<BTreeMap<u8, i8>>()["variant"]["cases"][0]["name"], "json");
        assert_eq!(input::<[char; 12]>(), json!({"fixed_list": {"element": "char", "length": 12}}));
        assert_eq!(input::<Vec<u8>>(), json!({"list": "u16"}));
        assert_eq!(input::<Box<Option<Option<Cow<'static, str>>>>>(), json!({"option": "string"}));
        assert_eq!(told::<()>().1, Value::Null);
    }

    /// A station.
    ///
    /// With a "name".
    #[derive(Schema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only what is told of it matters")]
    struct Station<T> {
        /// Where it stands.
        station_place: T,
        #[serde(default)]
        height: f32,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        #[serde(rename = "type", skip_deserializing)]
        kind: Kind,
        #[serde(skip)]
        cache: std::time::Instant,
        #[schema(any)]
        neighbours: Vec<Station<T>>,
        #[schema(like = String)]
        since: std::time::Duration,
        #[serde(with = "somewhere")]
        odd: u8,
    }

    #[derive(Schema)]
    #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
    #[expect(dead_code, reason = "only what is told of it matters")]
    enum Kind {
        /// By hand.
        ByHand,
        #[serde(rename = "auto")]
        Automatic,
        #[serde(skip)]
        Hidden(std::time::Instant),
    }

    #[test]
    fn the_derive_reads_what_serde_reads() {
        let any = json!({"variant": {"named": {"name": "json"}, "cases": [{"name": "json", "type": "string"}]}});
        let kind =
            json!({"enum": {"named": {"name": "Kind"}, "cases": [{"name": "BY-HAND", "docs": "By hand."}, {"name": "auto"}]}});
        let (input, output) = told::<Station<(i64,)>>();
        let place = json!({"name": "stationPlace", "docs": "Where it stands.", "type": {"tuple": ["s64"]}});
        let named = json!({"name": "Station", "docs": "A station.\n\nWith a \"name\"."});
        let rest = [
            json!({"name": "neighbours", "type": any}),
            json!({"name": "since", "type": "string"}),
            json!({"name": "odd", "type": any}),
        ];
        let fields = |own: &[Value]| [std::slice::from_ref(&place), own, rest.as_slice()].concat();
        let note = json!({"name": "note", "type": {"option": "string"}});
        let height = |ty: Value| json!({"name": "height", "type": ty});
        let given = fields(&[height(json!({"option": "f32"})), note.clone()]);
        assert_eq!(input, json!({"record": {"named": named, "fields": given}}));
        let returned = fields(&[height(json!("f32")), note, json!({"name": "type", "type": kind})]);
        assert_eq!(output, json!({"record": {"named": named, "fields": returned}}));
    }

    #[derive(Schema)]
    #[expect(dead_code, reason = "only what is told of it matters")]
    enum Shape {
        Nothing,
        Circle(f64),
        Line(f64, f64),
        Square { side_length: f64 },
    }

    #[derive(Schema)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only what is told of it matters")]
    enum Tagged {
        A { x: u8 },
    }

    #[derive(Schema)]
    #[expect(dead_code, reason = "only what is told of it matters")]
    struct Flat {
        #[serde(flatten)]
        rest: std::time::Instant,
    }

    #[derive(Schema)]
    #[expect(dead_code, reason = "only what is told of it matters")]
    struct Id(u64);

    #[test]
    fn cases_carry_what_they_carry() {
        let square = json!({"record": {"named": {"name": "Square"}, "fields": [{"name": "side_length", "type": "f64"}]}});
        let cases = json!([
            {"name": "Nothing"}, {"name": "Circle", "type": "f64"}, {"name": "Line", "type": {"tuple": ["f64", "f64"]}},
            {"name": "Square", "type": square}
        ]);
        assert_eq!(input::<Shape>(), json!({"variant": {"named": {"name": "Shape"}, "cases": cases}}));
        assert_eq!(input::<Id>(), "u64");
        for any in [input::<Tagged>(), input::<Flat>()] {
            assert_eq!(any["variant"]["cases"][0]["name"], "json");
        }
    }

    struct Unknown;

    #[test]
    fn types_without_a_schema_are_not_told() {
        assert!(Probe::<Unknown>::TYPE.is_none());
        assert!(Probe::<Id>::TYPE.is_some());
        let untold = Told { docs: "\"Does.\"", input: Probe::<Unknown>::TYPE, output: None };
        let section = untold.section::<{ Told { docs: "\"Does.\"", input: None, output: None }.size() }>();
        assert_eq!(&section, b"\0{\"worlds\":{\"task\":{\"func_exports\":{\"run\":\"Does.\"}}},\"run\":{}}");
    }
}
