//! Processes for sandboxes: whose they are, what they hold, and what becomes of tries whose process dies.

use crate::lab::{Recorder, compiled, failure, lasting, output, process_config, request};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::TenantId;
use cofferdam_sandbox::TryReport;
use cofferdam_sandbox::isolation::{Prepared, ProcessConfig, ProcessError, Processes, Sandboxes};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Processes of one test.
struct Crew {
    processes: Processes,
    sandboxes: Sandboxes,
    program: Prepared,
}

impl Crew {
    fn new(config: ProcessConfig) -> Self {
        let processes = Processes::new(config).unwrap();
        let sandboxes = Sandboxes::Apart(processes.clone());
        let program = sandboxes.load(&compiled("behaviours")).unwrap();
        Self { processes, sandboxes, program }
    }

    fn start(&self, tenant: TenantId, input: &Value, host: &Arc<Recorder>, cancel: &CancellationToken) -> JoinHandle<TryReport> {
        let request = request(Entry::Task, input.to_string(), Limits::default());
        let (sandboxes, program) = (self.sandboxes.clone(), self.program.clone());
        let (host, cancel) = (host.clone(), cancel.clone());
        lasting().spawn(async move { sandboxes.run(tenant, &program, request, host, cancel).await })
    }

    /// A try that says something and then runs until it is stopped.
    async fn start_endless(&self, tenant: TenantId, how: &Value, cancel: &CancellationToken) -> JoinHandle<TryReport> {
        let host = Arc::<Recorder>::default();
        let running = self.start(tenant, how, &host, cancel);
        host.said.notified().await;
        running
    }

    async fn echo(&self, tenant: TenantId, value: u32) -> Value {
        let input = json!({"do": "echo", "value": value});
        output(&self.start(tenant, &input, &Arc::default(), &CancellationToken::new()).await.unwrap())
    }

    fn pid(&self, tenant: TenantId) -> u32 {
        let pids = self.processes.pids();
        pids.iter().find(|(of, _)| *of == tenant).expect("the tenant has a process").1
    }
}

fn sleeping() -> Value {
    json!({"do": "sleep", "ms": 600_000, "say": "now"})
}

fn signal(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/fd")).read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

#[tokio::test]
async fn tenants_never_share_a_process_and_keep_their_own() {
    let crew = Crew::new(process_config());
    let (one, other) = (TenantId::generate(), TenantId::generate());
    assert_eq!(crew.echo(one, 1).await, json!(1));
    let first = crew.pid(one);
    assert_eq!(crew.echo(other, 2).await, json!(2));
    let tries: Vec<_> = (3..20).map(|value| (value, crew.echo(if value % 2 == 0 { one } else { other }, value))).collect();
    for (value, echo) in tries {
        assert_eq!(echo.await, json!(value));
    }
    assert_eq!(crew.pid(one), first);
    assert_ne!(crew.pid(other), first);
    assert_eq!(crew.processes.pids().len(), 2);
}

#[tokio::test]
async fn a_killed_process_loses_its_own_tries_and_no_others() {
    let crew = Crew::new(process_config());
    let (struck, neighbour) = (TenantId::generate(), TenantId::generate());
    let cancel = CancellationToken::new();
    let lost = [crew.start_endless(struck, &sleeping(), &cancel).await, crew.start_endless(struck, &sleeping(), &cancel).await];
    let kept = crew.start_endless(neighbour, &sleeping(), &cancel).await;
    let pid = crew.pid(struck);
    signal("-KILL", pid);
    for lost in lost {
        let report = lost.await.unwrap();
        assert!(failure(&report, Reason::WorkerLost).contains("ended by signal 9"), "{:?}", report.ending);
    }
    assert_eq!(crew.echo(struck, 1).await, json!(1));
    assert_ne!(crew.pid(struck), pid);
    assert!(!kept.is_finished());
    cancel.cancel();
    failure(&kept.await.unwrap(), Reason::Cancelled);
}

#[tokio::test]
async fn a_cancelled_try_stops_even_when_its_process_does_not_listen() {
    let crew = Crew::new(process_config());
    let tenant = TenantId::generate();
    for how in [sleeping(), json!({"do": "loop", "say": "now"})] {
        let cancel = CancellationToken::new();
        let running = crew.start_endless(tenant, &how, &cancel).await;
        let pid = crew.pid(tenant);
        cancel.cancel();
        let report = running.await.unwrap();
        failure(&report, Reason::Cancelled);
        assert!(lives(pid), "a process that obeys is kept");
    }
    let cancel = CancellationToken::new();
    let running = crew.start_endless(tenant, &sleeping(), &cancel).await;
    let pid = crew.pid(tenant);
    signal("-STOP", pid);
    cancel.cancel();
    failure(&running.await.unwrap(), Reason::Cancelled);
    until("the process is killed", || !lives(pid)).await;
    assert_eq!(crew.echo(tenant, 1).await, json!(1));
}

#[tokio::test]
async fn a_process_that_does_not_keep_time_is_ended() {
    let crew = Crew::new(process_config());
    let tenant = TenantId::generate();
    assert_eq!(crew.echo(tenant, 1).await, json!(1));
    let pid = crew.pid(tenant);
    signal("-STOP", pid);
    let limits = Limits { wall_ms: 50, ..Limits::default() };
    let request = request(Entry::Task, sleeping().to_string(), limits);
    let (sandboxes, program) = (crew.sandboxes.clone(), crew.program.clone());
    let run = async move { sandboxes.run(tenant, &program, request, Arc::<Recorder>::default(), CancellationToken::new()).await };
    let report = lasting().spawn(run).await.unwrap();
    assert!(failure(&report, Reason::TimedOut).contains("raise `timeout`"));
    until("the process is killed", || !lives(pid)).await;
}

#[tokio::test]
async fn a_dropped_try_stops_in_its_process() {
    let crew = Crew::new(ProcessConfig { sandboxes: cofferdam_sandbox::RuntimeConfig::for_slots(1), ..process_config() });
    let tenant = TenantId::generate();
    let running = crew.start_endless(tenant, &sleeping(), &CancellationToken::new()).await;
    running.abort();
    drop(running.await);
    // The one slot is free again.
    assert_eq!(crew.echo(tenant, 1).await, json!(1));
}

#[tokio::test]
async fn idle_processes_give_way_to_other_tenants_and_end_in_time() {
    let crew = Crew::new(ProcessConfig { most: 2, ..process_config() });
    let tenants: Vec<_> = (0..3).map(|_| TenantId::generate()).collect();
    let cancel = CancellationToken::new();
    crew.echo(tenants[0], 0).await;
    let idle = crew.pid(tenants[0]);
    let busy = crew.start_endless(tenants[1], &sleeping(), &cancel).await;
    // The longest idle one gives way, not the one that is busy.
    crew.echo(tenants[2], 2).await;
    until("the idle process ends", || !lives(idle)).await;
    assert!(!busy.is_finished());
    // With both seats taken, the third tenant waits for one.
    let other = crew.start_endless(tenants[2], &sleeping(), &cancel).await;
    let waiting = crew.start(tenants[0], &json!({"do": "echo", "value": 3}), &Arc::default(), &CancellationToken::new());
    cancel.cancel();
    assert_eq!(output(&waiting.await.unwrap()), json!(3));
    failure(&busy.await.unwrap(), Reason::Cancelled);
    failure(&other.await.unwrap(), Reason::Cancelled);

    let brief = Crew::new(ProcessConfig { idle: Duration::from_millis(50), ..process_config() });
    brief.echo(tenants[0], 4).await;
    until("nothing is kept", || brief.processes.pids().is_empty()).await;
}

#[tokio::test]
async fn a_process_knows_nothing_of_its_parent() {
    let crew = Crew::new(process_config());
    let tenant = TenantId::generate();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // A file that every program inherits which is started from here.
    let (inherited, path) = tempfile::NamedTempFile::with_prefix("inherited-").unwrap().into_parts();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    crew.echo(tenant, 1).await;
    let about = Path::new("/proc").join(crew.pid(tenant).to_string());
    assert_eq!(std::fs::read(about.join("environ")).unwrap(), b"");
    let mut open: Vec<String> = std::fs::read_dir(about.join("fd"))
        .unwrap()
        .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    open.sort();
    open.dedup();
    let sockets: Vec<_> = open.iter().filter(|name| name.starts_with("socket:")).collect();
    // Its own socket, and the pair by which its runtime hears of signals.
    assert!(sockets.len() <= 3, "{open:?}");
    let port = listener.local_addr().unwrap().port();
    let tables = std::fs::read_to_string(about.join("net/tcp")).unwrap();
    let line = tables.lines().find(|line| line.contains(&format!(":{port:04X} "))).expect("the listener is there");
    let inode = line.split_whitespace().nth(9).unwrap();
    assert!(!open.iter().any(|name| name.contains(inode)), "{open:?}");
    assert!(!open.iter().any(|name| name.contains("inherited-")), "{} is open in {open:?}", path.display());
    let known = ["socket:", "pipe:", "anon_inode:", "/dev/null", "/proc/", "/memfd:cofferdam-code"];
    assert!(open.iter().all(|name| known.iter().any(|known| name.starts_with(known))), "{open:?}");
}

#[tokio::test]
async fn a_program_that_is_none_is_told_of() {
    let wrong = Crew::new(ProcessConfig { program: "/bin/false".into(), ..process_config() });
    let error = lasting().spawn(async move { wrong.sandboxes.prepare().await.unwrap_err() }).await.unwrap();
    assert!(matches!(error, ProcessError::NotReady(_)), "{error}");
    let absent = Crew::new(ProcessConfig { program: "/nonexistent/program".into(), ..process_config() });
    let report = absent.start(TenantId::generate(), &sleeping(), &Arc::default(), &CancellationToken::new()).await.unwrap();
    assert!(failure(&report, Reason::Internal).contains("cannot be started"), "{:?}", report.ending);
}

#[tokio::test]
async fn a_process_that_is_killed_before_it_is_ready_is_lost() {
    let args = vec!["-c".to_owned(), "kill -KILL $$".to_owned()];
    let killed = Crew::new(ProcessConfig { program: "/bin/sh".into(), args, ..process_config() });
    let report = killed.start(TenantId::generate(), &sleeping(), &Arc::default(), &CancellationToken::new()).await.unwrap();
    assert!(failure(&report, Reason::WorkerLost).contains("signal 9"), "{:?}", report.ending);
}
