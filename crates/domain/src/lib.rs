//! What Cofferdam is about, without any I/O: definitions, schedules, rules, state machines.
//!
//! Nothing here reads a clock, draws a random number, opens a file or waits: time and chance come in as arguments.

pub mod approval;
pub mod artifact;
pub mod asset;
pub mod backfill;
pub mod callback;
pub mod clock;
pub mod connection;
pub mod context;
pub mod dead_letter;
pub mod definition;
pub mod egress;
pub mod ending;
pub mod event;
pub mod grant;
pub mod job;
pub mod json_schema;
pub mod limits;
pub mod permission;
pub mod plan;
pub mod rendered;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod seal;
pub mod task;
pub mod template;
pub mod trigger_rule;
pub mod wit;
