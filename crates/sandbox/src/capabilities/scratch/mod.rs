//! `wasi:filesystem`: a directory of its own for each try, empty at the start and gone at the end, with a quota.
//!
//! The whole file system is ours: a tree in memory, and blocks in a file without a name. So there is nothing of the worker
//! that a path could lead to, nothing to clean up after a crash, and the quota is exact: what a file counts for is its
//! size in whole blocks, holes included. See `docs/decisions/0007-scratch-without-host-paths.md`.

mod disk;
mod folder;
mod tree;

use super::Capability;
use crate::host::{Host, Level, LogLine, Stream};
use crate::run::{TryRequest, TryState};
use bytes::Bytes;
pub(crate) use folder::FolderError;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tree::{Id, Opening, ROOT, Stat, Tree};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode,
    HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, FsError, FsResult, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

/// Bytes that are read or written in one call.
const CHUNK_BYTES: usize = 64 << 10;

/// The scratch directory of one try, when it is granted one.
pub(crate) struct Scratch {
    host: Arc<dyn Host>,
    quota_bytes: u64,
    volume: Option<Arc<Mutex<Tree>>>,
    told: bool,
}

impl Scratch {
    /// Where its bytes lie.
    pub(crate) fn keep_in(&mut self, folder: PathBuf) {
        if let Some(volume) = &self.volume {
            volume.lock().keep_in(folder);
        }
    }

    /// Begins with what a folder holds.
    pub(crate) fn take_in(&self, folder: &Path) -> Result<(), FolderError> {
        let Some(volume) = &self.volume else { return Ok(()) };
        let left_out = folder::take_in(&mut volume.lock(), folder)?;
        if left_out > 0 {
            let message = format!("{left_out} links and special files of {} are not in the scratch directory", folder.display());
            self.host.log(LogLine { stream: Stream::Log, level: Level::Warn, message, fields: Vec::new() });
        }
        Ok(())
    }

    /// Leaves in a folder what it holds now.
    pub(crate) fn put_out(&self, folder: &Path) -> Result<(), FolderError> {
        self.volume.as_ref().map_or(Ok(()), |volume| folder::put_out(&mut volume.lock(), folder))
    }

    /// What did not fit, and what would make room.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.volume.as_ref().is_some_and(|volume| volume.lock().full).then(|| {
            format!(
                "the scratch directory was full ({} bytes, in at most {} files and directories): raise `grant.scratch` of the \
                 task, up to `limits.scratch`",
                self.quota_bytes,
                tree::NODES
            )
        })
    }

    /// Tells in the try's log, once, that something did not fit.
    pub(crate) fn tell(&mut self) {
        if self.told {
            return;
        }
        if let Some(message) = self.refusal() {
            self.told = true;
            self.host.log(LogLine { stream: Stream::Log, level: Level::Warn, message, fields: Vec::new() });
        }
    }
}

impl Capability for Scratch {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        types::add_to_linker::<TryState, HasScratch>(linker, TryState::scratch)?;
        preopens::add_to_linker::<TryState, HasScratch>(linker, TryState::scratch)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        let granted = request.grant.scratch.map_or(0, |quota| quota.bytes());
        let quota_bytes = granted.min(request.limits.scratch_bytes);
        let clock = request.clock();
        let volume = request.grant.scratch.map(|_| Arc::new(Mutex::new(Tree::new(quota_bytes, clock))));
        Self { host: Arc::clone(host), quota_bytes, volume, told: false }
    }
}

struct HasScratch;

impl HasData for HasScratch {
    type Data<'a> = View<'a>;
}

/// The scratch directory of a try while the guest asks for it.
pub(crate) struct View<'a> {
    pub scratch: &'a mut Scratch,
    pub table: &'a mut ResourceTable,
}

/// Something that is open; it exists as long as this does.
struct Held {
    volume: Arc<Mutex<Tree>>,
    id: Id,
}

impl Held {
    fn new(volume: &Arc<Mutex<Tree>>, id: Id) -> Self {
        volume.lock().hold(id);
        Self { volume: Arc::clone(volume), id }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.volume.lock().release(self.id);
    }
}

/// What stands behind a guest's descriptor.
struct Open {
    held: Held,
    read: bool,
    write: bool,
}

/// What stands behind a guest's stream of entries: it goes on after the last name, whatever happens in between.
struct Entries {
    held: Held,
    last: Option<String>,
}

impl View<'_> {
    // The bindings know descriptors as a type of WASI's own file system; only their numbers are used.
    fn open(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Open> {
        Ok(self.table.get(&Resource::<Open>::new_borrow(descriptor.rep()))?)
    }

    fn put(&mut self, id: Id, read: bool, write: bool) -> FsResult<Resource<Descriptor>> {
        let Some(volume) = &self.scratch.volume else { return Err(ErrorCode::NoEntry.into()) };
        let open = Open { held: Held::new(volume, id), read, write };
        Ok(Resource::new_own(self.table.push(open)?.rep()))
    }

    /// Does something with what a descriptor stands for, and tells when it did not fit.
    fn with<T>(
        &mut self,
        descriptor: &Resource<Descriptor>,
        work: impl FnOnce(&mut Tree, Id) -> Result<T, ErrorCode>,
    ) -> FsResult<T> {
        let held = &self.open(descriptor)?.held;
        let done = work(&mut held.volume.lock(), held.id);
        if matches!(done, Err(ErrorCode::InsufficientSpace)) {
            self.scratch.tell();
        }
        Ok(done?)
    }

    fn writable(&self, descriptor: &Resource<Descriptor>) -> FsResult<()> {
        if self.open(descriptor)?.write { Ok(()) } else { Err(ErrorCode::BadDescriptor.into()) }
    }

    fn readable(&self, descriptor: &Resource<Descriptor>) -> FsResult<()> {
        if self.open(descriptor)?.read { Ok(()) } else { Err(ErrorCode::BadDescriptor.into()) }
    }
}

fn datetime(since_epoch: Duration) -> Datetime {
    Datetime { seconds: since_epoch.as_secs(), nanoseconds: since_epoch.subsec_nanos() }
}

fn stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.is_directory),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: Some(datetime(stat.times.accessed)),
        data_modification_timestamp: Some(datetime(stat.times.modified)),
        status_change_timestamp: Some(datetime(stat.times.changed)),
    }
}

const fn descriptor_type(is_directory: bool) -> DescriptorType {
    if is_directory { DescriptorType::Directory } else { DescriptorType::RegularFile }
}

/// Numbers are given once for a try, so they tell two files apart, and are the same each time.
const fn hash(id: Id) -> MetadataHashValue {
    MetadataHashValue { lower: id + 1, upper: 0x5C7A }
}

fn timestamp(new: NewTimestamp, now: Duration) -> Result<Option<Duration>, ErrorCode> {
    match new {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(now)),
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
            let whole = Duration::from_secs(seconds);
            whole.checked_add(Duration::from_nanos(nanoseconds.into())).map(Some).ok_or(ErrorCode::Overflow)
        }
    }
}

fn set_times(tree: &mut Tree, id: Id, accessed: NewTimestamp, modified: NewTimestamp) -> Result<(), ErrorCode> {
    let now = tree.now();
    tree.set_times(id, timestamp(accessed, now)?, timestamp(modified, now)?)
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        if self.scratch.volume.is_none() {
            return Ok(Vec::new());
        }
        match self.put(ROOT, true, true) {
            Ok(root) => Ok(vec![(root, "/".to_owned())]),
            Err(error) => Err(error.downcast().map_or_else(|trap| trap, wasmtime::Error::new)),
        }
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl HostDescriptor for View<'_> {
    async fn advise(&mut self, fd: Resource<Descriptor>, _: u64, _: u64, _: Advice) -> FsResult<()> {
        self.with(&fd, |tree, id| tree.size(id).map(|_| ()))
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.with(&fd, |tree, id| tree.stat(id).map(|_| ()))
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.with(&fd, |tree, id| tree.stat(id).map(|_| ()))
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        let is_directory = self.with(&fd, |tree, id| Ok(tree.stat(id)?.is_directory))?;
        let open = self.open(&fd)?;
        let mut flags = DescriptorFlags::empty();
        if open.read {
            flags |= DescriptorFlags::READ;
        }
        if open.write {
            flags |= if is_directory { DescriptorFlags::MUTATE_DIRECTORY } else { DescriptorFlags::WRITE };
        }
        Ok(flags)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.with(&fd, |tree, id| Ok(descriptor_type(tree.stat(id)?.is_directory)))
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        self.writable(&fd)?;
        self.with(&fd, |tree, id| tree.resize(id, size))
    }

    async fn set_times(&mut self, fd: Resource<Descriptor>, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.with(&fd, |tree, id| set_times(tree, id, accessed, modified))
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.with(&fd, |tree, base| {
            let id = tree.find(base, &path)?;
            set_times(tree, id, accessed, modified)
        })
    }

    async fn read(&mut self, fd: Resource<Descriptor>, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        self.readable(&fd)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        self.with(&fd, |tree, id| {
            let bytes = tree.read(id, offset, len)?;
            let end = offset.saturating_add(bytes.len() as u64) >= tree.size(id)?;
            Ok((bytes, end))
        })
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.writable(&fd)?;
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        self.with(&fd, |tree, id| tree.write(id, offset, bytes))?;
        Ok(bytes.len() as u64)
    }

    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>> {
        self.readable(&fd)?;
        self.with(&fd, |tree, id| tree.size(id))?;
        let held = &self.open(&fd)?.held;
        let reader: DynInputStream = Box::new(Reader { held: Held::new(&held.volume, held.id), at: offset });
        Ok(self.table.push(reader)?)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.writer(&fd, None)
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        self.with(&fd, |tree, id| tree.entry_after(id, None).map(|_| ()))?;
        let held = &self.open(&fd)?.held;
        let entries = Entries { held: Held::new(&held.volume, held.id), last: None };
        Ok(Resource::new_own(self.table.push(entries)?.rep()))
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.with(&fd, |tree, base| tree.create_directory(base, &path))
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.with(&fd, |tree, id| tree.stat(id).map(|it| stat(&it)))
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, _: PathFlags, path: String) -> FsResult<DescriptorStat> {
        self.with(&fd, |tree, base| tree.stat(tree.find(base, &path)?).map(|it| stat(&it)))
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let write = flags.contains(DescriptorFlags::WRITE);
        let opening = Opening {
            create: how.contains(OpenFlags::CREATE),
            exclusive: how.contains(OpenFlags::EXCLUSIVE),
            directory: how.contains(OpenFlags::DIRECTORY),
            truncate: how.contains(OpenFlags::TRUNCATE),
            write,
        };
        let (id, is_directory) = self.with(&fd, |tree, base| {
            let id = tree.open(base, &path, opening)?;
            Ok((id, tree.stat(id)?.is_directory))
        })?;
        // Whoever asks for neither reads.
        let read = flags.contains(DescriptorFlags::READ) || !write;
        self.put(id, read, write || is_directory)
    }

    async fn link_at(
        &mut self,
        _: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        _: Resource<Descriptor>,
        _: String,
    ) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    async fn symlink_at(&mut self, _: Resource<Descriptor>, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.with(&fd, |tree, base| tree.find(base, &path))?;
        Err(ErrorCode::Invalid.into())
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.with(&fd, |tree, base| tree.remove_directory(base, &path))
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.with(&fd, |tree, base| tree.unlink_file(base, &path))
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let new_base = self.open(&new_fd)?.held.id;
        self.with(&fd, |tree, base| tree.rename((base, &old_path), (new_base, &new_path)))
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        let open = |fd: &Resource<Descriptor>| self.table.get(&Resource::<Open>::new_borrow(fd.rep()));
        Ok(open(&a)?.held.id == open(&b)?.held.id)
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.with(&fd, |tree, id| tree.stat(id).map(|it| hash(it.id)))
    }

    async fn metadata_hash_at(&mut self, fd: Resource<Descriptor>, _: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        self.with(&fd, |tree, base| tree.find(base, &path).map(hash))
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Open>::new_own(fd.rep()))?;
        Ok(())
    }
}

impl View<'_> {
    fn writer(&mut self, fd: &Resource<Descriptor>, at: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        self.writable(fd)?;
        self.with(fd, |tree, id| tree.size(id))?;
        let held = &self.open(fd)?.held;
        let held = Held::new(&held.volume, held.id);
        let writer: DynOutputStream = Box::new(Writer { held, at });
        Ok(self.table.push(writer)?)
    }
}

impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(&mut self, stream: Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>> {
        let entries = self.table.get_mut(&Resource::<Entries>::new_borrow(stream.rep()))?;
        let next = entries.held.volume.lock().entry_after(entries.held.id, entries.last.as_deref())?;
        Ok(next.map(|(name, is_directory)| {
            entries.last = Some(name.clone());
            DirectoryEntry { type_: descriptor_type(is_directory), name }
        }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Entries>::new_own(stream.rep()))?;
        Ok(())
    }
}

struct Reader {
    held: Held,
    at: u64,
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let read = self.held.volume.lock().read(self.held.id, self.at, size.min(CHUNK_BYTES));
        let bytes = read.map_err(|error| StreamError::LastOperationFailed(wasmtime::Error::new(error)))?;
        if bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.into())
    }
}

/// Writes from a place on, or always at the end.
struct Writer {
    held: Held,
    at: Option<u64>,
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut tree = self.held.volume.lock();
        let at = match self.at {
            Some(at) => Ok(at),
            None => tree.size(self.held.id),
        };
        let written = at.and_then(|at| tree.write(self.held.id, at, &bytes));
        written.map_err(|error| StreamError::LastOperationFailed(wasmtime::Error::new(error)))?;
        self.at = self.at.map(|at| at + bytes.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}
