//! From what Wasmtime reports to a [`Reason`], with a message that says what would mend it.

use crate::capabilities::HostUnavailable;
use crate::engine::{BACKTRACE_FRAMES, TABLE_ELEMENTS};
use crate::json::clean;
use crate::masking::Masking;
use crate::run::{DeadlinePassed, MESSAGE_BYTES};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// A stack with at most this many different functions in its innermost frames is one that calls itself without end.
const RECURSION_FUNCTIONS: usize = 8;
/// Frames shown with a trap.
const FRAMES_SHOWN: usize = 12;

/// What is known beside the error itself.
pub(crate) struct Circumstances<'a> {
    pub limits: &'a Limits,
    pub entry: &'a Entry,
    /// More memory was asked for than allowed.
    pub memory_denied: bool,
    /// A larger table was asked for than allowed.
    pub table_denied: bool,
    /// The last lines of stderr.
    pub stderr: String,
    /// The last thing that was refused to the task, and what would allow it.
    pub refused: Option<String>,
    /// Knows the secrets that the task read.
    pub masking: &'a Masking,
}

/// The ending of a guest that did not return.
pub(crate) fn failed(error: &wasmtime::Error, circumstances: &Circumstances<'_>) -> Ending {
    let limits = circumstances.limits;
    if error.is::<DeadlinePassed>() {
        return timed_out(limits);
    }
    if let Some(unavailable) = error.downcast_ref::<HostUnavailable>() {
        return Ending::failure(Reason::Internal, unavailable.to_string());
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return exited(*code, circumstances);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Ending::failure(Reason::Internal, "the worker has no room for this component's memories or tables now");
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        let message = format!(
            "the limit of {} handles (streams, pollables, …) was reached: drop those no longer needed, or raise `limits.handles`",
            limits.handles
        );
        return Ending::failure(Reason::LimitExceeded, message);
    }

    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        let message = format!(
            "the fuel of {} units (about one for each instruction) was used up: raise `limits.fuel`, or do less in one task",
            limits.fuel
        );
        return Ending::failure(Reason::OutOfFuel, message);
    }
    if circumstances.memory_denied {
        return Ending::failure(Reason::OutOfMemory, with_stderr(memory_message(limits), circumstances));
    }
    if circumstances.table_denied {
        let message = format!(
            "the limit of {} table elements (at most {TABLE_ELEMENTS} in one table) was reached: raise `limits.table_elements`",
            limits.table_elements
        );
        return Ending::failure(Reason::LimitExceeded, message);
    }

    let frames = Frames::of(error);
    match trap {
        Some(Trap::StackOverflow) => stack_overflow(&frames, circumstances),
        // A guest that keeps its stack below its data runs off the lower end of its memory.
        Some(Trap::MemoryOutOfBounds) if frames.recursive => stack_overflow(&frames, circumstances),
        Some(trap) => {
            let what = match trap {
                Trap::UnreachableCodeReached => "the task panicked or aborted".to_owned(),
                trap => format!("the task trapped: {trap}"),
            };
            Ending::failure(Reason::Trap, frames.after(with_stderr(what, circumstances)))
        }
        None => other(error, &frames, circumstances),
    }
}

/// Errors that have no type of their own are told by their text, which our tests pin.
fn other(error: &wasmtime::Error, frames: &Frames, circumstances: &Circumstances<'_>) -> Ending {
    let text = error.root_cause().to_string();
    let limits = circumstances.limits;
    if let Some(import) = text.strip_prefix("unknown import: ") {
        let import = import.strip_suffix(" has not been defined").unwrap_or(import);
        let message = format!("the task called {import}, which is not offered to tasks");
        return Ending::failure(Reason::PermissionDenied, with_stderr(message, circumstances));
    }
    if text.starts_with("resource limit exceeded") {
        let message = format!(
            "the component is made of more parts than a task may have ({text}): see `limits.instances` ({})",
            limits.instances
        );
        return Ending::failure(Reason::LimitExceeded, message);
    }
    if text.contains("store handle limit exceeded") {
        let message = format!(
            "the limit of {} handles (streams, pollables, …) was reached: drop those no longer needed, or raise `limits.handles`",
            limits.handles
        );
        return Ending::failure(Reason::LimitExceeded, message);
    }
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        if error.downcast_ref::<WasmBacktrace>().is_none() {
            // No guest code was running: it was the result that was being copied.
            return result_too_large(None, limits);
        }
        return Ending::failure(
            Reason::LimitExceeded,
            "the task handed more bytes to the host in one call than it may: use smaller pieces, or raise `limits.result`",
        );
    }
    let what = format!("the task was stopped: {text}");
    Ending::failure(Reason::Trap, frames.after(with_stderr(what, circumstances)))
}

fn stack_overflow(frames: &Frames, circumstances: &Circumstances<'_>) -> Ending {
    let what = "the call stack overflowed: some function calls itself too deep".to_owned();
    Ending::failure(Reason::StackOverflow, frames.after(with_stderr(what, circumstances)))
}

/// The ending of a guest that left by itself.
pub(crate) fn exited(code: i32, circumstances: &Circumstances<'_>) -> Ending {
    match (circumstances.entry, code) {
        (Entry::Task | Entry::Function { .. }, 0) => Ending::failure(
            Reason::InvalidOutput,
            with_stderr("the task exited with success before it returned a result: return one".to_owned(), circumstances),
        ),
        (Entry::Task | Entry::Function { .. }, _) => {
            Ending::failure(Reason::GuestError, with_stderr("the task exited with a failure code".to_owned(), circumstances))
        }
        (Entry::Command { .. }, _) => {
            Ending::failure(Reason::GuestError, with_stderr("the command exited with a failure code".to_owned(), circumstances))
        }
    }
}

pub(crate) fn timed_out(limits: &Limits) -> Ending {
    let message =
        format!("the wall-clock limit of {} was reached: raise `timeout`, or do less in one task", duration(limits.wall_ms));
    Ending::failure(Reason::TimedOut, message)
}

pub(crate) fn cancelled() -> Ending {
    Ending::failure(Reason::Cancelled, "the task was cancelled")
}

pub(crate) fn no_such_entry(entry: &Entry) -> Ending {
    let message = match entry {
        Entry::Task => {
            "the component does not export `run` of the world `cofferdam:task/task`: build it with an SDK, or run it as a command"
        }
        Entry::Command { .. } => "the component does not export `wasi:cli/run`: build it as a program, or run it as a task",
        Entry::Function { .. } => "the component does not export the function: see `cofferdam component inspect`",
    };
    Ending::failure(Reason::InvalidComponent, message)
}

pub(crate) fn result_too_large(bytes: Option<u64>, limits: &Limits) -> Ending {
    let has = bytes.map_or_else(|| "more".to_owned(), |bytes| format!("{bytes} bytes"));
    let message = format!(
        "the result has {has}, and a result may have {} (`limits.result`): return less, or raise the limit",
        bytes_text(limits.result_bytes)
    );
    Ending::failure(Reason::InvalidOutput, message)
}

/// A task's own message; when memory was refused before, it says that too, since it may well be the cause.
pub(crate) fn with_hints(message: String, circumstances: &Circumstances<'_>) -> String {
    let message = kept(message, circumstances);
    if circumstances.memory_denied {
        return format!("{message}\n(before that, {})", memory_message(circumstances.limits));
    }
    after_refusal(message, circumstances)
}

/// A message of the task: without secrets, and then no longer than it may be.
pub(crate) fn kept(message: String, circumstances: &Circumstances<'_>) -> String {
    clean(circumstances.masking.mask(message), MESSAGE_BYTES)
}

fn after_refusal(message: String, circumstances: &Circumstances<'_>) -> String {
    match &circumstances.refused {
        Some(refused) => format!("{message}\n(before that, {refused})"),
        None => message,
    }
}

fn memory_message(limits: &Limits) -> String {
    let limit = bytes_text(limits.memory_bytes);
    format!("the memory limit of {limit} was reached; raise `limits.memory` or use less")
}

fn with_stderr(message: String, circumstances: &Circumstances<'_>) -> String {
    // Rust's advice after a panic is about a variable that a task cannot set.
    let lines = circumstances.stderr.lines().filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE="));
    let stderr = lines.collect::<Vec<_>>().join("\n");
    let stderr = stderr.trim_end();
    let message = if stderr.is_empty() { message } else { format!("{message}\nstderr ended with:\n{stderr}") };
    after_refusal(message, circumstances)
}

/// The guest's stack at the time of a trap.
struct Frames {
    names: Vec<String>,
    recursive: bool,
}

impl Frames {
    fn of(error: &wasmtime::Error) -> Self {
        let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Self { names: Vec::new(), recursive: false } };
        let frames = backtrace.frames();
        let mut functions: Vec<_> = frames.iter().map(|frame| frame.func_index()).collect();
        functions.sort_unstable();
        functions.dedup();
        let recursive = frames.len() >= BACKTRACE_FRAMES && functions.len() <= RECURSION_FUNCTIONS;
        let names = frames.iter().filter_map(|frame| frame.func_name());
        let names = names.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
        let names = names.skip_while(|name| is_panic_machinery(name)).take(FRAMES_SHOWN).collect();
        Self { names, recursive }
    }

    /// The message, and below it the functions that were running, where the component has their names.
    fn after(&self, message: String) -> String {
        if self.names.is_empty() { message } else { format!("{message}\nit was in:\n  {}", self.names.join("\n  ")) }
    }
}

/// Whether a function is part of how Rust or C end a program, and says nothing about why.
fn is_panic_machinery(name: &str) -> bool {
    const PARTS: [&str; 7] =
        ["std::panic", "std::sys", "std::process::abort", "core::panic", "__rustc", "rust_panic", "rust_begin"];
    name == "abort" || name == "raise" || PARTS.iter().any(|part| name.starts_with(part))
}

fn bytes_text(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn duration(ms: u64) -> String {
    if ms >= 1000 && ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_exit_is_not_shown() {
        for name in ["abort", "std::sys::pal::wasi::abort_internal", "__rustc::rust_panic", "core::panicking::panic_fmt"] {
            assert!(is_panic_machinery(name), "{name}");
        }
        assert!(!is_panic_machinery("weather::clean::run") && !is_panic_machinery("abortive"));
    }

    #[test]
    fn amounts_read_well() {
        assert_eq!(bytes_text(64 << 20), "64 MiB");
        assert_eq!(bytes_text(1000), "1000 bytes");
        assert_eq!(bytes_text(4 << 30), "4 GiB");
        assert_eq!((duration(1500), duration(300_000)), ("1500 ms".to_owned(), "300 s".to_owned()));
    }
}
