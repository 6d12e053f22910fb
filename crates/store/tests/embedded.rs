//! The embedded server on good and bad days, with the PostgreSQL of this machine.

use cofferdam_store::embedded::{self, EmbeddedConfig, EmbeddedError};
use cofferdam_store::{Access, PoolOptions, Store, migrate};
use sqlx::{Connection, Executor, PgConnection};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn lives(pid: u32) -> bool {
    // The working directory of a process that has ended cannot be read, even before it is collected.
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn count_numbers(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM numbers").fetch_one(&mut connection).await.unwrap()
}

/// A process that runs an embedded server, to be killed.
struct Parent {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    server: u32,
    _program: Option<TempDir>,
}

impl Parent {
    fn start(folder: &Path, user: Option<u32>, words: &[&str]) -> Self {
        let mut program = Path::new(env!("CARGO_BIN_EXE_embedded-parent")).to_path_buf();
        // Another user may not be able to reach the folder of the build.
        let copy = user.map(|_| tempfile::tempdir().unwrap());
        if let Some(copy) = &copy {
            fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).unwrap();
            fs::copy(&program, copy.path().join("embedded-parent")).unwrap();
            program = copy.path().join("embedded-parent");
        }
        let mut command = Command::new(program);
        command.arg(folder).args(words).stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("it says where its server is").unwrap();
        let server = first.split_once(' ').unwrap().1.parse().unwrap();
        Self { child, lines, server, _program: copy }
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.map_while(Result::ok).collect()
    }
}

#[tokio::test]
async fn it_starts_stops_and_starts_again_with_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let first = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    migrate(first.url()).await.unwrap();
    let mut connection = PgConnection::connect(first.url()).await.unwrap();
    connection.execute("CREATE TABLE numbers AS SELECT 1 AS n").await.unwrap();
    connection.close().await.unwrap();
    let server = first.pid().unwrap();
    first.stop().await;
    assert!(!lives(server));

    let begun = Instant::now();
    let second = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    println!("second start: {:?}", begun.elapsed());
    assert_eq!(count_numbers(second.url()).await, 1);
    // It does not listen on the network, and commits wait for the disk.
    let mut connection = PgConnection::connect(second.url()).await.unwrap();
    let settings: Vec<String> = sqlx::query_scalar(
        "SELECT setting FROM pg_settings WHERE name IN ('fsync', 'listen_addresses', 'synchronous_commit') ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(settings, ["on", "", "on"]);
}

#[tokio::test]
async fn only_the_owner_may_enter_and_root_drops_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    let owner = if is_root() { NOBODY } else { std::fs::metadata("/proc/self").unwrap().uid() };
    // Root's own group passes to the socket, without a privilege.
    for (part, mode) in [("postgres", 0o700), ("run", if is_root() { 0o710 } else { 0o700 })] {
        let metadata = std::fs::metadata(folder.path().join(part)).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.uid()), (mode, owner), "{part}");
        assert!(!is_root() || mode == 0o700 || metadata.gid() == 0, "{part}");
    }
    let process = std::fs::metadata(format!("/proc/{}", postgres.pid().unwrap())).unwrap();
    assert_eq!(process.uid(), owner);
}

#[tokio::test]
async fn it_comes_back_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    migrate(postgres.url()).await.unwrap();
    let store = Store::connect(postgres.url(), Access::System, PoolOptions::default()).await.unwrap();
    let killed = postgres.pid().unwrap();
    Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap();
    wait_until("another server runs", || postgres.pid().is_some_and(|pid| pid != killed));
    let begun = Instant::now();
    while store.begin_across_tenants("test").await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the store did not find the new server");
    }
    // An orderly restart, too, leaves no dead connection behind in the pool.
    postgres.restart().await;
    store.begin_across_tenants("test").await.unwrap();
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    let error = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse(_)), "{error:?}");
    assert!(lives(postgres.pid().unwrap()));
}

#[tokio::test]
async fn a_cluster_that_was_not_finished_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    // What an initdb that was killed leaves: some of the files.
    let partial = folder.path().join("postgres.partial.0");
    std::fs::create_dir_all(partial.join("base")).unwrap();
    std::fs::write(partial.join("PG_VERSION"), "15\n").unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    migrate(postgres.url()).await.unwrap();
    assert!(!partial.exists());
}

#[tokio::test]
async fn a_first_start_that_was_killed_half_way_does_not_hinder_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_embedded-parent"))
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let partial = folder.path().join("postgres.partial.0");
    wait_until("initdb is at work", || partial.join("PG_VERSION").exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(!folder.path().join("postgres").exists(), "the kill came too late to show anything");
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    migrate(postgres.url()).await.unwrap();
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("postgres")).unwrap();
    std::fs::write(folder.path().join("postgres/PG_VERSION"), "9\n").unwrap();
    let error = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::OtherVersion { made_by: 9, .. }), "{error:?}");
    assert!(folder.path().join("postgres/PG_VERSION").exists());
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("d".repeat(120));
    let postgres = embedded::start(EmbeddedConfig::new(&long)).await.unwrap();
    PgConnection::connect(postgres.url()).await.unwrap().close().await.unwrap();
    let socket = postgres.url().split_once("host=").unwrap().1.split('&').next().unwrap().replace("%2F", "/");
    assert!(Path::new(&socket).exists());
    postgres.stop().await;
    assert!(!Path::new(&socket).exists(), "{socket} was left behind");
}

#[tokio::test]
async fn a_stale_pid_file_that_names_a_stranger_does_not_hinder_or_hurt() {
    let folder = tempfile::tempdir().unwrap();
    embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap().stop().await;
    // In a container numbers are taken again soon: here the file names this very test.
    let file = folder.path().join("postgres/postmaster.pid");
    std::fs::write(&file, format!("{}\n{}\n", std::process::id(), folder.path().join("postgres").display())).unwrap();
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    PgConnection::connect(postgres.url()).await.unwrap();
}

async fn kill_the_parent(user: Option<u32>) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(user) = user {
        chown(folder.path(), Some(user), Some(user)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut parent = Parent::start(folder.path(), user, &["write"]);
    let mut acknowledged: Vec<String> = parent.lines.by_ref().take(200).map(Result::unwrap).collect();
    let server = parent.server;
    assert!(lives(server));
    acknowledged.extend(parent.kill());
    wait_until("the server is gone", || !lives(server));

    let next = Parent::start(folder.path(), user, &[]);
    let url = format!(
        "postgresql:///cofferdam?host={}&user=cofferdam",
        folder.path().join("run").display().to_string().replace('/', "%2F")
    );
    let found = count_numbers(&url).await;
    // The last commit may have been done but not yet acknowledged.
    let acknowledged = i64::try_from(acknowledged.len()).unwrap();
    assert!(found == acknowledged || found == acknowledged + 1, "{acknowledged} were acknowledged, {found} are there");
    let server = next.server;
    next.kill();
    wait_until("the server is gone", || !lives(server));
}

#[tokio::test]
async fn killing_the_parent_leaves_no_server_and_loses_no_commit() {
    kill_the_parent(None).await;
}

#[tokio::test]
async fn killing_the_parent_of_an_ordinary_user_leaves_no_server_and_loses_no_commit() {
    if is_root() {
        kill_the_parent(Some(NOBODY)).await;
    }
}

#[tokio::test]
async fn a_server_that_outlived_its_parent_is_stopped_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Parent::start(folder.path(), None, &["write"]);
    assert_eq!(parent.lines.by_ref().take(5).map_while(Result::ok).count(), 5);
    let server = parent.server;
    // A stopped server cannot act on the signal of its parent's death until it goes on.
    Command::new("kill").args(["-STOP", &server.to_string()]).status().unwrap();
    parent.kill();
    assert!(lives(server));
    let resumed = std::thread::spawn(move || Command::new("kill").args(["-CONT", &server.to_string()]).status().unwrap());
    let postgres = embedded::start(EmbeddedConfig::new(folder.path())).await.unwrap();
    resumed.join().unwrap();
    assert!(!lives(server));
    assert!(count_numbers(postgres.url()).await >= 5);
}
