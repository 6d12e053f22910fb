//! The write side of orchestration: runs are made, instances change, results are recorded. All of it set-wise.
//!
//! The decisions are taken in `domain` and carried here by `engine`; this module only locks, writes with guards, and
//! checks how many rows it wrote.

mod columns;

pub mod actions;
pub mod apply;
pub mod attend;
pub mod callbacks;
pub mod children;
pub mod deadlines;
pub mod due;
pub mod facts;
pub mod gates;
pub mod groups;
pub mod letters;
pub mod log_index;
pub mod mapping;
pub mod runs;
pub mod standalone;
pub mod transition;
pub mod triggers;
