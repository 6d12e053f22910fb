//! Runs foreign code: WebAssembly components in Wasmtime sandboxes.
//!
//! Four doors. [`inspect`] looks at uploaded bytes before anything is compiled. [`compile`] makes machine code of them in
//! a process with limits. [`Runtime`] loads that code and runs tries: each in a fresh sandbox, within
//! [limits](cofferdam_domain::limits::Limits), to an [ending](cofferdam_domain::ending::Ending) and a receipt. [`isolation`] does
//! the same in processes of their own, one for each tenant.
//!
//! This crate knows nothing of stores, queues and servers. Whoever runs a try gives it a [`Host`] that keeps its output and
//! fetches its XComs. No other crate knows Wasmtime.

pub mod compile;
#[doc(hidden)]
pub mod fuzzing;
pub mod inspect;
pub mod isolation;

mod bindings;
mod capabilities;
mod classify;
mod compiled;
mod courtesy;
mod engine;
mod host;
mod json;
mod lane;
mod limiter;
mod masking;
mod placeholder;
mod run;
mod runtime;
mod stdio;
mod surroundings;
mod typed;

pub use capabilities::http::{Authorities, AuthoritiesError};
pub use compiled::CompiledCode;
pub use host::{ArtifactSink, ArtifactSource, Host, HostError, Level, LogLine, NoHost, Stream};
pub use run::{TryReport, TryRequest};
pub use runtime::{LoadError, Program, Runtime, RuntimeConfig, RuntimeError};
