//! The store against a real PostgreSQL.

mod accounts;
mod components;
mod pool;
mod reads;
mod schema;
mod walls;
mod world;
