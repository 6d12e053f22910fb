//! Whether what one function returns can be given to another.
//!
//! The rule behind all of it: an output type can be assigned to an input type when every value of it, written as JSON, is read
//! as the input type, and means the same there. `docs/typed-edges.md` has the rules for users.

use super::{Case, Field, WitType};
use std::fmt;

/// Where an output type does not fit an input type: the first such place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The place in the types: `.rows[].count`; empty for the whole.
    pub path: String,
    /// What the output has there; nothing when it has no such field.
    pub output: Option<String>,
    /// What the input takes there.
    pub input: String,
    /// What keeps the one from being the other, where the types do not say it.
    pub why: Option<String>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.output {
            Some(output) => write!(f, "output {output}, input {}", self.input)?,
            None => write!(f, "output has no such field, input {}", self.input)?,
        }
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl Misfit {
    fn new(output: &WitType, input: &WitType) -> Self {
        Self { path: String::new(), output: Some(output.to_string()), input: input.to_string(), why: None }
    }

    fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    fn below(mut self, step: impl fmt::Display) -> Self {
        self.path.insert_str(0, &step.to_string());
        self
    }
}

impl WitType {
    /// Whether every value of this type can be given to an input of another. Where either is
    /// [any JSON](WitType::is_json), nothing is known and nothing is wrong.
    ///
    /// # Errors
    /// The first place where the types do not fit.
    pub fn assignable_to(&self, input: &Self) -> Result<(), Misfit> {
        let misfit = || Misfit::new(self, input);
        if self.is_json() || input.is_json() {
            return Ok(());
        }
        if let (Some(output), Some(input)) = (self.range(), input.range()) {
            return match (output.0 < input.0, output.1 > input.1) {
                (false, false) => Ok(()),
                (true, _) => Err(misfit().because(format!("it can be less than {}", input.0))),
                (false, true) => Err(misfit().because(format!("it can be more than {}", input.1))),
            };
        }
        match (self, input) {
            (Self::Option(output), Self::Option(input)) => match (&**output, &**input) {
                (Self::Option(_), Self::Option(_)) => output.assignable_to(input),
                (Self::Option(_), _) | (_, Self::Option(_)) => {
                    Err(misfit().because("an option of an option is written as {\"some\": …}"))
                }
                _ => output.assignable_to(input),
            },
            (_, Self::Option(inner)) if matches!(**inner, Self::Option(_)) => {
                Err(misfit().because("an option of an option is written as {\"some\": …}"))
            }
            (_, Self::Option(inner)) => self.assignable_to(inner).map_err(|mut inside| {
                // What is told of the whole is told of the type that the input has, option included.
                if inside.path.is_empty() {
                    inside.input = input.to_string();
                }
                inside
            }),
            (Self::Option(_), _) => Err(misfit().because("it can be null")),

            (Self::Bool, Self::Bool)
            | (Self::F32, Self::F32 | Self::F64)
            | (Self::F64, Self::F64)
            | (Self::Char, Self::Char | Self::String)
            | (Self::String, Self::String)
            | (Self::Enum { .. }, Self::String) => Ok(()),
            (Self::U8 | Self::U16 | Self::S8 | Self::S16, Self::F32 | Self::F64) | (Self::U32 | Self::S32, Self::F64) => Ok(()),
            (Self::U32 | Self::S32 | Self::U64 | Self::S64, Self::F32 | Self::F64) => {
                Err(misfit().because("not every such number is exact as a floating-point number"))
            }
            (Self::F64, Self::F32) => Err(misfit().because("it would lose digits")),

            (Self::List(_), Self::List(_)) if self.is_bytes() != input.is_bytes() => {
                Err(misfit().because("a list<u8> is written in base64"))
            }
            (Self::List(output) | Self::FixedList { element: output, .. }, Self::List(input)) => {
                output.assignable_to(input).map_err(|inside| inside.below("[]"))
            }
            (Self::FixedList { element: output, length: is }, Self::FixedList { element: input, length: wanted })
                if is == wanted =>
            {
                output.assignable_to(input).map_err(|inside| inside.below("[]"))
            }
            (Self::FixedList { element, length }, Self::Tuple(types)) if *length as usize == types.len() => {
                each(types.iter().map(|input| (&**element, input)))
            }
            (Self::Tuple(outputs), Self::Tuple(inputs)) if outputs.len() == inputs.len() => each(outputs.iter().zip(inputs)),
            (Self::Tuple(outputs), Self::List(input)) => each(outputs.iter().map(|output| (output, &**input))),
            (Self::Tuple(outputs), Self::FixedList { element, length }) if outputs.len() == *length as usize => {
                each(outputs.iter().map(|output| (output, &**element)))
            }

            (Self::Map { key: a, value: output }, Self::Map { key: b, value: input })
                if (**a == Self::String) == (**b == Self::String) =>
            {
                a.assignable_to(b).map_err(|inside| inside.below("{key}"))?;
                output.assignable_to(input).map_err(|inside| inside.below("{}"))
            }
            (Self::Record { fields, .. }, Self::Map { key, value }) if **key == Self::String => fields
                .iter()
                .try_for_each(|field| field.ty.assignable_to(value).map_err(|inside| inside.below(format!(".{}", field.name)))),
            (Self::Record { fields: outputs, .. }, Self::Record { fields: inputs, .. }) => {
                inputs.iter().try_for_each(|input| record_field(outputs, input))
            }

            (
                Self::Variant { cases: outputs, .. } | Self::Enum { cases: outputs, .. },
                Self::Variant { cases: inputs, .. } | Self::Enum { cases: inputs, .. },
            )
            | (Self::Flags { flags: outputs, .. }, Self::Flags { flags: inputs, .. }) => {
                outputs.iter().try_for_each(|output| case(output, inputs, input))
            }
            (Self::Variant { cases, .. }, Self::String) => match cases.iter().find(|case| case.ty.is_some()) {
                None => Ok(()),
                Some(case) => Err(misfit().because(format!("its case {} carries something", case.name))),
            },
            (Self::Result { ok: a, err: b }, Self::Result { ok: c, err: d }) => {
                carried(a.as_deref(), c.as_deref()).map_err(|inside| inside.below(".ok"))?;
                carried(b.as_deref(), d.as_deref()).map_err(|inside| inside.below(".err"))
            }
            _ => Err(misfit()),
        }
    }

    /// The least and the greatest of an integer type.
    const fn range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Self::U8 => (0, u8::MAX as i128),
            Self::U16 => (0, u16::MAX as i128),
            Self::U32 => (0, u32::MAX as i128),
            Self::U64 => (0, u64::MAX as i128),
            Self::S8 => (i8::MIN as i128, i8::MAX as i128),
            Self::S16 => (i16::MIN as i128, i16::MAX as i128),
            Self::S32 => (i32::MIN as i128, i32::MAX as i128),
            Self::S64 => (i64::MIN as i128, i64::MAX as i128),
            _ => return None,
        })
    }
}

fn each<'a>(pairs: impl Iterator<Item = (&'a WitType, &'a WitType)>) -> Result<(), Misfit> {
    for (index, (output, input)) in pairs.enumerate() {
        output.assignable_to(input).map_err(|inside| inside.below(format!("[{index}]")))?;
    }
    Ok(())
}

/// A record may have more fields than are asked for, and may lack those that are options.
fn record_field(outputs: &[Field], input: &Field) -> Result<(), Misfit> {
    match outputs.iter().find(|output| output.name == input.name) {
        Some(output) => output.ty.assignable_to(&input.ty).map_err(|inside| inside.below(format!(".{}", input.name))),
        None if matches!(input.ty, WitType::Option(_)) => Ok(()),
        None => Err(Misfit { path: format!(".{}", input.name), output: None, input: input.ty.to_string(), why: None }),
    }
}

/// The input may have more cases than the output, and not fewer.
fn case(output: &Case, inputs: &[Case], whole: &WitType) -> Result<(), Misfit> {
    let at = format!(".{}", output.name);
    let Some(input) = inputs.iter().find(|input| input.name == output.name) else {
        let gives = format!("the case {}", output.name);
        return Err(Misfit {
            path: at,
            output: Some(gives),
            input: whole.to_string(),
            why: Some("it has no such case".to_owned()),
        });
    };
    match (&output.ty, &input.ty) {
        (None, None) => Ok(()),
        (Some(output), Some(input)) => output.assignable_to(input).map_err(|inside| inside.below(at)),
        (output, input) => {
            let words = |ty: &Option<WitType>| ty.as_ref().map_or_else(|| "nothing".to_owned(), WitType::to_string);
            Err(Misfit { path: at, output: Some(words(output)), input: words(input), why: None })
        }
    }
}

/// What a result carries; what carries nothing is written as null.
fn carried(output: Option<&WitType>, input: Option<&WitType>) -> Result<(), Misfit> {
    match (output, input) {
        (None, None) => Ok(()),
        (Some(output), Some(input)) => output.assignable_to(input),
        (None, Some(input)) => nothing_to(input),
        (Some(output), None) => {
            Err(Misfit { path: String::new(), output: Some(output.to_string()), input: "nothing".to_owned(), why: None })
        }
    }
}

/// Whether `null`, which a function without a result gives, can be given to an input.
///
/// # Errors
/// When it cannot.
pub fn nothing_to(input: &WitType) -> Result<(), Misfit> {
    if input.is_json() || matches!(input, WitType::Option(_)) {
        return Ok(());
    }
    Err(Misfit { path: String::new(), output: Some("nothing".to_owned()), input: input.to_string(), why: None })
}

#[cfg(test)]
mod tests;
