//! The files of a directory.

use crate::ignore::Ignored;
use crate::{BundleError, Entry, FileError, FileKind, IGNORE_FILE, MAX_DEPTH, MAX_ENTRIES, MAX_FILES, MAX_PATH, MAX_TEXT};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(crate) fn list(root: &Path) -> Result<Vec<Entry>, BundleError> {
    let ignored = match read(&root.join(IGNORE_FILE), MAX_TEXT) {
        Ok(bytes) => Ignored::parse(&String::from_utf8_lossy(&bytes)),
        Err(_) => Ignored::default(),
    };
    let mut walk = Walk { root, ignored, entries: Vec::new(), seen: 0 };
    // The top itself may be a link: whoever names it chose it.
    walk.folder("", 0).map_err(|error| match error {
        Stop::TopUnreadable(source) => BundleError::Directory { path: root.to_owned(), source },
        Stop::Bundle(error) => error,
    })?;
    crate::finish(walk.entries)
}

enum Stop {
    TopUnreadable(std::io::Error),
    Bundle(BundleError),
}

struct Walk<'a> {
    root: &'a Path,
    ignored: Ignored,
    entries: Vec<Entry>,
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &str, depth: usize) -> Result<(), Stop> {
        let inside = match std::fs::read_dir(self.root.join(folder)) {
            Ok(inside) => inside,
            Err(source) if depth == 0 => return Err(Stop::TopUnreadable(source)),
            Err(error) => {
                self.wrong(folder.to_owned(), FileKind::Definition, FileError::Unreadable(error.to_string()));
                return Ok(());
            }
        };
        for entry in inside {
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                return Err(Stop::Bundle(BundleError::TooManyEntries));
            }
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            let lossy = name.to_string_lossy();
            if crate::is_passed_over(&lossy) {
                continue;
            }
            let path = if folder.is_empty() { lossy.to_string() } else { format!("{folder}/{lossy}") };
            if self.ignored.has(&path) {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            let file = FileKind::of(&path);
            let readable = name.to_str().is_some() && path.chars().count() <= MAX_PATH;
            if kind.is_dir() {
                match (readable, depth + 1 > MAX_DEPTH) {
                    (true, false) => self.folder(&path, depth + 1)?,
                    (true, true) => self.wrong(path, FileKind::Definition, FileError::TooDeep),
                    (false, _) => self.wrong(path, FileKind::Definition, FileError::Path),
                }
            } else if let Some(file) = file {
                if self.entries.len() >= MAX_FILES {
                    return Err(Stop::Bundle(BundleError::TooManyFiles));
                }
                if kind.is_symlink() {
                    self.wrong(path, file, FileError::Link);
                } else if !readable {
                    self.wrong(path, file, FileError::Path);
                } else if kind.is_file() {
                    self.file(path, file);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, kind: FileKind) {
        match read(&self.root.join(&path), kind.limit()) {
            Ok(bytes) if !kind.is_meant(&path, &bytes) => {}
            Ok(bytes) => self.entries.push(Entry { path, kind, hash: Ok(crate::hash(&bytes)) }),
            Err(error) => self.wrong(path, kind, error),
        }
    }

    fn wrong(&mut self, path: String, kind: FileKind, error: FileError) {
        let path = path.chars().take(MAX_PATH).collect();
        self.entries.push(Entry { path, kind, hash: Err(error) });
    }
}

/// Reads a file that is none but a file: a link at its place is not followed, and neither a pipe nor a device is waited for.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let unreadable = |error: std::io::Error| FileError::Unreadable(error.to_string());
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(FileError::Link),
        Err(error) => return Err(unreadable(error.into())),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(FileError::Unreadable("it is no file".to_owned()));
    }
    if metadata.len() > limit {
        return Err(FileError::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit { Err(FileError::TooLarge { limit }) } else { Ok(bytes) }
}
