//! What the fuzzers of `fuzz/` call, each with bytes of any kind. Whoever calls it lets it panic: that is a finding.
//!
//! It stands here and not beside them so that the ordinary tests can replay what the fuzzers found, with the ordinary
//! toolchain.

mod allow_list;
mod json_schema;
mod json_value;
mod types;
mod upload;
mod wit_schema;

pub use allow_list::allow_list;
pub use json_value::json_value;
pub use upload::upload;
pub use wit_schema::{component_of, wit_schema};

/// What is fuzzed: the name, which is also that of the folder in `fuzz/corpus`, and the function.
pub const ENTRIES: [(&str, fn(&[u8])); 4] =
    [("upload", upload), ("json_value", json_value), ("wit_schema", wit_schema), ("allow_list", allow_list)];
