//! What tasks are given by name: variables and connections.

mod connection_form;
pub mod connections;
mod listing;
mod variable_form;
pub mod variables;
