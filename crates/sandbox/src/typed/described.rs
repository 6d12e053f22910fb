//! The typed functions of an upload, with names and documentation, from its WIT.

use super::{ASYNCHRONOUS, Budget, RESOURCE};
use crate::inspect::is_task_run;
use cofferdam_domain::wit::{Case, Field, Named, WitFunction, WitType};
use wit_parser::{Docs, Function, FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, World, WorldItem, WorldKey};

/// Functions described for a component; the rest is left out.
const MAX_FUNCTIONS: usize = 200;
/// Parts that the types of all functions of a component may have together.
const MAX_PARTS_IN_ALL: usize = 20_000;
/// Bytes that the names in the types of all functions of a component may have together.
const MAX_TEXT_IN_ALL: usize = 1 << 20;
/// Bytes kept of a documentation.
const MAX_DOCS: usize = 4 << 10;

/// The functions that a component offers to tasks: those of its own interfaces, and those of its world. What toolchains
/// export for themselves is no part of them, nor are interfaces of WASI and Cofferdam.
pub(crate) fn functions(resolve: &Resolve, world: &World) -> Vec<WitFunction> {
    let mut found = Vec::new();
    let mut left = Left { parts: MAX_PARTS_IN_ALL, text: MAX_TEXT_IN_ALL };
    let mut add = |found: &mut Vec<WitFunction>, interface: Option<&str>, function: &Function| {
        if found.len() < MAX_FUNCTIONS {
            found.push(describe(resolve, interface, function, &mut left));
        }
    };
    for (key, item) in &world.exports {
        match item {
            WorldItem::Interface { id, .. } if is_own(resolve, key, *id) => {
                let name = resolve.name_world_key(key);
                resolve.interfaces[*id].functions.values().for_each(|function| add(&mut found, Some(&name), function));
            }
            WorldItem::Interface { id, .. } if is_http_handler(resolve, key) => {
                let name = resolve.name_world_key(key);
                found.extend(resolve.interfaces[*id].functions.values().map(|function| http_handler(&name, function)));
            }
            WorldItem::Function(function) if !is_internal(&function.name) && !is_task_run(resolve, function) => {
                add(&mut found, None, function)
            }
            WorldItem::Interface { .. } | WorldItem::Function(_) | WorldItem::Type { .. } => {}
        }
    }
    found
}

/// Whether an interface is the component's own.
fn is_own(resolve: &Resolve, key: &WorldKey, id: InterfaceId) -> bool {
    match key {
        // One that is written into the world has no package; `componentize-py` exports one for itself.
        WorldKey::Name(name) => name != "exports",
        WorldKey::Interface(_) => resolve.interfaces[id].package.is_some_and(|package| {
            let owner = &resolve.packages[package].name;
            owner.namespace != "wasi" && (owner.namespace.as_str(), owner.name.as_str()) != ("cofferdam", "task")
        }),
    }
}

/// Whether it is how a component answers HTTP requests, as those of the world `wasi:http/proxy` do.
fn is_http_handler(resolve: &Resolve, key: &WorldKey) -> bool {
    resolve.name_world_key(key).starts_with("wasi:http/incoming-handler@")
}

/// Described so that its author learns why it cannot be called: it is all that such a component exports.
fn http_handler(interface: &str, function: &Function) -> WitFunction {
    WitFunction {
        interface: Some(interface.to_owned()),
        name: function.name.clone(),
        params: Vec::new(),
        result: None,
        docs: None,
        refused: Some(
            "it answers HTTP requests, and a task is sent none. Export a function with ordinary types, or be a program (`wasi:cli/run`)"
                .to_owned(),
        ),
    }
}

/// Functions by which toolchains set up a component: `componentize-qjs` exports `init`.
fn is_internal(name: &str) -> bool {
    name == "init" || name.starts_with("cabi")
}

/// What the functions that follow may have.
struct Left {
    parts: usize,
    text: usize,
}

fn describe(resolve: &Resolve, interface: Option<&str>, function: &Function, left: &mut Left) -> WitFunction {
    let mut described = WitFunction {
        interface: interface.map(str::to_owned),
        name: function.name.clone(),
        params: Vec::new(),
        result: None,
        docs: docs(&function.docs),
        refused: None,
    };
    let mut budget = Budget::new();
    match types(resolve, function, &mut budget) {
        Ok(_) if budget.parts > left.parts => {
            described.refused = Some(format!("the types of all functions together have more than {MAX_PARTS_IN_ALL} parts"));
        }
        Ok(_) if budget.text > left.text => {
            let max = MAX_TEXT_IN_ALL >> 10;
            described.refused = Some(format!("the names in the types of all functions together have more than {max} KiB"));
        }
        Ok((params, result)) => {
            left.parts -= budget.parts;
            left.text -= budget.text;
            (described.params, described.result) = (params, result);
        }
        Err(why) => described.refused = Some(why),
    }
    described
}

fn types(resolve: &Resolve, function: &Function, budget: &mut Budget) -> Result<(Vec<Field>, Option<WitType>), String> {
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => return Err("it is asynchronous".to_owned()),
        FunctionKind::Method(_)
        | FunctionKind::AsyncMethod(_)
        | FunctionKind::Static(_)
        | FunctionKind::AsyncStatic(_)
        | FunctionKind::Constructor(_) => return Err("it belongs to a resource, which lives inside the component".to_owned()),
    }
    let param = |param: &wit_parser::Param, budget: &mut Budget| field(resolve, &param.name, &param.ty, &Docs::default(), budget);
    let params = function.params.iter().map(|given| param(given, budget)).collect::<Result<_, _>>()?;
    let result = function.result.as_ref().map(|ty| convert(resolve, ty, budget)).transpose()?;
    Ok((params, result))
}

fn docs(docs: &Docs) -> Option<String> {
    let text = docs.contents.as_deref()?.trim();
    (!text.is_empty()).then(|| crate::json::clean(text.to_owned(), MAX_DOCS))
}

fn field(resolve: &Resolve, name: &str, ty: &Type, documentation: &Docs, budget: &mut Budget) -> Result<Field, String> {
    Ok(Field { name: budget.name(name)?, ty: convert(resolve, ty, budget)?, docs: docs(documentation) })
}

fn case(resolve: &Resolve, name: &str, ty: Option<&Type>, documentation: &Docs, budget: &mut Budget) -> Result<Case, String> {
    let ty = ty.map(|ty| convert(resolve, ty, budget)).transpose()?;
    budget.enter(|budget| Ok(Case { name: budget.name(name)?, ty, docs: docs(documentation) }))
}

fn convert(resolve: &Resolve, ty: &Type, budget: &mut Budget) -> Result<WitType, String> {
    budget.enter(|budget| {
        Ok(match ty {
            Type::Bool => WitType::Bool,
            Type::U8 => WitType::U8,
            Type::U16 => WitType::U16,
            Type::U32 => WitType::U32,
            Type::U64 => WitType::U64,
            Type::S8 => WitType::S8,
            Type::S16 => WitType::S16,
            Type::S32 => WitType::S32,
            Type::S64 => WitType::S64,
            Type::F32 => WitType::F32,
            Type::F64 => WitType::F64,
            Type::Char => WitType::Char,
            Type::String => WitType::String,
            Type::ErrorContext => return Err(ASYNCHRONOUS.to_owned()),
            Type::Id(id) => {
                let definition = &resolve.types[*id];
                let name = definition.name.as_deref().map(|name| budget.name(name)).transpose()?;
                let named = Named { name, docs: docs(&definition.docs) };
                let mut boxed = |ty: &Type| convert(resolve, ty, budget).map(Box::new);
                match &definition.kind {
                    TypeDefKind::Type(other) => convert(resolve, other, budget)?,
                    TypeDefKind::List(element) => WitType::List(boxed(element)?),
                    TypeDefKind::FixedLengthList(element, length) => {
                        WitType::FixedList { element: boxed(element)?, length: *length }
                    }
                    TypeDefKind::Map(key, value) => WitType::Map { key: boxed(key)?, value: boxed(value)? },
                    TypeDefKind::Option(inner) => WitType::Option(boxed(inner)?),
                    TypeDefKind::Result(result) => WitType::Result {
                        ok: result.ok.as_ref().map(&mut boxed).transpose()?,
                        err: result.err.as_ref().map(&mut boxed).transpose()?,
                    },
                    TypeDefKind::Tuple(tuple) => {
                        WitType::Tuple(tuple.types.iter().map(|ty| convert(resolve, ty, budget)).collect::<Result<_, _>>()?)
                    }
                    TypeDefKind::Record(record) => {
                        let fields =
                            record.fields.iter().map(|given| field(resolve, &given.name, &given.ty, &given.docs, budget));
                        WitType::Record { named, fields: fields.collect::<Result<_, _>>()? }
                    }
                    TypeDefKind::Variant(variant) => {
                        let cases = variant.cases.iter().map(|c| case(resolve, &c.name, c.ty.as_ref(), &c.docs, budget));
                        WitType::Variant { named, cases: cases.collect::<Result<_, _>>()? }
                    }
                    TypeDefKind::Enum(enumeration) => {
                        let cases = enumeration.cases.iter().map(|c| case(resolve, &c.name, None, &c.docs, budget));
                        WitType::Enum { named, cases: cases.collect::<Result<_, _>>()? }
                    }
                    TypeDefKind::Flags(flags) => {
                        let flags = flags.flags.iter().map(|flag| case(resolve, &flag.name, None, &flag.docs, budget));
                        WitType::Flags { named, flags: flags.collect::<Result<_, _>>()? }
                    }
                    TypeDefKind::Resource | TypeDefKind::Handle(_) => return Err(RESOURCE.to_owned()),
                    TypeDefKind::Future(_) | TypeDefKind::Stream(_) => return Err(ASYNCHRONOUS.to_owned()),
                    TypeDefKind::Unknown => return Err("one of its types is not known".to_owned()),
                }
            }
        })
    })
}
