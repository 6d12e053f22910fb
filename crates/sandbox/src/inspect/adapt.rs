//! Makes components of core modules that were built for WASI preview 1, as `wasm32-wasip1` targets and older toolchains do.

use super::{Origin, UploadCaps, UploadError, count, features};
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload, Validator};
use wit_component::ComponentEncoder;

/// The component of an upload: what is one already as it is; a core module with the adapter for WASI preview 1, as a program when it has
/// `_start`, else with the functions that its metadata names.
///
/// # Errors
/// When it is a core module of another kind, is not valid, or is outside the caps. What is neither a component nor a core module
/// passes, for [`inspect`](super::inspect) to name it.
pub fn adapt<'a>(bytes: &'a [u8], caps: &UploadCaps) -> Result<Cow<'a, [u8]>, UploadError> {
    if !bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Ok(Cow::Borrowed(bytes));
    }
    if bytes.len() as u64 > caps.bytes {
        return Err(UploadError::TooLarge { found: bytes.len() as u64, max: caps.bytes });
    }
    count(bytes, caps)?;
    let origin = Origin::of(bytes);
    if origin.is_certain() {
        return Err(UploadError::CoreModule(origin));
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| UploadError::parsing(&error))?;
    let module = Module::of(bytes);
    if !module.starts && !module.has_metadata {
        return Err(UploadError::CoreModule(origin));
    }
    // The encoder asserts things about modules that tools make; an upload may be made by hand.
    let encoded = std::panic::catch_unwind(AssertUnwindSafe(|| encode(bytes, &module)));
    // Some of its messages go over many lines, with bytes one by one.
    let unadaptable = |message: String| UploadError::Unadaptable { message: one_line(&message) };
    let component = encoded.map_err(|_| unadaptable("its shape is unusual".to_owned()))?.map_err(unadaptable)?;
    Ok(Cow::Owned(component))
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn encode(bytes: &[u8], module: &Module) -> Result<Vec<u8>, String> {
    let adapter = if module.starts { WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER } else { WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER };
    let encoder = ComponentEncoder::default().validate(true).module(bytes);
    let encoder = encoder.and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter));
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

/// What decides how a core module is adapted.
#[derive(Default)]
struct Module {
    /// It is a program.
    starts: bool,
    /// It says of what world it is.
    has_metadata: bool,
}

impl Module {
    fn of(bytes: &[u8]) -> Self {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            match payload {
                Payload::ExportSection(exports) => {
                    module.starts |= exports.into_iter().map_while(Result::ok).any(|export| export.name == "_start");
                }
                Payload::CustomSection(section) => module.has_metadata |= section.name().starts_with("component-type"),
                _ => {}
            }
        }
        module
    }
}
