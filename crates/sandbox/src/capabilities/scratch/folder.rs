//! A scratch directory that begins with what a folder holds, and is put back there at the end: for trying a task out.
//!
//! Only [`crate::Runtime::run_in_folder`] does this. Workers do not: there, no name that a guest gives is a path.

use super::CHUNK_BYTES;
use super::tree::{Id, Opening, ROOT, Tree};
use rustix::fs::OFlags;
use std::fs::{self, File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// Why a folder and a scratch directory could not be made the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// There is no room for it.
    #[error("{} does not fit into the scratch directory: raise `scratch` in the grant, and `limits.scratch`", .0.display())]
    DoesNotFit(PathBuf),
    /// A scratch directory cannot hold a file of this name.
    #[error("the scratch directory cannot hold {path}: {1}", path = .0.display())]
    Unfit(PathBuf, ErrorCode),
    /// It cannot be read or written.
    #[error("{path}: {1}", path = .0.display())]
    Io(PathBuf, io::Error),
}

type Result<T> = std::result::Result<T, FolderError>;

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    |error| FolderError::Io(path.to_owned(), error)
}

fn unfit(path: &Path) -> impl Fn(ErrorCode) -> FolderError {
    |code| match code {
        ErrorCode::InsufficientSpace => FolderError::DoesNotFit(path.to_owned()),
        code => FolderError::Unfit(path.to_owned(), code),
    }
}

fn since_epoch(time: io::Result<SystemTime>) -> Option<Duration> {
    time.ok()?.duration_since(UNIX_EPOCH).ok()
}

/// Fills a tree that is empty. Says how many links and special files were left out.
pub(super) fn take_in(tree: &mut Tree, folder: &Path) -> Result<usize> {
    take(tree, ROOT, folder)
}

fn take(tree: &mut Tree, directory: Id, folder: &Path) -> Result<usize> {
    let mut left_out = 0;
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(at(&path))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            return Err(FolderError::Unfit(path, ErrorCode::IllegalByteSequence));
        };
        let id = if kind.is_dir() {
            tree.create_directory(directory, &name).map_err(unfit(&path))?;
            let id = tree.find(directory, &name).map_err(unfit(&path))?;
            left_out += take(tree, id, &path)?;
            id
        } else if kind.is_file() {
            take_file(tree, directory, &name, &path)?
        } else {
            left_out += 1;
            continue;
        };
        let metadata = entry.metadata().map_err(at(&path))?;
        let (accessed, modified) = (since_epoch(metadata.accessed()), since_epoch(metadata.modified()));
        tree.set_times(id, accessed, modified).map_err(unfit(&path))?;
    }
    Ok(left_out)
}

fn take_file(tree: &mut Tree, directory: Id, name: &str, path: &Path) -> Result<Id> {
    let opening = Opening { create: true, exclusive: true, write: true, ..Opening::default() };
    let id = tree.open(directory, name, opening).map_err(unfit(path))?;
    let mut file = File::open(path).map_err(at(path))?;
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut done = 0;
    loop {
        let read = file.read(&mut bytes).map_err(at(path))?;
        if read == 0 {
            return Ok(id);
        }
        tree.write(id, done, &bytes[..read]).map_err(unfit(path))?;
        done += read as u64;
    }
}

/// Makes a folder hold what a tree does. Links and special files in it stay, and nothing is written through them.
pub(super) fn put_out(tree: &mut Tree, folder: &Path) -> Result<()> {
    put(tree, ROOT, folder)
}

fn put(tree: &mut Tree, directory: Id, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(at(&path))?;
        let there = entry.file_name().to_str().and_then(|name| tree.find(directory, name).ok());
        let is_directory = there.and_then(|id| tree.stat(id).ok()).map(|stat| stat.is_directory);
        if kind.is_dir() && is_directory != Some(true) {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        } else if kind.is_file() && is_directory != Some(false) {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    let mut last = None;
    while let Some((name, is_directory)) = tree.entry_after(directory, last.as_deref()).map_err(unfit(folder))? {
        let path = folder.join(&name);
        let id = tree.find(directory, &name).map_err(unfit(&path))?;
        let there = fs::symlink_metadata(&path).ok();
        if is_directory {
            match there {
                Some(there) if there.is_dir() => {}
                Some(_) => return Err(FolderError::Io(path, io::ErrorKind::AlreadyExists.into())),
                None => fs::create_dir(&path).map_err(at(&path))?,
            }
            put(tree, id, &path)?;
        } else {
            put_file(tree, id, &path, there.as_ref()).map_err(at(&path))?;
        }
        last = Some(name);
    }
    Ok(())
}

fn put_file(tree: &mut Tree, id: Id, path: &Path, there: Option<&Metadata>) -> io::Result<()> {
    let stat = tree.stat(id).map_err(failed)?;
    let is_same = there.is_some_and(|there| there.is_file() && there.len() == stat.size) && holds_same(tree, id, path)?;
    if is_same && there.and_then(|there| since_epoch(there.modified())) == Some(stat.times.modified) {
        return Ok(());
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(!is_same).custom_flags(no_links()).open(path)?;
    let mut done = 0;
    while !is_same {
        let bytes = tree.read(id, done, CHUNK_BYTES).map_err(failed)?;
        if bytes.is_empty() {
            break;
        }
        file.write_all(&bytes)?;
        done += bytes.len() as u64;
    }
    let modified = UNIX_EPOCH.checked_add(stat.times.modified).unwrap_or(UNIX_EPOCH);
    file.set_times(FileTimes::new().set_modified(modified))
}

/// Whether a file of the same size has the same bytes. Times alone do not tell: two files may have been written at the same moment.
fn holds_same(tree: &mut Tree, id: Id, path: &Path) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).custom_flags(no_links()).open(path)?;
    let mut done = 0;
    loop {
        let bytes = tree.read(id, done, CHUNK_BYTES).map_err(failed)?;
        if bytes.is_empty() {
            return Ok(true);
        }
        let mut there = vec![0; bytes.len()];
        file.read_exact(&mut there)?;
        if there != bytes {
            return Ok(false);
        }
        done += bytes.len() as u64;
    }
}

fn failed(code: ErrorCode) -> io::Error {
    io::Error::other(code.to_string())
}

fn no_links() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::clocks::Clock;
    use std::os::unix::fs::symlink;

    fn tree(quota: u64) -> Tree {
        let mut tree = Tree::new(quota, Clock::Real);
        tree.keep_in(std::env::temp_dir());
        tree
    }

    fn write(tree: &mut Tree, path: &str, text: &str) {
        let opening = Opening { create: true, truncate: true, write: true, ..Opening::default() };
        let id = tree.open(ROOT, path, opening).unwrap();
        tree.write(id, 0, text.as_bytes()).unwrap();
    }

    #[test]
    fn a_folder_goes_in_and_comes_out_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("kept/deep")).unwrap();
        fs::create_dir_all(path("gone/deep")).unwrap();
        for name in ["kept/deep/same", "kept/changed", "gone/deep/file", "file-then-directory"] {
            fs::write(path(name), name).unwrap();
        }
        let before = fs::metadata(path("kept/deep/same")).unwrap().modified().unwrap();

        let mut tree = tree(1 << 20);
        assert_eq!(take_in(&mut tree, folder.path()).unwrap(), 0);
        let same = tree.find(ROOT, "kept/deep/same").unwrap();
        assert_eq!(tree.read(same, 0, 100).unwrap(), b"kept/deep/same");
        assert_eq!(Some(tree.stat(same).unwrap().times.modified), since_epoch(Ok(before)));
        write(&mut tree, "kept/changed", "new");
        write(&mut tree, "kept/made", "made");
        tree.unlink_file(ROOT, "gone/deep/file").unwrap();
        tree.remove_directory(ROOT, "gone/deep").unwrap();
        tree.remove_directory(ROOT, "gone").unwrap();
        tree.unlink_file(ROOT, "file-then-directory").unwrap();
        tree.create_directory(ROOT, "file-then-directory").unwrap();

        put_out(&mut tree, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(path("kept/changed")).unwrap(), "new");
        assert_eq!(fs::read_to_string(path("kept/made")).unwrap(), "made");
        assert_eq!(fs::metadata(path("kept/deep/same")).unwrap().modified().unwrap(), before);
        assert!(!path("gone").exists() && path("file-then-directory").is_dir());
    }

    /// As long as the one before, and written at the same moment.
    #[test]
    fn a_file_that_took_the_place_of_another_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["old", "new"] {
            fs::write(folder.path().join(name), name).unwrap();
            let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1));
            File::options().write(true).open(folder.path().join(name)).unwrap().set_times(times).unwrap();
        }
        let mut tree = tree(1 << 20);
        take_in(&mut tree, folder.path()).unwrap();
        tree.rename((ROOT, "new"), (ROOT, "old")).unwrap();
        put_out(&mut tree, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("old")).unwrap(), "new");
        assert!(!folder.path().join("new").exists());
    }

    /// A link in the folder leads a task nowhere, and nothing is written to where it leads.
    #[test]
    fn links_are_left_alone() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "secret").unwrap();
        symlink(outside.path(), folder.path().join("directory")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
        let mut tree = tree(1 << 20);
        assert_eq!(take_in(&mut tree, folder.path()).unwrap(), 2);
        assert!(tree.entry_after(ROOT, None).unwrap().is_none());
        put_out(&mut tree, folder.path()).unwrap();
        assert!(folder.path().join("directory").is_symlink() && folder.path().join("file").is_symlink());

        write(&mut tree, "file", "written");
        put_out(&mut tree, folder.path()).unwrap_err();
        tree.unlink_file(ROOT, "file").unwrap();
        tree.create_directory(ROOT, "directory").unwrap();
        write(&mut tree, "directory/made", "made");
        put_out(&mut tree, folder.path()).unwrap_err();
        assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large"), vec![b'x'; 9000]).unwrap();
        let error = take_in(&mut tree(8192), folder.path()).unwrap_err();
        assert!(matches!(&error, FolderError::DoesNotFit(path) if path.ends_with("large")), "{error}");
    }
}
