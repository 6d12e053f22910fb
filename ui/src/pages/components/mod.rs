//! The components that tasks run.

pub mod detail;
pub mod list;
mod try_it;
