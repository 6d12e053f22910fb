//! Looks at uploaded bytes before anything is compiled: is it a component, is it within bounds, what does it export, and
//! what does it ask for.
//!
//! All of it is reading; nothing runs. It takes up to some hundred milliseconds for the largest components, so call it
//! where blocking is allowed.

mod adapt;
mod origin;
mod world;

pub use adapt::adapt;
pub use origin::Origin;

pub(crate) use world::is_task_run;

use crate::engine::hex;
use cofferdam_domain::job::Entry;
use cofferdam_domain::wit::{FindError, WitFunction, find};
use cofferdam_ids::Digest;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use std::borrow::Cow;
use wasmparser::{BinaryReaderError, Encoding, Parser, Payload, Validator, WasmFeatures};

/// What an upload may have. Defaults as in `docs/limits.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadCaps {
    /// Bytes in all.
    pub bytes: u64,
    /// Functions of all core modules together.
    pub functions: u32,
    /// Bytes of the code of one function. The time to compile grows faster than this.
    pub function_bytes: u32,
    /// Types, of all modules and components together.
    pub types: u32,
    /// Imports, of all modules and components together.
    pub imports: u32,
    /// Core modules and components inside.
    pub modules: u32,
}

impl Default for UploadCaps {
    fn default() -> Self {
        Self { bytes: 64 << 20, functions: 200_000, function_bytes: 768 << 10, types: 50_000, imports: 20_000, modules: 200 }
    }
}

/// What a component is, from the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// The number of bytes.
    pub bytes: u64,
    /// The SHA-256 of the core module that it was made of, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapted_from: Option<Digest>,
    /// How it can be run.
    pub kind: Kind,
    /// What it exports.
    pub exports: Vec<Export>,
    /// The interfaces that it imports: what it asks for.
    pub imports: Vec<Import>,
    /// The typed functions that a task can call, and those that look like it and cannot be called with JSON.
    #[serde(default)]
    pub functions: Vec<WitFunction>,
    /// What a component of the world `cofferdam:task/task` tells of its `run`: the documentation, and the types of the input, which is its
    /// only parameter, and of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<WitFunction>,
    /// Its world as WIT text.
    pub wit: String,
}

/// How a component can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It exports `run` of the world `cofferdam:task/task`.
    Task,
    /// It exports `wasi:cli/run`: a program.
    Command,
    /// Neither: it exports typed functions of its own.
    Library,
}

/// A function that a component exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// `function`, or `interface#function`.
    pub name: String,
    /// Its parameters and result in WIT: `func(a: u32) -> string`.
    pub signature: String,
}

/// An interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The interface, such as `wasi:clocks/monotonic-clock@0.2.6`.
    pub interface: String,
    /// What it gives, in one word: `clock`, `random`, `network`, …
    pub capability: String,
    /// Whether tasks are given it. When not, the component still runs, and its calls to it fail.
    pub offered: bool,
}

impl Inspection {
    /// How it is entered: by the typed function of that name; without one, in the first way that it can be run.
    ///
    /// # Errors
    /// When there is no such function, or none and several could be meant.
    pub fn entry(&self, function: Option<&str>) -> Result<Entry, FindError> {
        let own = |name: &str| self.kind != Kind::Library && self.exports.iter().any(|export| export.name == name);
        match (self.kind, function.filter(|name| !own(name))) {
            (Kind::Task, None) => Ok(Entry::Task),
            (Kind::Command, None) => Ok(Entry::Command { args: Vec::new(), env: Vec::new() }),
            (_, wanted) => {
                let found = find(&self.functions, wanted)?;
                Ok(Entry::Function { interface: found.interface.clone(), function: found.name.clone() })
            }
        }
    }
}

/// Why an upload is refused.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It does not begin as WebAssembly does.
    #[error("this is not WebAssembly: {found}. Upload the .wasm file of a component{remedy}")]
    NotWasm {
        /// What it seems to be.
        found: String,
        /// What to do instead, where that is known.
        remedy: &'static str,
    },
    /// It is a core module that is no program for WASI preview 1 and does not say of what world it is.
    #[error("this is a core WebAssembly module, not a component, and none can be made of it: {0}")]
    CoreModule(Origin),
    /// It is a core module of which no component can be made.
    #[error("no component can be made of this core module: {message}. Build for the target wasm32-wasip2")]
    Unadaptable {
        /// Why.
        message: String,
    },
    /// It is of another version of the format.
    #[error(
        "this component has version {version} of the binary format, and this Cofferdam reads version 13: build it with current tools"
    )]
    UnsupportedVersion {
        /// Its version.
        version: u16,
    },
    /// It has too many bytes.
    #[error(
        "the upload has {found} bytes, and at most {max} are allowed: strip debug information (`strip = true`), or build optimised for size"
    )]
    TooLarge {
        /// Its bytes.
        found: u64,
        /// The most allowed.
        max: u64,
    },
    /// It ends in the middle.
    #[error("the upload ends in the middle, at byte {offset}: it was probably cut off, so send it again")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// It breaks the rules of the format.
    #[error("the component is not valid, at byte {offset}: {message}")]
    Invalid {
        /// Where.
        offset: u64,
        /// Which rule.
        message: String,
    },
    /// It has too many of something.
    #[error("the component has more than {max} {what}: split it up, or leave out what it does not need")]
    TooMany {
        /// Of what.
        what: Countable,
        /// The most allowed.
        max: u32,
    },
    /// One function is too large to be compiled in reasonable time.
    #[error(
        "the function at byte {offset} has {found} bytes of code, and at most {max} are allowed: split it up, or build with \
         less inlining"
    )]
    FunctionTooLarge {
        /// Where it is.
        offset: u64,
        /// Its bytes.
        found: u32,
        /// The most allowed.
        max: u32,
    },
    /// It imports what no task can have.
    #[error("the component imports `{import}`, which Cofferdam does not offer: compose it with a component that exports it")]
    UnknownImport {
        /// What it imports.
        import: String,
    },
    /// Its world cannot be written in WIT.
    #[error("the component's imports and exports cannot be described in WIT: {message}")]
    Indescribable {
        /// Why.
        message: String,
    },
}

/// What a component can have too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Countable {
    /// Functions of core modules.
    Functions,
    /// Types.
    Types,
    /// Imports.
    Imports,
    /// Modules and components inside.
    Modules,
}

impl std::fmt::Display for Countable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Functions => "functions",
            Self::Types => "types",
            Self::Imports => "imports",
            Self::Modules => "modules",
        })
    }
}

impl UploadError {
    /// The error's stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotWasm { .. } => "not_wasm",
            Self::CoreModule(_) => "core_module",
            Self::Unadaptable { .. } => "core_module_unadaptable",
            Self::UnsupportedVersion { .. } => "unsupported_component_version",
            Self::TooLarge { .. } => "component_too_large",
            Self::Truncated { .. } => "component_truncated",
            Self::Invalid { .. } => "component_invalid",
            Self::TooMany { what: Countable::Functions, .. } => "too_many_functions",
            Self::TooMany { what: Countable::Types, .. } => "too_many_types",
            Self::TooMany { what: Countable::Imports, .. } => "too_many_imports",
            Self::TooMany { what: Countable::Modules, .. } => "too_many_modules",
            Self::FunctionTooLarge { .. } => "function_too_large",
            Self::UnknownImport { .. } => "unknown_import",
            Self::Indescribable { .. } => "component_indescribable",
        }
    }

    fn parsing(error: &BinaryReaderError) -> Self {
        let offset = error.offset() as u64;
        if error.message().contains("unexpected end") {
            Self::Truncated { offset }
        } else {
            let message = error.message();
            Self::Invalid { offset, message: format!("{message}{}", remedy(message)) }
        }
    }
}

/// What to do about a part of WebAssembly that tasks do not have; nothing for a mistake.
fn remedy(message: &str) -> &'static str {
    if message.contains("async") {
        ". It is for WASI 0.3, and tasks have WASI 0.2: build it for the target wasm32-wasip2"
    } else if message.contains("threads must be enabled") || message.contains("component model threading") {
        ". A task has one thread: build it without threads"
    } else if message.contains("legacy_exceptions") {
        ". It has exceptions of the form that came before the standard: build it with current tools"
    } else if message.contains("gc feature") || message.contains("gc proposal") || message.contains("`gc` proposal") {
        ". Tasks have no types that WebAssembly itself collects (GC): build it with a toolchain for wasm32-wasip2"
    } else {
        ""
    }
}

/// Inspects an upload.
///
/// # Errors
/// When it is not a component, not valid, outside the caps, or asks for what no task can have.
pub fn inspect(bytes: &[u8], caps: &UploadCaps) -> Result<Inspection, UploadError> {
    if bytes.len() as u64 > caps.bytes {
        return Err(UploadError::TooLarge { found: bytes.len() as u64, max: caps.bytes });
    }
    check_header(bytes)?;
    count(bytes, caps)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| UploadError::parsing(&error))?;
    let world = world::describe(bytes)?;
    let digest = hex(&sha2::Sha256::digest(bytes));
    Ok(Inspection {
        digest: Digest::new(digest).map_err(|error| UploadError::Indescribable { message: error.to_string() })?,
        bytes: bytes.len() as u64,
        adapted_from: None,
        kind: world.kind,
        exports: world.exports,
        imports: world.imports,
        functions: world.functions,
        run: world.run,
        wit: world.wit,
    })
}

/// Makes a component of an upload ([`adapt`]) and inspects it ([`inspect()`]). The digest is that of the component.
///
/// # Errors
/// As those two.
pub fn adapt_and_inspect<'a>(bytes: &'a [u8], caps: &UploadCaps) -> Result<(Cow<'a, [u8]>, Inspection), UploadError> {
    let component = adapt(bytes, caps)?;
    let mut inspection = inspect(&component, caps)?;
    if let Cow::Owned(_) = component {
        let digest = hex(&sha2::Sha256::digest(bytes));
        inspection.adapted_from =
            Some(Digest::new(digest).map_err(|error| UploadError::Indescribable { message: error.to_string() })?);
    }
    Ok((component, inspection))
}

/// What the engine takes. Anything missing here would be found by the compile child, with a worse message.
fn features() -> WasmFeatures {
    WasmFeatures::default() - WasmFeatures::THREADS - WasmFeatures::GC - WasmFeatures::CM_ASYNC
}

fn check_header(bytes: &[u8]) -> Result<(), UploadError> {
    let not_wasm = |found: &str, remedy| Err(UploadError::NotWasm { found: found.to_owned(), remedy });
    match bytes {
        [b'\0', b'a', b's', b'm', version_low, version_high, layer_low, layer_high, ..] => {
            let version = u16::from_le_bytes([*version_low, *version_high]);
            match u16::from_le_bytes([*layer_low, *layer_high]) {
                1 if version == 13 => Ok(()),
                0 if version == 1 => Err(UploadError::CoreModule(Origin::of(bytes))),
                _ => Err(UploadError::UnsupportedVersion { version }),
            }
        }
        [b'\0', b'a', b's', b'm', ..] => Err(UploadError::Truncated { offset: bytes.len() as u64 }),
        [] => not_wasm("it is empty", ""),
        [0x1F, 0x8B, ..] => not_wasm("it is gzip-compressed", ", unpacked"),
        [b'P', b'K', ..] => not_wasm("it is a zip archive", ", unpacked"),
        [0x7F, b'E', b'L', b'F', ..] => not_wasm("it is a native program", ", built for the target wasm32-wasip2"),
        [b'B', b'C', ..] => not_wasm("it is LLVM bitcode", ", built for the target wasm32-wasip2"),
        _ if std::str::from_utf8(&bytes[..bytes.len().min(64)]).is_ok() => {
            not_wasm("it is text", ", built for the target wasm32-wasip2")
        }
        _ => not_wasm("it does not begin with the bytes 00 61 73 6D", ""),
    }
}

/// Bounds everything that costs the validator or the compiler time, before either sees the bytes.
fn count(bytes: &[u8], caps: &UploadCaps) -> Result<(), UploadError> {
    let (mut functions, mut types, mut imports, mut modules) = (0_u64, 0_u64, 0_u64, 0_u64);
    let add = |sum: &mut u64, more: u32, max: u32, what| {
        *sum += u64::from(more);
        if *sum > u64::from(max) { Err(UploadError::TooMany { what, max }) } else { Ok(()) }
    };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| UploadError::parsing(&error))? {
            Payload::Version { encoding: Encoding::Module | Encoding::Component, .. } => {
                add(&mut modules, 1, caps.modules, Countable::Modules)?;
            }
            Payload::FunctionSection(section) => add(&mut functions, section.count(), caps.functions, Countable::Functions)?,
            Payload::TypeSection(section) => add(&mut types, section.count(), caps.types, Countable::Types)?,
            Payload::CoreTypeSection(section) => add(&mut types, section.count(), caps.types, Countable::Types)?,
            Payload::ComponentTypeSection(section) => add(&mut types, section.count(), caps.types, Countable::Types)?,
            Payload::ImportSection(section) => add(&mut imports, section.count(), caps.imports, Countable::Imports)?,
            Payload::ComponentImportSection(section) => {
                add(&mut imports, section.count(), caps.imports, Countable::Imports)?;
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let found = u32::try_from(range.len()).unwrap_or(u32::MAX);
                if found > caps.function_bytes {
                    let offset = range.start as u64;
                    return Err(UploadError::FunctionTooLarge { offset, found, max: caps.function_bytes });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_a_component_is_named() {
        for (bytes, code, says) in [
            (&b""[..], "not_wasm", "empty"),
            (b"\x1f\x8b\x08\0\0\0", "not_wasm", "gzip"),
            (b"\x7fELF\x02", "not_wasm", "native program"),
            (b"(component)", "not_wasm", "text"),
            (b"\xff\xfe\xfd", "not_wasm", "does not begin"),
            (b"\0asm\x01\0\0\0", "core_module", "wasm32-wasip2"),
            (b"\0asm\x0c\0\x01\0", "unsupported_component_version", "version 12"),
            (b"\0asm\x0d", "component_truncated", "send it again"),
        ] {
            let error = inspect(bytes, &UploadCaps::default()).unwrap_err();
            assert_eq!(error.code(), code, "{bytes:?}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn an_empty_component_is_a_library_of_nothing() {
        let inspection = inspect(b"\0asm\x0d\0\x01\0", &UploadCaps::default()).unwrap();
        assert_eq!((inspection.kind, inspection.exports.len(), inspection.imports.len()), (Kind::Library, 0, 0));
        assert_eq!(inspection.digest.as_str().len(), 64);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = inspect(&bytes, &UploadCaps::default());
            let component = [&b"\0asm\x0d\0\x01\0"[..], &bytes].concat();
            let _ = inspect(&component, &UploadCaps::default());
        }
    }
}
