//! Typed functions: what a component exports with ordinary WIT types, called with JSON.
//!
//! [`WitFunction`] and [`WitType`] describe such a function without any runtime: an inspection stores them, applying a dag checks
//! inputs against them, and the sandbox builds values by them. The mapping between JSON and WIT is that of
//! `docs/components.md`; [`decode`](WitFunction::decode) is the only code that reads JSON by a type, whatever is made of it.

mod assign;
mod decode;
mod holes;
mod part;
mod schema;
#[cfg(test)]
mod tests;

pub use assign::{Misfit, nothing_to};
pub use decode::{Build, Mismatch, Scalar, hole};
pub use holes::{Looked, numbered_hole};
pub use part::NoPart;

use crate::definition::suggest::closest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A type may be nested this deep; a function with deeper types cannot be called.
pub const MAX_DEPTH: usize = 48;
/// The types of a function may have this many parts, each counted as often as it is used.
pub const MAX_PARTS: usize = 4_000;
/// The names in the types of a function may have this many bytes, each counted as often as it is used.
pub const MAX_TEXT: usize = 256 << 10;

/// A type of WIT that can be written as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WitType {
    /// `bool`.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `s8`.
    S8,
    /// `s16`.
    S16,
    /// `s32`.
    S32,
    /// `s64`.
    S64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `list<…>`.
    List(Box<WitType>),
    /// `list<…, n>`.
    FixedList {
        /// What it holds.
        element: Box<WitType>,
        /// How many.
        length: u32,
    },
    /// `map<…, …>`.
    Map {
        /// What it is looked up by.
        key: Box<WitType>,
        /// What it holds.
        value: Box<WitType>,
    },
    /// `record`.
    Record {
        /// What the author calls it.
        named: Named,
        /// Its fields, in order.
        fields: Vec<Field>,
    },
    /// `tuple<…>`.
    Tuple(Vec<WitType>),
    /// `variant`.
    Variant {
        /// What the author calls it.
        named: Named,
        /// Its cases, in order.
        cases: Vec<Case>,
    },
    /// `enum`.
    Enum {
        /// What the author calls it.
        named: Named,
        /// Its cases, in order; none has a payload.
        cases: Vec<Case>,
    },
    /// `flags`.
    Flags {
        /// What the author calls it.
        named: Named,
        /// The flags, in order; none has a payload.
        flags: Vec<Case>,
    },
    /// `option<…>`.
    Option(Box<WitType>),
    /// `result<…, …>`.
    Result {
        /// What it carries when it went well.
        ok: Option<Box<WitType>>,
        /// What it carries otherwise.
        err: Option<Box<WitType>>,
    },
}

/// Name and documentation of a type that its author named. Both are missing where only the shape of a type is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name, as written in WIT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The documentation, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as written in WIT.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: WitType,
    /// Its documentation, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A case of a variant or an enum, or a flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its name, as written in WIT.
    pub name: String,
    /// What it carries.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<WitType>,
    /// Its documentation, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A function that a component exports for others to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitFunction {
    /// The interface that it belongs to, with its version: `weather:forecast/api@1.0.0`. None for one of the world itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its name.
    pub name: String,
    /// Its parameters, in order.
    pub params: Vec<Field>,
    /// Its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<WitType>,
    /// Its documentation, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Why it cannot be called with JSON, if that is so. `params` and `result` are empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What the result of a function means for the task that calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Every result is a success.
    Value(Option<&'a WitType>),
    /// `result<…, task-error>`: the error says how the task ends.
    Task {
        /// What a success carries.
        ok: Option<&'a WitType>,
    },
    /// `result<…, …>`: an error is a failure of the task.
    Fallible {
        /// What a success carries.
        ok: Option<&'a WitType>,
        /// What an error carries.
        err: Option<&'a WitType>,
    },
}

impl WitType {
    /// `list<u8>`, which is written as base64.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        matches!(self, Self::List(element) if **element == Self::U8)
    }

    /// Whether it stands for any JSON: a variant with the one case `json(string)`, which carries the text. WIT has no type for
    /// what is only known when it is there.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let Self::Variant { cases, .. } = self else { return false };
        matches!(cases.as_slice(), [only] if only.name == "json" && only.ty == Some(Self::String))
    }

    /// Whether it has the shape of `cofferdam:task/types.task-error`.
    #[must_use]
    pub fn is_task_error(&self) -> bool {
        let Self::Variant { cases, .. } = self else { return false };
        let [retryable, fatal, skip, reschedule, defer] = cases.as_slice() else { return false };
        let is = |case: &Case, name: &str, ty: &Self| case.name == name && case.ty.as_ref() == Some(ty);
        let defers = match &defer.ty {
            Some(Self::Record { fields, .. }) => match fields.as_slice() {
                [event, timeout] => {
                    event.name == "event" && event.ty == Self::String && timeout.name == "timeout-ms" && timeout.ty == Self::U64
                }
                _ => false,
            },
            _ => false,
        };
        is(retryable, "retryable", &Self::String)
            && is(fatal, "fatal", &Self::String)
            && is(skip, "skip", &Self::String)
            && is(reschedule, "reschedule", &Self::U64)
            && defer.name == "defer"
            && defers
    }
}

impl fmt::Display for WitType {
    /// As in WIT. A type without a name of its own is written by its shape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |f: &mut fmt::Formatter<'_>, word: &str, named: &Named, names: &mut dyn Iterator<Item = &str>| match &named.name {
                Some(name) => f.write_str(name),
                None => write!(f, "{word} {{ {} }}", names.collect::<Vec<_>>().join(", ")),
            };
        match self {
            Self::Bool => f.write_str("bool"),
            Self::U8 => f.write_str("u8"),
            Self::U16 => f.write_str("u16"),
            Self::U32 => f.write_str("u32"),
            Self::U64 => f.write_str("u64"),
            Self::S8 => f.write_str("s8"),
            Self::S16 => f.write_str("s16"),
            Self::S32 => f.write_str("s32"),
            Self::S64 => f.write_str("s64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::FixedList { element, length } => write!(f, "list<{element}, {length}>"),
            Self::Map { key, value } => write!(f, "map<{key}, {value}>"),
            Self::Record { named, fields } => names(f, "record", named, &mut fields.iter().map(|field| field.name.as_str())),
            Self::Tuple(types) => {
                let types: Vec<_> = types.iter().map(Self::to_string).collect();
                write!(f, "tuple<{}>", types.join(", "))
            }
            Self::Variant { named, cases } => names(f, "variant", named, &mut cases.iter().map(|case| case.name.as_str())),
            Self::Enum { named, cases } => names(f, "enum", named, &mut cases.iter().map(|case| case.name.as_str())),
            Self::Flags { named, flags } => names(f, "flags", named, &mut flags.iter().map(|flag| flag.name.as_str())),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::Result { ok: None, err: None } => f.write_str("result"),
            Self::Result { ok: Some(ok), err: None } => write!(f, "result<{ok}>"),
            Self::Result { ok: None, err: Some(err) } => write!(f, "result<_, {err}>"),
            Self::Result { ok: Some(ok), err: Some(err) } => write!(f, "result<{ok}, {err}>"),
        }
    }
}

impl WitFunction {
    /// `interface#function`, or the function's name alone where it belongs to no interface.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Its parameters and result in WIT: `func(city: string) -> forecast`.
    #[must_use]
    pub fn signature(&self) -> String {
        let params: Vec<_> = self.params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
        let result = self.result.as_ref().map(|result| format!(" -> {result}")).unwrap_or_default();
        format!("func({}){result}", params.join(", "))
    }

    /// What its result means for a task.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'_> {
        match &self.result {
            Some(WitType::Result { ok, err }) => match err.as_deref() {
                Some(err) if err.is_task_error() => Outcome::Task { ok: ok.as_deref() },
                err => Outcome::Fallible { ok: ok.as_deref(), err },
            },
            other => Outcome::Value(other.as_ref()),
        }
    }

    /// How well a name given by a user fits: the whole path, the path without the version, the last part of the interface's
    /// name (`api#today`), or the function's name alone. The best is 0; `None` when it is another function's.
    fn fit(&self, wanted: &str) -> Option<u8> {
        let Some(interface) = &self.interface else { return (self.name == wanted).then_some(0) };
        let Some((of, name)) = wanted.split_once('#') else { return (self.name == wanted).then_some(3) };
        if name != self.name {
            return None;
        }
        let unversioned = interface.split_once('@').map_or(interface.as_str(), |(name, _)| name);
        let last = unversioned.rsplit('/').next().unwrap_or(unversioned);
        [interface.as_str(), unversioned, last].iter().position(|known| *known == of).and_then(|place| u8::try_from(place).ok())
    }
}

/// Why a function cannot be found or called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// None has that name.
    #[error("there is no function '{wanted}'{}", did_you_mean(.known, .closest.as_deref()))]
    Unknown {
        /// What was looked for.
        wanted: String,
        /// All there are.
        known: Vec<String>,
        /// The one that was perhaps meant.
        closest: Option<String>,
    },
    /// Several have that name, or no name was given and there are several.
    #[error("there are several: {}", .0.join(", "))]
    Several(Vec<String>),
    /// It cannot be called with JSON.
    #[error("the function '{function}' cannot be called with JSON: {why}")]
    Refused {
        /// The function.
        function: String,
        /// Why.
        why: String,
    },
    /// There is no function at all.
    #[error("the component exports no function that a task can call")]
    None,
}

fn did_you_mean(known: &[String], closest: Option<&str>) -> String {
    match (closest, known) {
        (Some(closest), _) => format!("; did you mean '{closest}'?"),
        (None, []) => ": the component exports none that a task can call".to_owned(),
        (None, known) => format!("; there are: {}", known.join(", ")),
    }
}

/// Finds the function that a task names; without a name, the only one there is.
///
/// # Errors
/// When there is none, or several fit, or it cannot be called with JSON.
pub fn find<'a>(functions: &'a [WitFunction], wanted: Option<&str>) -> Result<&'a WitFunction, FindError> {
    let callable = || functions.iter().filter(|function| function.refused.is_none());
    let Some(wanted) = wanted else {
        let mut all = callable();
        return match (all.next(), all.next(), functions) {
            (Some(only), None, _) => Ok(only),
            (Some(_), Some(_), _) => Err(FindError::Several(callable().map(WitFunction::path).collect())),
            (None, _, [only]) => Err(refusal(only)),
            (None, ..) => Err(FindError::None),
        };
    };
    let best = functions.iter().filter_map(|function| function.fit(wanted)).min();
    let mut fitting = functions.iter().filter(|function| best.is_some() && function.fit(wanted) == best);
    match (fitting.next(), fitting.next()) {
        (Some(function), None) if function.refused.is_some() => Err(refusal(function)),
        (Some(function), None) => Ok(function),
        (Some(_), Some(_)) => {
            let fitting = functions.iter().filter(|function| function.fit(wanted) == best);
            Err(FindError::Several(fitting.map(WitFunction::path).collect()))
        }
        (None, _) => {
            let known: Vec<_> = callable().map(WitFunction::path).collect();
            let short = |path: &str| path.rsplit('#').next().unwrap_or_default().to_owned();
            let wanted_name = short(wanted);
            let names: Vec<_> = known.iter().map(|path| short(path)).collect();
            let meant = closest(&wanted_name, names.iter().map(String::as_str));
            let meant = meant.and_then(|name| known.iter().find(|path| short(path) == name)).cloned();
            Err(FindError::Unknown { wanted: wanted.to_owned(), known, closest: meant })
        }
    }
}

fn refusal(function: &WitFunction) -> FindError {
    FindError::Refused { function: function.path(), why: function.refused.clone().unwrap_or_default() }
}
