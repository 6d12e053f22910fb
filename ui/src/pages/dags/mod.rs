//! All dags.

pub mod list;
