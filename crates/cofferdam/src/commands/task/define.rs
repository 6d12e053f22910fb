//! Letting a workflow component write its dags down here, for those who do not upload it.

use super::cache::Cache;
use super::host::LocalHost;
use super::load;
use super::stand_ins::StandIns;
use crate::failure::{Exit, Failure};
use chrono::DateTime;
use cofferdam_domain::ending::Ending;
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_domain::wit;
use cofferdam_ids::{DagId, DagRunId, NameError, TaskId, TaskInstanceId};
use cofferdam_sandbox::inspect::{self, UploadCaps};
use cofferdam_sandbox::{Runtime, RuntimeConfig, TryRequest};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs the component as a server does, without a clock, without chance and without anything that a grant could give, and returns the
/// definitions that it wrote.
pub async fn define(read: &[u8]) -> Result<Vec<Value>, Failure> {
    let (bytes, inspection) =
        inspect::adapt_and_inspect(read, &UploadCaps::default()).map_err(|error| Failure::usage(error.to_string()))?;
    let function = wit::find(&inspection.functions, Some(cofferdam_api::WORKFLOW_FUNCTION))
        .map_err(|error| Failure::usage(format!("it is no workflow component: {error}")))?;
    let entry = Entry::Function { interface: function.interface.clone(), function: function.name.clone() };
    let runtime = Runtime::new(RuntimeConfig::for_slots(1))
        .map_err(|error| Failure::new(Exit::Failed, "the sandbox cannot be prepared").because(&error))?;
    let program = load(&runtime, &Cache::none(), &inspection.digest, &bytes).await?;
    let request = TryRequest {
        is_input_open: false,
        instance: TaskInstanceId::LOCAL,
        entry,
        input: json!({}).to_string(),
        limits: Limits { fuel: cofferdam_api::WORKFLOW_FUEL, ..Limits::default() },
        grant: Grant { clock: false, random: false, ..Grant::default() },
        private_targets: Vec::new(),
        context: context().map_err(|error| Failure::usage(error.to_string()))?,
    };
    let host = Arc::new(LocalHost::new(Vec::new(), StandIns::default()));
    match runtime.run(&program, request, host, CancellationToken::new()).await.ending {
        Ending::Success { output } => {
            let texts: Vec<String> = serde_json::from_str(&output).map_err(|error| wrote_none(&error.to_string()))?;
            texts.iter().map(|text| serde_json::from_str(text).map_err(|error| wrote_none(&error.to_string()))).collect()
        }
        Ending::Failure { message, .. } => Err(wrote_none(&message)),
        Ending::Skip { .. } | Ending::Reschedule { .. } | Ending::Defer { .. } => Err(wrote_none("it ended as only a task can")),
    }
}

fn wrote_none(why: &str) -> Failure {
    Failure::usage(format!("the program wrote no dags down: {why}"))
}

/// What the component could learn of itself: nothing that changes.
fn context() -> Result<TaskContext, NameError> {
    let epoch = DateTime::UNIX_EPOCH;
    Ok(TaskContext {
        dag_id: DagId::new("local")?,
        dag_run_id: DagRunId::new("define")?,
        task_id: TaskId::new("define")?,
        map_index: -1,
        try_number: 1,
        max_tries: 1,
        logical_date: epoch,
        data_interval_start: epoch,
        data_interval_end: epoch,
        conf: Arc::new(json!({})),
    })
}
