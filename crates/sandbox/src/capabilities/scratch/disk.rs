//! Where the bytes of a scratch directory lie: in blocks of one file that has no name.
//!
//! The file is made without a name (or loses it at once), so the kernel takes it back when the worker ends, however it
//! ends. Names that a guest gives never reach the worker's own file system.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// Bytes of a block. What a file takes is counted in whole blocks.
pub(super) const BLOCK: u64 = 4096;

/// The blocks of one scratch directory.
pub(super) struct Disk {
    pub folder: PathBuf,
    file: Option<File>,
    free: Vec<u32>,
    next: u32,
}

/// The bytes of one file. Blocks that nothing was written to are not there, and read as zeros.
#[derive(Default)]
pub(super) struct Content {
    size: u64,
    blocks: BTreeMap<u64, u32>,
}

/// How many blocks so many bytes count for.
pub(super) const fn blocks_of(size: u64) -> u64 {
    size.div_ceil(BLOCK)
}

impl Disk {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder, file: None, free: Vec::new(), next: 0 }
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.folder)?);
        }
        self.file.as_ref().ok_or_else(|| io::Error::other("there is no file"))
    }

    fn take(&mut self) -> io::Result<u32> {
        if let Some(block) = self.free.pop() {
            return Ok(block);
        }
        let block = self.next;
        self.next = block.checked_add(1).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        Ok(block)
    }

    fn write(&mut self, block: u32, within: usize, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, u64::from(block) * BLOCK + within as u64)
    }

    fn read(&mut self, block: u32, within: usize, bytes: &mut [u8]) -> io::Result<()> {
        self.file()?.read_exact_at(bytes, u64::from(block) * BLOCK + within as u64)
    }
}

/// Parts of a range of bytes: the block's number, where in it the part begins, and how long it is.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + len as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        let within = at % BLOCK;
        let take = (BLOCK - within).min(end - at);
        let part = (at / BLOCK, usize::try_from(within).ok()?, usize::try_from(take).ok()?);
        at += take;
        (take > 0).then_some(part)
    })
}

impl Content {
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// At most `len` bytes from `offset`; none at the end.
    pub(super) fn read(&self, disk: &mut Disk, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(left)];
        let mut done = 0;
        for (number, within, take) in parts(offset, bytes.len()) {
            if let Some(block) = self.blocks.get(&number) {
                disk.read(*block, within, &mut bytes[done..done + take])?;
            }
            done += take;
        }
        Ok(bytes)
    }

    /// Writes bytes, which must have been counted before. What lies between the end and `offset` reads as zeros.
    pub(super) fn write(&mut self, disk: &mut Disk, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        for (number, within, take) in parts(offset, bytes.len()) {
            let part = &bytes[done..done + take];
            if let Some(block) = self.blocks.get(&number) {
                disk.write(*block, within, part)?;
            } else {
                // A block may have held something else before.
                let block = disk.take()?;
                let mut whole = [0; BLOCK as usize];
                whole[within..within + take].copy_from_slice(part);
                let written = disk.write(block, 0, &whole);
                if let Err(error) = written {
                    disk.free.push(block);
                    return Err(error);
                }
                self.blocks.insert(number, block);
            }
            done += take;
            self.size = self.size.max(offset + done as u64);
        }
        Ok(())
    }

    /// Makes it shorter, or longer with zeros.
    pub(super) fn resize(&mut self, disk: &mut Disk, size: u64) -> io::Result<()> {
        if size < self.size {
            disk.free.extend(self.blocks.split_off(&blocks_of(size)).into_values());
            // What is cut off of the last block must not come back.
            let within = usize::try_from(size % BLOCK).unwrap_or(0);
            if within > 0
                && let Some(block) = self.blocks.get(&(size / BLOCK))
            {
                disk.write(*block, within, &[0; BLOCK as usize][within..])?;
            }
        }
        self.size = size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is written, cut and read, in two files that share the blocks, is what a plain buffer holds.
        #[test]
        fn content_is_what_a_buffer_would_hold(
            steps in proptest::collection::vec((any::<bool>(), 0_u8..3, 0_u64..20_000, 0_usize..9_000, any::<u8>()), 1..40)
        ) {
            let mut disk = Disk::new(std::env::temp_dir());
            let mut files = [(Content::default(), Vec::new()), (Content::default(), Vec::new())];
            for (which, step, offset, len, byte) in steps {
                let (content, model): &mut (Content, Vec<u8>) = &mut files[usize::from(which)];
                let at = usize::try_from(offset).unwrap();
                match step {
                    0 if len > 0 => {
                        content.write(&mut disk, offset, &vec![byte; len]).unwrap();
                        if model.len() < at + len { model.resize(at + len, 0); }
                        model[at..at + len].fill(byte);
                    }
                    1 => {
                        content.resize(&mut disk, offset).unwrap();
                        model.resize(at, 0);
                    }
                    _ => {
                        let read = content.read(&mut disk, offset, len).unwrap();
                        let end = model.len().min(at + len);
                        prop_assert_eq!(&read[..], &model[at.min(end)..end]);
                    }
                }
                prop_assert_eq!(content.size(), model.len() as u64);
            }
            for (content, model) in &files {
                prop_assert_eq!(&content.read(&mut disk, 0, 100_000).unwrap(), model);
                prop_assert!(content.blocks.len() as u64 <= blocks_of(content.size()));
            }
        }
    }
}
