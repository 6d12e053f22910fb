//! A real PostgreSQL for tests: one private server per test process, one database per test.
//!
//! The first start on a machine makes the server's files in the temporary folder; later test runs find them there and are
//! ready in a few hundredths of a second. Several test processes at once each take files of their own.

use cofferdam_store::embedded::{self, EmbeddedConfig, EmbeddedError, EmbeddedPostgres};
use cofferdam_store::{Access, PoolOptions, Store, databases, migrate, schema_fingerprint};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{Mutex, OnceCell};

/// How many test processes may run at once.
const SLOTS: u32 = 64;

static SHARED: OnceCell<Arc<Server>> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A server and the migrated database in it that the tests' are copied from.
struct Server {
    postgres: EmbeddedPostgres,
    template: String,
    /// PostgreSQL copies a database only while nobody else does.
    copying: Mutex<()>,
    /// Files that go with the server, when it has its own.
    files: Option<tempfile::TempDir>,
}

/// A database of one test, migrated, empty, and gone when the value is dropped.
pub struct TestDatabase {
    server: Arc<Server>,
    name: String,
    url: String,
}

impl TestDatabase {
    /// A database on the server that the tests of this process share. Its commits do not wait for the disk.
    ///
    /// # Panics
    /// When there is no PostgreSQL on the machine, with the reason.
    pub async fn new() -> Self {
        let server = SHARED.get_or_init(shared_server).await.clone();
        Self::on(server).await
    }

    /// A database on a server of its own, durable as in production: for tests that stop or kill the server.
    ///
    /// # Panics
    /// When there is no PostgreSQL on the machine, with the reason.
    pub async fn on_own_server() -> Self {
        let files = tempfile::tempdir().expect("a temporary folder");
        let postgres = embedded::start(config(files.path())).await.unwrap_or_else(|error| panic!("{error}"));
        Self::on(Arc::new(Server::new(postgres, Some(files)).await)).await
    }

    async fn on(server: Arc<Server>) -> Self {
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        {
            let _alone = server.copying.lock().await;
            databases::create(server.postgres.maintenance_url(), &name, Some(&server.template))
                .await
                .expect("a copy of the template");
        }
        let url = server.url_of(&name);
        Self { server, name, url }
    }

    /// Where the database is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store on the database.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn store(&self, access: Access) -> Store {
        Store::connect(&self.url, access, PoolOptions::default()).await.expect("the test's database takes connections")
    }

    /// Restarts the server and waits until it is back.
    ///
    /// # Panics
    /// When the server is the shared one: other tests use it.
    pub async fn restart_server(&self) {
        self.own_server().restart().await;
    }

    /// The process id of the server, for tests that kill it; none while it is being started again.
    ///
    /// # Panics
    /// When the server is the shared one: other tests use it.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        self.own_server().pid()
    }

    fn own_server(&self) -> &EmbeddedPostgres {
        assert!(self.server.files.is_some(), "take TestDatabase::on_own_server to disturb the server");
        &self.server.postgres
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.server.files.is_some() {
            return;
        }
        let (url, name) = (self.server.postgres.maintenance_url().to_owned(), self.name.clone());
        // The test's runtime may be ending, so the removal has its own. What remains is removed at the next start.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(databases::remove(&url, &name)).map_err(std::io::Error::other)
        });
        let _ = removal.join();
    }
}

impl Server {
    async fn new(postgres: EmbeddedPostgres, files: Option<tempfile::TempDir>) -> Self {
        let maintenance = postgres.maintenance_url().to_owned();
        let template = format!("template_{:016x}", schema_fingerprint());
        let present = databases::list(&maintenance).await.expect("the server answers");
        for left in
            present.iter().filter(|name| name.starts_with("test_") || (name.starts_with("template_") && **name != template))
        {
            databases::remove(&maintenance, left).await.expect("the server removes a database");
        }
        let server = Self { postgres, template, copying: Mutex::new(()), files };
        if !present.contains(&server.template) {
            // Under another name until it is whole.
            let partial = "test_template";
            databases::create(&maintenance, partial, None).await.expect("a new database");
            migrate(&server.url_of(partial)).await.expect("the migrations apply to an empty database");
            databases::create(&maintenance, &server.template, Some(partial)).await.expect("a copy of the template");
            databases::remove(&maintenance, partial).await.expect("the server removes a database");
        }
        server
    }

    fn url_of(&self, database: &str) -> String {
        self.postgres.maintenance_url().replacen("/postgres?", &format!("/{database}?"), 1)
    }
}

/// Takes the first files that no other process uses.
async fn shared_server() -> Arc<Server> {
    for slot in 0..SLOTS {
        let folder = slot_folder(slot);
        let config = EmbeddedConfig { fsync: false, ..config(&folder) };
        let postgres = match embedded::start(config.clone()).await {
            Ok(postgres) => postgres,
            Err(EmbeddedError::InUse(_)) => continue,
            // Without fsync a crash of the machine may leave files that cannot be read, and another version of PostgreSQL
            // may have made them. Nothing in them is worth keeping.
            Err(EmbeddedError::DidNotStart { .. } | EmbeddedError::OtherVersion { .. }) => {
                std::fs::remove_dir_all(&folder).expect("the folder can be removed");
                embedded::start(config).await.unwrap_or_else(|error| panic!("{error}"))
            }
            Err(error) => panic!("{error}"),
        };
        return Arc::new(Server::new(postgres, None).await);
    }
    panic!("more than {SLOTS} test processes run at once");
}

#[expect(clippy::disallowed_methods, reason = "`cargo xtask test` names the programs that it obtained in PATH")]
fn config(folder: &Path) -> EmbeddedConfig {
    EmbeddedConfig { search_path: std::env::var_os("PATH"), ..EmbeddedConfig::new(folder) }
}

fn slot_folder(slot: u32) -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    // Users have folders of their own: one cannot enter another's.
    let user = std::fs::metadata("/proc/self").map(|metadata| metadata.uid()).unwrap_or_default();
    std::env::temp_dir().join(format!("cofferdam-test-postgres-{user}")).join(slot.to_string())
}
