//! Compiling, in a child process with limits.
//!
//! Compiling is the expensive and dangerous part of running foreign code: one hostile megabyte can take minutes and
//! gigabytes. So it happens in a process of its own, which has a limit on CPU time and memory, is killed when it takes too
//! long, knows none of our secrets, and yields to running tasks. Each tenant compiles one component at a time.
//!
//! The child reads one line with its limits and then the component from its standard input, and writes compiled code to
//! its standard output. Its exit code tells what its standard error means.

mod child;

use crate::compiled::CompiledCode;
use bytes::Bytes;
use cofferdam_ids::TenantId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

pub use child::child_main;

/// Exit code of the child for a component that is not valid.
const EXIT_INVALID: u8 = 2;
/// Exit code of the child for a question that it does not understand.
const EXIT_USAGE: u8 = 3;
/// Bytes of the child's standard error that are read.
const STDERR_BYTES: u64 = 64 << 10;
/// Bytes of compiled code that are accepted.
const COMPILED_BYTES: u64 = 1 << 30;

/// How components are compiled.
#[derive(Clone, Debug)]
pub struct CompileConfig {
    /// The program that calls [`child_main`].
    pub program: PathBuf,
    /// Its arguments, such as `__compile`.
    pub args: Vec<String>,
    /// Seconds of CPU time, of all its threads together.
    pub cpu_seconds: u64,
    /// Time from its start to its end.
    pub wall: Duration,
    /// Bytes of address space.
    pub memory_bytes: u64,
}

impl CompileConfig {
    /// With the usual limits: 90 s of CPU time, 300 s from start to end, and 3 GiB of address space. The time from start to end
    /// is long, since compiling yields to everything else on the machine: what it costs is bounded by the CPU time. A Python component
    /// takes about 26 s and 1 GiB.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            cpu_seconds: 90,
            wall: Duration::from_secs(300),
            memory_bytes: 3 << 30,
        }
    }
}

/// What a compilation had too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// CPU time, in seconds.
    Cpu(u64),
    /// Time from start to end.
    Wall(Duration),
    /// Bytes of memory.
    Memory(u64),
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu(seconds) => write!(f, "{seconds} s of CPU time"),
            Self::Wall(wall) => write!(f, "{} s", wall.as_secs_f64()),
            Self::Memory(bytes) => write!(f, "{} MiB of memory", bytes >> 20),
        }
    }
}

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A limit was reached.
    #[error(
        "compiling the component takes more than {0}: split up its largest functions, build it optimised for size, or leave out what it does not need"
    )]
    TooExpensive(Spent),
    /// It is not valid, or needs what the engine does not have.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// The compiler itself gave up on it.
    #[error("the compiler cannot handle this component: {0}")]
    Crashed(String),
    /// The child process could not be started or spoken to.
    #[error("the compile process failed: {message}")]
    Process {
        /// What was being done.
        message: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl CompileError {
    /// The error's stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooExpensive(_) => "component_too_expensive",
            Self::Invalid(_) => "component_invalid",
            Self::Crashed(_) => "component_not_compilable",
            Self::Process { .. } => "compile_unavailable",
        }
    }
}

/// Compiles components. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CompileService(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: CompileConfig,
    /// How many children there may be at once.
    children: Semaphore,
    tenants: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<()>>>>,
}

impl CompileService {
    /// A service; starts nothing yet.
    #[must_use]
    pub fn new(config: CompileConfig) -> Self {
        let children = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Shared { config, children: Semaphore::new(children), tenants: Mutex::default() }))
    }

    /// Compiles a component for the engine of this version and processor. Waits while the tenant has another one in work.
    ///
    /// Check the bytes with [`crate::inspect::inspect`] first: it is cheap, and its errors are better. When this future
    /// is dropped, the child is killed.
    ///
    /// # Errors
    /// When a limit is reached, the component is not valid, or the child cannot be started.
    pub async fn compile(&self, tenant: TenantId, wasm: &[u8]) -> Result<CompiledCode, CompileError> {
        let turn = Arc::clone(self.0.tenants.lock().entry(tenant).or_default());
        let result = {
            let _turn = turn.lock().await;
            let _child = self.0.children.acquire().await;
            self.0.compile(wasm).await
        };
        drop(turn);
        self.0.tenants.lock().retain(|_, turn| Arc::strong_count(turn) > 1);
        result
    }
}

impl Shared {
    async fn compile(&self, wasm: &[u8]) -> Result<CompiledCode, CompileError> {
        let config = &self.config;
        let started = std::time::Instant::now();
        let mut child = Command::new(&config.program)
            .args(&config.args)
            // Nothing of our environment: it may hold secrets.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CompileError::Process { message: "it cannot be started", source })?;

        let Ok(answer) = tokio::time::timeout(config.wall, converse(&mut child, config, wasm)).await else {
            child.kill().await.map_err(|source| CompileError::Process { message: "it cannot be stopped", source })?;
            return Err(CompileError::TooExpensive(Spent::Wall(config.wall)));
        };
        let answer = answer.map_err(|source| CompileError::Process { message: "it cannot be spoken to", source })?;
        let compiled = self.judge(answer);
        metrics::histogram!("cofferdam_compile_seconds").record(started.elapsed().as_secs_f64());
        tracing::debug!(
            compile.wasm_bytes = wasm.len(),
            compile.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            compile.ok = compiled.is_ok(),
            "a component was compiled"
        );
        compiled
    }

    fn judge(&self, answer: Answer) -> Result<CompiledCode, CompileError> {
        let Answer { status, stdout, stderr } = answer;
        let config = &self.config;
        let said = stderr.trim().to_owned();
        if status.success() {
            if stdout.len() as u64 > COMPILED_BYTES {
                return Err(CompileError::Crashed(format!("its machine code has more than {COMPILED_BYTES} bytes")));
            }
            return Ok(CompiledCode::made_here(Bytes::from(stdout)));
        }
        Err(match (status.code(), status.signal()) {
            (Some(code), _) if code == i32::from(EXIT_INVALID) && !said.contains(OUT_OF_MEMORY) => CompileError::Invalid(said),
            (_, Some(libc::SIGXCPU)) => CompileError::TooExpensive(Spent::Cpu(config.cpu_seconds)),
            // Without memory, an allocation aborts or a thread cannot start; the system may also have ended it.
            (_, Some(libc::SIGKILL)) => CompileError::TooExpensive(Spent::Memory(config.memory_bytes)),
            _ if wants_memory(&said) => CompileError::TooExpensive(Spent::Memory(config.memory_bytes)),
            (_, Some(signal)) => CompileError::Crashed(format!("it ended with signal {signal}: {}", last_line(&said))),
            (code, None) => CompileError::Crashed(format!("it ended with code {}: {}", code.unwrap_or(-1), last_line(&said))),
        })
    }
}

/// What a child left behind.
struct Answer {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

async fn converse(child: &mut Child, config: &CompileConfig, wasm: &[u8]) -> std::io::Result<Answer> {
    let mut stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ask = async {
        if let Some(stdin) = &mut stdin {
            let limits = child::Limits { cpu_seconds: config.cpu_seconds, memory_bytes: config.memory_bytes };
            // A child that ends early closes its end: its exit code says more than the failed write.
            let _ = stdin.write_all(limits.to_line().as_bytes()).await;
            let _ = stdin.write_all(wasm).await;
        }
        drop(stdin.take());
    };
    let ((), stdout, stderr) = tokio::join!(ask, read(stdout, COMPILED_BYTES + 1), read(stderr, STDERR_BYTES));
    let (stdout, stderr) = (stdout?, stderr?);
    let status = child.wait().await?;
    Ok(Answer { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

async fn read(from: Option<impl AsyncRead + Unpin>, max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(max).read_to_end(&mut bytes).await?;
        // Read on, so that the child is not stopped by a full pipe.
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// What Wasmtime says when an allocation failed.
const OUT_OF_MEMORY: &str = "out of memory (failed to allocate";

/// Whether a child says that an allocation failed, or that a thread could not start: an error of the system shows its number in one of
/// two forms.
fn wants_memory(said: &str) -> bool {
    const WORDS: [&str; 6] =
        [OUT_OF_MEMORY, "memory allocation of", "os error 12", "os error 11", "Os { code: 12,", "Os { code: 11,"];
    WORDS.iter().any(|words| said.contains(words))
}

fn last_line(text: &str) -> &str {
    let says_something = |line: &&str| !line.trim().is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE");
    text.lines().rev().find(says_something).unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_without_memory_is_told_from_one_that_crashed() {
        let service = CompileService::new(CompileConfig::new("/nowhere/cofferdam", ["__compile"]));
        let judge = |said: &str| {
            let stderr =
                format!("thread 'main' panicked at pool.rs:1:1:\n{said}\nnote: run with `RUST_BACKTRACE=1` to see more\n");
            service.0.judge(Answer { status: ExitStatus::from_raw(101 << 8), stdout: Vec::new(), stderr }).unwrap_err()
        };
        let error = |number: i32| std::io::Error::from_raw_os_error(number);
        for number in [libc::ENOMEM, libc::EAGAIN] {
            for said in [error(number).to_string(), format!("{:?}", error(number))] {
                let judged = judge(&said);
                assert!(matches!(judged, CompileError::TooExpensive(Spent::Memory(_))), "{said}: {judged}");
            }
        }
        let judged = judge("unhandled out-of-memory error: out of memory (failed to allocate 131073 bytes)");
        assert!(matches!(judged, CompileError::TooExpensive(Spent::Memory(_))), "{judged}");
        let crashed = judge("index out of bounds");
        assert!(matches!(&crashed, CompileError::Crashed(why) if why.ends_with("index out of bounds")), "{crashed}");
    }
}
