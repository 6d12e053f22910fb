//! Sandboxes in processes of their own: the second wall between tenants.
//!
//! A [`Sandboxes`] runs tries, either in this process or in processes that it starts, one for each tenant. Such a process
//! ([`child_main`]) has no environment, no credentials, no open file but one socket, and reaches no network: everything that a
//! try needs, its code included, comes over the socket, and whoever started the process does all that its tries ask for.
//!
//! ```text
//! worker                                              a tenant's process
//! Processes -> Process --- Run, Answer, Cancel ------> child::Process -> Runtime
//!              Attended <-- Line, Ask, Close, Done ---  child::host, child::carrier
//! ```
//!
//! The process is taken to be hostile, as if a guest had broken out of its sandbox and could say anything over the socket. What
//! it says is therefore checked once more by the worker (`parent/attend.rs`, `parent/accept.rs`): it speaks of the tries that it
//! was given and of no others, within their grants and limits. What remains to it is the data of the tenant's own tries.

mod child;
mod frame;
mod parent;
mod protocol;

use crate::compiled::CompiledCode;
use crate::host::Host;
use crate::run::{TryReport, TryRequest};
use crate::runtime::{LoadError, Program, Runtime};
use cofferdam_ids::TenantId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub use child::child_main;
pub use parent::{ProcessConfig, ProcessError, Processes};

/// Something that a process gave up, or could not give up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub active: bool,
    /// What it means, or why it does not hold.
    pub detail: String,
}

/// The files that a process for sandboxes needs.
#[derive(Clone, Debug)]
pub struct ProcessFiles {
    /// The folder of scratch directories, which it writes.
    pub scratch: PathBuf,
}

/// Where tries are run. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Sandboxes {
    /// In this process.
    Here(Runtime),
    /// In processes of their own, one for each tenant.
    Apart(Processes),
}

/// A component, ready to be run by the [`Sandboxes`] that prepared it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Here(Program),
    Apart(Arc<parent::Code>),
}

/// What holds around a tenant's process, in words.
fn described(walls: &[Wall]) -> String {
    let names = |active: bool| {
        let names: Vec<&str> = walls.iter().filter(|wall| wall.active == active).map(|wall| wall.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let lacking = if walls.iter().all(|wall| wall.active) { String::new() } else { format!("; missing: {}", names(false)) };
    format!("each tenant's tasks run in a process of their own, with these walls around it: {}{lacking}", names(true))
}

impl From<Runtime> for Sandboxes {
    fn from(runtime: Runtime) -> Self {
        Self::Here(runtime)
    }
}

impl Sandboxes {
    /// How many sandboxes there can be at once.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        match self {
            Self::Here(runtime) => runtime.capacity(),
            Self::Apart(processes) => processes.capacity(),
        }
    }

    /// As [`Runtime::compatibility_hash`].
    #[must_use]
    pub fn compatibility_hash(&self) -> String {
        match self {
            Self::Here(runtime) => runtime.compatibility_hash(),
            Self::Apart(processes) => processes.compatibility_hash(),
        }
    }

    /// Makes ready what can be made ready before the first try, and tells what stands between tenants.
    ///
    /// # Errors
    /// When a process for sandboxes cannot be started.
    pub async fn prepare(&self) -> Result<Vec<Wall>, ProcessError> {
        let (active, detail) = match self {
            Self::Here(_) => (false, "the tasks of all tenants run in the worker's own process".to_owned()),
            Self::Apart(processes) => (true, described(&processes.prepare().await?)),
        };
        let mut walls = vec![Wall { name: "processes".to_owned(), active, detail }];
        walls.extend(crate::engine::facilities());
        Ok(walls)
    }

    /// Makes compiled code ready to be run.
    ///
    /// # Errors
    /// As [`Runtime::load`]. In processes, code that cannot be loaded fails its tries, for the reason `invalid_component`.
    pub fn load(&self, compiled: &CompiledCode) -> Result<Prepared, LoadError> {
        Ok(Prepared(match self {
            Self::Here(runtime) => Kind::Here(runtime.load(compiled)?),
            Self::Apart(processes) => Kind::Apart(Arc::new(processes.load(compiled)?)),
        }))
    }

    /// Runs one try of a tenant to its end, as [`Runtime::run`] does.
    ///
    /// A try whose process dies fails for the reason `worker_lost`, so that it is run again.
    pub async fn run(
        &self,
        tenant: TenantId,
        program: &Prepared,
        request: TryRequest,
        host: Arc<dyn Host>,
        cancel: CancellationToken,
    ) -> TryReport {
        match (self, &program.0) {
            (Self::Here(runtime), Kind::Here(program)) => runtime.run(program, request, host, cancel).await,
            (Self::Apart(processes), Kind::Apart(code)) => processes.run(tenant, code, request, host, cancel).await,
            (Self::Here(_), Kind::Apart(_)) | (Self::Apart(_), Kind::Here(_)) => parent::not_ours(&request),
        }
    }
}
