//! The world of a component: its kind, exports, imports and WIT text.

use super::{Export, Import, Kind, UploadError};
use crate::typed::described;
use crate::typed::docs::{self, Documentation};
use cofferdam_domain::wit::WitFunction;
use std::panic::AssertUnwindSafe;
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{Function, InterfaceId, Resolve, Type, TypeDefKind, TypeId, World, WorldId, WorldItem};

/// The parts of an [`super::Inspection`] that come from the world.
pub(super) struct Described {
    pub kind: Kind,
    pub exports: Vec<Export>,
    pub imports: Vec<Import>,
    pub functions: Vec<WitFunction>,
    pub run: Option<WitFunction>,
    pub wit: String,
}

pub(super) fn describe(bytes: &[u8]) -> Result<Described, UploadError> {
    let indescribable = |message: String| UploadError::Indescribable { message };
    // The decoder asserts things about components that tools make; an upload may be made by hand.
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(|| wit_component::decode(&docs::without(bytes))));
    let (resolve, world) = match decoded {
        Ok(Ok(DecodedWasm::Component(resolve, world))) => (resolve, world),
        Ok(Ok(DecodedWasm::WitPackage(..))) => {
            return Err(indescribable("it is a WIT package without code: upload the component built from it".to_owned()));
        }
        Ok(Err(error)) => return Err(indescribable(format!("{error:#}"))),
        Err(_) => return Err(indescribable("its shape is unusual".to_owned())),
    };
    let imports = imports(&resolve, &resolve.worlds[world])?;
    let kind = kind(&resolve, &resolve.worlds[world]);
    let exports = exports(&resolve, &resolve.worlds[world], kind).map_err(indescribable)?;
    let mut functions = described::functions(&resolve, &resolve.worlds[world]);
    let documentation = Documentation::of(bytes);
    documentation.put_into(&mut functions);
    let run = if kind == Kind::Task { documentation.run() } else { None };
    let wit = print(&resolve, world).map_err(indescribable)?;
    Ok(Described { kind, exports, imports, functions, run, wit })
}

fn kind(resolve: &Resolve, world: &World) -> Kind {
    let mut kind = Kind::Library;
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) if is_task_run(resolve, function) => return Kind::Task,
            WorldItem::Interface { .. } if resolve.name_world_key(key).starts_with("wasi:cli/run@0.2.") => kind = Kind::Command,
            _ => {}
        }
    }
    kind
}

/// `run: func(input: string) -> result<string, task-error>`, whatever the aliases are called.
pub(crate) fn is_task_run(resolve: &Resolve, function: &Function) -> bool {
    if function.name != "run" || function.params.len() != 1 || !is_string(resolve, &function.params[0].ty) {
        return false;
    }
    let Some(Type::Id(result)) = function.result else { return false };
    let TypeDefKind::Result(result) = &resolve.types[unaliased(resolve, result)].kind else { return false };
    let (Some(ok), Some(Type::Id(error))) = (&result.ok, &result.err) else { return false };
    let TypeDefKind::Variant(error) = &resolve.types[unaliased(resolve, *error)].kind else { return false };
    let cases = error.cases.iter().map(|case| case.name.as_str());
    is_string(resolve, ok) && cases.eq(["retryable", "fatal", "skip", "reschedule", "defer"])
}

fn is_string(resolve: &Resolve, ty: &Type) -> bool {
    match ty {
        Type::String => true,
        Type::Id(id) => matches!(resolve.types[unaliased(resolve, *id)].kind, TypeDefKind::Type(Type::String)),
        _ => false,
    }
}

fn unaliased(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    id
}

fn imports(resolve: &Resolve, world: &World) -> Result<Vec<Import>, UploadError> {
    let mut imports = Vec::new();
    for (key, item) in &world.imports {
        let name = resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } => {
                if !has_functions(resolve, *id) {
                    // Only types: nothing is asked for.
                    continue;
                }
                let Some((capability, offered)) = capability(&name) else {
                    return Err(UploadError::UnknownImport { import: name });
                };
                imports.push(Import { interface: name, capability: capability.to_owned(), offered });
            }
            WorldItem::Function(_) => return Err(UploadError::UnknownImport { import: name }),
            WorldItem::Type { .. } => {}
        }
    }
    Ok(imports)
}

fn has_functions(resolve: &Resolve, id: InterfaceId) -> bool {
    !resolve.interfaces[id].functions.is_empty()
}

/// What an interface gives, in one word, and whether tasks are given it; `None` for what cannot be linked at all.
fn capability(interface: &str) -> Option<(&'static str, bool)> {
    let (name, version) = interface.split_once('@')?;
    let (package, item) = name.split_once('/')?;
    let ours = version.starts_with("0.1.");
    let wasi = version.starts_with("0.2.");
    Some(match (package, item) {
        ("cofferdam:task", "context") if ours => ("context", true),
        ("cofferdam:task", "xcom") if ours => ("xcom", true),
        ("cofferdam:task", "log") if ours => ("log", true),
        ("cofferdam:task", "progress") if ours => ("progress", true),
        ("cofferdam:task", "checkpoint") if ours => ("checkpoint", true),
        ("cofferdam:task", "config") if ours => ("config", true),
        ("cofferdam:task", "artifacts") if ours => ("artifacts", true),
        ("wasi:io", _) if wasi => ("io", true),
        ("wasi:clocks", _) if wasi => ("clock", true),
        ("wasi:random", _) if wasi => ("random", true),
        ("wasi:cli", "environment") if wasi => ("environment", true),
        ("wasi:cli", "exit") if wasi => ("exit", true),
        ("wasi:cli", _) if wasi => ("stdio", true),
        ("wasi:filesystem", _) if wasi => ("filesystem", true),
        ("wasi:sockets", _) if wasi => ("network", false),
        ("wasi:http", "types" | "outgoing-handler") if wasi => ("http", true),
        ("wasi:http", _) => ("http", false),
        _ if package.starts_with("wasi:") => ("other", false),
        _ => return None,
    })
}

/// The functions that can be called for a kind. Toolchains export others for themselves (`exports#init`), so those of a
/// task or command are not all listed.
fn exports(resolve: &Resolve, world: &World, kind: Kind) -> Result<Vec<Export>, String> {
    let mut exports = Vec::new();
    for (key, item) in &world.exports {
        let name = resolve.name_world_key(key);
        let listed = match kind {
            Kind::Task => name == "run",
            Kind::Command => name.starts_with("wasi:cli/run@"),
            Kind::Library => !name.starts_with("wasi:"),
        };
        if !listed {
            continue;
        }
        match item {
            WorldItem::Function(function) => exports.push(Export { name, signature: signature(resolve, function)? }),
            WorldItem::Interface { id, .. } => {
                for function in resolve.interfaces[*id].functions.values() {
                    let name = format!("{name}#{}", function.name);
                    exports.push(Export { name, signature: signature(resolve, function)? });
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    Ok(exports)
}

fn signature(resolve: &Resolve, function: &Function) -> Result<String, String> {
    let type_name = |ty: &Type| {
        let mut printer = WitPrinter::default();
        printer.print_type_name(resolve, ty).map_err(|error| format!("{error:#}"))?;
        Ok::<_, String>(printer.output.to_string())
    };
    let params = function.params.iter().map(|param| Ok(format!("{}: {}", param.name, type_name(&param.ty)?)));
    let params = params.collect::<Result<Vec<_>, String>>()?.join(", ");
    let result = function.result.as_ref().map(type_name).transpose()?;
    Ok(format!("func({params}){}", result.map(|result| format!(" -> {result}")).unwrap_or_default()))
}

fn print(resolve: &Resolve, world: WorldId) -> Result<String, String> {
    let Some(package) = resolve.worlds[world].package else { return Ok(String::new()) };
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != package).collect();
    let mut printer = WitPrinter::default();
    printer.print(resolve, package, &others).map_err(|error| format!("{error:#}"))?;
    Ok(printer.output.to_string())
}
