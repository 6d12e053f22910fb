//! A private Redis server for a test: on a unix socket in a directory of its own, without a disk, ended with the test.

use anyhow::{Context, bail};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The programs that will do, the first that is found.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// How the directories of servers begin; the id of the process that made one follows.
const DIRECTORY: &str = "cofferdam-redis-";

/// How long a server may take to answer after its start.
const START: Duration = Duration::from_secs(20);

/// A running server. Dropping it ends it; it also ends with this process, however that ends.
pub struct RedisServer {
    directory: TempDir,
    arguments: Vec<String>,
    running: Option<Running>,
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

struct Running {
    child: Child,
    // The thread that started the child lives until this is dropped: see `spawn`.
    _keeper: mpsc::Sender<()>,
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When there is no Redis on this machine, or it does not come up; the message says what to do.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments, such as `--cluster-enabled yes`.
    ///
    /// # Errors
    /// As for [`RedisServer::start`].
    pub fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        sweep();
        let directory = tempfile::Builder::new().prefix(&format!("{DIRECTORY}{}-", std::process::id())).tempdir()?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { directory, arguments, running: None };
        server.launch()?;
        Ok(server)
    }

    /// What clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills the server and starts it again, empty, at the same address.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.launch()
    }

    /// Kills the server (signal 9). [`RedisServer::restart`] brings it back.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.child.kill());
            drop(running.child.wait());
        }
    }

    /// Makes the server forget everything but its functions.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn flushall(&self) -> anyhow::Result<()> {
        self.command("FLUSHALL").map(drop)
    }

    /// Sends one command, written on one line, and returns the answer as the server wrote it.
    ///
    /// # Errors
    /// When the server does not answer, or answers with an error.
    pub fn command(&self, line: &str) -> anyhow::Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // The server closes the connection after the second command, so that the answer ends where the stream ends.
        write!(stream, "{line}\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let answer = answer.strip_suffix("+OK\r\n").unwrap_or(&answer).trim_end().to_owned();
        if let Some(error) = answer.strip_prefix('-') {
            bail!("Redis answered {line:?} with {error}");
        }
        Ok(answer)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        drop(std::fs::remove_file(self.socket()));
        self.running = Some(spawn(self.directory.path(), &self.arguments)?);
        let started = Instant::now();
        loop {
            if self.command("PING").is_ok_and(|answer| answer == "+PONG") {
                return Ok(());
            }
            let exited = self.running.as_mut().map(|running| running.child.try_wait()).transpose()?.flatten();
            if exited.is_some() || started.elapsed() > START {
                self.stop();
                let log = std::fs::read_to_string(self.directory.path().join("redis.log")).unwrap_or_default();
                bail!("the Redis server for the test did not come up; its log:\n{log}");
            }
            // A process tells nobody that it listens, so this asks again.
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Removes the directories of processes that are gone: a server in a `static` is never dropped.
fn sweep() {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY)?.split_once('-')).map(|(id, _)| id);
        if maker.is_some_and(|id| id.parse::<u32>().is_ok() && !processes.join(id).exists()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// Starts the server from a thread of its own, which then waits: on Linux the child is told to end when the *thread* that
/// started it does, and the threads of tests are short-lived.
fn spawn(directory: &Path, arguments: &[String]) -> anyhow::Result<Running> {
    let (keeper, ended) = mpsc::channel::<()>();
    let (hand_over, child) = mpsc::sync_channel(1);
    let (directory, arguments) = (directory.to_owned(), arguments.to_owned());
    thread::Builder::new().name("redis-keeper".into()).spawn(move || {
        drop(hand_over.send(spawn_here(&directory, &arguments)));
        // Ends with an error when the server is dropped, which is all that is waited for.
        let _: Result<(), mpsc::RecvError> = ended.recv();
    })?;
    let child = child.recv().context("the thread that starts Redis ended")??;
    Ok(Running { child, _keeper: keeper })
}

fn spawn_here(directory: &Path, arguments: &[String]) -> anyhow::Result<Child> {
    for program in PROGRAMS {
        let mut command = Command::new(program);
        command
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no", "--logfile", "redis.log"])
            .args(["--dir", "."])
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        end_with_parent(&mut command);
        match command.spawn() {
            Ok(child) => return Ok(child),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(format!("{program} cannot be started")),
        }
    }
    bail!("there is no redis-server on the PATH: install it (Debian: apt-get install redis-server; macOS: brew install redis)")
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only this call makes the kernel end the child with its parent")]
fn end_with_parent(command: &mut Command) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_forgets_and_comes_back() {
        let mut server = RedisServer::start().unwrap();
        assert_eq!(server.command("SET a b").unwrap(), "+OK");
        assert_eq!(server.command("GET a").unwrap(), "$1\r\nb");
        server.flushall().unwrap();
        assert_eq!(server.command("GET a").unwrap(), "$-1");
        server.command("SET a b").unwrap();
        server.restart().unwrap();
        assert_eq!(server.command("GET a").unwrap(), "$-1");
        assert!(server.command("NONSENSE").is_err());
    }
}
