//! The long-running roles: what they need, how they start, and how they stop.

mod migrate;
mod secrets;
mod stop;

pub use migrate::migrate;
