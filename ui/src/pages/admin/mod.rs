//! What tasks are given or share by name: variables, connections, pools.

mod connection_form;
pub mod connections;
mod listing;
mod pool_form;
pub mod pools;
mod variable_form;
pub mod variables;
