//! PostgreSQL: what Cofferdam knows to be true, and the walls between tenants.
//!
//! A caller opens a [`Store`], begins a [`Tx`] with a [`Context`](cofferdam_domain::context::Context), hands it to the
//! functions of the modules below, and commits it. Every function sees the rows of the transaction's tenant only: its
//! queries name the tenant, and row-level security refuses the rest should one of them forget.

pub mod api_keys;
pub mod approvals;
pub mod artifacts;
pub mod assets;
pub mod audit;
pub mod backfills;
pub mod bundles;
pub mod callbacks;
pub mod checkpoints;
pub mod components;
pub mod connections;
pub mod dags;
pub mod databases;
pub mod dead_letters;
pub mod embedded;
mod error;
pub mod execution;
pub mod idempotency;
pub mod left_objects;
pub mod logs;
mod migration;
mod page;
mod pool;
pub mod pools;
mod read;
pub mod runs;
pub mod schedulers;
pub mod secrets;
pub mod sessions;
pub mod stats;
pub mod surroundings;
pub mod task_instances;
pub mod task_summaries;
pub mod tenants;
pub mod users;
pub mod variables;
pub mod webhooks;
pub mod workers;
pub mod xcoms;

pub use error::StoreError;
pub use migration::{migrate, schema_fingerprint, schema_version};
pub use page::{COUNTED_BEHIND, Listed, Order, Page};
pub use pool::{Access, PoolOptions, PoolStatus, Store, Tx};
