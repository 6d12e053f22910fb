//! PostgreSQL goes away and comes back.

use cofferdam_runtime_tests::dags::{TWENTY, twenty};
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use std::process::Command;
use std::time::Duration;

const RUNS: usize = 50;

/// Restarted in good order, then killed: workers keep their results and their leases until it is back.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_restarted_and_killed() {
    let site = Site::start(SiteOptions { own_database_server: true, ..SiteOptions::default() }).await;
    let _roles = (site.scheduler().await, site.worker().await, site.worker().await);
    let dag = site.apply(twenty("restarted", 30)).await;
    site.trigger_many(&dag, RUNS).await;
    site.ledger().until_finished_tasks(TWENTY, 250).await;
    site.database.restart_server().await;
    site.ledger().until_finished_tasks(TWENTY, 550).await;
    let pid = site.database.server_pid().expect("it runs");
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    site.ledger().until_all_runs_ended(Duration::from_secs(120)).await;
    assert_eq!(site.ledger().assert_each_recorded_once(RUNS, TWENTY).await, 0, "no try was lost: its worker was there");
}
