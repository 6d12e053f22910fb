//! The separate roles, on a PostgreSQL and a Redis, as `docs/operations.md` has it.

mod support;

use cofferdam_store::embedded::{self, EmbeddedConfig};
use cofferdam_test_support::redis::RedisServer;
use std::path::Path;
use support::{Done, Role, command};

const DAG: &str = "\
dag_id: many
tasks:
  - {task_id: a, component: test/behaves, input: {do: sleep, ms: 300}}
  - {task_id: b, component: test/behaves, input: {do: sleep, ms: 300}, depends_on: [a]}
  - {task_id: c, component: test/behaves, input: {do: sleep, ms: 300}, depends_on: [a]}
  - {task_id: d, component: test/behaves, input: {do: sleep, ms: 300}, depends_on: [b, c]}
  - {task_id: e, component: test/behaves, input: {do: context}, depends_on: [d]}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_one_of_each() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(dir.path().join("postgres"))).await.unwrap();
    let redis = RedisServer::start().unwrap();
    let objects = format!("file://{}", dir.path().join("objects").display());
    let redis_url = redis.url();
    let variables = [
        ("COFFERDAM_DATABASE_URL", postgres.url()),
        ("COFFERDAM_REDIS_URL", redis_url.as_str()),
        ("COFFERDAM_OBJECTS_URL", objects.as_str()),
        ("COFFERDAM_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("COFFERDAM_METRICS_LISTEN", "127.0.0.1:0"),
        ("COFFERDAM_WORKER_SLOTS", "8"),
        ("COFFERDAM_DRAIN_TIMEOUT", "5s"),
    ];
    let start = |args: &[&str]| Role::start(dir.path(), args, &variables);
    run_with(dir.path(), &["migrate"], &variables).exits(0);
    run_with(dir.path(), &["migrate"], &variables).exits(0);

    let mut api = start(&["api", "--listen", "127.0.0.1:0"]);
    let password = api.says("The first administrator is admin").rsplit(' ').next().unwrap().to_owned();
    let served = api.says("the API is served");
    let served: serde_json::Value = serde_json::from_str(&served).unwrap();
    let url = format!("http://{}", served["address"].as_str().unwrap());
    let mut schedulers = [start(&["scheduler"]), start(&["scheduler"])];
    let mut workers = [start(&["worker", "--name", "one"]), start(&["worker", "--name", "two"])];
    schedulers.iter_mut().for_each(|role| drop(role.says("scheduler started")));
    workers.iter_mut().for_each(|role| drop(role.says("worker started")));
    #[cfg(target_os = "linux")]
    workers.iter().for_each(is_confined);

    std::fs::write(dir.path().join("many.yaml"), DAG).unwrap();
    std::fs::write(dir.path().join("password"), password).unwrap();
    let signed_in = std::process::Stdio::from(std::fs::File::open(dir.path().join("password")).unwrap());
    let login = command(dir.path(), &["--url", &url, "login", "-u", "admin", "--password-stdin"], &[]).stdin(signed_in).output();
    Done::from(login.unwrap()).exits(0);
    let run = |line: &str| {
        let args: Vec<&str> = ["--url", &url].into_iter().chain(line.split(' ')).collect();
        run_with(dir.path(), &args, &[])
    };
    let component = cofferdam_test_guests::artefacts::path("behaviours");
    run(&format!("component push {} --name test/behaves", component.display())).exits(0);
    run("dag apply many.yaml").exits(0);
    run("dag trigger many --run-id survivor").exits(0);

    // One of each is killed in the middle of it, and another worker is asked to leave.
    schedulers[0].child.kill().unwrap();
    workers[0].child.kill().unwrap();
    api.child.kill().unwrap();
    api.child.wait().unwrap();
    let mut third = start(&["worker", "--name", "three"]);
    third.says("worker started");
    workers[1].signal("TERM");
    assert!(workers[1].ends().success(), "a drained worker leaves in peace");
    let api = start(&["api", "--listen", url.trim_start_matches("http://")]);

    let watched = support::eventually("the API is back", || {
        let watched = run("run watch many survivor --timeout 50s -o json");
        (watched.code != 3).then_some(watched)
    });
    assert_eq!(watched.json()["state"], "success");
    for mut role in [third, api] {
        role.signal("TERM");
        assert!(role.ends().success());
    }
    schedulers[1].signal("TERM");
    assert!(schedulers[1].ends().success());
    postgres.stop().await;
}

/// The process has no privileges left, and the API tells which walls stand.
#[cfg(target_os = "linux")]
fn is_confined(worker: &Role) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.child.id())).unwrap();
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
    assert_eq!(
        (value("CapEff:"), value("CapPrm:"), value("CapBnd:")),
        ("0000000000000000", "0000000000000000", "0000000000000000")
    );
    assert_eq!((value("NoNewPrivs:"), value("Seccomp:")), ("1", "2"), "{status}");
}

fn run_with(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Done {
    Done::from(command(dir, args, variables).output().unwrap())
}

#[test]
fn what_a_role_misses_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for role in ["api", "scheduler", "worker"] {
        let done = run_with(dir.path(), &[role], &[("COFFERDAM_REDIS_URL", "redis://127.0.0.1:1")]).exits(2);
        let expected = format!("`cofferdam {role}` needs `database_url`, `objects_url`, `secret_key`");
        assert!(done.stderr.contains(&expected) && done.stderr.contains("COFFERDAM_SECRET_KEY"), "{}", done.stderr);
    }
    run_with(dir.path(), &["migrate", "--database-url", "postgres://nobody@127.0.0.1:1/x"], &[]).exits(3);
}
