//! Loaded programs in memory, so that a try starts without loading anything.

use crate::compiled::CompiledCode;
use crate::runtime::{LoadError, Program, Runtime};
use cofferdam_ids::Digest;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Programs by the digest of their component. Of those not used for longest, as many are dropped as needed to stay within
/// a number of bytes. Cheap to clone; all clones are the same cache.
#[derive(Clone)]
pub struct ProgramCache(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    max_bytes: u64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    programs: HashMap<Digest, Entry>,
    /// Counts uses, so that they can be put in order.
    uses: u64,
}

struct Entry {
    program: Arc<OnceCell<Program>>,
    last_use: u64,
    bytes: u64,
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum CacheError<E> {
    /// The compiled code could not be had.
    #[error("the compiled code could not be had")]
    Fetch(#[source] E),
    /// It could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl std::fmt::Debug for ProgramCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgramCache").field("programs", &self.len()).field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl ProgramCache {
    /// An empty cache for a runtime, with room for this many bytes of compiled code.
    #[must_use]
    pub fn new(runtime: Runtime, max_bytes: u64) -> Self {
        Self(Arc::new(Shared { runtime, max_bytes, kept: Mutex::default() }))
    }

    /// The program of a component. When it is not here, `fetch` is asked for its compiled code, once for all who wait for
    /// it; when that fails, the next of them asks again.
    ///
    /// # Errors
    /// When the code cannot be fetched or loaded.
    pub async fn get<E, Fetching>(&self, digest: &Digest, fetch: impl FnOnce() -> Fetching) -> Result<Program, CacheError<E>>
    where
        Fetching: Future<Output = Result<CompiledCode, E>>,
    {
        let cell = self.0.kept.lock().cell(digest);
        if let Some(program) = cell.get() {
            return Ok(program.clone());
        }
        let program = cell.get_or_try_init(|| async {
            let compiled = fetch().await.map_err(CacheError::Fetch)?;
            let program = self.0.runtime.load(&compiled)?;
            self.0.kept.lock().fill(digest, compiled.bytes().len() as u64, self.0.max_bytes);
            Ok(program)
        });
        program.await.cloned()
    }

    /// Programs that are loaded or being loaded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.kept.lock().programs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of compiled code that are loaded.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.kept.lock().programs.values().map(|entry| entry.bytes).sum()
    }
}

impl Kept {
    fn cell(&mut self, digest: &Digest) -> Arc<OnceCell<Program>> {
        self.uses += 1;
        let last_use = self.uses;
        if let Some(entry) = self.programs.get_mut(digest) {
            entry.last_use = last_use;
            return Arc::clone(&entry.program);
        }
        let program = Arc::new(OnceCell::new());
        self.programs.insert(digest.clone(), Entry { program: Arc::clone(&program), last_use, bytes: 0 });
        program
    }

    /// Counts a program that was just loaded, and makes room for it. It stays itself, however large it is.
    fn fill(&mut self, digest: &Digest, bytes: u64, max_bytes: u64) {
        if let Some(entry) = self.programs.get_mut(digest) {
            entry.bytes = bytes;
        }
        let mut total: u64 = self.programs.values().map(|entry| entry.bytes).sum();
        while total > max_bytes {
            let others = self.programs.iter().filter(|(other, entry)| *other != digest && entry.bytes > 0);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.last_use).map(|(oldest, _)| oldest.clone()) else { break };
            total -= self.programs.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }
}
