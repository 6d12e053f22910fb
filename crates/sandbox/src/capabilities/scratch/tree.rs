//! The files and directories of one scratch directory, and what may be done with them.
//!
//! They exist here only: a name is a key of a map, never a path of the worker. There are no links, so a path leads to one
//! place, and `..` never above the directory that it starts from.

use super::disk::{Content, Disk, blocks_of};
use crate::capabilities::clocks::Clock;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::time::Duration;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// Files and directories that a scratch directory may hold.
pub(super) const NODES: usize = 10_000;
const NAME_BYTES: usize = 255;
const PATH_BYTES: usize = 4096;

pub(super) type Id = u64;
pub(super) const ROOT: Id = 0;

/// When something was read, written and changed, since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub accessed: Duration,
    pub modified: Duration,
    pub changed: Duration,
}

/// What is known of a file or directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub id: Id,
    pub is_directory: bool,
    pub links: u64,
    pub size: u64,
    pub times: Times,
}

enum Body {
    Directory(BTreeMap<String, Id>),
    File(Content),
}

struct Node {
    body: Body,
    parent: Id,
    /// Handles and streams that hold it. Without a name, it goes with the last of them.
    open: u32,
    linked: bool,
    times: Times,
}

pub(super) struct Tree {
    nodes: HashMap<Id, Node>,
    next: Id,
    disk: Disk,
    used: u64,
    quota: u64,
    clock: Clock,
    /// Whether something did not fit.
    pub full: bool,
}

/// Where a path leads.
enum Place {
    /// To the directory itself from which it starts, or to one above its end.
    Itself(Id),
    /// To a name in a directory, whether there is one or not.
    Entry { parent: Id, name: String, must_be_directory: bool },
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    pub create: bool,
    pub exclusive: bool,
    pub directory: bool,
    pub truncate: bool,
    pub write: bool,
}

type Result<T> = std::result::Result<T, ErrorCode>;

fn failed(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::InsufficientSpace,
        _ => {
            tracing::warn!(error = error as &dyn std::error::Error, "the disk of the scratch directories failed");
            ErrorCode::Io
        }
    }
}

impl Tree {
    pub(super) fn new(quota_bytes: u64, clock: Clock) -> Self {
        let now = clock.since_epoch();
        let times = Times { accessed: now, modified: now, changed: now };
        let root = Node { body: Body::Directory(BTreeMap::new()), parent: ROOT, open: 0, linked: true, times };
        Self {
            nodes: HashMap::from([(ROOT, root)]),
            next: ROOT + 1,
            disk: Disk::new(PathBuf::new()),
            used: 0,
            quota: quota_bytes / super::disk::BLOCK,
            clock,
            full: false,
        }
    }

    pub(super) fn keep_in(&mut self, folder: PathBuf) {
        self.disk.folder = folder;
    }

    fn node(&self, id: Id) -> Result<&Node> {
        self.nodes.get(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn node_mut(&mut self, id: Id) -> Result<&mut Node> {
        self.nodes.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn entries(&self, id: Id) -> Result<&BTreeMap<String, Id>> {
        match &self.node(id)?.body {
            Body::Directory(entries) => Ok(entries),
            Body::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    fn entries_mut(&mut self, id: Id) -> Result<&mut BTreeMap<String, Id>> {
        match &mut self.node_mut(id)?.body {
            Body::Directory(entries) => Ok(entries),
            Body::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    fn is_directory(&self, id: Id) -> Result<bool> {
        Ok(matches!(self.node(id)?.body, Body::Directory(_)))
    }

    fn place(&self, base: Id, path: &str) -> Result<Place> {
        if path.is_empty() {
            return Err(ErrorCode::NoEntry);
        }
        if path.starts_with('/') {
            return Err(ErrorCode::NotPermitted);
        }
        if path.contains('\0') {
            return Err(ErrorCode::IllegalByteSequence);
        }
        if path.len() > PATH_BYTES {
            return Err(ErrorCode::NameTooLong);
        }
        let must_be_directory = path.ends_with('/') || path.ends_with("/.");
        let mut steps = path.split('/').filter(|step| !step.is_empty() && *step != ".").peekable();
        let mut at = vec![base];
        while let Some(step) = steps.next() {
            let here = at.last().copied().unwrap_or(base);
            let entries = self.entries(here)?;
            if step == ".." {
                at.pop();
                if at.is_empty() {
                    return Err(ErrorCode::NotPermitted);
                }
                continue;
            }
            if step.len() > NAME_BYTES {
                return Err(ErrorCode::NameTooLong);
            }
            if steps.peek().is_none() {
                return Ok(Place::Entry { parent: here, name: step.to_owned(), must_be_directory });
            }
            at.push(*entries.get(step).ok_or(ErrorCode::NoEntry)?);
        }
        let here = at.last().copied().unwrap_or(base);
        self.entries(here)?;
        Ok(Place::Itself(here))
    }

    /// What a path leads to.
    pub(super) fn find(&self, base: Id, path: &str) -> Result<Id> {
        match self.place(base, path)? {
            Place::Itself(id) => Ok(id),
            Place::Entry { parent, name, must_be_directory } => {
                let id = *self.entries(parent)?.get(&name).ok_or(ErrorCode::NoEntry)?;
                if must_be_directory && !self.is_directory(id)? { Err(ErrorCode::NotDirectory) } else { Ok(id) }
            }
        }
    }

    /// A new file or directory under a name that is free.
    fn create(&mut self, parent: Id, name: String, body: Body) -> Result<Id> {
        if !self.node(parent)?.linked {
            return Err(ErrorCode::NoEntry);
        }
        if self.nodes.len() >= NODES {
            self.full = true;
            return Err(ErrorCode::InsufficientSpace);
        }
        let now = self.clock.since_epoch();
        let id = self.next;
        self.next += 1;
        let times = Times { accessed: now, modified: now, changed: now };
        self.nodes.insert(id, Node { body, parent, open: 0, linked: true, times });
        self.entries_mut(parent)?.insert(name, id);
        self.touch(parent)?;
        Ok(id)
    }

    /// Notes that something was modified now.
    fn touch(&mut self, id: Id) -> Result<()> {
        let now = self.clock.since_epoch();
        let times = &mut self.node_mut(id)?.times;
        (times.modified, times.changed) = (now, now);
        Ok(())
    }

    /// Takes a name away; what had it goes when nobody holds it.
    fn unlink(&mut self, parent: Id, name: &str) -> Result<()> {
        let id = self.entries_mut(parent)?.remove(name).ok_or(ErrorCode::NoEntry)?;
        self.touch(parent)?;
        self.node_mut(id)?.linked = false;
        self.forget(id);
        Ok(())
    }

    fn forget(&mut self, id: Id) {
        if self.nodes.get(&id).is_some_and(|node| !node.linked && node.open == 0)
            && let Some(Node { body: Body::File(mut content), .. }) = self.nodes.remove(&id)
        {
            self.used -= blocks_of(content.size());
            if let Err(error) = content.resize(&mut self.disk, 0) {
                failed(&error);
            }
        }
    }

    /// Holds something that is open.
    pub(super) fn hold(&mut self, id: Id) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open += 1;
        }
    }

    /// Lets go of it.
    pub(super) fn release(&mut self, id: Id) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.open = node.open.saturating_sub(1);
        }
        self.forget(id);
    }

    pub(super) fn open(&mut self, base: Id, path: &str, opening: Opening) -> Result<Id> {
        if opening.create && opening.directory {
            return Err(ErrorCode::Invalid);
        }
        let id = match self.place(base, path)? {
            Place::Itself(id) => id,
            Place::Entry { parent, name, must_be_directory } => match self.entries(parent)?.get(&name).copied() {
                Some(_) if opening.create && opening.exclusive => return Err(ErrorCode::Exist),
                Some(id) if (must_be_directory || opening.directory) && !self.is_directory(id)? => {
                    return Err(ErrorCode::NotDirectory);
                }
                Some(id) => id,
                None if !opening.create => return Err(ErrorCode::NoEntry),
                None if must_be_directory => return Err(ErrorCode::IsDirectory),
                None => return self.create(parent, name, Body::File(Content::default())),
            },
        };
        if self.is_directory(id)? && (opening.write || opening.truncate || opening.create) {
            return Err(ErrorCode::IsDirectory);
        }
        if opening.truncate {
            self.resize(id, 0)?;
        }
        Ok(id)
    }

    pub(super) fn create_directory(&mut self, base: Id, path: &str) -> Result<()> {
        match self.place(base, path)? {
            Place::Entry { parent, name, .. } if !self.entries(parent)?.contains_key(&name) => {
                self.create(parent, name, Body::Directory(BTreeMap::new())).map(|_| ())
            }
            Place::Entry { .. } | Place::Itself(_) => Err(ErrorCode::Exist),
        }
    }

    pub(super) fn remove_directory(&mut self, base: Id, path: &str) -> Result<()> {
        let Place::Entry { parent, name, .. } = self.place(base, path)? else { return Err(ErrorCode::Invalid) };
        let id = *self.entries(parent)?.get(&name).ok_or(ErrorCode::NoEntry)?;
        if !self.entries(id)?.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.unlink(parent, &name)
    }

    pub(super) fn unlink_file(&mut self, base: Id, path: &str) -> Result<()> {
        let Place::Entry { parent, name, must_be_directory } = self.place(base, path)? else {
            return Err(ErrorCode::IsDirectory);
        };
        let id = *self.entries(parent)?.get(&name).ok_or(ErrorCode::NoEntry)?;
        if self.is_directory(id)? {
            return Err(ErrorCode::IsDirectory);
        }
        if must_be_directory {
            return Err(ErrorCode::NotDirectory);
        }
        self.unlink(parent, &name)
    }

    pub(super) fn rename(&mut self, from: (Id, &str), to: (Id, &str)) -> Result<()> {
        let Place::Entry { parent: old_parent, name: old_name, must_be_directory } = self.place(from.0, from.1)? else {
            return Err(ErrorCode::Busy);
        };
        let Place::Entry { parent: new_parent, name: new_name, must_be_directory: new_must } = self.place(to.0, to.1)? else {
            return Err(ErrorCode::Busy);
        };
        let id = *self.entries(old_parent)?.get(&old_name).ok_or(ErrorCode::NoEntry)?;
        let is_directory = self.is_directory(id)?;
        if (must_be_directory || new_must) && !is_directory {
            return Err(ErrorCode::NotDirectory);
        }
        if !self.node(new_parent)?.linked {
            return Err(ErrorCode::NoEntry);
        }
        // A directory cannot go into itself.
        let mut above = new_parent;
        while is_directory && above != ROOT {
            if above == id {
                return Err(ErrorCode::Invalid);
            }
            above = self.node(above)?.parent;
        }
        match self.entries(new_parent)?.get(&new_name).copied() {
            Some(there) if there == id => return Ok(()),
            Some(there) => match (is_directory, self.is_directory(there)?) {
                (true, false) => return Err(ErrorCode::NotDirectory),
                (false, true) => return Err(ErrorCode::IsDirectory),
                (true, true) if !self.entries(there)?.is_empty() => return Err(ErrorCode::NotEmpty),
                (true, true) | (false, false) => self.unlink(new_parent, &new_name)?,
            },
            None => {}
        }
        self.entries_mut(old_parent)?.remove(&old_name);
        self.entries_mut(new_parent)?.insert(new_name, id);
        self.touch(old_parent)?;
        self.touch(new_parent)?;
        let now = self.clock.since_epoch();
        let node = self.node_mut(id)?;
        node.parent = new_parent;
        node.times.changed = now;
        Ok(())
    }

    /// Counts a file's growth to a size, if it fits.
    fn count(&mut self, before: u64, after: u64) -> Result<()> {
        let used = self.used - blocks_of(before) + blocks_of(after);
        if used > self.quota && after > before {
            self.full = true;
            return Err(ErrorCode::InsufficientSpace);
        }
        self.used = used;
        Ok(())
    }

    pub(super) fn resize(&mut self, id: Id, size: u64) -> Result<()> {
        let before = self.size(id)?;
        self.count(before, size)?;
        let Tree { nodes, disk, .. } = self;
        let Some(Node { body: Body::File(content), .. }) = nodes.get_mut(&id) else { return Err(ErrorCode::BadDescriptor) };
        content.resize(disk, size).map_err(|error| failed(&error))?;
        self.touch(id)
    }

    pub(super) fn size(&self, id: Id) -> Result<u64> {
        match &self.node(id)?.body {
            Body::File(content) => Ok(content.size()),
            Body::Directory(_) => Err(ErrorCode::IsDirectory),
        }
    }

    pub(super) fn read(&mut self, id: Id, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.size(id)?;
        let now = self.clock.since_epoch();
        let Tree { nodes, disk, .. } = self;
        let Some(Node { body: Body::File(content), times, .. }) = nodes.get_mut(&id) else {
            return Err(ErrorCode::BadDescriptor);
        };
        times.accessed = now;
        content.read(disk, offset, len).map_err(|error| failed(&error))
    }

    pub(super) fn write(&mut self, id: Id, offset: u64, bytes: &[u8]) -> Result<()> {
        let before = self.size(id)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        let after = end.max(before);
        self.count(before, after)?;
        let Tree { nodes, disk, .. } = self;
        let Some(Node { body: Body::File(content), .. }) = nodes.get_mut(&id) else { return Err(ErrorCode::BadDescriptor) };
        let written = content.write(disk, offset, bytes);
        // When the disk failed half-way, less was written than counted.
        let size = content.size();
        self.used = self.used - blocks_of(after) + blocks_of(size);
        self.touch(id)?;
        written.map_err(|error| failed(&error))
    }

    pub(super) fn stat(&self, id: Id) -> Result<Stat> {
        let node = self.node(id)?;
        let (is_directory, size) = match &node.body {
            Body::Directory(_) => (true, 0),
            Body::File(content) => (false, content.size()),
        };
        Ok(Stat { id, is_directory, links: u64::from(node.linked), size, times: node.times })
    }

    pub(super) fn set_times(&mut self, id: Id, accessed: Option<Duration>, modified: Option<Duration>) -> Result<()> {
        let now = self.clock.since_epoch();
        let times = &mut self.node_mut(id)?.times;
        times.accessed = accessed.unwrap_or(times.accessed);
        times.modified = modified.unwrap_or(times.modified);
        times.changed = now;
        Ok(())
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.since_epoch()
    }

    /// The first entry of a directory after a name, and whether it is a directory.
    pub(super) fn entry_after(&self, id: Id, name: Option<&str>) -> Result<Option<(String, bool)>> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.entries(id)?.range::<str, _>((start, Bound::Unbounded)).next();
        next.map(|(name, id)| Ok((name.clone(), self.is_directory(*id)?))).transpose()
    }
}
