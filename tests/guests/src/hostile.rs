//! Bytes that no toolchain would make.

use wasm_encoder::{
    CodeSection, Component, ComponentBuilder, ComponentExportKind, ComponentImportSection, ComponentTypeRef,
    ComponentTypeSection, ComponentValType, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    InstanceType, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, PrimitiveValType, RefType, TableSection,
    TableType, TypeBounds, TypeSection, ValType,
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

/// A component whose one function has about `bytes` bytes of code: blocks inside each other, as deep as is valid, each
/// with a branch to the outermost, over and over.
#[must_use]
pub fn nested_bomb_of(bytes: usize) -> Vec<u8> {
    const DEPTH: usize = 500;
    let mut code = Vec::new();
    while code.len() < bytes {
        code.extend([0x02, 0x40].repeat(DEPTH));
        // `local.get 0; br_if DEPTH - 1` in the innermost, and an end for each.
        code.extend([0x20, 0, 0x0D, 0xF3, 0x03]);
        code.extend([0x20, 0, 0x45, 0x21, 0, 0x0B].repeat(DEPTH));
    }
    let mut function = Function::new([(2, ValType::I32)]);
    function.raw(code);
    function.raw([0x0B]);
    component_of(&module_of(&function))
}

/// A component whose one function has about `bytes` bytes of code and keeps thousands of values alive at once, so that
/// finding registers for them is hard.
#[must_use]
pub fn live_values_bomb_of(bytes: usize) -> Vec<u8> {
    let mut code = Vec::new();
    while code.len() < bytes {
        // `local.get 0; local.get 0; i32.mul; ...` a thousand times, and then all of it summed up.
        code.extend([0x20, 0, 0x20, 1, 0x6C, 0x41, 3, 0x6A].repeat(1_000));
        code.extend([0x6A].repeat(999));
        code.extend([0x21, 1]);
    }
    let mut function = Function::new([(2, ValType::I32)]);
    function.raw(code);
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

/// A component with a module that has this many types.
#[must_use]
pub fn many_types(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for _ in 0..count {
        types.ty().function([], []);
    }
    let mut module = Module::new();
    module.section(&types);
    component_of(&module)
}

/// A component with a module that imports this many functions.
#[must_use]
pub fn many_imports(count: u32) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    for number in 0..count {
        imports.import("env", &format!("f{number}"), EntityType::Function(0));
    }
    let mut module = Module::new();
    module.section(&types).section(&imports);
    component_of(&module)
}

/// A component with this many modules, of nothing.
#[must_use]
pub fn many_modules(count: u32) -> Vec<u8> {
    let mut component = Component::new();
    for _ in 0..count {
        component.section(&ModuleSection(&Module::new()));
    }
    component.finish()
}

/// A component with an interface of this many functions, each with 16 parameters of one type, whose name has this many bytes. It is
/// small; described, it has each name as often as it is used.
#[must_use]
pub fn long_names(bytes: usize, functions: u32) -> Vec<u8> {
    let (mut types, mut of_module, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    types.ty().function([ValType::I32; 16], []);
    of_module.function(0);
    exports.export("f", ExportKind::Func, 0);
    let mut empty = Function::new([]);
    empty.raw([0x0B]);
    code.function(&empty);
    let mut module = Module::new();
    module.section(&types).section(&of_module).section(&exports).section(&code);

    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &module);
    let instance = component.core_instantiate::<[(&str, ModuleArg); 0]>(None, module, []);
    let function = component.core_alias_export(None, instance, "f", ExportKind::Func);
    let record = record_type(&mut component);
    let function_type = taking_16(&mut component, record);
    let function = component.lift_func(None, function, function_type, []);

    let mut inner = ComponentBuilder::default();
    let inner_record = record_type(&mut inner);
    let imported = inner.import("import-type", ComponentTypeRef::Type(TypeBounds::Eq(inner_record)));
    let function_type = taking_16(&mut inner, imported);
    let import = inner.import("import-func", ComponentTypeRef::Func(function_type));
    let named = inner.export(&"a".repeat(bytes), ComponentExportKind::Type, imported, None);
    let function_type = taking_16(&mut inner, named);
    for number in 0..functions {
        let name = format!("go{number}");
        inner.export(&name, ComponentExportKind::Func, import, Some(ComponentTypeRef::Func(function_type)));
    }
    let inner = component.component(None, inner);
    let arguments = [("import-type", ComponentExportKind::Type, record), ("import-func", ComponentExportKind::Func, function)];
    let interface = component.instantiate(None, inner, arguments);
    component.export("acme:names/api", ComponentExportKind::Instance, interface, None);
    component.finish()
}

/// `record { x: u8 }`
fn record_type(component: &mut ComponentBuilder) -> u32 {
    let (record, encoder) = component.type_defined(None);
    encoder.record([("x", ComponentValType::Primitive(PrimitiveValType::U8))]);
    record
}

/// A function with 16 parameters of a type.
fn taking_16(component: &mut ComponentBuilder, ty: u32) -> u32 {
    let names: Vec<_> = (0..16).map(|number| format!("p{number}")).collect();
    let (function, mut encoder) = component.type_function(None);
    encoder.params(names.iter().map(|name| (name.as_str(), ComponentValType::Type(ty)))).result(None);
    function
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
    interface.ty().function().params(NO_PARAMETERS).result(None);
    interface.export("press", ComponentTypeRef::Func(0));
    let (mut types, mut imports) = (ComponentTypeSection::new(), ComponentImportSection::new());
    types.instance(&interface);
    imports.import("acme:widgets/press@1.0.0", ComponentTypeRef::Instance(0));
    let mut component = Component::new();
    component.section(&types).section(&imports);
    component.finish()
}

/// A command (it exports `wasi:cli/run@0.2.0`) that is made of this many core instances and does nothing.
#[must_use]
pub fn many_instances(instances: u32) -> Vec<u8> {
    command_of(&Shape { instances, pages: 0, tables: 0, action: Action::Succeed })
}

/// A command whose memory has this many pages (of 64 KiB) from the start, and that does nothing.
#[must_use]
pub fn large_memory(pages: u64) -> Vec<u8> {
    command_of(&Shape { instances: 1, pages, tables: 0, action: Action::Succeed })
}

/// A command that has this many memories, of one page each, and does nothing.
#[must_use]
pub fn many_memories(memories: u32) -> Vec<u8> {
    command_of(&Shape { instances: memories, pages: 1, tables: 0, action: Action::Succeed })
}

/// A command that has this many tables, of one element each, and does nothing.
#[must_use]
pub fn many_tables(tables: u32) -> Vec<u8> {
    command_of(&Shape { instances: 1, pages: 0, tables, action: Action::Succeed })
}

/// A command with this many memories, which runs for ever.
#[must_use]
pub fn spinning_with_memories(memories: u32) -> Vec<u8> {
    command_of(&Shape { instances: memories, pages: 1, tables: 0, action: Action::Spin })
}

/// A command that calls `wasi:widgets/press@0.2.0#press`, which is not offered.
#[must_use]
pub fn calling_what_is_not_offered() -> Vec<u8> {
    command_of(&Shape { instances: 1, pages: 0, tables: 0, action: Action::CallImport })
}

/// What a command made by hand is like.
struct Shape {
    /// Core instances, all of the same module; the last is the one that runs.
    instances: u32,
    /// Pages of the memory of each; none when 0.
    pages: u64,
    /// Tables of each, of one element.
    tables: u32,
    action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Succeed,
    Spin,
    CallImport,
}

const NO_PARAMETERS: [(&str, PrimitiveValType); 0] = [];

fn command_of(shape: &Shape) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &command_module(shape));
    let imported = (shape.action == Action::CallImport).then(|| {
        let mut interface = InstanceType::new();
        interface.ty().function().params(NO_PARAMETERS).result(None);
        interface.export("press", ComponentTypeRef::Func(0));
        let interface = component.type_instance(None, &interface);
        let instance = component.import("wasi:widgets/press@0.2.0", ComponentTypeRef::Instance(interface));
        let press = component.alias_export(instance, "press", ComponentExportKind::Func);
        let press = component.lower_func(None, press, []);
        component.core_instantiate_exports(None, [("press", ExportKind::Func, press)])
    });
    let mut instance = 0;
    for _ in 0..shape.instances {
        instance = match imported {
            Some(imported) => component.core_instantiate(None, module, [("widgets", ModuleArg::Instance(imported))]),
            None => component.core_instantiate::<[(&str, ModuleArg); 0]>(None, module, []),
        };
    }
    let run = component.core_alias_export(None, instance, "run", ExportKind::Func);
    let run_type = run_type(&mut component);
    let run = component.lift_func(None, run, run_type, []);

    // An interface is exported as an instance, and an instance is made by a component inside.
    let mut inner = ComponentBuilder::default();
    let inner_type = self::run_type(&mut inner);
    let import = inner.import("import-func-run", ComponentTypeRef::Func(inner_type));
    inner.export("run", ComponentExportKind::Func, import, None);
    let inner = component.component(None, inner);
    let interface = component.instantiate(None, inner, [("import-func-run", ComponentExportKind::Func, run)]);
    component.export("wasi:cli/run@0.2.0", ComponentExportKind::Instance, interface, None);
    component.finish()
}

/// `func() -> result`
fn run_type(component: &mut ComponentBuilder) -> u32 {
    let (result, encoder) = component.type_defined(None);
    encoder.result(None, None);
    let (run_type, mut encoder) = component.type_function(None);
    encoder.params(NO_PARAMETERS).result(Some(ComponentValType::Type(result)));
    run_type
}

fn command_module(shape: &Shape) -> Module {
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut memories, mut exports, mut code) = (MemorySection::new(), ExportSection::new(), CodeSection::new());
    let mut tables = TableSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut run = Function::new([]);
    match shape.action {
        Action::Succeed => {}
        // `loop br 0 end`
        Action::Spin => {
            run.raw([0x03, 0x40, 0x0C, 0, 0x0B]);
        }
        Action::CallImport => {
            imports.import("widgets", "press", EntityType::Function(1));
            // `call 0`
            run.raw([0x10, 0]);
        }
    }
    // `i32.const 0`: how `ok` is returned.
    run.raw([0x41, 0, 0x0B]);
    functions.function(0);
    if shape.pages > 0 {
        memories.memory(MemoryType { minimum: shape.pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    }
    for _ in 0..shape.tables {
        tables.table(TableType { element_type: RefType::FUNCREF, minimum: 1, maximum: None, table64: false, shared: false });
    }
    exports.export("run", ExportKind::Func, imports.len());
    code.function(&run);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module.section(&tables).section(&memories).section(&exports).section(&code);
    module
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
