//! `cofferdam:task/artifacts`: files that tasks leave and read, piece by piece.
//!
//! The bytes go to storage while they are written; what was finished is listed here until the try ends and recorded with
//! its ending. A try that loses its lease leaves nothing that anybody finds.

use super::{Capability, HostUnavailable};
use crate::bindings::cofferdam::task::artifacts::{self as wit, Artifact as WitArtifact, ArtifactError};
use crate::engine::hex;
use crate::host::{ArtifactSink, ArtifactSource, Host, HostError};
use crate::run::{TryRequest, TryState};
use cofferdam_domain::artifact::{self, Artifact, WrittenArtifact};
use cofferdam_ids::{ArtifactName, Digest, TaskId};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

/// Bytes that a guest gets in one read.
const READ_BYTES: u32 = 1 << 20;

/// The artifacts of one try.
pub(crate) struct Artifacts {
    host: Arc<dyn Host>,
    bytes_max: u64,
    count_max: u32,
    /// Bytes of all artifacts, also of those that were dropped or replaced.
    bytes: u64,
    created: u32,
    finished: Vec<WrittenArtifact>,
}

/// An artifact that is being written.
pub struct Writer {
    name: ArtifactName,
    content_type: String,
    size_bytes: u64,
    sha256: Sha256,
    /// None once it was finished, or could not go on.
    sink: Option<Box<dyn ArtifactSink>>,
}

/// An artifact that is being read.
pub struct Reader {
    artifact: Artifact,
    source: Box<dyn ArtifactSource>,
}

/// The capability together with the table that holds its writers and readers.
pub(crate) struct View<'a> {
    pub artifacts: &'a mut Artifacts,
    pub table: &'a mut ResourceTable,
}

/// Tells Wasmtime how a [`View`] comes from the state of a try.
struct Viewed;

impl HasData for Viewed {
    type Data<'a> = View<'a>;
}

impl Artifacts {
    /// What the task wrote, in the order of the names' first endings.
    pub(crate) fn take(&mut self) -> Vec<WrittenArtifact> {
        std::mem::take(&mut self.finished)
    }

    fn begin(&mut self, name: &str, content_type: &str) -> Result<(ArtifactName, String), ArtifactError> {
        let invalid = |error: artifact::ArtifactError| ArtifactError::InvalidName(error.to_string());
        let name = artifact::name(name).map_err(invalid)?;
        let content_type = artifact::content_type(content_type).map_err(invalid)?;
        if self.created == self.count_max {
            return Err(ArtifactError::TooMany(self.count_max));
        }
        self.created += 1;
        Ok((name, content_type))
    }
}

impl Capability for Artifacts {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, Viewed>(linker, TryState::artifacts)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self {
            host: Arc::clone(host),
            bytes_max: request.limits.artifact_bytes,
            count_max: request.limits.artifacts,
            bytes: 0,
            created: 0,
            finished: Vec::new(),
        }
    }
}

impl wit::Host for View<'_> {
    async fn create(&mut self, name: String, content_type: String) -> wasmtime::Result<Result<Resource<Writer>, ArtifactError>> {
        let (name, content_type) = match self.artifacts.begin(&name, &content_type) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        let sink = match answer("an artifact could not be begun", self.artifacts.host.artifact_create().await)? {
            Ok(sink) => sink,
            Err(error) => return Ok(Err(error)),
        };
        let writer = Writer { name, content_type, size_bytes: 0, sha256: Sha256::new(), sink: Some(sink) };
        Ok(Ok(self.table.push(writer)?))
    }

    async fn open(
        &mut self,
        task_id: String,
        name: String,
        map_index: Option<u32>,
    ) -> wasmtime::Result<Result<Option<Resource<Reader>>, ArtifactError>> {
        let name = match artifact::name(&name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(ArtifactError::InvalidName(error.to_string()))),
        };
        let (task_id, map_index) = match instance(task_id, map_index) {
            Ok(Some(instance)) => instance,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        let opened = self.artifacts.host.artifact_open(&task_id, map_index, &name).await;
        Ok(match answer("an artifact could not be opened", opened)? {
            Ok(Some((artifact, source))) => Ok(Some(self.table.push(Reader { artifact, source })?)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        })
    }

    async fn list_of(
        &mut self,
        task_id: String,
        map_index: Option<u32>,
    ) -> wasmtime::Result<Result<Vec<WitArtifact>, ArtifactError>> {
        let (task_id, map_index) = match instance(task_id, map_index) {
            Ok(Some(instance)) => instance,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(error) => return Ok(Err(error)),
        };
        let listed = answer("the artifacts could not be listed", self.artifacts.host.artifacts(&task_id, map_index).await)?;
        Ok(listed.map(|artifacts| artifacts.iter().map(shown).collect()))
    }
}

impl wit::HostWriter for View<'_> {
    async fn write(&mut self, writer: Resource<Writer>, data: Vec<u8>) -> wasmtime::Result<Result<(), ArtifactError>> {
        let writer = self.table.get_mut(&writer)?;
        let Some(sink) = &mut writer.sink else { return Ok(Err(over())) };
        let bytes = data.len() as u64;
        if self.artifacts.bytes.saturating_add(bytes) > self.artifacts.bytes_max {
            // What is there already would be half a file.
            writer.sink = None;
            return Ok(Err(ArtifactError::TooLarge(self.artifacts.bytes_max)));
        }
        self.artifacts.bytes += bytes;
        writer.size_bytes += bytes;
        writer.sha256.update(&data);
        answer("an artifact could not be written", sink.write(data.into()).await)
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> wasmtime::Result<Result<WitArtifact, ArtifactError>> {
        let writer = self.table.get_mut(&writer)?;
        let Some(sink) = writer.sink.take() else { return Ok(Err(over())) };
        let object = match answer("an artifact could not be stored", sink.finish().await)? {
            Ok(object) => object,
            Err(error) => return Ok(Err(error)),
        };
        let artifact = Artifact {
            name: writer.name.clone(),
            content_type: writer.content_type.clone(),
            size_bytes: writer.size_bytes,
            sha256: Digest::new(hex(&writer.sha256.clone().finalize()))?,
        };
        let shown = shown(&artifact);
        let written = WrittenArtifact { artifact, object };
        let finished = &mut self.artifacts.finished;
        match finished.iter_mut().find(|earlier| earlier.artifact.name == written.artifact.name) {
            Some(earlier) => *earlier = written,
            None => finished.push(written),
        }
        Ok(Ok(shown))
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        Ok(())
    }
}

impl wit::HostReader for View<'_> {
    async fn about(&mut self, reader: Resource<Reader>) -> wasmtime::Result<WitArtifact> {
        Ok(shown(&self.table.get(&reader)?.artifact))
    }

    async fn read(&mut self, reader: Resource<Reader>, max_bytes: u32) -> wasmtime::Result<Result<Vec<u8>, ArtifactError>> {
        let reader = self.table.get_mut(&reader)?;
        let max = max_bytes.clamp(1, READ_BYTES) as usize;
        let read = answer("an artifact could not be read", reader.source.read(max).await)?;
        Ok(read.map(Vec::from))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

/// A task instance of the run; none for one that cannot exist.
fn instance(task_id: String, map_index: Option<u32>) -> Result<Option<(TaskId, Option<i32>)>, ArtifactError> {
    let task_id = TaskId::new(task_id).map_err(|error| ArtifactError::InvalidName(error.to_string()))?;
    Ok(map_index.map(i32::try_from).transpose().ok().map(|map_index| (task_id, map_index)))
}

fn over() -> ArtifactError {
    ArtifactError::Denied("this artifact was finished, or could not go on: create another".to_owned())
}

fn shown(artifact: &Artifact) -> WitArtifact {
    WitArtifact {
        name: artifact.name.to_string(),
        content_type: artifact.content_type.clone(),
        size: artifact.size_bytes,
        sha256: artifact.sha256.to_string(),
    }
}

fn answer<T>(what: &'static str, answer: Result<T, HostError>) -> wasmtime::Result<Result<T, ArtifactError>> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(HostError::Denied(why)) => Ok(Err(ArtifactError::Denied(why))),
        Err(HostError::Unavailable(message)) => Err(wasmtime::Error::new(HostUnavailable { what, message })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use cofferdam_domain::limits::Limits;
    use wit::{Host as _, HostReader as _, HostWriter as _};

    fn artifacts(bytes: u64, count: u32) -> Artifacts {
        let host: Arc<dyn Host> = Arc::new(Recorder::default());
        Artifacts::prepare(&request(Limits { artifact_bytes: bytes, artifacts: count, ..Limits::default() }), &host)
    }

    async fn write(view: &mut View<'_>, name: &str, data: &[&[u8]]) -> Result<WitArtifact, ArtifactError> {
        let writer = view.create(name.to_owned(), "text/csv".to_owned()).await.unwrap()?;
        let again = || Resource::<Writer>::new_own(writer.rep());
        for piece in data {
            view.write(again(), piece.to_vec()).await.unwrap()?;
        }
        view.finish(again()).await.unwrap()
    }

    #[tokio::test]
    async fn pieces_become_one_artifact_that_can_be_read() {
        let (mut artifacts, mut table) = (artifacts(100, 5), ResourceTable::new());
        let mut view = View { artifacts: &mut artifacts, table: &mut table };
        let written = write(&mut view, "plots/a.csv", &[b"a,b\n", b"1,2\n"]).await.unwrap();
        assert_eq!((written.size, written.content_type.as_str(), written.sha256.len()), (8, "text/csv", 64));
        write(&mut view, "plots/a.csv", &[b"again"]).await.unwrap();

        let open = view.open("clean".to_owned(), "plots/a.csv".to_owned(), None).await.unwrap().unwrap();
        assert!(open.is_none(), "nothing is seen before the try ends");
        let reader = view.open("fetch".to_owned(), "raw.csv".to_owned(), None).await.unwrap().unwrap().unwrap();
        let again = || Resource::<Reader>::new_own(reader.rep());
        assert_eq!(view.about(again()).await.unwrap().size, 6);
        let mut read = Vec::new();
        for _ in 0..4 {
            read.push(view.read(again(), 4).await.unwrap().unwrap());
        }
        assert_eq!(read, [&b"x,y\n"[..], b"3\n", b"", b""]);

        let taken = artifacts.take();
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].artifact.size_bytes, taken[0].object.as_str()), (5, "5 bytes"));
    }

    #[tokio::test]
    async fn size_and_count_are_bounded() {
        let (mut artifacts, mut table) = (artifacts(10, 3), ResourceTable::new());
        let mut view = View { artifacts: &mut artifacts, table: &mut table };
        write(&mut view, "a", &[b"12345"]).await.unwrap();
        assert!(matches!(write(&mut view, "b", &[b"12345", b"6"]).await, Err(ArtifactError::TooLarge(10))));
        write(&mut view, "c", &[]).await.unwrap();
        assert!(matches!(write(&mut view, "d", &[]).await, Err(ArtifactError::TooMany(3))));
        let names: Vec<_> = artifacts.take().iter().map(|written| written.artifact.name.to_string()).collect();
        assert_eq!(names, ["a", "c"]);
    }

    #[tokio::test]
    async fn what_is_finished_takes_no_more() {
        let (mut artifacts, mut table) = (artifacts(10, 3), ResourceTable::new());
        let mut view = View { artifacts: &mut artifacts, table: &mut table };
        let writer = view.create("a".to_owned(), String::new()).await.unwrap().unwrap();
        let again = || Resource::<Writer>::new_own(writer.rep());
        view.finish(again()).await.unwrap().unwrap();
        assert!(matches!(view.write(again(), b"x".to_vec()).await.unwrap(), Err(ArtifactError::Denied(_))));
        assert!(matches!(view.finish(again()).await.unwrap(), Err(ArtifactError::Denied(_))));
    }

    #[tokio::test]
    async fn path_tricks_are_refused() {
        let (mut artifacts, mut table) = (artifacts(10, 3), ResourceTable::new());
        let mut view = View { artifacts: &mut artifacts, table: &mut table };
        for name in ["../a", "/a", "a/../../b", "a\\b", "a\0", "%2e%2e/a", ""] {
            assert!(matches!(write(&mut view, name, &[]).await, Err(ArtifactError::InvalidName(_))), "{name:?}");
            let opened = view.open("fetch".to_owned(), name.to_owned(), None).await.unwrap();
            assert!(matches!(opened, Err(ArtifactError::InvalidName(_))), "{name:?}");
        }
        let headers = view.create("a".to_owned(), "text/html\r\nX: y".to_owned()).await.unwrap();
        assert!(matches!(headers, Err(ArtifactError::InvalidName(why)) if why.contains("media type")));
    }
}
