//! Writes components for the fuzzer of uploads to begin with into a folder: small ones, hostile ones, a core module.

use cofferdam_fuzz_entries::component_of;
use cofferdam_test_guests::hostile;
use std::fs;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "fuzz/corpus/upload".into()));
    fs::create_dir_all(&folder)?;
    let empty = || b"\0asm\x0d\0\x01\0".to_vec();
    let seeds = [
        ("empty", empty()),
        ("core-module", hostile::core_module()),
        ("truncated", hostile::truncated()),
        ("invalid-code", hostile::invalid_code()),
        ("unknown-import", hostile::unknown_import()),
        ("large-memory", hostile::large_memory(3)),
        ("many-instances", hostile::many_instances(3)),
        ("many-functions", hostile::many_functions(20)),
        ("compile-bomb", hostile::compile_bomb_of(240)),
        ("not-offered", hostile::calling_what_is_not_offered()),
        ("spinning", hostile::spinning_with_memories(2)),
        ("typed-scalars", component_of("f: func(a: u8, b: string) -> bool;")),
        ("typed-record", component_of("record r { a: u8, b: list<u8> }\n f: func(r: r) -> result<r, string>;")),
        ("typed-variant", component_of("variant v { a, b(u64) }\n flags g { x, y }\n f: func(v: v, g: g) -> option<v>;")),
        ("typed-resource", component_of("resource r { constructor(); m: func() -> u8; }\n f: func(r: r) -> string;")),
    ];
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
