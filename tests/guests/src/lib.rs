//! The host's side of the guests: builds and finds them, and makes hostile bytes.
#![cfg(not(target_family = "wasm"))]

pub mod artefacts;
pub mod corpus;
pub mod hostile;
pub mod preview1;
pub mod toolchains;
