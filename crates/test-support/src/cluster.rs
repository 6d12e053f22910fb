//! Real processes of Cofferdam: for tests that kill them.

use crate::postgres::TestDatabase;
use crate::redis::RedisServer;
use anyhow::{Context as _, Result, bail};
use cofferdam_api_types::LoginRequest;
use cofferdam_client::Client;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::Duration;
use tempfile::TempDir;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a process may take to start, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The program `cofferdam`, built once per test process.
///
/// `cargo xtask test` builds it before the tests and names it in `COFFERDAM_PROGRAM`. Without that it is built here; the cargo
/// that runs the tests has let go of the target folder by then.
///
/// # Panics
/// When it cannot be built. Tests cannot go on then.
#[must_use]
pub fn binary() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(build).clone()
}

#[expect(clippy::disallowed_methods, reason = "where cargo puts things is told by environment variables")]
fn build() -> PathBuf {
    if let Some(built) = std::env::var_os("COFFERDAM_PROGRAM") {
        return built.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is two levels up");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--quiet", "--package", "cofferdam-cli", "--bin", "cofferdam", "--target-dir"])
        .arg(&target)
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "cofferdam cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/cofferdam")
}

/// The servers and settings that the processes of one installation share.
pub struct Installation {
    /// Its database.
    pub database: TestDatabase,
    /// Its queue.
    pub redis: RedisServer,
    folder: TempDir,
    settings: Vec<(String, String)>,
    port: u16,
}

impl Installation {
    /// An installation without any process yet.
    ///
    /// # Panics
    /// When PostgreSQL is missing.
    ///
    /// # Errors
    /// When Redis cannot be started, or there is no folder for temporary files.
    pub async fn new() -> Result<Self> {
        let (database, redis) = (TestDatabase::new().await, RedisServer::start()?);
        let folder = tempfile::Builder::new().prefix("cofferdam-installation-").tempdir()?;
        let port = free_port()?;
        let settings = [
            ("database_url", database.url().to_owned()),
            ("redis_url", redis.url()),
            ("objects_url", format!("file://{}", folder.path().join("objects").display())),
            ("secret_key", "0123456789abcdef0123456789abcdef".to_owned()),
            ("listen", format!("127.0.0.1:{port}")),
            ("worker_slots", "32".to_owned()),
            ("worker_lease", "2s".to_owned()),
        ];
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Self { database, redis, folder, settings, port })
    }

    /// Sets a configuration key for the processes that start from now on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Starts a role: `api`, `scheduler` or `worker`.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(&self, role: &str) -> Result<Process> {
        Process::start(&[role], self.folder.path(), &self.settings)
    }

    /// A client of the API; it need not be there yet.
    ///
    /// # Errors
    /// Never, in practice: the address is well formed.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&format!("http://127.0.0.1:{}", self.port))?)
    }

    /// Waits for the API and signs in as the first administrator, whom `api` made at its start.
    ///
    /// # Errors
    /// When the API does not come up, or did not make an administrator.
    pub async fn sign_in(&self, api: &mut Process) -> Result<Client> {
        let client = self.client()?;
        until_ready(&client, api).await?;
        let said = api.stdout();
        let line = said.lines().find_map(|line| line.strip_prefix("The first administrator is ")).context("no administrator")?;
        let (username, password) = line.split_once(" with the password ").context("no password")?;
        client.login(&LoginRequest { tenant: None, username: username.to_owned(), password: password.trim().to_owned() }).await?;
        Ok(client)
    }
}

/// Waits until the API answers and says that it is ready.
///
/// # Errors
/// When its process ends first, or it takes too long.
pub async fn until_ready(client: &Client, process: &mut Process) -> Result<()> {
    let waiting = async {
        while client.health_ready().await.is_err() {
            if let Some(status) = process.exited()? {
                bail!("the process ended with {status}:\n{}", process.log());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    match tokio::time::timeout(START, waiting).await {
        Ok(ready) => ready,
        Err(_) => bail!("{} was not ready in time:\n{}", client.address(), process.log()),
    }
}

/// A free port. It may be taken again before it is used; nobody else looks for one so soon.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A process of Cofferdam. Dropping it kills it; it also ends with the test process, however that ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts the program with arguments and configuration keys, in a folder where it finds nothing else.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(arguments: &[&str], folder: &Path, settings: &[(String, String)]) -> Result<Self> {
        let output = tempfile::Builder::new().prefix(&format!("{}-", arguments[0])).tempdir_in(folder)?.keep();
        let (stdout, log) = (output.join("stdout"), output.join("log"));
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(&output).stdin(Stdio::null());
        command.stdout(File::create(&stdout)?).stderr(File::create(&log)?);
        #[expect(
            clippy::disallowed_methods,
            reason = "settings of the machine must not reach the process, but its programs must"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("COFFERDAM_LOG_FORMAT", "json");
        for (key, value) in settings {
            command.env(format!("COFFERDAM_{}", key.to_ascii_uppercase()), value);
        }
        Ok(Self { child: spawn(command)?, stdout, log })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it: signal 9, without a chance to say goodbye.
    ///
    /// # Errors
    /// When it has ended already, by itself.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!("it had ended before it was killed, with {status}:\n{}", self.log());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end: SIGTERM.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn terminate(&self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if status.success() { Ok(()) } else { bail!("the process {} cannot be signalled", self.pid()) }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let waiting = async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    return Ok(status);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(status) => status,
            Err(_) => bail!("it has not ended within {within:?}:\n{}", self.log()),
        }
    }

    /// What it printed.
    #[must_use]
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Waits until its log has a line with these words.
    ///
    /// # Errors
    /// When it ends first, or that takes too long.
    pub async fn logged(&mut self, words: &str) -> Result<()> {
        let waiting = async {
            while !std::fs::read_to_string(&self.log).unwrap_or_default().contains(words) {
                if let Some(status) = self.child.try_wait()? {
                    bail!("it ended with {status} before it logged {words:?}:\n{}", self.log());
                }
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        match tokio::time::timeout(START, waiting).await {
            Ok(logged) => logged,
            Err(_) => bail!("it has not logged {words:?}:\n{}", self.log()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a child from a thread that lives as long as this process: on Linux the child is told to end when the *thread* that
/// started it does, and the threads of tests are short-lived.
fn spawn(command: Command) -> Result<Child> {
    type Order = (Command, mpsc::SyncSender<std::io::Result<Child>>);
    static KEEPER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("process-keeper".to_owned())
            .spawn(move || {
                for (mut command, answer) in received {
                    end_with_parent(&mut command);
                    drop(answer.send(command.spawn()));
                }
            })
            .expect("a thread");
        Mutex::new(orders)
    });
    let (answer, started) = mpsc::sync_channel(1);
    keeper.lock().expect("nothing panics while it is held").send((command, answer)).context("the keeper has ended")?;
    started.recv().context("the keeper has ended")?.context("cofferdam cannot be started")
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only this call makes the kernel end the child with its parent")]
fn end_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_command: &mut Command) {}
