//! Processes for the sandboxes of each tenant: what they hold, and what happens when they die.

use crate::processes::{RUNS, Site};
use cofferdam_runtime_tests::dags::TWENTY;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);

/// The processes for sandboxes that a process started.
fn children(worker: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let of_worker = |pid: &u32| {
        let about = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let parent = about("status").lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok());
        parent == Some(worker) && about("cmdline").contains("__sandboxes")
    };
    all.filter(of_worker).collect()
}

/// Whether a process has given up what it can: one that is just starting has not yet.
fn is_confined(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"]))
}

/// They hold nothing of what the worker holds.
fn assert_destitute(pid: u32) {
    let about = PathBuf::from(format!("/proc/{pid}"));
    assert_eq!(std::fs::read(about.join("environ")).unwrap(), b"", "no environment");
    let status = std::fs::read_to_string(about.join("status")).unwrap();
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
    assert_eq!((value("CapEff:"), value("NoNewPrivs:"), value("Seccomp:")), ("0000000000000000", "1", "2"), "{status}");
    let open: Vec<String> = std::fs::read_dir(about.join("fd"))
        .unwrap()
        .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    // One to the worker; connections to PostgreSQL and Redis would be more, and would be in these lists.
    let inode = |name: &str| name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).map(str::to_owned);
    let tcp = ["net/tcp", "net/tcp6"].map(|name| std::fs::read_to_string(about.join(name)).unwrap_or_default()).concat();
    let leading_out = |inode: &String| tcp.lines().any(|line| line.split_whitespace().nth(9) == Some(inode));
    assert!(!open.iter().filter_map(|name| inode(name)).any(|inode| leading_out(&inode)), "{open:?}");
    let known = ["socket:", "pipe:", "anon_inode:", "/dev/null", "/proc/", "/memfd:cofferdam-code"];
    assert!(open.iter().all(|name| known.iter().any(|known| name.starts_with(known))), "{open:?}");
}

/// Tries whose process is killed are repeated, nothing is lost, and nobody else notices. What is left ends with the worker.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_processes_are_killed() {
    let (mut site, _api) = Site::start("killed_sandboxes").await;
    site.installation.set("worker_isolation", "process");
    let scratch = tempfile::tempdir().unwrap();
    site.installation.set("worker_scratch_dir", scratch.path().to_str().unwrap());
    let _scheduler = site.installation.start("scheduler").unwrap();
    let mut worker = site.installation.start("worker").unwrap();
    worker.logged("each tenant's tasks run in a process of their own").await.unwrap();
    worker.logged("worker started").await.unwrap();
    site.trigger(0..RUNS).await;
    for at in [200, 500] {
        site.ledger.until_finished_tasks(TWENTY, at).await;
        // Those that were killed before may not have been followed by others yet.
        let confined = || children(worker.pid()).into_iter().filter(|child| is_confined(*child)).collect::<Vec<_>>();
        site.ledger.until("confined processes", LONG, || async { !confined().is_empty() }).await;
        for child in confined() {
            assert_destitute(child);
            assert!(Command::new("kill").args(["-KILL", &child.to_string()]).status().unwrap().success());
        }
    }
    let health = site.client.health_deep().await.unwrap();
    let walls: Vec<_> = health.workers.iter().flat_map(|worker| &worker.walls).collect();
    let processes = walls.iter().find(|wall| wall.name == "processes").expect("it is told");
    assert!(processes.active && processes.detail.contains("system_calls"), "{processes:?}");
    assert!(walls.iter().any(|wall| wall.name == "pagemap_scan"), "{walls:?}");
    site.ledger.until_all_runs_ended(LONG).await;
    let lost = site.ledger.assert_each_recorded_once(RUNS, TWENTY).await;
    assert!(lost > 0, "they were killed while they ran something");

    let left = children(worker.pid());
    assert!(!left.is_empty());
    worker.kill().unwrap();
    let gone = || async { left.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}/exe")).exists()) };
    site.ledger.until("the processes to end with their worker", LONG, gone).await;

    let folders = || -> Vec<PathBuf> { std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let abandoned = folders();
    assert!(!abandoned.is_empty(), "it had no time to remove them");
    let mut next = site.installation.start("worker").unwrap();
    next.logged("worker started").await.unwrap();
    assert!(!folders().iter().any(|folder| abandoned.contains(folder)), "the next worker removes them");
}
