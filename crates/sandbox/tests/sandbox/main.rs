//! The sandbox with real guests. One program, because linking the runtime takes a while.

/// Tries run in this process.
const APART: bool = false;

mod capabilities;
mod commands;
mod compiling;
mod contract;
mod egress;
mod endings;
mod https;
mod lab;
mod limits;
mod purity;
mod scratch;
mod stopping;
mod typed;
mod uploads;
