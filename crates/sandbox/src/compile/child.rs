//! The child's side.

use super::{EXIT_INVALID, EXIT_USAGE};
use crate::{courtesy, engine};
use std::io::{BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// What the child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub cpu_seconds: u64,
    pub memory_bytes: u64,
}

const GREETING: &str = "cofferdam-compile/1";

impl Limits {
    pub(super) fn to_line(self) -> String {
        format!("{GREETING} {} {}\n", self.cpu_seconds, self.memory_bytes)
    }

    fn from_line(line: &str) -> Option<Self> {
        let mut words = line.trim_end().split(' ');
        if words.next() != Some(GREETING) {
            return None;
        }
        let limits = Self { cpu_seconds: words.next()?.parse().ok()?, memory_bytes: words.next()?.parse().ok()? };
        words.next().is_none().then_some(limits)
    }
}

/// The whole of the compile process: reads a component from standard input and writes compiled code to standard output.
///
/// Call it first thing in `main` of the program that [`super::CompileConfig::program`] names. It limits the process that
/// it runs in.
#[must_use]
pub fn child_main() -> ExitCode {
    let mut stdin = std::io::stdin().lock();
    let mut line = String::new();
    let limits = stdin.by_ref().take(100).read_line(&mut line).ok().and_then(|_| Limits::from_line(&line));
    let Some(limits) = limits else {
        eprintln!("this command is started by Cofferdam itself, to compile a component");
        return ExitCode::from(EXIT_USAGE);
    };
    if let Err(error) = confine(limits) {
        eprintln!("the limits cannot be set: {error}");
        return ExitCode::from(EXIT_USAGE);
    }
    end_with_parent();
    let mut wasm = Vec::new();
    if let Err(error) = stdin.read_to_end(&mut wasm) {
        eprintln!("the component cannot be read: {error}");
        return ExitCode::from(EXIT_USAGE);
    }
    match engine::compiling().and_then(|engine| engine.precompile_component(&wasm)) {
        Ok(compiled) => match std::io::stdout().lock().write_all(&compiled) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the compiled code cannot be written: {error}");
                ExitCode::from(EXIT_USAGE)
            }
        },
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(EXIT_INVALID)
        }
    }
}

/// Limits this process.
#[expect(unsafe_code, reason = "the standard library cannot set resource limits")]
fn confine(limits: Limits) -> std::io::Result<()> {
    let rlimit = |soft: u64, hard: u64| libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // One second after the soft limit's signal, which can be caught, the hard limit kills.
    let cpu = rlimit(limits.cpu_seconds, limits.cpu_seconds + 1);
    let memory = rlimit(limits.memory_bytes, limits.memory_bytes);
    let nothing = rlimit(0, 0);
    // SAFETY: `setrlimit` reads one `rlimit` from the pointer, which is valid for that; the others take plain numbers.
    let failed = unsafe {
        libc::setrlimit(libc::RLIMIT_CPU, &raw const cpu) != 0
            || libc::setrlimit(libc::RLIMIT_AS, &raw const memory) != 0
            || libc::setrlimit(libc::RLIMIT_CORE, &raw const nothing) != 0
            || libc::setrlimit(libc::RLIMIT_FSIZE, &raw const nothing) != 0
    };
    if failed {
        return Err(std::io::Error::last_os_error());
    }
    courtesy::of_process();
    courtesy::of_thread(courtesy::processors());
    Ok(())
}

/// Ends this process when its parent is gone. (The kernel's signal for that comes when the parent's *thread* ends, and
/// threads of an async runtime come and go.)
fn end_with_parent() {
    let parent = std::os::unix::process::parent_id();
    let watch = move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(Duration::from_millis(250));
        }
        std::process::exit(i32::from(EXIT_USAGE));
    };
    // Without the thread, the limit on CPU time still ends it.
    let _ = std::thread::Builder::new().name("parent-watch".to_owned()).stack_size(64 << 10).spawn(watch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_carries_the_limits() {
        let limits = Limits { cpu_seconds: 5, memory_bytes: 1 << 30 };
        assert_eq!(Limits::from_line(&limits.to_line()), Some(limits));
        for line in ["", "\0asm", "cofferdam-compile/2 1 2\n", "cofferdam-compile/1 1\n", "cofferdam-compile/1 1 2 3\n"] {
            assert_eq!(Limits::from_line(line), None, "{line:?}");
        }
    }
}
