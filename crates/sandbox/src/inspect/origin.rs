//! What a core module was made for that is no program for WASI, as far as its imports tell.

use std::fmt;
use wasmparser::{Parser, Payload, TypeRef};

/// What a core module was made for, when no component can be made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// wasm-bindgen made it, as a part of a JavaScript program.
    WasmBindgen,
    /// Emscripten made it, for a runtime in JavaScript.
    Emscripten,
    /// Go made it for JavaScript.
    GoForJavaScript,
    /// It is an add-on for Node.js.
    NodeApi,
    /// It shares its memory between threads.
    Threads,
    /// It was built for what was there before WASI preview 1.
    EarlyWasi,
    /// Something else, whose first import that WASI does not have is this.
    Importing(String),
    /// It imports nothing, or nothing but WASI.
    Unknown,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WasmBindgen => f.write_str(
                "wasm-bindgen made it to be called from JavaScript, and it imports functions of that JavaScript. Build the crate as a \
                 program for the target wasm32-wasip2, or with the Rust SDK",
            ),
            Self::Emscripten => f.write_str(
                "Emscripten made it for its runtime in JavaScript. Build it for WASI instead, with wasi-sdk or `zig cc -target \
                 wasm32-wasi`, or for the target wasm32-wasip2",
            ),
            Self::GoForJavaScript => f.write_str(
                "Go made it for JavaScript (GOOS=js). Build it with GOOS=wasip1, or with the Go SDK for the target wasm32-wasip2",
            ),
            Self::NodeApi => f.write_str(
                "it is an add-on that Node.js loads (Node-API). Build the library that it is made of as a program for the target \
                 wasm32-wasip2",
            ),
            Self::Threads => f.write_str(
                "it shares its memory between threads, and a task has one thread. Build it without threads, for the target \
                 wasm32-wasip2 or wasm32-wasip1",
            ),
            Self::EarlyWasi => f.write_str(
                "it was built for a WASI before preview 1 (`wasi_unstable`). Build it with current tools for the target wasm32-wasip2",
            ),
            Self::Importing(import) => write!(
                f,
                "it is no program for WASI preview 1: it imports {import}, which only the program has that it was made for. Build for \
                 the target wasm32-wasip2, or add its world with `wasm-tools component embed`",
            ),
            Self::Unknown => f.write_str(
                "it is no program for WASI preview 1 (it has no `_start`, or imports nothing from `wasi_snapshot_preview1`), and does \
                 not say what its functions are in WIT. Build for the target wasm32-wasip2, or add its world with `wasm-tools \
                 component embed`",
            ),
        }
    }
}

impl Origin {
    /// Whether it is known who made it, so that no component can come of it whatever else it has.
    pub(super) const fn is_certain(&self) -> bool {
        !matches!(self, Self::Importing(_) | Self::Unknown)
    }

    /// As the imports of a core module tell.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut threads = false;
        let mut other = Self::Unknown;
        let mut minified = 0;
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            let Payload::ImportSection(section) = payload else { continue };
            for import in section.into_imports().map_while(Result::ok) {
                if let Some(certain) = Self::telling(import.module, import.name) {
                    return certain;
                }
                threads |= matches!(import.ty, TypeRef::Memory(memory) if memory.shared);
                if import.module == "a" && import.name.len() <= 2 {
                    minified += 1;
                }
                if other == Self::Unknown && import.module != WASI {
                    other = Self::Importing(shown(import.module, import.name));
                }
            }
        }
        match other {
            _ if threads => Self::Threads,
            // Emscripten's names when it was told to make them short.
            _ if minified > 2 => Self::Emscripten,
            other => other,
        }
    }

    /// An import that only one tool makes.
    fn telling(module: &str, name: &str) -> Option<Self> {
        let emscripten = ["emscripten_", "_emscripten_", "__syscall_", "invoke_", "_abort_js"];
        match module {
            "wbg" | "__wbindgen_placeholder__" | "__wbindgen_externref_xform__" => Some(Self::WasmBindgen),
            _ if module.ends_with("_bg.js") || name.starts_with("__wbindgen_") || name.starts_with("__wbg_") => {
                Some(Self::WasmBindgen)
            }
            "gojs" => Some(Self::GoForJavaScript),
            "go" if name.starts_with("runtime.") || name.starts_with("syscall/js.") => Some(Self::GoForJavaScript),
            "napi" | "emnapi" => Some(Self::NodeApi),
            "env" if name.starts_with("napi_") => Some(Self::NodeApi),
            "env" if emscripten.iter().any(|prefix| name.starts_with(prefix)) => Some(Self::Emscripten),
            "wasi" if name == "thread-spawn" => Some(Self::Threads),
            "wasi_unstable" => Some(Self::EarlyWasi),
            _ => None,
        }
    }
}

const WASI: &str = "wasi_snapshot_preview1";

/// The names of an import, which come from a stranger and may be long.
fn shown(module: &str, name: &str) -> String {
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    format!("`{}` from `{}`", short(name), short(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_tells_who_made_it() {
        for (module, name, origin) in [
            ("wbg", "__wbg_log_1", Some(Origin::WasmBindgen)),
            ("./app_bg.js", "__wbindgen_throw", Some(Origin::WasmBindgen)),
            ("./app", "__wbindgen_object_drop_ref", Some(Origin::WasmBindgen)),
            ("env", "emscripten_resize_heap", Some(Origin::Emscripten)),
            ("gojs", "runtime.wasmExit", Some(Origin::GoForJavaScript)),
            ("go", "debug", None),
            ("env", "napi_create_object", Some(Origin::NodeApi)),
            ("wasi", "thread-spawn", Some(Origin::Threads)),
            ("wasi_unstable", "fd_write", Some(Origin::EarlyWasi)),
            ("env", "abort", None),
            (WASI, "fd_write", None),
        ] {
            assert_eq!(Origin::telling(module, name), origin, "{module} {name}");
        }
    }

    #[test]
    fn names_of_strangers_are_cut() {
        let shown = shown(&"m".repeat(1000), "a\u{1b}[31m");
        assert!(shown.len() < 200 && !shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn each_says_what_to_do() {
        for origin in [
            Origin::WasmBindgen,
            Origin::Emscripten,
            Origin::GoForJavaScript,
            Origin::NodeApi,
            Origin::Threads,
            Origin::EarlyWasi,
            Origin::Importing(String::new()),
            Origin::Unknown,
        ] {
            assert!(origin.to_string().contains("wasm32-wasip2"), "{origin}");
        }
    }
}
