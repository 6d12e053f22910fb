//! The console in a real browser, against a real `cofferdam dev`.
//!
//! The tests share a server and a browser. Each has cookies of its own, and dags of its own.

mod approvals;
mod components;
mod config;
mod dags;
mod editor;
mod flow;
mod imports;
mod keyboard;
mod letters;
mod narrow;
mod runs;
mod shared;
mod sign_in;
mod stage;
mod visit;
mod webhooks;
