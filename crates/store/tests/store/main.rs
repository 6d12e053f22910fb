//! The store against a real PostgreSQL.

mod accounts;
mod components;
mod config;
mod pool;
mod reads;
mod schema;
mod walls;
mod world;
