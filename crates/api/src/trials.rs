//! Trying functions: runs one in a sandbox of this process, with nothing recorded. See docs/decisions/0010.

use crate::App;
use crate::error::{ApiError, sentence};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cofferdam_api_types::ErrorCode;
use cofferdam_domain::clock::SharedClock;
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{DagId, DagRunId, Digest, TaskId, TaskInstanceId, TenantId, XComKey};
use cofferdam_objects::ObjectsError;
use cofferdam_sandbox::{CompiledCode, Host, HostError, LoadError, LogLine, Program, Stream, TryRequest};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Functions that a tenant may try at once.
const AT_ONCE: usize = 2;
/// How long a function may be tried.
const WALL_MS: u64 = 15_000;

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        Self::new(ErrorCode::ComponentNotCompilable, sentence(&error))
    }
}

/// Who is trying what now.
#[derive(Debug, Default)]
pub(crate) struct Trials(Arc<Mutex<HashMap<TenantId, usize>>>);

/// The right to try one function. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Trial {
    all: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Trials {
    /// Begins a trial, unless the tenant has as many as it may have.
    pub(crate) fn begin(&self, tenant: TenantId) -> Result<Trial, ApiError> {
        let mut all = self.0.lock();
        let running = all.entry(tenant).or_default();
        if *running >= AT_ONCE {
            let detail = "As many functions of your tenant as may be are being tried now. Try again when one of them has ended.";
            return Err(ApiError::new(ErrorCode::TooManyTrials, detail));
        }
        *running += 1;
        Ok(Trial { all: Arc::clone(&self.0), tenant })
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(running) = all.get_mut(&self.tenant) {
            *running -= 1;
            if *running == 0 {
                all.remove(&self.tenant);
            }
        }
    }
}

/// The host of a function that is tried: keeps what it says, and knows nothing of any run.
pub(crate) struct TrialHost {
    clock: SharedClock,
    lines: Mutex<Vec<(DateTime<Utc>, LogLine)>>,
}

impl TrialHost {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// What was said so far, in order.
    pub(crate) fn take(&self) -> Vec<(DateTime<Utc>, LogLine)> {
        std::mem::take(&mut *self.lines.lock())
    }
}

/// The lines of what was said on one of the streams that `wanted` names.
pub(crate) fn printed(said: &[(DateTime<Utc>, LogLine)], wanted: impl Fn(Stream) -> bool) -> String {
    said.iter().filter(|(_, line)| wanted(line.stream)).map(|(_, line)| format!("{}\n", line.message)).collect()
}

#[async_trait]
impl Host for TrialHost {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(None)
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().push((self.clock.now(), line));
    }

    fn progress(&self, _: f64, _: &str) {}

    fn now(&self) -> Option<DateTime<Utc>> {
        Some(self.clock.now())
    }
}

/// The component, loaded. After an upgrade it may have to be compiled again first.
pub(crate) async fn load(app: &App, tenant: TenantId, digest: &Digest) -> Result<Program, ApiError> {
    let compiled = match app.state.objects.get_compiled(digest, &app.state.compatibility_hash).await {
        // The object store has checked the MAC.
        Ok(Some(bytes)) => CompiledCode::from_authenticated(bytes),
        Ok(None) | Err(ObjectsError::Tampered { .. }) => {
            let wasm = app.state.objects.get_component(tenant, digest).await?;
            let compiled = app.state.compile.compile(tenant, &wasm).await?;
            app.state.objects.put_compiled(digest, &app.state.compatibility_hash, compiled.bytes().clone()).await?;
            compiled
        }
        Err(error) => return Err(error.into()),
    };
    let runtime = app.state.sandbox.clone();
    Ok(tokio::task::spawn_blocking(move || runtime.load(&compiled)).await.map_err(ApiError::internal)??)
}

/// A try that belongs to no run.
pub(crate) fn attempt(entry: Entry, input: Option<Value>, now: DateTime<Utc>) -> Result<TryRequest, ApiError> {
    Ok(TryRequest {
        is_input_open: false,
        instance: TaskInstanceId::LOCAL,
        entry,
        input: input.unwrap_or_else(|| json!({})).to_string(),
        limits: Limits { wall_ms: WALL_MS, ..Limits::default() },
        grant: Grant::default(),
        private_targets: Vec::new(),
        context: TaskContext {
            dag_id: DagId::new("try").map_err(ApiError::internal)?,
            dag_run_id: DagRunId::new("manual__try").map_err(ApiError::internal)?,
            task_id: TaskId::new("try").map_err(ApiError::internal)?,
            map_index: -1,
            try_number: 1,
            max_tries: 1,
            logical_date: now,
            data_interval_start: now,
            data_interval_end: now,
            conf: Arc::new(json!({})),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_few_trials_at_once() {
        let trials = Trials::default();
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let first = trials.begin(one).ok().unwrap();
        let _second = trials.begin(one).ok().unwrap();
        assert!(trials.begin(one).is_err());
        assert!(trials.begin(other).is_ok(), "another tenant's are its own");
        drop(first);
        assert!(trials.begin(one).is_ok());
        assert_eq!(trials.0.lock().len(), 1, "who tries nothing is forgotten");
    }
}
