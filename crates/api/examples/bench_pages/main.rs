//! How long lists take over the API when there are a million task instances, and how long a dag of 1,000 tasks takes to be applied. One
//! JSON line a figure.
//!
//! `bench_pages pages|apply --database-url URL --psql PATH --conditions JSON [--rows N]`; the database is empty.
//! `cargo xtask bench pages apply` starts the servers and calls this.
#![expect(clippy::disallowed_methods, reason = "a measuring program uses the computer's own clock")]

use anyhow::{Context as _, Result, ensure};
use cofferdam_api::{ApiConfig, ApiState, TokenKeys, bootstrap};
use cofferdam_client::api::LoginRequest;
use cofferdam_client::{Client, Credentials};
use cofferdam_domain::clock::{SharedClock, SharedRng, SystemClock};
use cofferdam_domain::context::Context;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_engine::{Engine, EngineConfig, EngineParts};
use cofferdam_ids::{ComponentName, TenantId, TenantName};
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_queue::{MemoryQueue, Queue};
use cofferdam_sandbox::compile::{CompileConfig, CompileService};
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::components::{self, NewVersion};
use cofferdam_store::{Access, PoolOptions, Store, tenants};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Task instances, unless `--rows` says otherwise.
const ROWS: usize = 1_000_000;
const DAGS: usize = 100;
/// Instances of each run: as many as each dag has tasks.
const TASKS: usize = 10;
/// One run of each dag in 37 fails.
const FEWEST: usize = 38 * DAGS * TASKS;
/// How often each list is asked for; less often when there are few rows, which is a trial.
const REQUESTS: usize = 200;
const FEW_REQUESTS: usize = 10;
/// Tasks of the dag that is applied, how many stand beside each other, and how often it is applied.
const LARGE: usize = 1_000;
const WIDTH: usize = 20;
const APPLIED: usize = 20;
const FILL: &str = include_str!("fill.sql");

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let name = args.next().context("name a bench: pages or apply")?;
    let mut options = HashMap::new();
    while let Some(name) = args.next() {
        let value = args.next().with_context(|| format!("{name} needs a value"))?;
        options.insert(name.trim_start_matches('-').to_owned(), value);
    }
    let option = |name: &str| options.get(name).map(String::as_str).with_context(|| format!("--{name} is missing"));
    let rows = options.get("rows").map_or(Ok(ROWS), |text| text.parse()).context("--rows")?;
    ensure!(rows >= FEWEST, "at least {FEWEST} rows, so that there are runs of all kinds");
    let conditions: Value = options.get("conditions").map_or(Ok(json!({})), |text| serde_json::from_str(text))?;
    let api = Api::start(option("database-url")?).await?;
    match name.as_str() {
        "pages" => pages(&api, option("database-url")?, option("psql")?, rows, conditions).await,
        "apply" => apply(&api, conditions).await,
        other => anyhow::bail!("there is no bench '{other}'; there are pages and apply"),
    }
}

/// The API on loopback, with an administrator signed in.
struct Api {
    address: String,
    token: String,
    tenant: TenantId,
    http: reqwest::Client,
    _files: tempfile::TempDir,
}

impl Api {
    async fn start(url: &str) -> Result<Self> {
        cofferdam_store::migrate(url).await?;
        let pool = || PoolOptions { application_name: "bench".to_owned(), ..PoolOptions::default() };
        let system = Store::connect(url, Access::System, pool()).await?;
        let store = Store::connect(url, Access::Api, pool()).await?;
        let (clock, rng): (SharedClock, _) = (Arc::new(SystemClock), SharedRng::from_system());
        let admin = bootstrap::ensure_first_admin(&system, clock.as_ref(), &rng).await?.context("the database is not empty")?;
        let tenant = tenants::find_id(&system, &TenantName::new(bootstrap::DEFAULT_TENANT)?).await?.context("no tenant")?;
        let files = tempfile::tempdir()?;
        let objects = Objects::open(&files.path().to_string_lossy(), &ObjectsConfig::new([7; 32]))?;
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Arc::clone(&clock)));
        let keys = KeyRing::new(SealingKey { id: KeyId::new([3; 8]), key: [3; 32] }, Vec::new(), rng.clone());
        // The plan of a dag names the version of its component; nothing of it is run here.
        let version = NewVersion {
            name: ComponentName::new("step")?,
            digest: cofferdam_objects::digest_of(b"step"),
            label: None,
            size_bytes: 1,
            kind: "task".to_owned(),
            inspection: json!({}),
        };
        let mut tx = store.begin(&Context::system(tenant, "bench")).await?;
        components::create_version(&mut tx, &version, clock.now()).await?;
        tx.commit().await?;
        let engine = Engine::new(EngineParts {
            store: store.clone(),
            queue: Arc::clone(&queue),
            objects: objects.clone(),
            clock: Arc::clone(&clock),
            rng: rng.clone(),
            keys: keys.clone(),
            config: EngineConfig::default(),
        });
        let sandbox = Runtime::new(RuntimeConfig::for_slots(1))?;
        let state = ApiState {
            engine,
            store,
            figures: system,
            queue,
            objects,
            compile: CompileService::new(CompileConfig::new("none", [""; 0])),
            compatibility_hash: sandbox.compatibility_hash(),
            sandbox,
            token_keys: TokenKeys::new(&[9; 32]),
            keys,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            clock,
            rng,
            shutdown: CancellationToken::new(),
            config: ApiConfig::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(cofferdam_api::serve(listener, cofferdam_api::router(state), CancellationToken::new()));
        let client = Client::new(&address)?;
        client.login(&LoginRequest { tenant: None, username: admin.username, password: admin.password }).await?;
        let Credentials::Tokens(tokens) = client.credentials() else { anyhow::bail!("the sign-in gave no tokens") };
        let http = reqwest::Client::builder().build()?;
        Ok(Self { address, token: tokens.access_token, tenant, http, _files: files })
    }

    /// Sends a request and reads the answer; returns the milliseconds that it took, with the body.
    async fn ask(&self, path: &str, body: Option<&Value>) -> Result<(f64, Value)> {
        let url = format!("{}/api/v1/{path}", self.address);
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(body),
        };
        let began = Instant::now();
        let answer = request.bearer_auth(&self.token).send().await?;
        let (status, text) = (answer.status(), answer.bytes().await?);
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&text));
        Ok((took, serde_json::from_slice(&text)?))
    }
}

fn print(bench: &str, metric: &str, value: f64, conditions: &Value) {
    let value = (value * 1_000.0).round() / 1_000.0;
    println!("{}", json!({ "bench": bench, "metric": metric, "value": value, "conditions": conditions }));
}

/// The value below which so many hundredths lie.
fn percentile(sorted: &[f64], hundredths: usize) -> f64 {
    sorted[((sorted.len() * hundredths).div_ceil(100)).clamp(1, sorted.len()) - 1]
}

/// The lists that are measured: a name, a path, the body where it is posted, and the list in the answer, which must not be empty.
fn lists(run: &str) -> Vec<(&'static str, String, Option<Value>, &'static str)> {
    let run = run.replace('+', "%2B").replace(':', "%3A");
    let of_run = format!("dags/dag_7/dagRuns/{run}");
    let get = |name, path: &str, list| (name, path.to_owned(), None, list);
    vec![
        get("dags", "dags?limit=100", "dags"),
        get("dags_by_name", "dags?dag_id_pattern=_7", "dags"),
        get("dag_stats", "dagStats", "dags"),
        get("runs", "dags/~/dagRuns?limit=100", "dag_runs"),
        get("runs_page_50", "dags/~/dagRuns?limit=20&offset=980", "dag_runs"),
        get("runs_failed", "dags/~/dagRuns?limit=100&state=failed", "dag_runs"),
        get("runs_running", "dags/~/dagRuns?limit=100&state=running", "dag_runs"),
        get("runs_last_ended", "dags/~/dagRuns?limit=100&order_by=-end_date", "dag_runs"),
        get("runs_by_name", "dags/~/dagRuns?limit=100&order_by=dag_run_id", "dag_runs"),
        get("runs_of_dag", "dags/dag_7/dagRuns?limit=100", "dag_runs"),
        get("instances", "dags/~/dagRuns/~/taskInstances?limit=100", "task_instances"),
        get("instances_failed", "dags/~/dagRuns/~/taskInstances?limit=100&state=failed", "task_instances"),
        get("instances_running", "dags/~/dagRuns/~/taskInstances?limit=100&state=running", "task_instances"),
        get("instances_of_dag", "dags/dag_7/dagRuns/~/taskInstances?limit=100", "task_instances"),
        get("instances_of_dag_failed", "dags/dag_7/dagRuns/~/taskInstances?limit=100&state=failed", "task_instances"),
        get("instances_of_run", &format!("{of_run}/taskInstances"), "task_instances"),
        get("summaries_of_run", &format!("{of_run}/taskSummaries"), "task_summaries"),
        (
            "instances_of_task",
            "dags/~/dagRuns/~/taskInstances/list".to_owned(),
            Some(json!({ "task_ids": ["step_3"], "page_limit": 100 })),
            "task_instances",
        ),
        get("event_logs", "eventLogs?limit=100", "event_logs"),
        get("pools", "pools", "pools"),
    ]
}

async fn pages(api: &Api, url: &str, psql: &str, rows: usize, mut conditions: Value) -> Result<()> {
    for number in 0..DAGS {
        let tasks: Vec<Value> = (0..TASKS)
            .map(|index| {
                let above: Vec<String> = (index > 0).then(|| format!("step_{}", index - 1)).into_iter().collect();
                json!({ "task_id": format!("step_{index}"), "component": "step", "input": {}, "depends_on": above })
            })
            .collect();
        api.ask("dags", Some(&json!({ "dag_id": format!("dag_{number}"), "tags": ["bench"], "tasks": tasks }))).await?;
    }
    let began = Instant::now();
    fill(url, psql, api.tenant, rows)?;
    eprintln!("    {rows} task instances in {:.0} s", began.elapsed().as_secs_f64());
    conditions["rows"] = rows.into();
    let (_, runs) = api.ask("dags/dag_7/dagRuns?limit=1", None).await?;
    let run = runs["dag_runs"][0]["dag_run_id"].as_str().context("a run of dag_7")?.to_owned();
    let requests = if rows < ROWS { FEW_REQUESTS } else { REQUESTS };
    conditions["requests"] = requests.into();
    let mut worst = 0.0_f64;
    for (name, path, body, list) in lists(&run) {
        let (_, answer) = api.ask(&path, body.as_ref()).await?;
        ensure!(answer[list].as_array().is_some_and(|entries| !entries.is_empty()), "{path}: the list is empty");
        let mut times = Vec::with_capacity(requests);
        for _ in 0..requests {
            times.push(api.ask(&path, body.as_ref()).await?.0);
        }
        times.sort_by(f64::total_cmp);
        print("pages", &format!("{name}_p50_ms"), percentile(&times, 50), &conditions);
        print("pages", &format!("{name}_p99_ms"), percentile(&times, 99), &conditions);
        worst = worst.max(percentile(&times, 99));
    }
    print("pages", "worst_p99_ms", worst, &conditions);
    Ok(())
}

/// Makes the rows with the program `psql`: a few statements that make all of them where they are.
fn fill(url: &str, psql: &str, tenant: TenantId, rows: usize) -> Result<()> {
    let mut child = Command::new(psql)
        .args(["--quiet", "--no-psqlrc", "--dbname", url])
        .args(["--set".to_owned(), format!("tenant={tenant}"), "--set".to_owned(), format!("rows={rows}"), "--file=-".to_owned()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {psql}"))?;
    child.stdin.take().context("psql has no input")?.write_all(FILL.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "psql failed ({status})");
    Ok(())
}

/// A dag of many tasks, in rows of [`WIDTH`], each of which takes what two tasks of the row above left.
fn large(description: &str) -> Value {
    let tasks: Vec<Value> = (0..LARGE)
        .map(|index| {
            let input = match index.checked_sub(WIDTH) {
                None => json!({ "number": index }),
                Some(above) => {
                    let beside = above - above % WIDTH + (above + 1) % WIDTH;
                    json!({ "one": { "$from": format!("t{above}") }, "other": { "$from": format!("t{beside}") }, "day": "{{ ds }}" })
                }
            };
            json!({ "task_id": format!("t{index}"), "component": "step", "input": input, "retries": 2 })
        })
        .collect();
    json!({ "dag_id": "large", "description": description, "schedule": "@daily", "tasks": tasks })
}

async fn apply(api: &Api, mut conditions: Value) -> Result<()> {
    conditions["tasks"] = LARGE.into();
    let (first, answer) = api.ask("dags", Some(&large("first"))).await?;
    ensure!(answer["changed"] == true, "{answer}");
    print("apply", "first_ms", first, &conditions);
    for (metric, changes) in [("changed", true), ("unchanged", false)] {
        let mut times = Vec::with_capacity(APPLIED);
        for round in 0..APPLIED {
            let description = if changes { format!("round {round}") } else { format!("round {}", APPLIED - 1) };
            let (took, answer) = api.ask("dags", Some(&large(&description))).await?;
            ensure!(answer["changed"] == changes, "{answer}");
            times.push(took);
        }
        times.sort_by(f64::total_cmp);
        print("apply", &format!("{metric}_p50_ms"), percentile(&times, 50), &conditions);
        print("apply", &format!("{metric}_p99_ms"), percentile(&times, 99), &conditions);
    }
    Ok(())
}
