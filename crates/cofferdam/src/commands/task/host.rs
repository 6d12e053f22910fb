//! What stands in for a worker: keeps what the task says, and gives it the XComs of the command line.

use crate::cli::XComArg;
use async_trait::async_trait;
use cofferdam_ids::{TaskId, XComKey};
use cofferdam_sandbox::{Host, HostError, LogLine};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The host of one try.
pub struct LocalHost {
    xcoms: BTreeMap<(TaskId, XComKey), String>,
    said: Mutex<Said>,
}

/// What the task said.
#[derive(Debug, Default)]
pub struct Said {
    /// Lines of output and log messages, in order.
    pub lines: Vec<LogLine>,
    /// The last report of progress.
    pub progress: Option<Progress>,
}

/// How far the task said that it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// From 0 to 1.
    pub fraction: f64,
    /// What is being done.
    pub message: String,
}

impl LocalHost {
    /// A host that knows these XComs.
    pub fn new(xcoms: Vec<XComArg>) -> Self {
        let xcoms = xcoms.into_iter().map(|xcom| ((xcom.task_id, xcom.key), xcom.value)).collect();
        Self { xcoms, said: Mutex::default() }
    }

    /// What was said so far.
    pub fn take(&self) -> Said {
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Host for LocalHost {
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(self.xcoms.get(&(task_id.clone(), key.clone())).cloned())
    }

    fn log(&self, line: LogLine) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
    }

    fn progress(&self, fraction: f64, message: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.progress = Some(Progress { fraction, message: message.to_owned() });
    }
}
