//! `docs/openapi.json` is what the code says.

use std::fs;

#[test]
#[expect(clippy::disallowed_methods, reason = "`cargo xtask gen` tells the test through the environment to write the file")]
fn derived_file_openapi_json_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    // By way of a `Value`, whose objects are sorted, so that the order of routes in the code does not matter.
    let document = serde_json::to_value(cofferdam_api::openapi()).unwrap();
    let derived = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var("COFFERDAM_GEN").is_ok_and(|mode| mode == "write") {
        fs::write(path, &derived).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == derived, "docs/openapi.json differs from the code; run `cargo xtask gen`");
}
