#![doc = include_str!("../README.md")]

// The macro names this crate by its name; so do the crate's own tests.
extern crate self as cofferdam;

pub mod artifacts;
pub mod checkpoint;
pub mod config;
mod context;
pub mod dag;
mod error;
pub mod http;
pub mod log;
pub mod progress;
pub mod schema;
pub mod xcom;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "task",
        pub_export_macro: true,
        default_bindings_module: "::cofferdam::__private::bindings",
    });
}

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[doc(hidden)]
pub mod __private;

pub use cofferdam_macros::{Schema, task, tasks};
pub use context::Context;
pub use error::{Error, OrFatal};
pub use schema::Schema;

/// What a task returns.
pub type Result<T> = std::result::Result<T, Error>;
