//! An engine on a real PostgreSQL, and the test itself in place of the workers: no sandboxes, so that how tries end and in which
//! order is the test's to choose.

use chrono::TimeDelta;
use cofferdam_domain::artifact::WrittenArtifact;
use cofferdam_domain::clock::{Clock, SharedRng, SystemClock};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::job::Job;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{
    ApplyError, ApplyOptions, Engine, EngineConfig, EngineError, EngineParts, Recorded, Trigger, Triggered, TryResult, XComWrite,
};
use cofferdam_ids::{DagId, Digest, RunKey, TaskId, TenantName, WorkerId, XComKey};
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_queue::{Claim, ClaimRequest, MemoryQueue, Queue};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::execution::facts::XComValue;
use cofferdam_store::runs::{Run, RunFilter, RunOrder};
use cofferdam_store::task_instances::TaskInstance;
use cofferdam_store::{Access, Page, PoolOptions, Store, runs, task_instances, tenants, xcoms};
use cofferdam_test_support::postgres::TestDatabase;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(30);

/// What the tests stand on.
pub struct Stage {
    pub engine: Arc<Engine>,
    pub context: Context,
    pub store: Store,
    pub objects: Objects,
    queue: Arc<dyn Queue>,
    worker: WorkerId,
    _database: Arc<TestDatabase>,
}

/// A try that the test has taken as a worker does.
pub struct Taken {
    pub claim: Claim,
    pub job: Job,
}

impl Taken {
    /// The task, with its map index when it is mapped.
    pub fn name(&self) -> String {
        match self.job.context.map_index {
            -1 => self.job.context.task_id.to_string(),
            index => format!("{}[{index}]", self.job.context.task_id),
        }
    }
}

/// A scheduler, which is stopped when this is dropped.
pub struct Scheduler {
    stop: CancellationToken,
    _task: JoinHandle<Result<(), EngineError>>,
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    /// A stage with a tenant that has a component `work`.
    pub async fn new() -> Self {
        Self::on("memory://").await
    }

    /// The same, with the object store that this URL names.
    pub async fn on(objects: &str) -> Self {
        let database = TestDatabase::new().await;
        let options = PoolOptions { max_connections: 8, ..PoolOptions::default() };
        let store = Store::connect(database.url(), Access::System, options).await.unwrap();
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Arc::new(SystemClock)));
        let objects = Objects::open(objects, &ObjectsConfig::new([7; 32])).unwrap();
        let engine = engine(&store, &queue, &objects);
        let mut tx = store.begin_across_tenants("test").await.unwrap();
        let tenant = tenants::create(&mut tx, &TenantName::new("acme").unwrap(), "A tenant", SystemClock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let context = Context::system(tenant, "test");
        let version = NewVersion {
            name: "work".parse().unwrap(),
            digest: Digest::new("0a".repeat(32)).unwrap(),
            label: None,
            size_bytes: 1,
            kind: "task".to_owned(),
            inspection: json!({}),
        };
        let mut tx = store.begin(&context).await.unwrap();
        components::create_version(&mut tx, &version, SystemClock.now()).await.unwrap();
        tx.commit().await.unwrap();
        Self { engine, context, store, queue, objects, worker: WorkerId::generate(), _database: Arc::new(database) }
    }

    /// The same database and tenant, with a queue and an engine of its own: as another installation would be, were its runs apart.
    pub fn beside(&self) -> Self {
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Arc::new(SystemClock)));
        Self {
            engine: engine(&self.store, &queue, &self.objects),
            context: self.context.clone(),
            store: self.store.clone(),
            queue,
            objects: self.objects.clone(),
            worker: self.worker,
            _database: Arc::clone(&self._database),
        }
    }

    /// An engine of its own on the same servers, as another process has: it knows nothing yet.
    pub fn another_engine(&self) -> Arc<Engine> {
        engine(&self.store, &self.queue, &self.objects)
    }

    /// Starts a scheduler.
    pub fn scheduler(&self) -> Scheduler {
        let stop = CancellationToken::new();
        let task = tokio::spawn(cofferdam_engine::scheduler::run(self.another_engine(), stop.clone()));
        Scheduler { stop, _task: task }
    }

    /// Applies a dag.
    pub async fn apply(&self, definition: Value) -> DagId {
        let applied = self.engine.apply_dag(&self.context, definition, ApplyOptions::default()).await;
        applied.unwrap_or_else(|error| panic!("{error}: {error:?}")).dag_id
    }

    /// What is wrong with a dag: code and place of each error.
    pub async fn problems(&self, definition: Value) -> Vec<String> {
        match self.engine.apply_dag(&self.context, definition, ApplyOptions::default()).await {
            Err(ApplyError::Invalid(found)) => found
                .iter()
                .filter(|problem| problem.is_error())
                .map(|problem| format!("{} {}: {}", problem.code, problem.pointer, problem.message))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Triggers a run.
    pub async fn trigger(&self, dag: &DagId, conf: Value) -> Triggered {
        let name = format!("test__{}", RunKey::generate());
        let trigger = Trigger { dag_run_id: Some(name.parse().unwrap()), conf, ..Trigger::default() };
        self.engine.trigger(&self.context, dag, trigger).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    /// Triggers a run for a moment.
    pub async fn trigger_for(&self, dag: &DagId, moment: &str) -> Triggered {
        let trigger = Trigger { logical_date: Some(moment.parse().unwrap()), ..Trigger::default() };
        self.engine.trigger(&self.context, dag, trigger).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    /// Whether one of these runs goes on.
    pub async fn until_some(&self, runs: &[RunKey]) -> bool {
        for run in runs {
            if self.run(*run).await.ended_at.is_none() {
                return true;
            }
        }
        false
    }

    /// Takes what waits in the queue now.
    pub async fn take(&self, max: usize) -> Vec<Taken> {
        let request =
            ClaimRequest { worker: self.worker, queues: vec!["default".parse().unwrap()], max, lease: Duration::from_secs(600) };
        let claims = self.queue.claim(&request).await.unwrap();
        claims.into_iter().map(|claim| Taken { job: Job::decode(&claim.message.payload).unwrap(), claim }).collect()
    }

    /// Takes a try of this task, once it is in the queue. Nothing else may be there.
    pub async fn take_task(&self, name: &str) -> Taken {
        let taken = self.until("a try to come into the queue", || async { self.take(1).await.pop() }).await;
        assert_eq!(taken.name(), name);
        taken
    }

    /// Ends tries in one transaction.
    pub async fn end(&self, ended: Vec<(Taken, Ending)>) {
        let recorded = self.record(ended, &[]).await;
        self.engine.hand_over(recorded, None).await;
    }

    /// Ends a try with a result and artifacts.
    pub async fn end_with(&self, taken: Taken, artifacts: &[WrittenArtifact]) {
        let recorded = self.record(vec![(taken, success(Value::Null))], artifacts).await;
        self.engine.hand_over(recorded, None).await;
    }

    /// Ends a try with a result and does nothing of what follows after the commit, as a process that dies then.
    pub async fn end_and_die(&self, taken: Taken, result: Value) {
        drop(self.record(vec![(taken, success(result))], &[]).await);
    }

    async fn record(&self, ended: Vec<(Taken, Ending)>, artifacts: &[WrittenArtifact]) -> Recorded {
        let now = SystemClock.now();
        let results: Vec<TryResult> = ended
            .into_iter()
            .map(|(taken, ending)| {
                let xcoms = match &ending {
                    Ending::Success { output } => vec![XComWrite {
                        key: XComKey::return_value(),
                        value: XComValue::Inline(output.clone()),
                        size_bytes: output.len() as u64,
                    }],
                    _ => Vec::new(),
                };
                TryResult {
                    lease: taken.claim.lease,
                    worker: self.worker,
                    started_at: now,
                    ended_at: now,
                    ending,
                    receipt: Receipt::default(),
                    xcoms,
                    artifacts: artifacts.to_vec(),
                    rendered: None,
                    undecodable: None,
                }
            })
            .collect();
        let recorded = self.engine.record(&results).await.unwrap();
        assert!(recorded.refused.is_empty(), "{:?}", recorded.refused);
        recorded
    }

    /// Takes a try of this task and ends it with a result.
    pub async fn succeed(&self, name: &str, result: Value) {
        let taken = self.take_task(name).await;
        self.end(vec![(taken, success(result))]).await;
    }

    /// Takes a try of this task and ends it with an error that rules out another try.
    pub async fn fail(&self, name: &str) {
        let taken = self.take_task(name).await;
        self.end(vec![(taken, failure())]).await;
    }

    /// The instances of a run.
    pub async fn instances(&self, run: RunKey) -> Vec<TaskInstance> {
        let mut tx = self.store.begin(&self.context).await.unwrap();
        task_instances::list(&mut tx, run).await.unwrap()
    }

    /// The states of a run's instances, with their reasons.
    pub async fn states(&self, run: RunKey) -> BTreeMap<String, (TaskStateName, Option<Reason>)> {
        let instances = self.instances(run).await;
        instances
            .into_iter()
            .map(|one| {
                let name = match one.map_index {
                    -1 => one.task_id.to_string(),
                    index => format!("{}[{index}]", one.task_id),
                };
                (name, (one.state, one.reason))
            })
            .collect()
    }

    /// The state of one task.
    pub async fn state(&self, run: RunKey, task: &str) -> TaskStateName {
        self.states(run).await[task].0
    }

    /// A run.
    pub async fn run(&self, run: RunKey) -> Run {
        let mut tx = self.store.begin(&self.context).await.unwrap();
        runs::get_by_key(&mut tx, run).await.unwrap()
    }

    /// The runs of a dag, in the order in which they were made.
    pub async fn runs_of(&self, dag: &DagId) -> Vec<Run> {
        let mut tx = self.store.begin(&self.context).await.unwrap();
        let filter = RunFilter { dag_id: Some(dag.clone()), ..RunFilter::default() };
        runs::list(&mut tx, &filter, RunOrder::FirstQueued, Page::first(1_000)).await.unwrap().items
    }

    /// What a task returned.
    pub async fn result(&self, run: RunKey, task: &str) -> Value {
        let mut tx = self.store.begin(&self.context).await.unwrap();
        let task: TaskId = task.parse().unwrap();
        match xcoms::get(&mut tx, run, &task, -1, &XComKey::return_value()).await.unwrap().value {
            xcoms::StoredValue::Inline(text) => serde_json::from_str(&text).unwrap(),
            xcoms::StoredValue::Object(object) => panic!("the XCom lies in {object}"),
        }
    }

    /// Waits for a run to end.
    pub async fn ended(&self, run: RunKey) -> RunStateName {
        self.until("the run to end", || async {
            let run = self.run(run).await;
            run.ended_at.map(|_| run.state)
        })
        .await
    }

    /// Waits for something to be there.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, look: impl Fn() -> F) -> T {
        let waiting = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(LONG, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited {LONG:?} for {what}"),
        }
    }
}

fn engine(store: &Store, queue: &Arc<dyn Queue>, objects: &Objects) -> Arc<Engine> {
    Engine::new(EngineParts {
        store: store.clone(),
        queue: Arc::clone(queue),
        objects: objects.clone(),
        clock: Arc::new(SystemClock),
        rng: SharedRng::seeded(2),
        keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
        config: EngineConfig {
            queued_check: TimeDelta::milliseconds(300),
            tick: Duration::from_millis(50),
            ..EngineConfig::default()
        },
    })
}

/// A result.
pub fn success(result: Value) -> Ending {
    Ending::Success { output: result.to_string() }
}

/// An error that rules out another try.
pub fn failure() -> Ending {
    Ending::failure(Reason::Fatal, "no")
}

/// A task of the component.
pub fn task(task_id: &str, depends_on: &[&str], more: Value) -> Value {
    let mut task = json!({ "task_id": task_id, "depends_on": depends_on });
    let fields = task.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    if !fields.contains_key("run_dag") {
        fields.insert("component".to_owned(), json!("work"));
    }
    task
}
