//! The files of the server: made once, kept between starts.

use super::process::{self, Signal};
use super::{EmbeddedConfig, EmbeddedError, binaries, binaries::Binaries};
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The superuser of the server, and the database of Cofferdam in it.
pub(super) const NAME: &str = "cofferdam";

/// The longest path of a Unix socket that every system takes, less that of the file's own name.
const LONGEST_SOCKET_DIR: usize = 103 - "/.s.PGSQL.5432".len();

/// How long a server that was left behind may take to stop.
const STALE_STOP: Duration = Duration::from_secs(30);

/// Everything that a start of the server needs, in place.
pub(super) struct Cluster {
    pub(super) binaries: Binaries,
    pub(super) data: PathBuf,
    pub(super) sockets: PathBuf,
    pub(super) log: PathBuf,
    /// Held for as long as this process may run a server here.
    _lock: FolderLock,
}

impl Cluster {
    /// Finds the programs, takes the folder for this process, stops what an earlier one left running, makes the cluster
    /// when there is none.
    pub(super) fn prepare(config: &EmbeddedConfig) -> Result<Self, EmbeddedError> {
        let root = &config.data_dir;
        fs::create_dir_all(root).map_err(EmbeddedError::io("create", root))?;
        let root = root.canonicalize().map_err(EmbeddedError::io("find", root))?;
        let lock = lock(&root)?;
        let data = root.join("postgres");
        let binaries = binaries::find(config.bin_dir.as_deref(), config.search_path.as_deref(), major_of(&data)?)?;
        stop_stale(&data)?;
        if !data.exists() {
            make(&binaries, &root, &data, config.fsync)?;
        }
        let sockets = socket_dir(&root)?;
        Ok(Self { binaries, data, sockets, log: root.join("postgres.log"), _lock: lock })
    }

    /// Removes the folder of the socket when it is not in the data directory: nobody would find it there.
    pub(super) fn tidy(&self) {
        if self.data.parent().is_some_and(|root| !self.sockets.starts_with(root))
            && let Err(error) = fs::remove_dir_all(&self.sockets)
        {
            tracing::warn!(error = &error as &dyn std::error::Error, path = %self.sockets.display(), "could not remove the folder of the socket");
        }
    }

    /// The URL of a database of this server.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}?host={}&user={NAME}", percent_encoded(&self.sockets))
    }
}

/// The lock on a folder.
///
/// It is given back when this is dropped, and not only when the file is closed: a child that another thread starts at that
/// moment has the file open too until it executes its program.
struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not give back the lock on the database's folder");
        }
    }
}

/// Only one process may run a server on a folder: a second one would take the first's server for a stale one.
fn lock(root: &Path) -> Result<FolderLock, EmbeddedError> {
    let path = root.join("postgres.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(EmbeddedError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(fs::TryLockError::WouldBlock) => Err(EmbeddedError::InUse(root.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(EmbeddedError::io("lock", &path)(source)),
    }
}

/// The major version that made the cluster; none when there is no cluster.
fn major_of(data: &Path) -> Result<Option<u32>, EmbeddedError> {
    if !data.exists() {
        return Ok(None);
    }
    let path = data.join("PG_VERSION");
    let text = fs::read_to_string(&path).map_err(EmbeddedError::io("read", &path))?;
    text.trim().parse().map(Some).map_err(|_| EmbeddedError::io("understand", &path)(std::io::Error::other(text)))
}

/// Makes the cluster under another name and moves it into place when it is whole, so that one that was interrupted is
/// never mistaken for it.
fn make(binaries: &Binaries, root: &Path, data: &Path, fsync: bool) -> Result<(), EmbeddedError> {
    let partial = partial_dir(root)?;
    let reach = Reach::of(&partial)?;
    let mut command = Command::new(binaries.dir.join("initdb"));
    command
        .arg("-D")
        .arg(&reach.path)
        .args(["-U", NAME, "-A", "trust", "--no-locale", "-E", "UTF8", "--data-checksums", "--no-instructions"])
        .args((!fsync).then_some("--no-sync"))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    process::confine(&mut command, reach.descriptor());
    let output = process::spawn_bound_to_this_thread(&mut command)
        .and_then(std::process::Child::wait_with_output)
        .map_err(EmbeddedError::io("run", &binaries.dir.join("initdb")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(EmbeddedError::Initdb(said.lines().next_back().unwrap_or("it gave no reason").to_owned()));
    }
    fs::rename(&partial, data).map_err(EmbeddedError::io("rename", &partial))?;
    // The name is durable once the folder that holds it is.
    File::open(root).and_then(|folder| folder.sync_all()).map_err(EmbeddedError::io("write", root))
}

/// An empty folder to make the cluster in. Those of starts that were interrupted are removed as far as that goes: the
/// `initdb` of one may be at it itself, which is why none is used again.
fn partial_dir(root: &Path) -> Result<PathBuf, EmbeddedError> {
    let mut number = 0_u32;
    loop {
        let partial = root.join(format!("postgres.partial.{number}"));
        if !partial.exists() {
            private_dir(&partial)?;
            return Ok(partial);
        }
        tracing::warn!(path = %partial.display(), "a start was interrupted while it made the database; making it anew");
        let _ = fs::remove_dir_all(&partial);
        number += 1;
    }
}

/// Stops the server that a killed process left behind. This process holds the lock, so no living one owns it.
fn stop_stale(data: &Path) -> Result<(), EmbeddedError> {
    let begun = Instant::now();
    let mut asked = None;
    loop {
        let left = process::processes_in(data);
        if left.is_empty() {
            break;
        }
        // The first number in the file is the server's own; its sessions end with it.
        let server = postmaster_pid(data).filter(|pid| left.contains(pid));
        let signal = if begun.elapsed() < STALE_STOP / 2 { Signal::Fast } else { Signal::Immediate };
        if asked != Some(signal) {
            tracing::warn!(server.pid = server, "stopping a PostgreSQL that an earlier process left behind");
            for pid in server.map_or_else(|| left.clone(), |pid| vec![pid]) {
                process::signal(pid, signal);
            }
            asked = Some(signal);
        }
        if begun.elapsed() > STALE_STOP {
            return Err(EmbeddedError::Stale { pid: server.unwrap_or(left[0]) });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // Nobody lives here. A file that says otherwise names a process that is gone, or in a container one that took over
    // its number, which PostgreSQL would take for a running server.
    let file = data.join("postmaster.pid");
    if cfg!(target_os = "linux") && file.exists() {
        fs::remove_file(&file).map_err(EmbeddedError::io("remove", &file))?;
    }
    Ok(())
}

fn postmaster_pid(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

/// The folder of the socket: in the data directory, or, when that path is too long for a socket, a short one that is this
/// directory's alone.
fn socket_dir(root: &Path) -> Result<PathBuf, EmbeddedError> {
    let own = root.join("run");
    if own.as_os_str().len() <= LONGEST_SOCKET_DIR {
        passable_dir(&own)?;
        return Ok(own);
    }
    let metadata = fs::metadata(root).map_err(EmbeddedError::io("look at", root))?;
    let short = PathBuf::from(format!("/tmp/cofferdam-{:x}-{:x}", metadata.dev(), metadata.ino()));
    passable_dir(&short)?;
    Ok(short)
}

/// A folder for the socket. Root, for whom the server runs as `nobody`, may pass as its group: a process that gave its privileges
/// up still can.
fn passable_dir(path: &Path) -> Result<(), EmbeddedError> {
    private_dir(path)?;
    if process::is_root() {
        chown(path, None, Some(0)).map_err(EmbeddedError::io("hand over", path))?;
        fs::set_permissions(path, Permissions::from_mode(0o710)).map_err(EmbeddedError::io("open", path))?;
    }
    Ok(())
}

/// A folder that only the server's user may enter. In `/tmp` somebody else may have made it first: then it is refused.
fn private_dir(path: &Path) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) if process::is_root() => {
            chown(path, Some(process::NOBODY), Some(process::NOBODY)).map_err(EmbeddedError::io("hand over", path))
        }
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let metadata = fs::symlink_metadata(path).map_err(EmbeddedError::io("look at", path))?;
            let owner = if process::is_root() { process::NOBODY } else { process::effective_uid() };
            if !metadata.is_dir() || metadata.uid() != owner {
                return Err(EmbeddedError::NotOurs { path: path.to_owned(), owner });
            }
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(EmbeddedError::io("close", path))
        }
        Err(source) => Err(EmbeddedError::io("create", path)(source)),
    }
}

/// How the server gets into a folder.
///
/// Started by root it runs as `nobody`, who may be kept out of a folder above (`/root`, say, or a temporary folder). It then
/// gets an open descriptor of the folder and reaches it through that, past everything above.
pub(super) struct Reach {
    pub(super) path: PathBuf,
    opened: Option<File>,
}

impl Reach {
    pub(super) fn of(folder: &Path) -> Result<Self, EmbeddedError> {
        let open_to_all = |above: &Path| fs::metadata(above).is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
        if !process::is_root() || !cfg!(target_os = "linux") || folder.ancestors().skip(1).all(open_to_all) {
            return Ok(Self { path: folder.to_owned(), opened: None });
        }
        let opened = File::open(folder).map_err(EmbeddedError::io("open", folder))?;
        Ok(Self { path: format!("/proc/self/fd/{}", opened.as_raw_fd()).into(), opened: Some(opened) })
    }

    /// The descriptor that the server must inherit, if one.
    pub(super) fn descriptor(&self) -> Option<i32> {
        self.opened.as_ref().map(AsRawFd::as_raw_fd)
    }
}

/// Everything but letters, digits and a few marks as `%XX`: a path may hold anything.
fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write;
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(*byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string never fails");
        }
    }
    encoded
}
