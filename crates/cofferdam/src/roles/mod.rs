//! The long-running roles: what they need, how they start, and how they stop.

mod api;
mod base;
mod dev;
mod migrate;
mod open_files;
mod rotate;
mod scheduler;
mod secrets;
mod serve;
mod stop;
mod tenants;
mod worker;

pub use api::api;
pub use base::compile_service;
pub use dev::dev;
pub use migrate::migrate;
pub use open_files::allow_open_files;
pub use rotate::rotate;
pub use scheduler::scheduler;
pub use tenants::tenants;
pub use worker::{confine, worker};
