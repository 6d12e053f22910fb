//! Many dags on a one-minute cron: how late their first tasks start, whether a run is missed, and what a scheduler costs that has
//! nothing to do. Scheduler and worker in one process, on given servers; one JSON line a figure.
//!
//! `bench_cron cron --database-url URL [--redis-url URL] --component trivial.wasm --compiler PATH --conditions JSON [--minutes N] [--dags N]`.
//! `cargo xtask bench cron` starts the servers and calls this.
#![expect(clippy::disallowed_methods, reason = "a measuring program uses the computer's own clock")]

use anyhow::{Context as _, Result, anyhow, ensure};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use cofferdam_domain::clock::{Clock, SharedRng};
use cofferdam_domain::context::Context;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_engine::{ApplyOptions, Engine, EngineConfig, EngineParts};
use cofferdam_ids::{ComponentName, TenantName};
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_queue::{MemoryQueue, Queue, RedisQueue, RedisQueueConfig};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::{Access, PoolOptions, Store, stats, tenants};
use cofferdam_worker::{Shutdown, Worker, WorkerConfig, WorkerParts};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const DAGS: usize = 10_000;
const TASKS: usize = 10;
const MINUTES: i64 = 5;
/// How long the schedulers are watched that have nothing to do.
const IDLE: Duration = Duration::from_secs(20);
/// How long after the last minute the last run may take to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// The computer's clock, and how far it is put forward: the minutes that are measured begin when everything is ready.
#[derive(Default)]
struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        let now = Utc::now() + TimeDelta::microseconds(self.0.load(Ordering::SeqCst));
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }
}

impl Shifted {
    fn put_to(&self, time: DateTime<Utc>) {
        self.0.store((time - Utc::now()).num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(2);
    let mut options = HashMap::new();
    while let Some(name) = args.next() {
        let value = args.next().with_context(|| format!("{name} needs a value"))?;
        options.insert(name.trim_start_matches('-').to_owned(), value);
    }
    let option = |name: &str| options.get(name).map(String::as_str).with_context(|| format!("--{name} is missing"));
    let number = |name: &str, default: usize| options.get(name).map_or(Ok(default), |text| text.parse());
    let dags = number("dags", DAGS).context("--dags")?;
    let minutes = i64::try_from(number("minutes", MINUTES as usize).context("--minutes")?)?;
    ensure!(dags > 0 && minutes > 0, "at least one dag for at least a minute");
    let mut conditions: Value = options.get("conditions").map_or(Ok(json!({})), |text| serde_json::from_str(text))?;
    conditions["dags"] = dags.into();
    conditions["tasks"] = TASKS.into();
    conditions["minutes"] = minutes.into();
    let print = |metric: &str, value: f64| {
        let value = (value * 1_000.0).round() / 1_000.0;
        println!("{}", json!({ "bench": "cron", "metric": metric, "value": value, "conditions": conditions }));
    };

    let url = option("database-url")?;
    cofferdam_store::migrate(url).await?;
    let pool = PoolOptions { max_connections: 16, application_name: "bench".to_owned(), ..PoolOptions::default() };
    let store = Store::connect(url, Access::System, pool).await?;
    let clock = Arc::new(Shifted::default());
    let queue: Arc<dyn Queue> = match options.get("redis-url") {
        Some(url) => Arc::new(RedisQueue::connect(url, RedisQueueConfig::default()).await?),
        None => Arc::new(MemoryQueue::new(clock.clone())),
    };
    let directory = tempfile::tempdir()?;
    let objects = Objects::open(&directory.path().to_string_lossy(), &ObjectsConfig::new([7; 32]))?;
    let engine = Engine::new(EngineParts {
        store: store.clone(),
        queue: Arc::clone(&queue),
        objects: objects.clone(),
        clock: clock.clone(),
        rng: SharedRng::from_system(),
        keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
        config: EngineConfig::default(),
    });
    let mut tx = store.begin_across_tenants("bench").await?;
    let name = TenantName::new(format!("bench-{}", uuid::Uuid::now_v7().simple()))?;
    let tenant = tenants::create(&mut tx, &name, "bench", clock.now()).await?;
    tx.commit().await?;
    let context = Context::system(tenant, "bench");

    let runtime = Runtime::new(RuntimeConfig::default())?;
    let compile = Arc::new(CompileService::new(CompileConfig::new(option("compiler")?, Vec::<String>::new())));
    let wasm = std::fs::read(option("component")?).context("--component")?;
    let digest = cofferdam_objects::digest_of(&wasm);
    let compiled = compile.compile(tenant, &wasm).await?;
    objects.put_compiled(&digest, &runtime.compatibility_hash(), compiled.bytes().clone()).await?;
    let new = NewVersion {
        name: ComponentName::new("trivial")?,
        digest: digest.clone(),
        label: None,
        size_bytes: wasm.len() as u64,
        kind: "task".to_owned(),
        inspection: json!({}),
    };
    objects.put_component(tenant, &digest, wasm.into()).await?;
    let mut tx = store.begin(&context).await?;
    components::create_version(&mut tx, &new, clock.now()).await?;
    tx.commit().await?;

    // The first interval begins tomorrow, so nothing is due while the dags are applied and while the idle scheduler is watched.
    let first = (clock.now() + TimeDelta::days(1)).duration_trunc(TimeDelta::minutes(1))?;
    let began = Instant::now();
    let applied = futures::stream::iter(0..dags).map(|number| apply(&engine, &context, number, first)).buffer_unordered(8);
    let failed: Vec<_> = applied.filter_map(|result| async move { result.err() }).collect().await;
    if let Some(error) = failed.into_iter().next() {
        return Err(error);
    }
    print("apply_ms", began.elapsed().as_secs_f64() * 1_000.0 / dags as f64);

    let stop = CancellationToken::new();
    tokio::spawn(cofferdam_engine::scheduler::run(Arc::clone(&engine), stop.clone()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu, began) = (own_cpu_seconds(), Instant::now());
    tokio::time::sleep(IDLE).await;
    print("idle_scheduler_cores", (own_cpu_seconds() - cpu) / began.elapsed().as_secs_f64());

    let worker = Worker::new(WorkerParts {
        engine: Arc::clone(&engine),
        queue: Arc::clone(&queue),
        objects,
        sandboxes: runtime.into(),
        compile,
        store: store.clone(),
        keys: KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), SharedRng::from_system()),
        config: WorkerConfig::new("bench".to_owned(), "bench".to_owned()),
    })?;
    tokio::spawn(worker.run(Shutdown { drain: stop.clone(), stop: CancellationToken::new() }));
    // Two seconds before the end of the first interval. The schedulers look again within a tick.
    let (cpu, began) = (own_cpu_seconds(), Instant::now());
    clock.put_to(first + TimeDelta::seconds(58));
    let wanted = dags as u64 * u64::try_from(minutes)?;
    let last_due = first + TimeDelta::minutes(minutes);
    let deadline = last_due + TimeDelta::from_std(PATIENCE)?;
    let delays = loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if clock.now() < last_due {
            continue;
        }
        let mut tx = store.begin(&context).await?;
        let delays = stats::start_delays(&mut tx, last_due).await?;
        tx.commit().await?;
        if (delays.runs >= wanted && delays.started >= wanted && delays.unfinished == 0) || clock.now() > deadline {
            break delays;
        }
    };
    let wall = began.elapsed().as_secs_f64();
    print("scheduler_and_worker_cpu_cores", (own_cpu_seconds() - cpu) / wall);
    print("runs", delays.runs as f64);
    print("missed_runs", (wanted - delays.started.min(wanted)) as f64);
    print("start_delay_p50_s", delays.p50_s);
    print("start_delay_p99_s", delays.p99_s);
    print("start_delay_max_s", delays.max_s);
    print("run_p99_s", delays.run_p99_s);
    stop.cancel();
    ensure!(delays.runs == wanted, "{} runs were made, not {wanted}", delays.runs);
    Ok(())
}

async fn apply(engine: &Engine, context: &Context, number: usize, first: DateTime<Utc>) -> Result<()> {
    let tasks: Vec<Value> = (0..TASKS)
        .map(|index| {
            let above: Vec<String> = (index > 0).then(|| format!("step_{}", index - 1)).into_iter().collect();
            json!({ "task_id": format!("step_{index}"), "component": "trivial", "input": {}, "depends_on": above })
        })
        .collect();
    let definition = json!({ "dag_id": format!("cron_{number}"), "schedule": "* * * * *", "start_date": first, "catchup": true, "tasks": tasks });
    let applied = engine.apply_dag(context, definition, ApplyOptions::default()).await;
    applied.map(drop).map_err(|error| anyhow!("{error}: {error:?}"))
}

/// CPU seconds of this process, user and system.
fn own_cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit_once(") ").map(|(_, fields)| fields.split_whitespace().collect()).unwrap_or_default();
    // The kernel counts in hundredths of a second, whatever its own clock does.
    fields.get(11..13).unwrap_or_default().iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() as f64 / 100.0
}
