//! What the host offers to a task: one module for each interface of `wit/task/0.1.0`.
//!
//! A capability is linked once for a runtime ([`Capability::link`]) and prepared for each try
//! ([`Capability::prepare`]). It holds all that it needs, so that its functions can be tested with a [`Host`] alone,
//! without a guest, a store or a server.

mod context;
mod log;
mod progress;
mod xcom;

use crate::host::Host;
use crate::run::{TryRequest, TryState};
use std::sync::Arc;
use wasmtime::component::Linker;

pub(crate) use context::Context;
pub(crate) use log::Log;
pub(crate) use progress::Progress;
pub(crate) use xcom::{HostUnavailable, XComs};

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
}

impl Capability for Capabilities {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        Context::link(linker)?;
        XComs::link(linker)?;
        Log::link(linker)?;
        Progress::link(linker)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self {
            context: Context::prepare(request, host),
            xcom: XComs::prepare(request, host),
            log: Log::prepare(request, host),
            progress: Progress::prepare(request, host),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! A host and a request for the tests of the capabilities.

    use super::*;
    use crate::host::{HostError, LogLine};
    use chrono::{DateTime, Utc};
    use cofferdam_domain::job::{Entry, TaskContext};
    use cofferdam_domain::limits::Limits;
    use cofferdam_ids::{DagId, DagRunId, TaskId, TaskInstanceId, XComKey};
    use parking_lot::Mutex;

    /// Keeps what it is told and answers from a list.
    #[derive(Default)]
    pub(crate) struct Recorder {
        pub lines: Mutex<Vec<LogLine>>,
        pub progress: Mutex<Vec<(f64, String)>>,
        pub xcoms: Vec<((&'static str, &'static str, Option<i32>), Result<Option<String>, HostError>)>,
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
    }

    pub(crate) fn request(limits: Limits) -> Arc<TryRequest> {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        Arc::new(TryRequest {
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
