//! Starting the server's process, telling it to stop, and finding one that was left behind. The only unsafe code of the crate.
#![expect(unsafe_code, reason = "process control has no safe interface in the standard library")]

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

/// `nobody`, to whom the server drops when started by root: PostgreSQL refuses to run as root, and the user must have an
/// entry in the user database.
pub(super) const NOBODY: u32 = 65534;

/// Whether this process is root.
pub(super) fn is_root() -> bool {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Who this process is.
pub(super) fn effective_uid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// Makes the child drop to `nobody` when this process is root, and keeps the descriptors in `inherited` open in it.
pub(super) fn confine(command: &mut Command, inherited: impl IntoIterator<Item = i32>) {
    let inherited: Vec<i32> = inherited.into_iter().collect();
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    // SAFETY: the closure only makes async-signal-safe calls and touches no memory of the parent but its own copy.
    unsafe {
        command.pre_exec(move || {
            libc::umask(0o077);
            for descriptor in &inherited {
                if libc::fcntl(*descriptor, libc::F_SETFD, 0) == -1 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// Starts the child in a process group of its own, so that Ctrl-C in a terminal reaches Cofferdam only, and such that it is
/// asked to shut down when the **thread** that calls this ends, however it ends. (Linux; elsewhere the next start stops it.)
pub(super) fn spawn_bound_to_this_thread(command: &mut Command) -> io::Result<Child> {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: as above. It runs after the change of user, which would clear the setting.
        unsafe {
            command.pre_exec(move || {
                // SIGINT is PostgreSQL's fast shutdown: sessions end, the state is written, no recovery is needed later.
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) == -1 {
                    return Err(io::Error::last_os_error());
                }
                // The parent may have died before the line above.
                if libc::getppid().cast_unsigned() != parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                Ok(())
            });
        }
    }
    command.spawn()
}

/// Waits until the child has ended, but leaves it for [`Child::wait`] to collect: so long, its process id is not given to
/// another, and a signal cannot hit a stranger.
pub(super) fn wait_without_collecting(child: &Child) -> io::Result<()> {
    loop {
        // SAFETY: `info` is a plain structure that the call fills in.
        let outcome = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, child.id(), &raw mut info, libc::WEXITED | libc::WNOWAIT)
        };
        if outcome == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// A way of ending the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// End the sessions, write the state, stop.
    Fast,
    /// Stop at once; the next start recovers from the log.
    Immediate,
}

/// Sends a signal; a process that is gone is no error.
pub(super) fn signal(pid: u32, signal: Signal) {
    let number = match signal {
        Signal::Fast => libc::SIGINT,
        Signal::Immediate => libc::SIGQUIT,
    };
    // SAFETY: the call takes numbers only.
    unsafe {
        libc::kill(pid.cast_signed(), number);
    }
}

/// The processes of PostgreSQL that live in `directory`, as a server and its sessions do. One that has ended and only waits
/// to be collected lives nowhere.
///
/// Empty where `/proc` does not exist.
pub(super) fn processes_in(directory: &Path) -> Vec<u32> {
    let Ok(directory) = directory.canonicalize() else { return Vec::new() };
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory))
        .filter(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres"))
        .collect()
}
