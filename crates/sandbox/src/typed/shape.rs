//! The types of a loaded function: their shape, since a loaded component does not keep the names that authors gave them.

use super::{ASYNCHRONOUS, Budget, RESOURCE};
use cofferdam_domain::wit::{Case, Field, Named, WitType};
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// Parameters and result.
pub(super) fn of(function: &ComponentFunc) -> Result<(Vec<Field>, Option<WitType>), String> {
    if function.async_() {
        return Err("it is asynchronous".to_owned());
    }
    let mut budget = Budget::new();
    let params = function.params().map(|(name, ty)| field(name, &ty, &mut budget)).collect::<Result<_, _>>()?;
    let result = function.results().next().map(|ty| shape(&ty, &mut budget)).transpose()?;
    Ok((params, result))
}

fn field(name: &str, ty: &Type, budget: &mut Budget) -> Result<Field, String> {
    Ok(Field { name: budget.name(name)?, ty: shape(ty, budget)?, docs: None })
}

fn case(name: &str, ty: Option<Type>, budget: &mut Budget) -> Result<Case, String> {
    let ty = ty.map(|ty| shape(&ty, budget)).transpose()?;
    budget.enter(|budget| Ok(Case { name: budget.name(name)?, ty, docs: None }))
}

fn shape(ty: &Type, budget: &mut Budget) -> Result<WitType, String> {
    let named = Named::default();
    budget.enter(|budget| {
        let mut boxed = |ty: Type| shape(&ty, budget).map(Box::new);
        Ok(match ty {
            Type::Bool => WitType::Bool,
            Type::S8 => WitType::S8,
            Type::U8 => WitType::U8,
            Type::S16 => WitType::S16,
            Type::U16 => WitType::U16,
            Type::S32 => WitType::S32,
            Type::U32 => WitType::U32,
            Type::S64 => WitType::S64,
            Type::U64 => WitType::U64,
            Type::Float32 => WitType::F32,
            Type::Float64 => WitType::F64,
            Type::Char => WitType::Char,
            Type::String => WitType::String,
            Type::List(list) => WitType::List(boxed(list.ty())?),
            Type::FixedLengthList(list) => WitType::FixedList { element: boxed(list.ty())?, length: list.len() },
            Type::Map(map) => WitType::Map { key: boxed(map.key())?, value: boxed(map.value())? },
            Type::Option(option) => WitType::Option(boxed(option.ty())?),
            Type::Result(result) => {
                WitType::Result { ok: result.ok().map(&mut boxed).transpose()?, err: result.err().map(&mut boxed).transpose()? }
            }
            Type::Record(record) => {
                let fields = record.fields().map(|f| field(f.name, &f.ty, budget)).collect::<Result<_, _>>()?;
                WitType::Record { named, fields }
            }
            Type::Tuple(tuple) => WitType::Tuple(tuple.types().map(|ty| shape(&ty, budget)).collect::<Result<_, _>>()?),
            Type::Variant(variant) => {
                let cases = variant.cases().map(|c| case(c.name, c.ty, budget)).collect::<Result<_, _>>()?;
                WitType::Variant { named, cases }
            }
            Type::Enum(enumeration) => {
                let cases = enumeration.names().map(|name| case(name, None, budget)).collect::<Result<_, _>>()?;
                WitType::Enum { named, cases }
            }
            Type::Flags(flags) => {
                let flags = flags.names().map(|name| case(name, None, budget)).collect::<Result<_, _>>()?;
                WitType::Flags { named, flags }
            }
            Type::Own(_) | Type::Borrow(_) => return Err(RESOURCE.to_owned()),
            Type::Future(_) | Type::Stream(_) | Type::ErrorContext => return Err(ASYNCHRONOUS.to_owned()),
        })
    })
}
