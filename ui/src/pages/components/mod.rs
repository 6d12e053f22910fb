//! The components that tasks run.

pub mod approval;
pub mod detail;
pub mod list;
mod try_it;
