//! A server on a database of its own, and what tests put into it.

use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_api::{ApiConfig, ApiState, TokenKeys, bootstrap};
use cofferdam_client::{Client, Credentials};
use cofferdam_domain::artifact::{Artifact, WrittenArtifact};
use cofferdam_domain::clock::{Clock, ManualClock, SharedClock, SharedRng};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::ending::{Ending, Receipt};
use cofferdam_domain::job::Job;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_engine::{Engine, EngineConfig, EngineParts, TryResult, XComWrite};
use cofferdam_ids::{
    ApiKeyId, ArtifactName, ComponentName, DagId, DagRunId, Digest, QueueName, RunKey, TaskId, TenantId, TenantName, WorkerId,
    XComKey,
};
use cofferdam_objects::{LogLevel, LogRecord, LogSegment, LogStream, Objects, ObjectsConfig};
use cofferdam_queue::{ClaimRequest, Lease, MemoryQueue, Queue};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::inspect::{Export, Import, Inspection, Kind, UploadCaps};
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::api_keys::{self, NewApiKey};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::execution::facts::XComValue;
use cofferdam_store::execution::log_index::{self, LogRange};
use cofferdam_store::users::{self, NewUser, UserNames};
use cofferdam_store::{Access, Store, tenants};
use cofferdam_test_support::postgres::TestDatabase;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The password of the first administrator.
pub const PASSWORD: &str = "a password for tests";

/// The most bytes of an upload here.
pub const UPLOAD_BYTES: u64 = 128 << 10;

pub struct Server {
    pub address: String,
    pub clock: ManualClock,
    pub engine: Arc<Engine>,
    pub queue: Arc<MemoryQueue>,
    pub objects: Objects,
    pub system: Store,
    /// The tenant `default`.
    pub tenant: TenantId,
    pub http: reqwest::Client,
    pub stop: CancellationToken,
    pub serving: JoinHandle<std::io::Result<()>>,
    _files: tempfile::TempDir,
    _database: TestDatabase,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body, when the status is as expected.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem, when it is of this kind.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("/errors/{code}"), "{problem}");
        assert_eq!(problem["request_id"], self.headers["x-request-id"].to_str().unwrap(), "{problem}");
        problem
    }
}

/// The sandboxes of all servers of this process.
fn sandbox() -> Runtime {
    static SANDBOX: OnceLock<Runtime> = OnceLock::new();
    SANDBOX.get_or_init(|| Runtime::new(RuntimeConfig::for_slots(8)).unwrap()).clone()
}

impl Server {
    pub async fn start() -> Self {
        let database = TestDatabase::new().await;
        let system = database.store(Access::System).await;
        let store = database.store(Access::Api).await;
        let clock = ManualClock::new(DateTime::from_timestamp(1_795_240_800, 0).unwrap());
        let shared: SharedClock = Arc::new(clock.clone());
        let rng = SharedRng::from_system();
        bootstrap::make_admin(&system, &clock, &rng, PASSWORD.to_owned()).await.unwrap().expect("an empty database");
        let tenant = tenants::find_id(&system, &TenantName::new("default").unwrap()).await.unwrap().unwrap();

        let files = tempfile::tempdir().unwrap();
        let objects = Objects::open(files.path().to_str().unwrap(), &ObjectsConfig::new([7; 32])).unwrap();
        let queue = Arc::new(MemoryQueue::new(Arc::clone(&shared)));
        let keys = KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), rng.clone());
        let engine = |store: &Store| {
            Engine::new(EngineParts {
                store: store.clone(),
                queue: Arc::clone(&queue) as Arc<dyn Queue>,
                objects: objects.clone(),
                clock: Arc::clone(&shared),
                rng: rng.clone(),
                keys: keys.clone(),
                config: EngineConfig::default(),
            })
        };
        let stop = CancellationToken::new();
        let state = ApiState {
            engine: engine(&store),
            store,
            figures: system.clone(),
            queue: Arc::clone(&queue) as Arc<dyn Queue>,
            objects: objects.clone(),
            compile: CompileService::new(CompileConfig::new(env!("CARGO_BIN_EXE_api-test-compile"), [""; 0])),
            sandbox: sandbox(),
            compatibility_hash: "test".to_owned(),
            token_keys: TokenKeys::new(&[9; 32]),
            keys: keys.clone(),
            metrics: metrics(),
            clock: Arc::clone(&shared),
            rng: rng.clone(),
            shutdown: stop.clone(),
            config: ApiConfig {
                upload: UploadCaps { bytes: UPLOAD_BYTES, ..UploadCaps::default() },
                log_poll: Duration::from_millis(10),
                ..ApiConfig::default()
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(cofferdam_api::serve(listener, cofferdam_api::router(state), stop.clone()));
        // Installs the TLS provider, which reqwest asks for.
        drop(Client::new(&address).unwrap());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self {
            address,
            clock,
            engine: engine(&system),
            queue,
            objects,
            system,
            tenant,
            http,
            stop,
            serving,
            _files: files,
            _database: database,
        }
    }

    /// Runs a scheduler until the server is dropped. It goes by the server's clock, and looks often.
    pub fn schedule(&self) {
        let engine = Engine::new(EngineParts {
            store: self.system.clone(),
            queue: Arc::clone(&self.queue) as Arc<dyn Queue>,
            objects: self.objects.clone(),
            clock: Arc::new(self.clock.clone()),
            rng: SharedRng::seeded(1),
            keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
            config: EngineConfig { tick: Duration::from_millis(10), ..EngineConfig::default() },
        });
        tokio::spawn(cofferdam_engine::scheduler::run(engine, self.stop.clone()));
    }

    /// Asks a list until it is as it should be, and returns it.
    pub async fn until(&self, what: &str, path: &str, key: &str, done: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..3_000 {
            last = self.get(path, key).await.ok(200);
            if done(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain for {what}: {last:#}");
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.address))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone(), text: response.text().await.unwrap() }
    }

    /// Sends a request with a token or key, and a body.
    pub async fn call(&self, method: &str, path: &str, key: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path);
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    pub async fn get(&self, path: &str, key: &str) -> Answer {
        self.call("GET", path, key, None).await
    }

    pub async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.call("POST", path, key, Some(&body)).await
    }

    /// A client that shows a key.
    pub fn client(&self, key: &str) -> Client {
        Client::new(&self.address).unwrap().with_credentials(Credentials::ApiKey(key.to_owned()))
    }

    /// Founds another tenant.
    pub async fn found_tenant(&self, name: &str) -> TenantId {
        let mut tx = self.system.begin_across_tenants("test").await.unwrap();
        let id = tenants::create(&mut tx, &TenantName::new(name).unwrap(), name, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Makes a user of a role, named after it, with an API key. Returns the key.
    pub async fn key(&self, tenant: TenantId, role: Role) -> String {
        let id = ApiKeyId::generate();
        let secret = "s".repeat(43);
        let username = format!("{}-{}", role.as_str(), &id.to_string()[24..]);
        let new = NewUser {
            username: username.clone(),
            display_name: username,
            names: UserNames::default(),
            role,
            password_hash: None,
        };
        let mut tx = self.system.begin(&Context::system(tenant, "test")).await.unwrap();
        let user = users::create(&mut tx, &new, self.clock.now()).await.unwrap();
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let key = NewApiKey { id, user, name: "test".to_owned(), role, expires_at: None };
        api_keys::create(&mut tx, &key, &hash, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        format!("cdk_{}_{secret}", id.uuid().simple())
    }

    /// Stores a component version that can be named in a dag, without code.
    pub async fn component(&self, tenant: TenantId, name: &str) -> Digest {
        self.component_asking(tenant, name, "v1", "log").await
    }

    /// The same with a label of its own, importing what gives a capability.
    pub async fn component_asking(&self, tenant: TenantId, name: &str, label: &str, capability: &str) -> Digest {
        let bytes = if label == "v1" { name.to_owned() } else { format!("{name}@{label}") };
        let digest = cofferdam_objects::digest_of(bytes.as_bytes());
        let inspection = Inspection {
            digest: digest.clone(),
            bytes: 1234,
            adapted_from: None,
            kind: Kind::Task,
            exports: vec![Export {
                name: "run".to_owned(),
                signature: "func(input: string) -> result<string, task-error>".to_owned(),
            }],
            imports: vec![Import {
                interface: format!("cofferdam:task/{capability}@0.1.0"),
                capability: capability.to_owned(),
                offered: true,
            }],

            functions: Vec::new(),
            run: None,
            wit: "package root:component;\n\nworld root {}\n".to_owned(),
        };
        let new = NewVersion {
            name: ComponentName::new(name).unwrap(),
            digest: digest.clone(),
            label: Some(label.to_owned()),
            size_bytes: 1234,
            kind: "task".to_owned(),
            inspection: serde_json::to_value(inspection).unwrap(),
        };
        let mut tx = self.system.begin(&Context::system(tenant, "test")).await.unwrap();
        components::create_version(&mut tx, &new, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        digest
    }

    /// The dag `demo` of the tasks `first` and `second`, and a run of it. Returns the run.
    pub async fn demo_run(&self, key: &str) -> DagRunId {
        self.component(self.tenant, "demo/echo").await;
        self.post("/api/v1/dags", key, demo_dag()).await.ok(201);
        let run = self.post("/api/v1/dags/demo/dagRuns", key, json!({ "conf": { "year": 2026 } })).await.ok(200);
        DagRunId::new(run["dag_run_id"].as_str().unwrap()).unwrap()
    }

    /// Plays a worker: takes what waits.
    pub async fn claim(&self) -> Vec<(Job, Lease)> {
        let request =
            ClaimRequest { worker: worker(), queues: vec![QueueName::default_queue()], max: 100, lease: Duration::from_secs(30) };
        let claims = self.queue.claim(&request).await.unwrap();
        claims.into_iter().map(|claim| (Job::decode(&claim.message.payload).unwrap(), claim.lease)).collect()
    }

    /// Plays a worker that waits until it has as many as it wants. (What is recorded as queued is told to the queue a little later.)
    pub async fn claim_many(&self, count: usize) -> Vec<(Job, Lease)> {
        let mut claimed = Vec::new();
        for _ in 0..3_000 {
            claimed.extend(self.claim().await);
            if claimed.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(claimed.len(), count);
        claimed
    }

    /// Plays a worker: reports how a try ended.
    pub async fn report(&self, lease: Lease, ending: Ending, value: XComValue) {
        let now = self.clock.now();
        let result = TryResult {
            lease,
            worker: worker(),
            started_at: now - TimeDelta::milliseconds(250),
            ended_at: now,
            ending,
            receipt: Receipt { fuel: 1000, peak_memory_bytes: 65536, wall_us: 250_000, cpu_us: 900, ..Receipt::default() },
            xcoms: vec![XComWrite { key: XComKey::return_value(), value, size_bytes: 11 }],
            artifacts: vec![self.artifact(lease).await],
            rendered: Some(json!({ "input": { "given": true } }).to_string()),
            undecodable: None,
        };
        let recorded = self.engine.record(&[result]).await.unwrap();
        assert!(recorded.refused.is_empty(), "{:?}", recorded.refused);
        self.engine.hand_over(recorded, None).await;
    }

    /// Plays a worker: stores the artifact `plots/a.csv`.
    async fn artifact(&self, lease: Lease) -> WrittenArtifact {
        let bytes = b"x,y\n1,2\n";
        let mut upload = self.objects.create_artifact(self.tenant, RunKey::generate(), lease.instance);
        upload.write(bytes).await.unwrap();
        let artifact = Artifact {
            name: ArtifactName::new("plots/a.csv").unwrap(),
            content_type: "text/html".to_owned(),
            size_bytes: bytes.len() as u64,
            sha256: cofferdam_objects::digest_of(bytes),
        };
        WrittenArtifact { artifact, object: upload.finish().await.unwrap().to_string() }
    }

    /// Plays a worker: writes lines to the log of a try.
    pub async fn write_log(&self, lease: Lease, lines: &[&str]) {
        let records: Vec<LogRecord> = lines
            .iter()
            .map(|line| LogRecord {
                ts: self.clock.now(),
                stream: LogStream::Stdout,
                level: LogLevel::Info,
                message: (*line).to_owned(),
                fields: serde_json::Map::new(),
            })
            .collect();
        let mut segment = LogSegment::new();
        segment.append(lease.instance, lease.try_number, &records);
        let segment = segment.seal();
        self.objects.put_log_segment(self.tenant, segment.id, segment.bytes.clone()).await.unwrap();
        let entry = segment.entries[0];
        let range = LogRange {
            instance: lease.instance,
            try_number: lease.try_number,
            tenant: self.tenant,
            segment: segment.id,
            offset: entry.offset,
            length: entry.length,
        };
        let mut tx = self.system.begin_across_tenants("test").await.unwrap();
        log_index::insert(&mut tx, &[range], self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The plan that a dag runs by.
    pub async fn plan_of(&self, dag: &str) -> Value {
        let mut tx = self.system.begin(&Context::system(self.tenant, "test")).await.unwrap();
        cofferdam_store::dags::get_version(&mut tx, &dag.parse().unwrap(), None).await.unwrap().plan
    }

    /// The actions in the audit log of `default`, the newest first.
    pub async fn audited(&self) -> Vec<String> {
        let mut tx = self.system.begin(&Context::system(self.tenant, "test")).await.unwrap();
        let listed = cofferdam_store::audit::list(&mut tx, None, cofferdam_store::Page::first(100)).await.unwrap();
        listed.items.into_iter().map(|entry| format!("{} {} {}", entry.principal, entry.action, entry.target)).collect()
    }
}

/// The metrics of this process: its servers share them.
fn metrics() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().expect("the only recorder")).clone()
}

/// A definition that can be applied once `demo/echo` is there.
pub fn demo_dag() -> Value {
    json!({
        "dag_id": "demo",
        "description": "Two tasks",
        "tags": ["test"],
        "schedule": "0 6 * * *",
        "params": { "year": 2000 },
        "tasks": [
            { "task_id": "first", "component": "demo/echo" },
            { "task_id": "second", "component": "demo/echo", "depends_on": ["first"], "retries": 1 }
        ]
    })
}

pub fn worker() -> WorkerId {
    WorkerId::from_uuid("0193b8a0-0000-7000-8000-000000000001".parse().unwrap())
}

pub fn task(run: &DagRunId, task: &str) -> cofferdam_client::TaskInstanceRef {
    cofferdam_client::TaskInstanceRef { dag: DagId::new("demo").unwrap(), run: run.clone(), task: TaskId::new(task).unwrap() }
}

pub fn now(server: &Server) -> DateTime<Utc> {
    server.clock.now()
}
