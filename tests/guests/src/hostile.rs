//! Bytes that no toolchain would make.

use wasm_encoder::{
    CodeSection, Component, ComponentBuilder, ComponentExportKind, ComponentImportSection, ComponentTypeRef,
    ComponentTypeSection, ExportKind, ExportSection, Function, FunctionSection, InstanceType, MemorySection, MemoryType, Module,
    ModuleSection, TypeSection, ValType,
};

/// A component of one megabyte, with one function that keeps an optimising compiler busy for more than half a minute.
#[must_use]
pub fn compile_bomb() -> Vec<u8> {
    compile_bomb_of(1 << 20)
}

/// A component whose one function has about `bytes` bytes of code: conditional blocks, one after the other, all of them
/// changing the same variable. The time to compile it grows faster than its size.
#[must_use]
pub fn compile_bomb_of(bytes: usize) -> Vec<u8> {
    // `if local0 { local1 += 1 }`
    const BLOCK: [u8; 12] = [0x20, 0, 0x04, 0x40, 0x20, 1, 0x41, 1, 0x6A, 0x21, 1, 0x0B];
    let mut function = Function::new([(2, ValType::I32)]);
    function.raw(BLOCK.into_iter().cycle().take(bytes / BLOCK.len() * BLOCK.len()));
    function.raw([0x0B]);
    component_of(&module_of(&function))
}

/// A component with this many empty functions.
#[must_use]
pub fn many_functions(count: u32) -> Vec<u8> {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    let mut empty = Function::new([]);
    empty.raw([0x0B]);
    for _ in 0..count {
        functions.function(0);
        code.function(&empty);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    component_of(&module)
}

/// A core module: WebAssembly, but not a component.
#[must_use]
pub fn core_module() -> Vec<u8> {
    let mut function = Function::new([]);
    function.raw([0x0B]);
    module_of(&function).finish()
}

/// The first part of a valid component.
#[must_use]
pub fn truncated() -> Vec<u8> {
    let mut bytes = many_functions(100);
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// Something else altogether.
#[must_use]
pub fn not_wasm() -> Vec<u8> {
    b"\x7fELF\x02\x01\x01 a native program".to_vec()
}

/// A component that is put together well but whose code breaks the rules: it adds numbers that are not there.
#[must_use]
pub fn invalid_code() -> Vec<u8> {
    let mut function = Function::new([]);
    function.raw([0x6A, 0x0B]);
    component_of(&module_of(&function))
}

/// A component that imports an interface that nobody offers: `acme:widgets/press@1.0.0`.
#[must_use]
pub fn unknown_import() -> Vec<u8> {
    let mut interface = InstanceType::new();
    interface.ty().function().params::<[(&str, wasm_encoder::PrimitiveValType); 0], _>([]).result(None);
    interface.export("press", ComponentTypeRef::Func(0));
    let (mut types, mut imports) = (ComponentTypeSection::new(), ComponentImportSection::new());
    types.instance(&interface);
    imports.import("acme:widgets/press@1.0.0", ComponentTypeRef::Instance(0));
    let mut component = Component::new();
    component.section(&types).section(&imports);
    component.finish()
}

/// A command (it exports `wasi:cli/run@0.2.0`) that is made of `instances` core instances.
#[must_use]
pub fn many_instances(instances: u32) -> Vec<u8> {
    command_of(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None }, instances)
}

/// A command whose memory has this many pages (of 64 KiB) from the start.
#[must_use]
pub fn large_memory(pages: u64) -> Vec<u8> {
    command_of(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None }, 1)
}

/// A command that succeeds without doing anything.
fn command_of(memory: MemoryType, instances: u32) -> Vec<u8> {
    let (mut types, mut functions, mut memories) = (TypeSection::new(), FunctionSection::new(), MemorySection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], [ValType::I32]);
    functions.function(0);
    if memory.minimum > 0 {
        memories.memory(memory);
    }
    exports.export("run", ExportKind::Func, 0);
    let mut function = Function::new([]);
    // `i32.const 0`: the canonical form of `ok`.
    function.raw([0x41, 0, 0x0B]);
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);

    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &module);
    let mut instance = 0;
    for _ in 0..instances {
        instance = component.core_instantiate::<[(&str, wasm_encoder::ModuleArg); 0]>(None, module, []);
    }
    let run = component.core_alias_export(None, instance, "run", ExportKind::Func);
    let (result, encoder) = component.type_defined(None);
    encoder.result(None, None);
    let (run_type, mut encoder) = component.type_function(None);
    encoder
        .params::<[(&str, wasm_encoder::PrimitiveValType); 0], _>([])
        .result(Some(wasm_encoder::ComponentValType::Type(result)));
    let run = component.lift_func(None, run, run_type, []);
    let mut inner = ComponentBuilder::default();
    let (inner_result, encoder) = inner.type_defined(None);
    encoder.result(None, None);
    let (inner_type, mut encoder) = inner.type_function(None);
    encoder
        .params::<[(&str, wasm_encoder::PrimitiveValType); 0], _>([])
        .result(Some(wasm_encoder::ComponentValType::Type(inner_result)));
    let import = inner.import("import-func-run", ComponentTypeRef::Func(inner_type));
    inner.export("run", ComponentExportKind::Func, import, None);
    let inner = component.component(None, inner);
    let interface = component.instantiate(None, inner, [("import-func-run", ComponentExportKind::Func, run)]);
    component.export("wasi:cli/run@0.2.0", ComponentExportKind::Instance, interface, None);
    component.finish()
}

fn module_of(function: &Function) -> Module {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    exports.export("run", ExportKind::Func, 0);
    code.function(function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module
}

fn component_of(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}
