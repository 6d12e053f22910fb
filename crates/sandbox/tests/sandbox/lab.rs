//! What all tests share: a runtime, the guests compiled once, and a host that keeps what it is told.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{
    ArtifactName, ConnectionId, DagId, DagRunId, Digest, TaskId, TaskInstanceId, TenantId, VariableKey, XComKey,
};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::inspect::{UploadCaps, adapt};
use cofferdam_sandbox::isolation::{Prepared, ProcessConfig, Processes, Sandboxes};
use cofferdam_sandbox::{
    ArtifactSink, ArtifactSource, CompiledCode, Host, HostError, LogLine, Runtime, RuntimeConfig, Stream, TryReport, TryRequest,
};
use cofferdam_test_guests::artefacts;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Keeps what a try says.
#[derive(Default)]
pub struct Recorder {
    pub lines: Mutex<Vec<LogLine>>,
    pub progress: Mutex<Vec<(f64, String)>>,
    pub xcoms: HashMap<(String, String), Result<Option<String>, HostError>>,
    pub checkpoint: Mutex<Option<Bytes>>,
    /// Signalled with every line.
    pub said: Notify,
}

#[async_trait::async_trait]
impl Host for Recorder {
    async fn xcom_pull(&self, task: &TaskId, key: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        let answer = self.xcoms.get(&(task.to_string(), key.to_string()));
        answer.cloned().unwrap_or(Ok(None))
    }
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
        self.said.notify_one();
    }
    fn progress(&self, fraction: f64, message: &str) {
        self.progress.lock().unwrap().push((fraction, message.to_owned()));
    }
    fn now(&self) -> Option<DateTime<Utc>> {
        "2026-11-21T06:00:00Z".parse().ok()
    }
    async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        Ok((key.as_str() == "pin").then(|| Variable { value: "4711-0815".to_owned(), secret: true }))
    }
    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        Ok((id.as_str() == "warehouse").then(|| Connection {
            connection_id: id.clone(),
            conn_type: "postgres".to_owned(),
            host: Some("db.example.com".to_owned()),
            port: Some(5432),
            login: Some("ann".to_owned()),
            password: Some("hunter22".to_owned()),
            schema: None,
            extra: None,
        }))
    }
    async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        *self.checkpoint.lock().unwrap() = data;
        Ok(true)
    }
    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        Ok(self.checkpoint.lock().unwrap().clone())
    }
    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        Ok(Box::new(Kept(Vec::new())))
    }
    async fn artifacts(&self, _: &TaskId, _: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        Ok(Vec::new())
    }
    async fn artifact_open(
        &self,
        _: &TaskId,
        _: Option<i32>,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        let artifact = Artifact {
            name: name.clone(),
            content_type: "text/csv".to_owned(),
            size_bytes: 3 << 20,
            sha256: Digest::new("0".repeat(64)).unwrap(),
        };
        Ok((name.as_str() == "large.csv").then(|| (artifact, Box::new(Kept(vec![b'y'; 3 << 20])) as _)))
    }
}

/// The bytes of an artifact; stored, they are called by their beginning and length.
struct Kept(Vec<u8>);

#[async_trait::async_trait]
impl ArtifactSink for Kept {
    async fn write(&mut self, data: Bytes) -> Result<(), HostError> {
        self.0.extend_from_slice(&data);
        Ok(())
    }
    async fn finish(self: Box<Self>) -> Result<String, HostError> {
        Ok(format!("{} {}", String::from_utf8_lossy(&self.0[..self.0.len().min(8)]), self.0.len()))
    }
}

#[async_trait::async_trait]
impl ArtifactSource for Kept {
    async fn read(&mut self, max: usize) -> Result<Bytes, HostError> {
        let most = self.0.len().min(max);
        Ok(self.0.drain(..most).collect())
    }
}

impl Recorder {
    pub fn lines_of(&self, stream: Stream) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.stream == stream).map(|line| line.message.clone()).collect()
    }
}

/// The compile service of the tests, with its usual limits.
pub fn compile_config() -> CompileConfig {
    CompileConfig::new(env!("CARGO_BIN_EXE_cofferdam-compile"), Vec::<String>::new())
}

/// A guest, compiled once for all tests of this process.
pub fn compiled(name: &'static str) -> CompiledCode {
    static COMPILED: OnceLock<Mutex<HashMap<&str, CompiledCode>>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap();
    let compile = || {
        let wasm = artefacts::bytes(name);
        // Of a core module, as an upload is made of it.
        compile_blocking(adapt(&wasm, &UploadCaps::default()).unwrap().into_owned())
    };
    compiled.entry(name).or_insert_with(compile).clone()
}

/// Compiles in a thread of its own, so that it does not matter where this is called.
pub fn compile_blocking(wasm: Vec<u8>) -> CompiledCode {
    let compile = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let service = CompileService::new(compile_config());
        runtime.block_on(service.compile(TenantId::generate(), &wasm)).unwrap()
    };
    std::thread::spawn(compile).join().unwrap()
}

/// Where the tests run tries: in this process or, in the program `apart`, in a process for sandboxes.
#[derive(Clone)]
pub struct Tested(Sandboxes);

impl Tested {
    /// Sandboxes of this process that no other test uses.
    pub fn here(slots: u32) -> Self {
        Self(Runtime::new(RuntimeConfig::for_slots(slots)).unwrap().into())
    }

    pub fn load(&self, compiled: &CompiledCode) -> Result<Prepared, cofferdam_sandbox::LoadError> {
        self.0.load(compiled)
    }

    /// Runs a try of the one tenant of these tests. What listens to processes must outlive the runtime of one test.
    pub async fn run(
        &self,
        program: &Prepared,
        request: TryRequest,
        host: Arc<dyn Host>,
        cancel: CancellationToken,
    ) -> TryReport {
        static TENANT: OnceLock<TenantId> = OnceLock::new();
        let tenant = *TENANT.get_or_init(TenantId::generate);
        match self.0 {
            Sandboxes::Here(_) => self.0.run(tenant, program, request, host, cancel).await,
            Sandboxes::Apart(_) => {
                let (sandboxes, program) = (self.0.clone(), program.clone());
                let run = async move { sandboxes.run(tenant, &program, request, host, cancel).await };
                lasting().spawn(run).await.unwrap()
            }
        }
    }
}

/// A runtime that lasts as long as the test process.
pub fn lasting() -> &'static tokio::runtime::Runtime {
    static LASTING: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    LASTING.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// How processes for sandboxes are started here. They give up nothing: what that is, only the product knows.
pub fn process_config() -> ProcessConfig {
    ProcessConfig {
        program: env!("CARGO_BIN_EXE_cofferdam-isolated").into(),
        args: Vec::new(),
        sandboxes: RuntimeConfig::for_slots(32),
        threads: 2,
        scratch: std::env::temp_dir(),
        most: 8,
        idle: std::time::Duration::from_secs(600),
        confine: false,
    }
}

/// The sandboxes of this process that tests share.
pub fn in_process() -> Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(RuntimeConfig::for_slots(32)).unwrap()).clone()
}

/// The sandboxes that most tests share, wherever they are.
pub fn runtime() -> Tested {
    static TESTED: OnceLock<Tested> = OnceLock::new();
    let make =
        || Tested(if crate::APART { Sandboxes::Apart(Processes::new(process_config()).unwrap()) } else { in_process().into() });
    TESTED.get_or_init(make).clone()
}

/// A guest, loaded into the shared sandboxes.
pub fn program(name: &'static str) -> Prepared {
    runtime().load(&compiled(name)).unwrap()
}

pub fn request(entry: Entry, input: String, limits: Limits) -> TryRequest {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    TryRequest {
        is_input_open: false,
        instance: TaskInstanceId::generate(),
        entry,
        input,
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
    }
}

/// Runs the guest `behaviours` with an input.
pub async fn behave(input: Value, limits: Limits) -> (TryReport, Arc<Recorder>) {
    behave_with(Arc::default(), input, limits).await
}

/// As [`behave`], with a host of one's own.
pub async fn behave_with(host: Arc<Recorder>, input: Value, limits: Limits) -> (TryReport, Arc<Recorder>) {
    let request = request(Entry::Task, input.to_string(), limits);
    let report = runtime().run(&program("behaviours"), request, host.clone(), CancellationToken::new()).await;
    (report, host)
}

/// The result of a try that succeeded.
#[track_caller]
pub fn output(report: &TryReport) -> Value {
    match &report.ending {
        Ending::Success { output } => serde_json::from_str(output).unwrap(),
        other => panic!("the try did not succeed: {other:?}"),
    }
}

/// The message of a try that failed for this reason.
#[track_caller]
pub fn failure(report: &TryReport, expected: Reason) -> &str {
    match &report.ending {
        Ending::Failure { reason, message } if *reason == expected => message,
        other => panic!("the try did not fail with {expected}: {other:?}"),
    }
}
