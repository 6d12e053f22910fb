//! The sandbox with real guests, in processes of their own: the same tests as in `main.rs` where a try is a try, and those of
//! the processes.

/// Tries run in a process for sandboxes.
const APART: bool = true;

mod capabilities;
mod commands;
mod contract;
mod egress;
mod endings;
mod lab;
mod limits;
mod processes;
mod purity;
mod scratch;
mod typed;
