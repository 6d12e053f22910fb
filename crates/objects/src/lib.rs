//! Bytes too large for rows: components, compiled code, logs of tries, large XComs, checkpoints and artifacts. In a local directory, or in S3.
//!
//! What belongs to a tenant lies under `tenants/<tenant>/`, and the tenant is an argument of each call, never part of what a
//! caller passes back: a reference of one tenant finds nothing in another's.

mod compiled;
mod component;
mod error;
mod left;
mod log;
mod open;
mod task_object;
mod xcom;

pub use component::digest_of;
pub use error::ObjectsError;
pub use left::LeftObject;
pub use log::{LogEntry, LogLevel, LogRecord, LogSegment, LogStream, SealedLogSegment, parse_log};
pub use open::{Objects, ObjectsConfig, S3Config, local_directory};
pub use task_object::{Download, TaskObject, TaskObjectError, Upload};
pub use xcom::{XComReference, XComReferenceError};
