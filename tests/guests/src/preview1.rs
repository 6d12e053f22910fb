//! A program for WASI preview 1, as a core module.

use wasm_encoder::{
    CodeSection, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

/// Where the program has its list of one buffer: address and length.
const BUFFERS: i32 = 0;
/// Where it is told how many bytes were read or written.
const COUNT: i32 = 8;
/// Where it reads to.
const DATA: i32 = 1024;
/// How much it reads.
const ROOM: i32 = 32_768;

/// Copies stdin to stdout, up to 32 KiB.
#[must_use]
pub fn copies_stdin() -> Vec<u8> {
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([], []);
    for name in ["fd_read", "fd_write"] {
        imports.import("wasi_snapshot_preview1", name, EntityType::Function(0));
    }
    functions.function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("_start", ExportKind::Func, 2);

    let mut start = Function::new([]);
    let mut body = start.instructions();
    // Both calls: descriptor, list of buffers, one of them, where the count goes.
    body.i32_const(0).i32_const(BUFFERS).i32_const(1).i32_const(COUNT).call(0).drop();
    // The buffer is now as long as what was read.
    let length = wasm_encoder::MemArg { offset: 4, align: 2, memory_index: 0 };
    let count = wasm_encoder::MemArg { offset: 0, align: 2, memory_index: 0 };
    body.i32_const(BUFFERS).i32_const(COUNT).i32_load(count).i32_store(length);
    body.i32_const(1).i32_const(BUFFERS).i32_const(1).i32_const(COUNT).call(1).drop();
    body.end();
    let mut code = CodeSection::new();
    code.function(&start);
    let mut data = DataSection::new();
    let buffers = [DATA.to_le_bytes(), ROOM.to_le_bytes()].concat();
    data.active(0, &wasm_encoder::ConstExpr::i32_const(BUFFERS), buffers);

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}
