//! What a JSON Pointer leads to in the JSON of a type.

use super::WitType;
use crate::definition::suggest::closest;
use std::borrow::Cow;

/// A pointer that leads to nothing, whatever the value is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NoPart {
    /// What is wrong, in a sentence without full stop.
    pub why: String,
    /// The pointer that was perhaps meant.
    pub meant: Option<String>,
}

impl WitType {
    /// The type of the part of a value at a JSON Pointer. A part that is not in every value, as of an option or of a list, has a
    /// type all the same.
    ///
    /// # Errors
    /// When no value of the type has anything there.
    pub fn part(&self, pointer: &str) -> Result<Cow<'_, Self>, NoPart> {
        let mut ty = Cow::Borrowed(self);
        let mut done = String::new();
        for raw in pointer.split('/').skip(1) {
            let step = raw.replace("~1", "/").replace("~0", "~");
            let meant = |name: &str| {
                let name = name.replace('~', "~0").replace('/', "~1");
                let rest = pointer.get(done.len() + 1 + raw.len()..).unwrap_or_default();
                format!("{done}/{name}{rest}")
            };
            ty = match ty {
                Cow::Borrowed(ty) => ty.step(&step, &meant)?,
                Cow::Owned(ty) => Cow::Owned(ty.step(&step, &meant)?.into_owned()),
            };
            done.push('/');
            done.push_str(raw);
        }
        Ok(ty)
    }

    fn step(&self, step: &str, meant: &dyn Fn(&str) -> String) -> Result<Cow<'_, Self>, NoPart> {
        let nothing = |why: String| Err(NoPart { why, meant: None });
        let unknown = |kind: &str, names: &mut dyn Iterator<Item = &str>| {
            let names: Vec<&str> = names.collect();
            let spelled = step.replace('_', "-");
            let close = names.iter().copied().find(|name| *name == spelled).or_else(|| closest(step, names.iter().copied()));
            let why = format!("{self} has no {kind} '{step}'; it has {}", names.join(", "));
            Err(NoPart { why, meant: close.map(meant) })
        };
        let index = || step.parse::<u32>().ok().filter(|index| index.to_string() == step);
        match self {
            _ if self.is_json() => Ok(Cow::Borrowed(self)),
            Self::Option(inner) => match &**inner {
                Self::Option(_) if step == "some" => Ok(Cow::Borrowed(inner)),
                Self::Option(_) => unknown("part", &mut ["some"].into_iter()),
                inner => inner.step(step, meant),
            },
            Self::Record { fields, .. } => match fields.iter().find(|field| field.name == step) {
                Some(field) => Ok(Cow::Borrowed(&field.ty)),
                None => unknown("field", &mut fields.iter().map(|field| field.name.as_str())),
            },
            Self::Variant { cases, .. } => match cases.iter().find(|case| case.name == step) {
                Some(case) => match &case.ty {
                    Some(carried) => Ok(Cow::Borrowed(carried)),
                    None => nothing(format!("the case {step} of {self} carries nothing")),
                },
                None => unknown("case", &mut cases.iter().map(|case| case.name.as_str())),
            },
            Self::Result { ok, err } => match (step, ok, err) {
                ("ok", Some(carried), _) | ("err", _, Some(carried)) => Ok(Cow::Borrowed(carried)),
                ("ok" | "err", ..) => nothing(format!("'{step}' of {self} carries nothing")),
                _ => unknown("part", &mut ["ok", "err"].into_iter()),
            },
            Self::List(_) if self.is_bytes() => nothing("a list<u8> is written as one string in base64".to_owned()),
            Self::List(element) => match index() {
                Some(_) => Ok(Cow::Borrowed(element)),
                None => nothing(format!("an item of {self} is named by its number, from 0, not by '{step}'")),
            },
            Self::FixedList { element, length } => match index() {
                Some(index) if index < *length => Ok(Cow::Borrowed(element)),
                _ => nothing(format!("{self} has the items 0 to {}, and no '{step}'", length.saturating_sub(1))),
            },
            Self::Tuple(types) => match index().and_then(|index| types.get(index as usize)) {
                Some(ty) => Ok(Cow::Borrowed(ty)),
                None => nothing(format!("{self} has the items 0 to {}, and no '{step}'", types.len().saturating_sub(1))),
            },
            Self::Map { key, value } if **key == Self::String => Ok(Cow::Borrowed(value)),
            Self::Map { key, value } => match index() {
                Some(_) => Ok(Cow::Owned(Self::Tuple(vec![(**key).clone(), (**value).clone()]))),
                None => nothing(format!("{self} is written as a list of pairs, which have numbers, and no '{step}'")),
            },
            Self::Flags { .. } => match index() {
                Some(_) => Ok(Cow::Owned(Self::String)),
                None => nothing(format!("{self} is written as a list of names, which have numbers, and no '{step}'")),
            },
            Self::Bool
            | Self::U8
            | Self::U16
            | Self::U32
            | Self::U64
            | Self::S8
            | Self::S16
            | Self::S32
            | Self::S64
            | Self::F32
            | Self::F64
            | Self::Char
            | Self::String
            | Self::Enum { .. } => nothing(format!("{self} has no parts")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{boxed, case, field, named};
    use super::*;

    fn forecast() -> WitType {
        let row = WitType::Record {
            named: named("row"),
            fields: vec![field("station-id", WitType::U64), field("mean", WitType::Option(boxed(WitType::F64)))],
        };
        let place =
            WitType::Variant { named: named("place"), cases: vec![case("city", Some(WitType::String)), case("at-sea", None)] };
        WitType::Record {
            named: named("forecast"),
            fields: vec![
                field("rows", WitType::List(boxed(row.clone()))),
                field("last", WitType::Option(boxed(row))),
                field("place", place),
                field("raw", WitType::List(boxed(WitType::U8))),
                field("pair", WitType::Tuple(vec![WitType::S8, WitType::Char])),
                field("by-name", WitType::Map { key: boxed(WitType::String), value: boxed(WitType::Bool) }),
                field("by-number", WitType::Map { key: boxed(WitType::U8), value: boxed(WitType::Bool) }),
            ],
        }
    }

    #[test]
    fn a_pointer_leads_to_a_type() {
        let forecast = forecast();
        for (pointer, ty) in [
            ("", "forecast"),
            ("/rows", "list<row>"),
            ("/rows/0/station-id", "u64"),
            ("/last/mean", "option<f64>"),
            ("/place/city", "string"),
            ("/pair/1", "char"),
            ("/by-name/a~1b", "bool"),
            ("/by-number/7/0", "u8"),
        ] {
            assert_eq!(forecast.part(pointer).unwrap().to_string(), ty, "{pointer}");
        }
    }

    #[test]
    fn a_pointer_that_leads_to_nothing_is_told_with_the_one_that_was_meant() {
        let forecast = forecast();
        for (pointer, why, meant) in [
            ("/row/0", "forecast has no field 'row'; it has rows, last, place, raw, pair, by-name, by-number", Some("/rows/0")),
            ("/rows/0/station_id", "row has no field 'station_id'; it has station-id, mean", Some("/rows/0/station-id")),
            ("/rows/first", "an item of list<row> is named by its number, from 0, not by 'first'", None),
            ("/rows/01", "an item of list<row> is named by its number, from 0, not by '01'", None),
            ("/place/at-sea", "the case at-sea of place carries nothing", None),
            ("/raw/0", "a list<u8> is written as one string in base64", None),
            ("/pair/2", "tuple<s8, char> has the items 0 to 1, and no '2'", None),
            ("/last/mean/x", "f64 has no parts", None),
        ] {
            let wrong = forecast.part(pointer).unwrap_err();
            assert_eq!((wrong.why.as_str(), wrong.meant.as_deref()), (why, meant), "{pointer}");
        }
    }
}
