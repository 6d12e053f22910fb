//! What the host offers to a task: one module for each interface of `wit/task/0.1.1`.
//!
//! A capability is linked once for a runtime ([`Capability::link`]) and prepared for each try
//! ([`Capability::prepare`]). It holds all that it needs, so that its functions can be tested with a [`Host`] alone,
//! without a guest, a store or a server.

mod artifacts;
mod checkpoint;
mod clocks;
mod config;
mod context;
pub(crate) mod http;
mod log;
mod progress;
mod scratch;
mod xcom;

use crate::host::Host;
use crate::run::{TryRequest, TryState};
use std::sync::Arc;
use wasmtime::component::Linker;

pub(crate) use artifacts::{Artifacts, View as ArtifactsView};
// The generated bindings hand these on, so they must be as public as those.
pub use artifacts::{Reader, Writer};
pub(crate) use checkpoint::Checkpoint;
pub(crate) use clocks::{Clock, Stopped, View as ClockView};
pub(crate) use config::Config;
pub(crate) use context::Context;
pub(crate) use http::{Carrier, Http, Refused, Sent};
pub(crate) use log::Log;
pub(crate) use progress::Progress;
pub(crate) use scratch::{Scratch, View as ScratchView};
pub(crate) use xcom::{MAX_PUSHED, TOTAL_FACTOR, XComs};

/// The host could not answer: a failure of Cofferdam, not of the task.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {message}")]
pub(crate) struct HostUnavailable {
    /// What was asked of it and did not happen.
    pub what: &'static str,
    /// What it says.
    pub message: String,
}

/// One interface that a task may import.
pub(crate) trait Capability: Sized + Send + 'static {
    /// Adds the functions of the interface to the linker.
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()>;

    /// Makes the capability of one try.
    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self;
}

/// All capabilities of one try.
pub(crate) struct Capabilities {
    pub context: Context,
    pub xcom: XComs,
    pub log: Log,
    pub progress: Progress,
    pub checkpoint: Checkpoint,
    pub config: Config,
    pub artifacts: Artifacts,
    pub http: Http,
    pub scratch: Scratch,
}

impl Capability for Capabilities {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        Context::link(linker)?;
        XComs::link(linker)?;
        Log::link(linker)?;
        Progress::link(linker)?;
        Checkpoint::link(linker)?;
        Config::link(linker)?;
        Artifacts::link(linker)?;
        Http::link(linker)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self {
            context: Context::prepare(request, host),
            xcom: XComs::prepare(request, host),
            log: Log::prepare(request, host),
            progress: Progress::prepare(request, host),
            checkpoint: Checkpoint::prepare(request, host),
            config: Config::prepare(request, host),
            artifacts: Artifacts::prepare(request, host),
            http: Http::prepare(request, host),
            scratch: Scratch::prepare(request, host),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! A host and a request for the tests of the capabilities.

    use super::*;
    use crate::host::{ArtifactSink, ArtifactSource, HostError, LogLine};
    use bytes::Bytes;
    use chrono::{DateTime, Utc};
    use cofferdam_domain::artifact::Artifact;
    use cofferdam_domain::connection::{Connection, Variable};
    use cofferdam_domain::job::{Entry, TaskContext};
    use cofferdam_domain::limits::Limits;
    use cofferdam_ids::{ArtifactName, ConnectionId, DagId, DagRunId, Digest, TaskId, TaskInstanceId, VariableKey, XComKey};
    use parking_lot::Mutex;

    /// Keeps what it is told and answers from a list.
    #[derive(Default)]
    pub(crate) struct Recorder {
        pub lines: Mutex<Vec<LogLine>>,
        pub progress: Mutex<Vec<(f64, String)>>,
        pub xcoms: Vec<((&'static str, &'static str, Option<i32>), Result<Option<String>, HostError>)>,
        pub checkpoint: Mutex<Option<Bytes>>,
        /// Whether the lease has gone to another try.
        pub superseded: Mutex<bool>,
    }

    /// Counts the bytes of an artifact.
    struct Counted(usize);

    #[async_trait::async_trait]
    impl ArtifactSink for Counted {
        async fn write(&mut self, data: Bytes) -> Result<(), HostError> {
            self.0 += data.len();
            Ok(())
        }
        async fn finish(self: Box<Self>) -> Result<String, HostError> {
            Ok(format!("{} bytes", self.0))
        }
    }

    /// Gives bytes that are there already.
    struct Held(Bytes);

    #[async_trait::async_trait]
    impl ArtifactSource for Held {
        async fn read(&mut self, max: usize) -> Result<Bytes, HostError> {
            let max = max.min(self.0.len());
            Ok(self.0.split_to(max))
        }
    }

    #[async_trait::async_trait]
    impl Host for Recorder {
        async fn xcom_pull(&self, task: &TaskId, key: &XComKey, map_index: Option<i32>) -> Result<Option<String>, HostError> {
            let wanted = (task.as_str(), key.as_str(), map_index);
            self.xcoms.iter().find(|(known, _)| *known == wanted).map_or(Ok(None), |(_, answer)| answer.clone())
        }
        fn log(&self, line: LogLine) {
            self.lines.lock().push(line);
        }
        fn progress(&self, fraction: f64, message: &str) {
            self.progress.lock().push((fraction, message.to_owned()));
        }
        fn now(&self) -> Option<DateTime<Utc>> {
            "2026-11-21T06:00:00Z".parse().ok()
        }
        async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
            let known = [("region", "eu", false), ("pin", "4711-0815", true)];
            let found = known.into_iter().find(|(name, ..)| *name == key.as_str());
            Ok(found.map(|(_, value, secret)| Variable { value: value.to_owned(), secret }))
        }
        async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
            Ok((id.as_str() == "warehouse").then(|| Connection {
                connection_id: id.clone(),
                conn_type: "http".to_owned(),
                host: Some("db.example.com".to_owned()),
                port: None,
                login: Some("ann".to_owned()),
                password: Some("hunter22".to_owned()),
                schema: None,
                extra: Some(r#"{"token":"t-0815"}"#.to_owned()),
            }))
        }
        async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
            let current = !*self.superseded.lock();
            if current {
                *self.checkpoint.lock() = data;
            }
            Ok(current)
        }
        async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
            Ok(self.checkpoint.lock().clone())
        }
        async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
            Ok(Box::new(Counted(0)))
        }
        async fn artifact_open(
            &self,
            task_id: &TaskId,
            map_index: Option<i32>,
            name: &ArtifactName,
        ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
            let known = self.artifacts(task_id, map_index).await?.into_iter().find(|artifact| artifact.name == *name);
            Ok(known.map(|artifact| (artifact, Box::new(Held(Bytes::from_static(b"x,y\n3\n"))) as _)))
        }
        async fn artifacts(&self, task_id: &TaskId, _: Option<i32>) -> Result<Vec<Artifact>, HostError> {
            let raw = Artifact {
                name: ArtifactName::new("raw.csv").unwrap(),
                content_type: "text/csv".to_owned(),
                size_bytes: 6,
                sha256: Digest::new("0".repeat(64)).unwrap(),
            };
            Ok(if task_id.as_str() == "fetch" { vec![raw] } else { Vec::new() })
        }
    }

    pub(crate) fn request(limits: Limits) -> Arc<TryRequest> {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Arc::new(TryRequest {
            is_input_open: false,
            instance: TaskInstanceId::generate(),
            entry: Entry::Task,
            input: "null".to_owned(),
            limits,
            grant: Default::default(),
            private_targets: Vec::new(),
            context: TaskContext {
                dag_id: DagId::new("weather").unwrap(),
                dag_run_id: DagRunId::new("manual__1").unwrap(),
                task_id: TaskId::new("clean").unwrap(),
                map_index: -1,
                try_number: 2,
                max_tries: 3,
                logical_date: at("2026-11-21T06:00:00Z"),
                data_interval_start: at("2026-11-20T06:00:00Z"),
                data_interval_end: at("2026-11-21T06:00:00Z"),
                conf: Arc::new(serde_json::json!({"station": 7})),
            },
        })
    }
}
