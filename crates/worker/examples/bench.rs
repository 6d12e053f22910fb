//! Drives scheduler and worker in one process, on given servers, and prints how fast they are: one JSON line a figure.
//!
//! `bench hop|throughput|neighbour|neighbour-apart|fanout|wide|deep --database-url URL [--redis-url URL] --component trivial.wasm --behaviours behaviours.wasm --reach reach.wasm --compiler PATH [--isolated PATH]
//! --conditions JSON [--postgres-pid PID] [--redis-pid PID]`. `cargo xtask bench` starts the servers, calls this, and documents the
//! figures.
#![expect(clippy::disallowed_methods, reason = "a measuring program uses the computer's own clock")]

mod shapes;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use chrono::Utc;
use cofferdam_domain::clock::{SharedRng, SystemClock};
use cofferdam_domain::context::Context;
use cofferdam_domain::event::Event;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_engine::{ApplyOptions, Engine, EngineConfig, EngineParts, Trigger};
use cofferdam_ids::{ComponentName, DagId, DagRunId, TenantName};
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_queue::{MemoryQueue, Queue, RedisQueue, RedisQueueConfig, Signal};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::isolation::{ProcessConfig, Processes, Sandboxes};
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::{Access, PoolOptions, Store, tenants};
use cofferdam_test_guests::{corpus, hostile};
use cofferdam_worker::{Shutdown, Worker, WorkerConfig, WorkerParts};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::CancellationToken;

const HOP_RUNS: usize = 200;
const FIBO_STEPS: usize = 40;
/// Between two tasks of the neighbour; the next waits for the one before.
const NEIGHBOUR_PACE: Duration = Duration::from_millis(20);
const NEIGHBOUR_TIME: Duration = Duration::from_secs(15);
const NEIGHBOUR_WARM_UP: Duration = Duration::from_secs(3);
const THROUGHPUT_RUNS: usize = 200;
const THROUGHPUT_TASKS: usize = 100;
const FANOUT_ITEMS: usize = 10_000;
const FANOUT_RUNS: usize = 3;
const SHAPE_RUNS: usize = 5;

struct Args {
    bench: String,
    options: HashMap<String, String>,
}

impl Args {
    fn read() -> Result<Self> {
        let mut args = std::env::args().skip(1);
        let bench = args.next().context("which bench? hop, throughput, neighbour, fanout, wide or deep")?;
        let mut options = HashMap::new();
        while let Some(name) = args.next() {
            let value = args.next().with_context(|| format!("{name} needs a value"))?;
            options.insert(name.trim_start_matches('-').to_owned(), value);
        }
        Ok(Self { bench, options })
    }

    fn get(&self, name: &str) -> Result<&str> {
        self.options.get(name).map(String::as_str).with_context(|| format!("--{name} is missing"))
    }

    fn pid(&self, name: &str) -> Option<u32> {
        self.options.get(name)?.parse().ok()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::read()?;
    let bench = Bench::start(&args).await?;
    match args.bench.as_str() {
        "hop" => bench.hop().await?,
        "throughput" => bench.throughput(&args).await?,
        "neighbour" | "neighbour-apart" => bench.neighbour(&args).await?,
        "fanout" => bench.fanout().await?,
        "wide" => bench.shape("wide", shapes::montage()).await?,
        "deep" => bench.shape("deep", shapes::epigenomics()).await?,
        other => {
            bail!("there is no bench '{other}'; there are hop, throughput, neighbour, neighbour-apart, fanout, wide and deep")
        }
    }
    bench.stop.cancel();
    Ok(())
}

/// Where tries are run: in this process, or with `--isolated PROGRAM` in processes that run it, one for each tenant.
fn sandboxes(args: &Args) -> Result<Sandboxes> {
    let config = RuntimeConfig::default();
    let Some(program) = args.options.get("isolated") else { return Ok(Runtime::new(config)?.into()) };
    Ok(Sandboxes::Apart(Processes::new(ProcessConfig {
        program: program.into(),
        args: Vec::new(),
        sandboxes: config,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        scratch: std::env::temp_dir(),
        most: 2,
        idle: Duration::from_secs(60),
        confine: false,
    })?))
}

/// Runs that are waited for, by name.
type Waiting = Arc<Mutex<HashMap<DagRunId, oneshot::Sender<bool>>>>;

struct Bench {
    engine: Arc<Engine>,
    context: Context,
    /// Another tenant, whose tasks are hostile.
    hostile: Context,
    compile: Arc<CompileService>,
    waiting: Waiting,
    stop: CancellationToken,
    conditions: Value,
    _objects: tempfile::TempDir,
}

impl Bench {
    async fn start(args: &Args) -> Result<Self> {
        let url = args.get("database-url")?;
        cofferdam_store::migrate(url).await?;
        let options = PoolOptions { max_connections: 16, application_name: "bench".to_owned(), ..PoolOptions::default() };
        let store = Store::connect(url, Access::System, options).await?;
        let clock = Arc::new(SystemClock);
        let queue: Arc<dyn Queue> = match args.options.get("redis-url") {
            Some(url) => Arc::new(RedisQueue::connect(url, RedisQueueConfig::default()).await?),
            None => Arc::new(MemoryQueue::new(clock.clone())),
        };
        let directory = tempfile::tempdir()?;
        let objects = Objects::open(&directory.path().to_string_lossy(), &ObjectsConfig::new([7; 32]))?;
        let engine = Engine::new(EngineParts {
            store: store.clone(),
            queue: Arc::clone(&queue),
            objects: objects.clone(),
            clock,
            rng: SharedRng::from_system(),
            keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
            config: EngineConfig::default(),
        });
        let mut tx = store.begin_across_tenants("bench").await?;
        let mut contexts = Vec::new();
        for kind in ["bench", "hostile"] {
            let name = TenantName::new(format!("{kind}-{}", uuid::Uuid::now_v7().simple()))?;
            let tenant = tenants::create(&mut tx, &name, kind, Utc::now()).await?;
            contexts.push(Context::system(tenant, kind));
        }
        tx.commit().await?;

        let sandboxes = sandboxes(args)?;
        let compile = Arc::new(CompileService::new(CompileConfig::new(args.get("compiler")?, Vec::<String>::new())));
        for (component, option, kind) in
            [("trivial", "component", "task"), ("behaviours", "behaviours", "task"), ("reach", "reach", "command")]
        {
            let wasm = std::fs::read(args.get(option)?).with_context(|| format!("--{option}"))?;
            let digest = cofferdam_objects::digest_of(&wasm);
            let compiled = compile.compile(contexts[0].tenant, &wasm).await?;
            objects.put_compiled(&digest, &sandboxes.compatibility_hash(), compiled.bytes().clone()).await?;
            let new = NewVersion {
                name: ComponentName::new(component)?,
                digest: digest.clone(),
                label: None,
                size_bytes: wasm.len() as u64,
                kind: kind.to_owned(),
                inspection: json!({}),
            };
            for context in &contexts {
                objects.put_component(context.tenant, &digest, wasm.clone().into()).await?;
                let mut tx = store.begin(context).await?;
                components::create_version(&mut tx, &new, Utc::now()).await?;
                tx.commit().await?;
            }
        }
        let hostile = contexts.pop().context("two tenants")?;
        let context = contexts.pop().context("two tenants")?;

        let stop = CancellationToken::new();
        let worker = Worker::new(WorkerParts {
            engine: Arc::clone(&engine),
            queue: Arc::clone(&queue),
            objects,
            sandboxes,
            compile: Arc::clone(&compile),
            store,
            keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
            config: WorkerConfig::new("bench".to_owned(), "bench".to_owned()),
        })?;
        tokio::spawn(worker.run(Shutdown { drain: stop.clone(), stop: CancellationToken::new() }));
        tokio::spawn(cofferdam_engine::scheduler::run(Arc::clone(&engine), stop.clone()));
        let waiting = Waiting::default();
        let mut signals = queue.subscribe().await?;
        let told = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Some(signal) = signals.next().await {
                let Signal::Event { payload, .. } = signal else { continue };
                let events: Vec<Event> = serde_json::from_str(&payload).unwrap_or_default();
                for event in events {
                    if let Event::DagRun { dag_run_id, state, .. } = event
                        && matches!(state, RunStateName::Success | RunStateName::Failed)
                        && let Some(waiter) = told.lock().await.remove(&dag_run_id)
                    {
                        let _ = waiter.send(state == RunStateName::Success);
                    }
                }
            }
        });
        let conditions = args.options.get("conditions").map_or(Ok(json!({})), |text| serde_json::from_str(text))?;
        Ok(Self { engine, context, hostile, compile, waiting, stop, conditions, _objects: directory })
    }

    async fn apply(&self, dag_id: &str, tasks: Vec<Value>) -> Result<DagId> {
        self.apply_for(&self.context, dag_id, tasks).await
    }

    async fn apply_for(&self, context: &Context, dag_id: &str, tasks: Vec<Value>) -> Result<DagId> {
        let definition = json!({ "dag_id": dag_id, "max_active_runs": 10_000, "tasks": tasks });
        let applied = self.engine.apply_dag(context, definition, ApplyOptions::default()).await;
        Ok(applied.map_err(|error| anyhow!("{error}: {error:?}"))?.dag_id)
    }

    /// Triggers a run and returns what tells its end.
    async fn trigger(&self, dag: &DagId, number: usize) -> Result<oneshot::Receiver<bool>> {
        self.trigger_for(&self.context, dag, number).await
    }

    async fn trigger_for(&self, context: &Context, dag: &DagId, number: usize) -> Result<oneshot::Receiver<bool>> {
        let name = DagRunId::new(format!("bench__{number}"))?;
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().await.insert(name.clone(), sender);
        let trigger = Trigger { dag_run_id: Some(name), ..Trigger::default() };
        self.engine.trigger(context, dag, trigger).await?;
        Ok(receiver)
    }

    async fn hop(&self) -> Result<()> {
        let step = |index: usize, component: &str, input: Value| {
            let mut task = json!({ "task_id": format!("step_{index}"), "component": component, "input": input });
            if index > 0 {
                task["depends_on"] = json!([format!("step_{}", index - 1)]);
            }
            task
        };
        let three = self.apply("hop", (0..3).map(|index| step(index, "trivial", json!({}))).collect()).await?;
        let forty = self
            .apply("fibo", (0..FIBO_STEPS).map(|index| step(index, "behaviours", json!({ "do": "fibo", "n": 10 }))).collect())
            .await?;
        for number in 0..20 {
            ensure!(self.trigger(&three, 100_000 + number).await?.await?, "a warm-up run failed");
        }
        let mut times = Vec::with_capacity(HOP_RUNS);
        for number in 0..HOP_RUNS {
            let began = Instant::now();
            ensure!(self.trigger(&three, number).await?.await?, "run {number} failed");
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        self.print("hop", "median_ms", times[HOP_RUNS / 2]);
        self.print("hop", "p95_ms", times[HOP_RUNS * 95 / 100]);
        let mut fibo = Vec::new();
        for number in 0..5 {
            let began = Instant::now();
            ensure!(self.trigger(&forty, 200_000 + number).await?.await?, "fibo run {number} failed");
            fibo.push(began.elapsed().as_secs_f64());
        }
        fibo.sort_by(f64::total_cmp);
        self.print("hop", "fibo40_s", fibo[fibo.len() / 2]);
        Ok(())
    }

    async fn throughput(&self, args: &Args) -> Result<()> {
        let tasks = (0..THROUGHPUT_TASKS)
            .map(|index| json!({ "task_id": format!("task_{index}"), "component": "trivial", "input": {} }))
            .collect();
        let dag = self.apply("throughput", tasks).await?;
        ensure!(self.trigger(&dag, 100_000).await?.await?, "the warm-up run failed");
        let pids: Vec<(&str, Vec<u32>)> = vec![
            ("postgres", args.pid("postgres-pid").map(children).unwrap_or_default()),
            ("redis", args.pid("redis-pid").into_iter().collect()),
            ("worker", vec![std::process::id()]),
        ];
        let before: Vec<f64> = pids.iter().map(|(_, pids)| cpu_seconds(pids)).collect();
        let began = Instant::now();
        let mut ends = Vec::with_capacity(THROUGHPUT_RUNS);
        for number in 0..THROUGHPUT_RUNS {
            ends.push(self.trigger(&dag, number).await?);
        }
        let mut failed = HashSet::new();
        for (number, end) in ends.into_iter().enumerate() {
            if !tokio::time::timeout(Duration::from_secs(120), end).await?? {
                failed.insert(number);
            }
        }
        let wall = began.elapsed().as_secs_f64();
        ensure!(failed.is_empty(), "{} runs failed", failed.len());
        self.print("throughput", "tasks_per_s", (THROUGHPUT_RUNS * THROUGHPUT_TASKS) as f64 / wall);
        for ((name, pids), before) in pids.iter().zip(before) {
            if !pids.is_empty() {
                self.print("throughput", &format!("{name}_cpu_cores"), (cpu_seconds(pids) - before) / wall);
            }
        }
        Ok(())
    }

    /// How long a tenant's tasks take, alone and beside another's hostile ones, which follow each other without a pause.
    ///
    /// `--only a,b` leaves the other hostile tasks out, and `--bombs no` the compilations: to find out what it is that costs.
    async fn neighbour(&self, args: &Args) -> Result<()> {
        let task = json!({ "task_id": "task", "component": "trivial", "input": {} });
        let friendly = self.apply("friendly", vec![task]).await?;
        let only = args.options.get("only").map(|only| only.split(',').collect::<HashSet<_>>());
        let wanted = |task: &Value| only.as_ref().is_none_or(|only| only.contains(task["task_id"].as_str().unwrap_or_default()));
        let corpus: Vec<Value> = corpus::tasks().into_iter().map(|hostile| hostile.task).filter(wanted).collect();
        let tasks = corpus.len();
        let hostile = self.apply_for(&self.hostile, "hostile", corpus).await?;
        self.latencies(&friendly, 300_000, NEIGHBOUR_WARM_UP).await?;
        let alone = self.latencies(&friendly, 400_000, NEIGHBOUR_TIME).await?;
        let busy = {
            let _computing = Computing::start();
            self.latencies(&friendly, 450_000, NEIGHBOUR_TIME).await?
        };

        let attacking = AtomicUsize::new(0);
        let attack = async {
            loop {
                let number = 500_000 + attacking.fetch_add(1, Ordering::Relaxed);
                // The run as a whole fails, as it must.
                let ended = self.trigger_for(&self.hostile, &hostile, number).await?.await?;
                // All of it fails, as it must; a part of it may not.
                ensure!(!ended || only.is_some(), "the hostile run succeeded");
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            anyhow::Ok(())
        };
        let bombs = async {
            if args.options.get("bombs").is_some_and(|bombs| bombs == "no") {
                return std::future::pending().await;
            }
            let bytes = 700 << 10;
            loop {
                for bomb in [hostile::compile_bomb_of(bytes), hostile::nested_bomb_of(bytes), hostile::live_values_bomb_of(bytes)]
                {
                    // Compiled or given up: it is the time in between that counts.
                    let _ = self.compile.compile(self.hostile.tenant, &bomb).await;
                }
            }
        };
        let beside = async {
            self.latencies(&friendly, 600_000, NEIGHBOUR_WARM_UP).await?;
            self.latencies(&friendly, 700_000, NEIGHBOUR_TIME).await
        };
        let beside = tokio::select! {
            beside = beside => beside?,
            attack = attack => return attack.context("the hostile tenant gave up"),
            () = bombs => bail!("the bombs ran out"),
        };
        for (name, times) in [("alone", &alone), ("busy", &busy), ("beside", &beside)] {
            self.print(&args.bench, &format!("{name}_median_ms"), times[times.len() / 2]);
            self.print(&args.bench, &format!("{name}_p99_ms"), times[times.len() * 99 / 100]);
            self.print(&args.bench, &format!("{name}_tasks"), times.len() as f64);
        }
        self.print(&args.bench, "hostile_tasks", (tasks * attacking.load(Ordering::Relaxed)) as f64);
        let p99 = |times: &[f64]| times[times.len() * 99 / 100];
        self.print(&args.bench, "p99_ratio", p99(&beside) / p99(&alone));
        self.print(&args.bench, "p99_ratio_busy", p99(&beside) / p99(&busy));
        Ok(())
    }

    /// Runs of one task, started at a steady pace: milliseconds from trigger to end, in order.
    async fn latencies(&self, dag: &DagId, first: usize, time: Duration) -> Result<Vec<f64>> {
        let began = Instant::now();
        let mut pace = tokio::time::interval(NEIGHBOUR_PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut times = Vec::new();
        while began.elapsed() < time {
            pace.tick().await;
            let started = Instant::now();
            ensure!(self.trigger(dag, first + times.len()).await?.await?, "a run of the neighbour failed");
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// The median of several runs: one task is mapped over many items and joined.
    async fn fanout(&self) -> Result<()> {
        let small = self.apply("fanout_small", shapes::fanout(100)).await?;
        ensure!(self.trigger(&small, 100_000).await?.await?, "the warm-up run failed");
        let dag = self.apply("fanout", shapes::fanout(FANOUT_ITEMS)).await?;
        let wall = self.median(&dag, FANOUT_RUNS).await?;
        self.print("fanout", "wall_s", wall);
        self.print("fanout", "per_task_ms", wall * 1_000.0 / (FANOUT_ITEMS + 2) as f64);
        Ok(())
    }

    /// The same for a dag of many tasks. What is not the tasks' own time is what the platform adds; they are trivial, so all is.
    async fn shape(&self, bench: &str, tasks: Vec<Value>) -> Result<()> {
        let count = tasks.len();
        let began = Instant::now();
        let dag = self.apply(bench, tasks).await?;
        self.print(bench, "apply_ms", began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(self.trigger(&dag, 100_000).await?.await?, "the warm-up run failed");
        let wall = self.median(&dag, SHAPE_RUNS).await?;
        self.print(bench, "tasks", count as f64);
        self.print(bench, "wall_s", wall);
        self.print(bench, "per_task_ms", wall * 1_000.0 / count as f64);
        Ok(())
    }

    /// Seconds from the trigger of a run to its end.
    async fn median(&self, dag: &DagId, runs: usize) -> Result<f64> {
        let mut walls = Vec::with_capacity(runs);
        for number in 0..runs {
            let began = Instant::now();
            let end = self.trigger(dag, number).await?;
            ensure!(tokio::time::timeout(Duration::from_secs(120), end).await??, "run {number} failed");
            walls.push(began.elapsed().as_secs_f64());
        }
        walls.sort_by(f64::total_cmp);
        Ok(walls[walls.len() / 2])
    }

    fn print(&self, bench: &str, metric: &str, value: f64) {
        let value = (value * 1_000.0).round() / 1_000.0;
        println!("{}", json!({ "bench": bench, "metric": metric, "value": value, "conditions": self.conditions }));
    }
}

/// Threads that compute and nothing else, one for each processor, with the lowest claim on it. They end when this is dropped.
struct Computing(Arc<AtomicBool>);

impl Computing {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                // Failing, it is as nice as the others.
                let _ = rustix::process::nice(19);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A process and its children.
fn children(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if stat(child).is_some_and(|fields| fields.get(1).and_then(|parent| parent.parse().ok()) == Some(pid)) {
            all.push(child);
        }
    }
    all
}

/// CPU seconds of processes, user and system.
fn cpu_seconds(pids: &[u32]) -> f64 {
    let ticks: u64 = pids
        .iter()
        .filter_map(|pid| stat(*pid))
        .map(|fields| fields.get(11..13).unwrap_or_default().iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>())
        .sum();
    // The kernel counts in hundredths of a second, whatever its own clock does.
    ticks as f64 / 100.0
}

/// The fields of `/proc/PID/stat` behind the name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
