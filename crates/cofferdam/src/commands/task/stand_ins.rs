//! What stands in for the stores behind a worker: variables, connections, the checkpoint, artifacts.

use crate::cli::{ArtifactArg, TaskTestArgs};
use crate::document::Document;
use crate::failure::{Exit, Failure};
use async_trait::async_trait;
use bytes::Bytes;
use cofferdam_domain::artifact::{self, Artifact, WrittenArtifact};
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_domain::grant::Grant;
use cofferdam_ids::{ArtifactName, ConnectionId, Digest, TaskId, VariableKey};
use cofferdam_sandbox::{ArtifactSink, ArtifactSource, HostError};
use serde_json::Value;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the command line gives a task beyond its input.
#[derive(Debug, Default)]
pub struct StandIns {
    variables: BTreeMap<VariableKey, String>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Where the checkpoint is kept; in memory when nowhere.
    checkpoint_file: Option<PathBuf>,
    checkpoint: Mutex<Option<Bytes>>,
    /// Where the artifacts that the task writes go.
    written: Option<PathBuf>,
    given: BTreeMap<(TaskId, ArtifactName), (Artifact, PathBuf)>,
}

impl StandIns {
    /// Reads what the arguments name.
    pub fn read(args: &TaskTestArgs) -> Result<Self, Failure> {
        let mut stand_ins = Self::default();
        for variable in &args.variables {
            let key = variable.name.parse::<VariableKey>().map_err(|error| Failure::usage(error.to_string()).at("--variable"))?;
            stand_ins.variables.insert(key, variable.value.clone());
        }
        for file in &args.connections {
            let document = Document::read(file)?;
            let all = if let Value::Array(all) = document.value { all } else { vec![document.value] };
            for one in all {
                let connection: Connection = serde_json::from_value(one).map_err(|error| {
                    Failure::usage(format!("it is not a connection: {error}"))
                        .at(&document.name)
                        .remedy("a connection has `connection_id` and `conn_type`, and perhaps host, port, login, password, schema, extra")
                })?;
                stand_ins.connections.insert(connection.connection_id.clone(), connection);
            }
        }
        if let Some(file) = &args.checkpoint {
            if file.exists() {
                let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
                stand_ins.checkpoint = Mutex::new(Some(bytes.into()));
            }
            stand_ins.checkpoint_file = Some(file.clone());
        }
        if let Some(folder) = &args.artifacts {
            if !folder.is_dir() {
                return Err(Failure::new(Exit::NotFound, "there is no such folder").at(folder.display().to_string()));
            }
            stand_ins.written = Some(folder.clone());
        }
        for given in &args.given_artifacts {
            let artifact = describe(given)?;
            stand_ins.given.insert((given.task_id.clone(), given.name.clone()), (artifact, given.file.clone()));
        }
        Ok(stand_ins)
    }

    /// Grants what was given: who gives a task a variable wants it to be read.
    pub fn grant(&self, grant: &mut Grant) {
        grant.variables.extend(self.variables.keys().filter_map(|key| key.as_str().parse().ok()));
        grant.connections.extend(self.connections.keys().filter_map(|id| id.as_str().parse().ok()));
    }

    pub fn variable(&self, key: &VariableKey) -> Option<Variable> {
        self.variables.get(key).map(|value| Variable { value: value.clone(), secret: false })
    }

    pub fn connection(&self, id: &ConnectionId) -> Option<Connection> {
        self.connections.get(id).cloned()
    }

    pub fn checkpoint(&self) -> Option<Bytes> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn keep_checkpoint(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        if let Some(file) = &self.checkpoint_file {
            let kept = match &data {
                Some(data) => std::fs::write(file, data),
                None if file.exists() => std::fs::remove_file(file),
                None => Ok(()),
            };
            kept.map_err(|error| HostError::Unavailable(format!("{}: {error}", file.display())))?;
        }
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = data;
        Ok(true)
    }

    pub fn artifacts(&self, task_id: &TaskId) -> Vec<Artifact> {
        self.given.iter().filter(|((task, _), _)| task == task_id).map(|(_, (artifact, _))| artifact.clone()).collect()
    }

    pub fn open(&self, task_id: &TaskId, name: &ArtifactName) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        let Some((artifact, file)) = self.given.get(&(task_id.clone(), name.clone())) else { return Ok(None) };
        let source = std::fs::File::open(file).map_err(unavailable)?;
        Ok(Some((artifact.clone(), Box::new(Source(source)))))
    }

    /// Somewhere for the bytes of an artifact; [`StandIns::put_artifacts`] gives them their names.
    pub fn create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        let folder = self.written.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Box::new(Sink { file: tempfile::NamedTempFile::new_in(folder).map_err(unavailable)?, kept: self.written.is_some() }))
    }

    /// Gives the artifacts that the task finished their names.
    pub fn put_artifacts(&self, written: &[WrittenArtifact]) -> Result<(), Failure> {
        let Some(folder) = &self.written else { return Ok(()) };
        for one in written {
            // The sandbox let no name pass that leads out of the folder.
            let to = folder.join(one.artifact.name.as_str());
            let moved = to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::rename(&one.object, &to));
            moved.map_err(|error| {
                Failure::new(Exit::Failed, "the artifact cannot be kept").at(to.display().to_string()).because(&error)
            })?;
        }
        Ok(())
    }
}

struct Sink {
    file: tempfile::NamedTempFile,
    kept: bool,
}

#[async_trait]
impl ArtifactSink for Sink {
    async fn write(&mut self, data: Bytes) -> Result<(), HostError> {
        self.file.write_all(&data).map_err(unavailable)
    }
    async fn finish(self: Box<Self>) -> Result<String, HostError> {
        if !self.kept {
            return Ok(String::new());
        }
        let (_, path) = self.file.keep().map_err(|error| unavailable(error.error))?;
        Ok(path.display().to_string())
    }
}

struct Source(std::fs::File);

#[async_trait]
impl ArtifactSource for Source {
    async fn read(&mut self, max: usize) -> Result<Bytes, HostError> {
        let mut bytes = vec![0; max.min(64 << 10)];
        let read = self.0.read(&mut bytes).map_err(unavailable)?;
        bytes.truncate(read);
        Ok(bytes.into())
    }
}

fn describe(given: &ArtifactArg) -> Result<Artifact, Failure> {
    let bytes = std::fs::read(&given.file).map_err(|error| unreadable(&given.file, &error))?;
    let sha256 = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(Artifact {
        name: given.name.clone(),
        content_type: artifact::DEFAULT_CONTENT_TYPE.to_owned(),
        size_bytes: bytes.len() as u64,
        sha256: Digest::new(sha256).map_err(|error| Failure::usage(error.to_string()))?,
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
    Failure::new(exit, "the file cannot be read").at(file.display().to_string()).because(&std::io::Error::from(error.kind()))
}

fn unavailable(error: std::io::Error) -> HostError {
    HostError::Unavailable(error.to_string())
}
