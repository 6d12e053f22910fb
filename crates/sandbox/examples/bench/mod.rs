//! What the benches share.

use chrono::DateTime;
use cofferdam_domain::ending::Ending;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{DagId, DagRunId, TaskId, TaskInstanceId, TenantId};
use cofferdam_sandbox::compile::{CompileConfig, CompileService, child_main};
use cofferdam_sandbox::{CompiledCode, Runtime, RuntimeConfig, TryReport, TryRequest};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The argument with which the program is a process for sandboxes.
pub const SANDBOXES: &str = "__sandboxes";

/// Runs a bench; the same program is its own compile process, and its own process for sandboxes.
pub fn main(bench: impl Future<Output = ()>) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("__compile") {
        return child_main();
    }
    if std::env::args().nth(1).as_deref() == Some(SANDBOXES) {
        return cofferdam_sandbox::isolation::child_main(|_| Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench);
    ExitCode::SUCCESS
}

pub fn runtime(config: RuntimeConfig) -> Runtime {
    Runtime::new(config).expect("a pool of this size")
}

/// Makes machine code of a component. There is more time for it than usual, because the machine may be busy.
pub async fn compile(component: &[u8]) -> CompiledCode {
    let this = std::env::current_exe().expect("the path of this program");
    let mut config = CompileConfig::new(this, ["__compile"]);
    config.wall = Duration::from_secs(600);
    CompileService::new(config).compile(TenantId::generate(), component).await.expect("it compiles")
}

pub fn request(entry: Entry, input: String) -> TryRequest {
    let at = DateTime::UNIX_EPOCH;
    TryRequest {
        is_input_open: false,
        instance: TaskInstanceId::generate(),
        entry,
        input,
        limits: Limits::default(),
        grant: Default::default(),
        private_targets: Vec::new(),
        context: TaskContext {
            dag_id: DagId::new("bench").expect("a name"),
            dag_run_id: DagRunId::new("manual__1").expect("a name"),
            task_id: TaskId::new("task").expect("a name"),
            map_index: -1,
            try_number: 1,
            max_tries: 1,
            logical_date: at,
            data_interval_start: at,
            data_interval_end: at,
            conf: Arc::new(serde_json::Value::Null),
        },
    }
}

#[track_caller]
pub fn expect_success(report: &TryReport) {
    assert!(matches!(report.ending, Ending::Success { .. }), "{:?}", report.ending);
}
