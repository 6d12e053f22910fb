//! The thread that starts the server, watches it, and starts it again.

use super::cluster::{Cluster, Reach};
use super::process::{self, Signal};
use super::{EmbeddedConfig, EmbeddedError};
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// How long a start may take; recovery after a crash reads up to `max_wal_size` of log.
const START: Duration = Duration::from_secs(180);

/// The pause before the server is started again, doubled at each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The log is begun anew at a start when it is larger.
const LARGEST_LOG: u64 = 8 << 20;

/// What the handle and the thread share.
#[derive(Debug, Default)]
pub(super) struct Server {
    state: Mutex<State>,
    stop_asked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The server's process, from its start until it has ended, before it is collected.
    pid: Option<u32>,
    stopping: bool,
}

impl Server {
    pub(super) fn pid(&self) -> Option<u32> {
        self.lock().pid
    }

    /// Signals the server, if it runs. While the lock is held its number cannot pass to another process.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.lock().pid {
            process::signal(pid, signal);
        }
    }

    /// Stops the server for good.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        self.stop_asked.notify_all();
        if let Some(pid) = state.pid {
            process::signal(pid, Signal::Fast);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }

    fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Waits, and tells whether a stop was asked for meanwhile.
    fn pause(&self, length: Duration) -> bool {
        let (state, _) = self
            .stop_asked
            .wait_timeout_while(self.lock(), length, |state| !state.stopping)
            .expect("nothing panics under this lock");
        state.stopping
    }
}

/// Where the server can be reached.
pub(super) struct Urls {
    pub(super) cofferdam: String,
    pub(super) maintenance: String,
}

/// The thread and its controls.
pub(super) struct Supervisor {
    pub(super) server: Arc<Server>,
    pub(super) thread: JoinHandle<()>,
    pub(super) ready: watch::Receiver<u64>,
}

impl Supervisor {
    /// Begins the thread. The receiver tells how the first start went.
    ///
    /// The server is bound to the thread that starts it, so it has one of its own, which lives as long as the process.
    pub(super) fn begin(config: EmbeddedConfig) -> (Self, oneshot::Receiver<Result<Urls, EmbeddedError>>) {
        let server = Arc::new(Server::default());
        let (ready, ready_receiver) = watch::channel(0);
        let (first, first_receiver) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("postgres-supervisor".to_owned())
            .spawn({
                let server = server.clone();
                move || run(&config, &server, &ready, first)
            })
            .expect("the system can start a thread");
        (Self { server, thread, ready: ready_receiver }, first_receiver)
    }
}

fn run(
    config: &EmbeddedConfig,
    server: &Server,
    ready: &watch::Sender<u64>,
    first: oneshot::Sender<Result<Urls, EmbeddedError>>,
) {
    let begun = Instant::now();
    let started = Cluster::prepare(config).and_then(|cluster| Ok((launch(config, &cluster, server)?, cluster)));
    let (mut child, cluster) = match started {
        Ok(started) => started,
        Err(error) => {
            // Nobody waits any more when the start itself was given up; then there is nobody to tell.
            let _ = first.send(Err(error));
            return;
        }
    };
    ready.send_modify(|times| *times += 1);
    tracing::info!(
        server.pid = child.id(),
        server.version = cluster.binaries.major,
        start_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the embedded PostgreSQL is ready"
    );
    if first.send(Ok(Urls { cofferdam: cluster.url(super::cluster::NAME), maintenance: cluster.url("postgres") })).is_err() {
        server.stop();
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let up_since = Instant::now();
        collect(&mut child, server);
        if up_since.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        child = loop {
            if server.is_stopping() || server.pause(pause) {
                cluster.tidy();
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            tracing::warn!("PostgreSQL has ended; starting it again");
            match launch(config, &cluster, server) {
                Ok(child) => break child,
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "PostgreSQL could not be started again"),
            }
        };
        ready.send_modify(|times| *times += 1);
        tracing::info!(server.pid = child.id(), "PostgreSQL is back");
    }
}

/// Waits for the end of the server and collects it.
fn collect(child: &mut Child, server: &Server) {
    if let Err(error) = process::wait_without_collecting(child) {
        tracing::error!(error = &error as &dyn std::error::Error, "could not wait for PostgreSQL");
    }
    // From here on nobody signals the number, which is free after the next line but one.
    server.lock().pid = None;
    if let Err(error) = child.wait() {
        tracing::error!(error = &error as &dyn std::error::Error, "could not collect PostgreSQL");
    }
}

/// Starts the server and waits until it takes connections.
fn launch(config: &EmbeddedConfig, cluster: &Cluster, server: &Server) -> Result<Child, EmbeddedError> {
    let mut child = spawn(config, cluster)?;
    {
        let mut state = server.lock();
        state.pid = Some(child.id());
        if state.stopping {
            process::signal(child.id(), Signal::Fast);
        }
    }
    let begun = Instant::now();
    loop {
        if is_ready(cluster) {
            return Ok(child);
        }
        let ended = {
            let mut state = server.lock();
            let ended = child.try_wait().is_ok_and(|status| status.is_some());
            if ended {
                state.pid = None;
            }
            ended
        };
        if ended || begun.elapsed() > START {
            if !ended {
                server.signal(Signal::Immediate);
                collect(&mut child, server);
            }
            return Err(EmbeddedError::DidNotStart { said: last_words(&cluster.log), log: cluster.log.clone() });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn spawn(config: &EmbeddedConfig, cluster: &Cluster) -> Result<Child, EmbeddedError> {
    let data = Reach::of(&cluster.data)?;
    let sockets = Reach::of(&cluster.sockets)?;
    let keep = fs::metadata(&cluster.log).is_ok_and(|metadata| metadata.len() < LARGEST_LOG);
    let log = File::options()
        .create(true)
        .write(true)
        .append(keep)
        .truncate(!keep)
        .open(&cluster.log)
        .map_err(EmbeddedError::io("open", &cluster.log))?;
    let mut command = Command::new(cluster.binaries.dir.join("postgres"));
    command.arg("-D").arg(&data.path).arg("-k").arg(&sockets.path);
    for (name, value) in SETTINGS {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    if !config.fsync {
        command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
    }
    for (name, value) in &config.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    process::confine(&mut command, [data.descriptor(), sockets.descriptor()].into_iter().flatten());
    process::spawn_bound_to_this_thread(&mut command).map_err(EmbeddedError::io("run", &cluster.binaries.dir.join("postgres")))
}

/// For one machine that does other work too: little memory, no replication, short statements.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("max_connections", "100"),
    ("shared_buffers", "128MB"),
    ("wal_buffers", "16MB"),
    ("min_wal_size", "256MB"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "on"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("random_page_cost", "1.1"),
    ("autovacuum_naptime", "15s"),
    ("autovacuum_vacuum_scale_factor", "0.05"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("huge_pages", "off"),
    ("dynamic_shared_memory_type", "posix"),
    ("log_checkpoints", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
];

/// Whether the server says so in its own file and takes connections.
fn is_ready(cluster: &Cluster) -> bool {
    let says_ready = fs::read_to_string(cluster.data.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"));
    says_ready && UnixStream::connect(cluster.sockets.join(".s.PGSQL.5432")).is_ok()
}

/// The last line or two of the log: usually the reason.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(2).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
