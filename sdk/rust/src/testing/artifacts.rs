//! Artifacts of the stand-in: kept in memory, per thread.

use crate::artifacts::{Artifact, Error};
use std::{cell::RefCell, collections::BTreeMap};

type Kept = (Artifact, Vec<u8>);
/// By the task that left it, its position in a mapped task, and its name.
type Given = BTreeMap<(String, Option<u32>, String), Kept>;

thread_local! {
    static WRITTEN: RefCell<BTreeMap<String, Kept>> = const { RefCell::new(BTreeMap::new()) };
    static GIVEN: RefCell<Given> = const { RefCell::new(BTreeMap::new()) };
}

/// Makes an artifact available to [`crate::artifacts::open`], as if a task had left it.
pub fn give_artifact(task_id: &str, name: &str, content_type: &str, data: &[u8]) {
    let kept = (about(name, content_type, data), data.to_vec());
    GIVEN.with_borrow_mut(|given| given.insert((task_id.to_owned(), None, name.to_owned()), kept));
}

/// The bytes of an artifact that the code under test finished.
#[must_use]
pub fn written_artifact(name: &str) -> Option<Vec<u8>> {
    WRITTEN.with_borrow(|written| written.get(name).map(|(_, data)| data.clone()))
}

/// The checksum is left empty: nothing here computes one.
fn about(name: &str, content_type: &str, data: &[u8]) -> Artifact {
    let content_type = if content_type.is_empty() { "application/octet-stream" } else { content_type };
    Artifact { name: name.into(), content_type: content_type.into(), size: data.len() as u64, sha256: String::new() }
}

pub(crate) struct Writer {
    name: String,
    content_type: String,
    data: RefCell<Vec<u8>>,
}

impl Writer {
    pub fn create(name: &str, content_type: &str) -> Result<Self, Error> {
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(Error::InvalidName(format!("no artifact can be called {name:?}")));
        }
        Ok(Self { name: name.to_owned(), content_type: content_type.to_owned(), data: RefCell::default() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
    pub fn write(&self, data: &[u8]) -> Result<(), Error> {
        self.data.borrow_mut().extend_from_slice(data);
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
    pub fn finish(&self) -> Result<Artifact, Error> {
        let data = self.data.take();
        let artifact = about(&self.name, &self.content_type, &data);
        WRITTEN.with_borrow_mut(|written| written.insert(self.name.clone(), (artifact.clone(), data)));
        Ok(artifact)
    }
}

pub(crate) struct Reader {
    artifact: Artifact,
    left: Vec<u8>,
}

impl Reader {
    #[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
    pub fn open(task_id: &str, name: &str, map_index: Option<u32>) -> Result<Option<Self>, Error> {
        let wanted = (task_id.to_owned(), map_index, name.to_owned());
        let kept = GIVEN.with_borrow(|given| given.get(&wanted).cloned());
        Ok(kept.map(|(artifact, left)| Self { artifact, left }))
    }

    pub fn about(&self) -> Artifact {
        self.artifact.clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
    pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        let most = self.left.len().min(max as usize);
        Ok(self.left.drain(..most).collect())
    }
}

pub(crate) fn list_artifacts(task_id: &str, map_index: Option<u32>) -> Result<Vec<Artifact>, Error> {
    GIVEN.with_borrow(|given| {
        let of_task = given.iter().filter(|((task, index, _), _)| task == task_id && *index == map_index);
        Ok(of_task.map(|(_, (artifact, _))| artifact.clone()).collect())
    })
}
