//! A typed client of Cofferdam's REST API.
//!
//! ```no_run
//! # async fn example() -> Result<(), cofferdam_client::ClientError> {
//! use cofferdam_client::{Client, api::LoginRequest};
//! let client = Client::new("http://127.0.0.1:8080")?;
//! client.login(&LoginRequest { tenant: None, username: "admin".into(), password: "…".into() }).await?;
//! for dag in client.list_dags(&Default::default()).await?.dags {
//!     println!("{}", dag.dag_id);
//! }
//! # Ok(()) }
//! ```

mod actions;
mod approvals;
mod assets;
mod auth;
mod backfills;
mod bundles;
mod components;
mod config;
mod connection;
mod dag_runs;
mod dags;
mod dead_letters;
mod error;
mod mapping;
mod operations;
mod pools;
mod sse;
mod stream;
mod task_instances;
mod tasks;
mod webhooks;

pub use cofferdam_api_types as api;
pub use config::ArtifactDownload;
pub use connection::{Client, Credentials, Tokens};
pub use dags::DagSource;
pub use error::ClientError;
pub use stream::{EventStream, LogFollow};
pub use task_instances::TaskInstanceRef;
