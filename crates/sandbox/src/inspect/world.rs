//! The world of a component: its kind, exports, imports and WIT text.

use super::{Export, Import, Kind, UploadError};
use crate::typed::described;
use crate::typed::docs::{self, Documentation};
use cofferdam_domain::wit::WitFunction;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, World, WorldId, WorldItem};

/// Bytes that the world of a component may have as WIT text. Types without a name are written out wherever they are used, and names as
/// often as they are, so that a few kilobytes of a component could otherwise fill gigabytes.
const MAX_WIT: u64 = 4 << 20;

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
    if Lengths::new(&resolve).of_world(&resolve.worlds[world]) > MAX_WIT {
        return Err(indescribable(format!("they have more than {} MiB as WIT", MAX_WIT >> 20)));
    }
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

/// About how long things are in WIT, found out without writing them.
struct Lengths<'a> {
    resolve: &'a Resolve,
    known: HashMap<TypeId, u64>,
}

impl<'a> Lengths<'a> {
    /// Of what stands between names.
    const PUNCTUATION: u64 = 8;

    fn new(resolve: &'a Resolve) -> Self {
        Self { resolve, known: HashMap::new() }
    }

    /// The world, all that it refers to, and the list of its exports.
    fn of_world(&mut self, world: &World) -> u64 {
        let mut sum = 0_u64;
        for (key, item) in &world.exports {
            let name = self.resolve.name_world_key(key).len() as u64;
            sum = sum.saturating_add(match item {
                WorldItem::Function(function) => self.of_function(function).saturating_add(name),
                // Each function is listed with the name of its interface.
                WorldItem::Interface { id, .. } => {
                    let functions = self.resolve.interfaces[*id].functions.values();
                    functions.fold(name, |sum, function| sum.saturating_add(name).saturating_add(self.of_function(function)))
                }
                WorldItem::Type { .. } => name,
            });
        }
        let interfaces = self.resolve.interfaces.iter().flat_map(|(_, interface)| interface.functions.values());
        let sum = interfaces.fold(sum, |sum, function| sum.saturating_add(self.of_function(function)));
        let named = self.resolve.types.iter().filter(|(_, definition)| definition.name.is_some());
        named.fold(sum, |sum, (id, _)| sum.saturating_add(self.of_shape(id)))
    }

    fn of_function(&mut self, function: &Function) -> u64 {
        let params: u64 = function.params.iter().map(|param| self.of_part(&param.name, Some(&param.ty))).sum();
        self.of_part(&function.name, function.result.as_ref()).saturating_add(params)
    }

    /// Something that has a name, and perhaps a type.
    fn of_part(&mut self, name: &str, ty: Option<&Type>) -> u64 {
        ty.map_or(0, |ty| self.of_use(ty)).saturating_add(name.len() as u64 + Self::PUNCTUATION)
    }

    /// A type where it is used: its name, when it has one. (The depth of types is bounded by the validator.)
    fn of_use(&mut self, ty: &Type) -> u64 {
        let Type::Id(id) = ty else { return Self::PUNCTUATION };
        if let Some(name) = &self.resolve.types[*id].name {
            return name.len() as u64 + Self::PUNCTUATION;
        }
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let length = self.of_shape(*id);
        self.known.insert(*id, length);
        length
    }

    /// A type written out.
    fn of_shape(&mut self, id: TypeId) -> u64 {
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        let name = definition.name.as_ref().map_or(0, String::len) as u64 + Self::PUNCTUATION;
        let inside = match &definition.kind {
            TypeDefKind::Record(record) => self.of_parts(record.fields.iter().map(|field| (&*field.name, Some(&field.ty)))),
            TypeDefKind::Variant(variant) => self.of_parts(variant.cases.iter().map(|case| (&*case.name, case.ty.as_ref()))),
            TypeDefKind::Flags(flags) => self.of_parts(flags.flags.iter().map(|flag| (&*flag.name, None))),
            TypeDefKind::Enum(cases) => self.of_parts(cases.cases.iter().map(|case| (&*case.name, None))),
            TypeDefKind::Tuple(tuple) => self.of_parts(tuple.types.iter().map(|ty| ("", Some(ty)))),
            TypeDefKind::Result(result) => self.of_parts([("", result.ok.as_ref()), ("", result.err.as_ref())].into_iter()),
            TypeDefKind::Map(key, value) => self.of_parts([("", Some(key)), ("", Some(value))].into_iter()),
            TypeDefKind::Option(inner)
            | TypeDefKind::List(inner)
            | TypeDefKind::FixedLengthList(inner, _)
            | TypeDefKind::Type(inner) => self.of_use(inner),
            TypeDefKind::Future(inner) | TypeDefKind::Stream(inner) => inner.as_ref().map_or(0, |inner| self.of_use(inner)),
            TypeDefKind::Handle(Handle::Own(of) | Handle::Borrow(of)) => self.of_use(&Type::Id(*of)),
            TypeDefKind::Resource | TypeDefKind::Unknown => 0,
        };
        name.saturating_add(inside)
    }

    fn of_parts<'t>(&mut self, parts: impl Iterator<Item = (&'t str, Option<&'t Type>)>) -> u64 {
        parts.fold(0, |sum, (name, ty)| sum.saturating_add(self.of_part(name, ty)))
    }
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
