//! The types of a component's functions, as an upload describes them, and their schemas.

use crate::json_schema::accepts;
use crate::types::{Json, Kinds, Types};
use arbitrary::{Result, Unstructured};
use cofferdam_domain::wit::{Case, WitType};
use cofferdam_sandbox::inspect::{UploadCaps, inspect};
use serde_json::json;
use std::fmt::Write as _;
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem};

/// Makes a component whose one function has types of any kind and inspects it. The types are found again as they were
/// written, and JSON that fits a parameter is as the schema says.
pub fn wit_schema(bytes: &[u8]) {
    // Too few bytes make nothing to try.
    let _ = attempt(&mut Unstructured::new(bytes));
}

fn attempt(u: &mut Unstructured<'_>) -> Result<()> {
    let depth = *u.choose(&[2, 4, 8, 60])?;
    let mut types = Types::new(Kinds { all: false, depth });
    let params: Vec<WitType> = (0..u.int_in_range(0..=4_u8)?).map(|_| types.next(u)).collect::<Result<_>>()?;
    let result = if u.arbitrary()? { Some(types.next(u)?) } else { None };
    let wit = package(&params, result.as_ref());
    let component = component(&wit);
    let inspection = inspect(&component, &UploadCaps::default()).unwrap_or_else(|error| panic!("{error}\n{wit}"));
    let [function] = inspection.functions.as_slice() else { panic!("not one function: {:?}\n{wit}", inspection.functions) };
    assert_eq!(function.path(), "fuzz:types/api@1.0.0#f");
    if let Some(why) = &function.refused {
        let deepest = params.iter().chain(&result).map(depth_of).max().unwrap_or(0);
        assert!(deepest > 40 || why.contains("parts"), "{why}\n{wit}");
        return Ok(());
    }
    let found: Vec<_> = function.params.iter().map(|param| param.ty.clone()).collect();
    assert_eq!((found, function.result.clone()), (params, result), "{wit}");
    let (input, output) = (function.input_schema(), function.output_schema());
    assert!(input.is_object() && output.is_object());
    for param in &function.params {
        let mut made = Json::new();
        let value = made.of(&param.ty, u)?;
        if made.fits && !value.to_string().contains('_') && function_fits(&param.ty, &value) {
            assert!(accepts(&input["properties"][&param.name], &value), "{value} is not as the schema of {} says", param.ty);
        }
    }
    Ok(())
}

/// Whether a value is read by its type; the marks of values that are not known yet are not.
fn function_fits(ty: &WitType, value: &serde_json::Value) -> bool {
    let function = cofferdam_domain::wit::WitFunction {
        interface: None,
        name: "f".to_owned(),
        params: vec![cofferdam_domain::wit::Field { name: "x".to_owned(), ty: ty.clone(), docs: None }],
        result: None,
        docs: None,
        refused: None,
    };
    !value.to_string().contains("\\u0000") && function.check(&json!({ "x": value })).is_ok()
}

fn depth_of(ty: &WitType) -> usize {
    let deepest = |types: &mut dyn Iterator<Item = &WitType>| types.map(depth_of).max().unwrap_or(0);
    1 + match ty {
        WitType::List(inner) | WitType::Option(inner) | WitType::FixedList { element: inner, .. } => depth_of(inner),
        WitType::Map { key, value } => depth_of(key).max(depth_of(value)),
        WitType::Tuple(types) => deepest(&mut types.iter()),
        WitType::Record { fields, .. } => deepest(&mut fields.iter().map(|field| &field.ty)),
        WitType::Variant { cases, .. } => deepest(&mut cases.iter().filter_map(|case| case.ty.as_ref())),
        WitType::Result { ok, err } => deepest(&mut ok.iter().chain(err).map(|ty| &**ty)),
        _ => 0,
    }
}

/// A package with one interface, one function and the types that need names.
fn package(params: &[WitType], result: Option<&WitType>) -> String {
    let mut named = String::new();
    params.iter().chain(result).for_each(|ty| declare(ty, &mut named));
    let params: Vec<_> = params.iter().enumerate().map(|(index, ty)| format!("p{index}: {ty}")).collect();
    let result = result.map(|ty| format!(" -> {ty}")).unwrap_or_default();
    world(&format!("{named}  f: func({}){result};", params.join(", ")))
}

/// A package whose world exports an interface.
fn world(interface: &str) -> String {
    format!("package fuzz:types@1.0.0;\n\ninterface api {{\n{interface}\n}}\n\nworld w {{\n  export api;\n}}\n")
}

/// A component that exports an interface; its functions do nothing.
///
/// # Panics
/// When the text is no WIT.
#[must_use]
pub fn component_of(interface: &str) -> Vec<u8> {
    component(&world(interface))
}

/// Writes the types that have names, each once.
fn declare(ty: &WitType, out: &mut String) {
    let cases = |word: &str, name: &Option<String>, cases: &[Case], out: &mut String| {
        let cases = cases.iter().map(|case| match &case.ty {
            None => format!("%{}", case.name),
            Some(ty) => format!("%{}({ty})", case.name),
        });
        let cases: Vec<_> = cases.collect();
        let _ = writeln!(out, "  {word} {} {{ {} }}", name.as_deref().unwrap_or_default(), cases.join(", "));
    };
    match ty {
        WitType::List(inner) | WitType::Option(inner) | WitType::FixedList { element: inner, .. } => declare(inner, out),
        WitType::Map { key, value } => {
            declare(key, out);
            declare(value, out);
        }
        WitType::Tuple(types) => types.iter().for_each(|ty| declare(ty, out)),
        WitType::Result { ok, err } => ok.iter().chain(err).for_each(|ty| declare(ty, out)),
        WitType::Record { named, fields } => {
            fields.iter().for_each(|field| declare(&field.ty, out));
            let fields: Vec<_> = fields.iter().map(|field| format!("%{}: {}", field.name, field.ty)).collect();
            let _ = writeln!(out, "  record {} {{ {} }}", named.name.as_deref().unwrap_or_default(), fields.join(", "));
        }
        WitType::Variant { named, cases: of } => {
            of.iter().filter_map(|case| case.ty.as_ref()).for_each(|ty| declare(ty, out));
            cases("variant", &named.name, of, out);
        }
        WitType::Enum { named, cases: of } => cases("enum", &named.name, of, out),
        WitType::Flags { named, flags } => cases("flags", &named.name, flags, out),
        _ => {}
    }
}

/// A component of a package with the world `w`; its functions do nothing.
fn component(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("fuzz.wit", wit).unwrap_or_else(|error| panic!("{error:#}\n{wit}"));
    let world = resolve.select_world(&[package], Some("w")).expect("it has one world");
    let mut module = module(&resolve, world);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata can be embedded");
    let encoder = ComponentEncoder::default().module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).unwrap_or_else(|error| panic!("{error:#}\n{wit}"))
}

/// A core module with the functions that a world exports.
fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let (mut types, mut functions, mut exports) = (TypeSection::new(), FunctionSection::new(), ExportSection::new());
    let (mut code, mut memories) = (CodeSection::new(), MemorySection::new());
    let mut add = |name: &str, params: &[WasmType], results: &[WasmType]| {
        types.ty().function(params.iter().map(core), results.iter().map(core));
        functions.function(functions.len());
        exports.export(name, ExportKind::Func, functions.len() - 1);
        let mut body = Function::new([]);
        // `unreachable`
        body.raw([0, 0x0B]);
        code.function(&body);
    };
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for func in resolve.interfaces[*id].functions.values() {
            let export = WasmExport::Func { interface: Some(key), func, kind: WasmExportKind::Normal };
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, func);
            add(&resolve.wasm_export_name(abi, export), &signature.params, &signature.results);
        }
    }
    add(&resolve.wasm_export_name(abi, WasmExport::Realloc), &[WasmType::I32; 4], &[WasmType::I32]);
    memories.memory(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export(&resolve.wasm_export_name(abi, WasmExport::Memory), ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

const fn core(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
