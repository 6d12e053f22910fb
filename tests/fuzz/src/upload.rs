//! Uploaded bytes: adapted, counted, validated, described.

use cofferdam_sandbox::inspect::{UploadCaps, adapt_and_inspect};

/// Caps small enough for small inputs to reach.
const CAPS: UploadCaps =
    UploadCaps { bytes: 256 << 10, functions: 500, function_bytes: 4 << 10, types: 400, imports: 60, modules: 12 };

/// Inspects an upload. What passes is described consistently, and is found to be the same when it is inspected again.
pub fn upload(bytes: &[u8]) {
    let (component, inspection) = match adapt_and_inspect(bytes, &CAPS) {
        Ok(found) => found,
        Err(error) => {
            assert!(!error.code().is_empty() && error.to_string().len() < 64 << 10, "a message is for people");
            return;
        }
    };
    assert_eq!(inspection.bytes, component.len() as u64);
    assert_eq!(inspection.adapted_from.is_some(), component != bytes);
    for function in &inspection.functions {
        // Both must end, whatever the types.
        let _ = (function.input_schema(), function.output_schema(), function.signature());
        if function.refused.is_some() {
            assert!(function.params.is_empty() && function.result.is_none());
        }
    }
    let stored = serde_json::to_string(&inspection).expect("an inspection can be stored");
    let read: cofferdam_sandbox::inspect::Inspection = serde_json::from_str(&stored).expect("what is stored can be read");
    assert!(read == inspection, "what is stored reads back");
}
