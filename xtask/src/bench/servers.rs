//! The servers that a bench runs against: private, durable, started here and stopped here.

use crate::tools;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The user that PostgreSQL runs as when this is root, which it refuses to be.
const NOBODY: u32 = 65_534;
const START: Duration = Duration::from_secs(60);

/// A PostgreSQL with fsync and synchronous commit on, and perhaps a Redis.
pub struct Servers {
    directory: tempfile::TempDir,
    bin: PathBuf,
    postgres: Child,
    redis: Option<Child>,
}

impl Servers {
    /// Starts them.
    pub fn start(with_redis: bool) -> Result<Self> {
        let bin = tools::postgres()?;
        let directory = tempfile::Builder::new().prefix("cofferdam-bench-").tempdir()?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        if tools::is_root() {
            for path in [directory.path(), &data] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
            }
        }
        let initdb = as_postgres(&bin.join("initdb"))
            .args(["--username", "cofferdam", "--auth", "trust", "--no-locale", "--encoding", "UTF8", "--pgdata"])
            .arg(&data)
            .stdout(Stdio::null())
            .current_dir("/")
            .status()
            .context("cannot start initdb")?;
        ensure!(initdb.success(), "initdb failed ({initdb})");
        let postgres = as_postgres(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB"])
            .args(["-c", "fsync=on", "-c", "synchronous_commit=on"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("postgres.log"))?)
            .current_dir("/")
            .spawn()
            .context("cannot start postgres")?;
        let mut servers = Self { directory, bin, postgres, redis: None };
        let ready =
            || fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|pid| pid.lines().any(|line| line.trim() == "ready"));
        wait("postgres", &mut servers.postgres, ready)?;
        if with_redis {
            let socket = servers.socket();
            let mut redis = Command::new(tools::redis()?)
                .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
                .arg(&socket)
                .stdout(Stdio::null())
                .current_dir(servers.directory.path())
                .spawn()
                .context("cannot start redis-server")?;
            let started = wait("redis-server", &mut redis, || std::os::unix::net::UnixStream::connect(&socket).is_ok());
            servers.redis = Some(redis);
            started?;
        }
        Ok(servers)
    }

    /// What a program needs to reach them, as arguments of the benches.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--database-url".to_owned(),
            format!("postgres://cofferdam@localhost/postgres?host={}", self.directory.path().display()),
            "--postgres-pid".to_owned(),
            self.postgres.id().to_string(),
        ];
        if let Some(redis) = &self.redis {
            arguments.extend(["--redis-url".to_owned(), format!("redis+unix://{}", self.socket().display())]);
            arguments.extend(["--redis-pid".to_owned(), redis.id().to_string()]);
        }
        arguments
    }

    /// Milliseconds that one fdatasync takes on the disk of the data directory, by `pg_test_fsync`.
    pub fn fsync_ms(&self) -> Result<f64> {
        let file = self.directory.path().join("data/fsync-test");
        let output = as_postgres(&self.bin.join("pg_test_fsync"))
            .args(["--secs-per-test", "1", "--filename"])
            .arg(&file)
            .current_dir("/")
            .output()
            .context("cannot start pg_test_fsync")?;
        let text = String::from_utf8_lossy(&output.stdout);
        // The first line of that name is for one write of 8 KiB: `fdatasync  7021.9 ops/sec  142 usecs/op`.
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("fdatasync"))
            .context("pg_test_fsync says nothing of fdatasync")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let micros =
            words.iter().position(|word| *word == "usecs/op").and_then(|at| words.get(at.checked_sub(1)?)?.parse::<f64>().ok());
        Ok(micros.with_context(|| format!("cannot read '{line}'"))? / 1_000.0)
    }

    /// The program `psql`.
    pub fn psql(&self) -> PathBuf {
        let beside = self.bin.join("psql");
        if beside.is_file() { beside } else { "psql".into() }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(redis) = &mut self.redis {
            let _ = redis.kill();
            let _ = redis.wait();
        }
        // SIGINT is PostgreSQL's fast shutdown.
        let stopped = Command::new("kill").args(["-INT", &self.postgres.id().to_string()]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.postgres.kill();
        }
        let _ = self.postgres.wait();
    }
}

fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new(program);
    if tools::is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn wait(name: &str, child: &mut Child, ready: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !ready() {
        if let Some(status) = child.try_wait()? {
            bail!("{name} ended at its start ({status})");
        }
        ensure!(began.elapsed() < START, "{name} is not ready after {} s", START.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
