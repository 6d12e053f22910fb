//! The folder in which a process for sandboxes keeps the bytes of its scratch directories.
//!
//! The files in it have no names, so the kernel takes them back however the process ends; the folder itself stays behind when the worker is
//! killed. Whoever has a folder keeps it locked, and the kernel takes a lock from a process that is gone: a folder that can be
//! locked is nobody's, and is removed by the next worker on the machine.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use tempfile::TempDir;

/// What the names of the folders begin with.
const PREFIX: &str = "cofferdam-sandboxes-";
/// How often a folder is made anew because another worker took it for nobody's before it was locked.
const ATTEMPTS: usize = 8;

/// A folder of one process. Removed when it is dropped.
pub(super) struct Folder {
    dir: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes a folder.
    pub(super) fn make(within: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(within)?;
            match lock(dir.path()) {
                Ok(Some(lock)) => return Ok(Self { dir, _lock: lock }),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("folders for scratch directories are taken away as fast as they are made"))
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The lock of a folder; none when another has it, or the folder was removed in between.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let is_there = std::fs::metadata(folder).is_ok_and(|now| file.metadata().is_ok_and(|own| own.ino() == now.ino()));
    Ok(is_there.then_some(file))
}

/// Removes the folders that workers left behind which are gone. Returns how many. What cannot be read or removed is left to others.
pub(super) fn remove_abandoned(within: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(within) else { return 0 };
    let ours = entries.flatten().filter(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_folder && entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
    });
    let removed = ours.filter(|entry| {
        // Held while the folder is removed, so that nobody begins to use it.
        let Ok(Some(_lock)) = lock(&entry.path()) else { return false };
        std::fs::remove_dir_all(entry.path()).is_ok()
    });
    removed.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_has_is_removed() {
        let within = tempfile::tempdir().unwrap();
        let held = Folder::make(within.path()).unwrap();
        let ended = Folder::make(within.path()).unwrap().path().to_owned();
        assert!(!ended.exists(), "who ends in order takes the folder away");
        let left = within.path().join("cofferdam-sandboxes-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join("file"), "bytes").unwrap();
        let other = within.path().join("of-another-program");
        std::fs::create_dir(&other).unwrap();
        assert_eq!(remove_abandoned(within.path()), 1);
        assert!(held.path().is_dir() && other.is_dir() && !left.exists());
        assert_eq!(remove_abandoned(within.path()), 0);
        assert_eq!(remove_abandoned(&left), 0, "no such folder");
    }

    /// Workers start and look at the same time: each ends up with a folder that stays.
    #[test]
    fn a_folder_that_is_just_made_is_not_lost() {
        let within = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let folder = Folder::make(within.path()).unwrap();
                        remove_abandoned(within.path());
                        assert!(folder.path().is_dir());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(within.path()).unwrap().count(), 0);
    }
}
