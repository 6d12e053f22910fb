//! The second wall around foreign code: what a worker process gives up before it runs the first sandbox.
//!
//! The first wall is the sandbox itself. Should a guest break through it, it finds itself in a process without privileges
//! (capabilities, and the way to get any), without the system calls that no worker needs, and without the files that it has no
//! business with. Each of them is used where the kernel has it; what is not there is said in the log and in `/health/deep`.
//!
//! All of it holds for the calling thread and for those that it starts, so [`confine`] comes before the runtime's threads. The
//! children that compile uploads inherit it.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod system_calls;

use cofferdam_queue::Wall;
use cofferdam_sandbox::isolation::{ProcessFiles, Wall as SandboxWall};
use std::path::PathBuf;

/// The files that a worker needs besides the system's programs, libraries and settings.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Folders that it reads and writes: objects, scratch directories, temporary files.
    pub writable: Vec<PathBuf>,
    /// Files and folders that it reads.
    pub readable: Vec<PathBuf>,
}

/// Gives up what a worker does not need, and tells what holds now. Call it before threads are started.
#[cfg(target_os = "linux")]
pub fn confine(needed: &Files) -> Vec<Wall> {
    let walls = vec![
        wall("capabilities", privileges::drop_capabilities()),
        wall("no_new_privileges", privileges::forbid_new_ones()),
        wall("files", files::restrict(needed)),
        // Last: the others need system calls that it refuses.
        wall("system_calls", system_calls::restrict()),
    ];
    for Wall { name, active, detail } in &walls {
        if *active {
            tracing::info!(wall = name, "confined: {detail}");
        } else {
            tracing::warn!(wall = name, "not confined: {detail}");
        }
    }
    if rustix::process::geteuid().is_root() {
        tracing::warn!(
            "the worker runs as root: it has no capabilities left, but root's files are its own; run it as a user of its own"
        );
    }
    walls
}

/// Gives up what a process for the sandboxes of one tenant does not need, which is more: it reaches no file but those of its
/// scratch directories and what the kernel tells it of itself, no network, and no other process.
#[cfg(target_os = "linux")]
pub fn confine_sandboxes(needed: &ProcessFiles) -> Vec<SandboxWall> {
    let walls = [
        wall("capabilities", privileges::drop_capabilities()),
        wall("no_new_privileges", privileges::forbid_new_ones()),
        wall("files", files::restrict_sandboxes(&needed.scratch)),
        wall("system_calls", system_calls::restrict_sandboxes()),
    ];
    walls.into_iter().map(|wall| SandboxWall { name: wall.name, active: wall.active, detail: wall.detail }).collect()
}

/// Gives up nothing: what this needs is Linux.
#[cfg(not(target_os = "linux"))]
pub fn confine_sandboxes(_: &ProcessFiles) -> Vec<SandboxWall> {
    Vec::new()
}

/// Keeps other processes of the same user from reading the memory of this one, its credentials among it.
pub fn hide_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the memory of this process cannot be hidden from others");
    }
}

/// Gives up nothing: what this needs is Linux.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: &Files) -> Vec<Wall> {
    tracing::warn!("workers are confined on Linux only; here the sandbox is the only wall");
    Vec::new()
}

#[cfg(target_os = "linux")]
fn wall(name: &str, raised: Result<String, String>) -> Wall {
    let active = raised.is_ok();
    Wall { name: name.to_owned(), active, detail: raised.unwrap_or_else(|reason| reason) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// All walls stand around one thread, so that the other tests of the process keep their rights.
    #[test]
    fn what_is_given_up_is_gone() {
        let own = tempfile::tempdir().unwrap();
        let shown = tempfile::tempdir().unwrap();
        let foreign = tempfile::tempdir().unwrap();
        for folder in [&own, &shown, &foreign] {
            std::fs::write(folder.path().join("file"), "text").unwrap();
        }
        let needed = Files { writable: vec![own.path().to_owned()], readable: vec![shown.path().to_owned()] };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let walls = confine(&needed);
                let names: Vec<&str> = walls.iter().map(|wall| wall.name.as_str()).collect();
                assert_eq!(names, ["capabilities", "no_new_privileges", "files", "system_calls"]);
                let active = |name: &str| walls.iter().any(|wall| wall.name == name && wall.active);

                assert!(active("no_new_privileges") && rustix::thread::no_new_privs().unwrap());
                assert!(active("capabilities"), "{walls:?}");
                assert!(rustix::thread::capabilities(None).unwrap().effective.is_empty());
                assert!(active("system_calls"), "{walls:?}");
                let refused = rustix::thread::set_capabilities(
                    None,
                    rustix::thread::CapabilitySets {
                        effective: rustix::thread::CapabilitySet::SYS_ADMIN,
                        permitted: rustix::thread::CapabilitySet::SYS_ADMIN,
                        inheritable: rustix::thread::CapabilitySet::empty(),
                    },
                );
                assert_eq!(refused, Err(rustix::io::Errno::PERM));

                let path = |folder: &tempfile::TempDir| folder.path().join("file");
                assert_eq!(std::fs::read_to_string(path(&own)).unwrap(), "text");
                std::fs::write(path(&own), "more").unwrap();
                assert_eq!(std::fs::read_to_string(path(&shown)).unwrap(), "text");
                // A kernel without Landlock says so, and then nothing is refused.
                if active("files") {
                    let denied =
                        |result: std::io::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
                    denied(std::fs::write(path(&shown), "more"));
                    denied(std::fs::read(path(&foreign)).map(drop));
                    denied(std::fs::write(foreign.path().join("new"), "text"));
                    denied(std::fs::remove_file(path(&foreign)));
                }
            });
        });
        assert_eq!(std::fs::read_to_string(foreign.path().join("file")).unwrap(), "text");
    }

    /// A process for sandboxes has its scratch folder and nothing else.
    #[test]
    fn sandboxes_keep_less() {
        let scratch = tempfile::tempdir().unwrap();
        let foreign = tempfile::tempdir().unwrap();
        std::fs::write(foreign.path().join("file"), "text").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let walls = confine_sandboxes(&ProcessFiles { scratch: scratch.path().to_owned() });
                let active = |name: &str| walls.iter().any(|wall| wall.name == name && wall.active);
                assert!(active("capabilities") && active("no_new_privileges") && active("system_calls"), "{walls:?}");
                let denied = |kind: ErrorKind, what: &str| assert_eq!(kind, ErrorKind::PermissionDenied, "{what}");
                let connected = std::net::TcpStream::connect(listener.local_addr().unwrap());
                denied(connected.unwrap_err().kind(), "sockets");
                denied(std::process::Command::new("/bin/true").spawn().unwrap_err().kind(), "programs");
                let parent = rustix::process::getppid().unwrap();
                denied(rustix::process::test_kill_process(parent).unwrap_err().kind(), "signals");
                denied(rustix::process::set_parent_process_death_signal(None).unwrap_err().kind(), "outliving the worker");
                assert!(rustix::process::test_kill_process(rustix::process::getpid()).is_ok());
                std::fs::write(scratch.path().join("own"), "text").unwrap();
                assert!(std::fs::read("/proc/self/status").is_ok());
                if active("files") {
                    denied(std::fs::read(foreign.path().join("file")).unwrap_err().kind(), "files");
                    denied(std::fs::read("/etc/passwd").unwrap_err().kind(), "the system's files");
                    denied(std::fs::read(format!("/proc/{}/environ", parent.as_raw_nonzero())).unwrap_err().kind(), "the parent");
                }
            });
        });
    }

    /// Namespaces are the usual way to more rights: any user may have one, unless it is refused.
    #[test]
    fn refused_system_calls_fail() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                system_calls::restrict().unwrap();
                let mut command = std::process::Command::new("unshare");
                let output = command.args(["--user", "true"]).output();
                if let Ok(output) = output {
                    assert!(!output.status.success());
                    assert!(String::from_utf8_lossy(&output.stderr).contains("Operation not permitted"), "{output:?}");
                }
                assert_eq!(rustix::process::chroot("/"), Err(rustix::io::Errno::PERM));
            });
        });
    }
}
