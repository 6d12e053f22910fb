//! Processes that are killed, without a chance to say goodbye.

use bytes::Bytes;
use cofferdam_api_types::{ComponentUpload, DagRunListQuery, ErrorCode, LoginRequest, TriggerDagRun};
use cofferdam_client::{Client, DagSource};
use cofferdam_domain::context::Context;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, TenantName};
use cofferdam_runtime_tests::dags::{TWENTY, of, task, twenty};
use cofferdam_runtime_tests::ledger::Ledger;
use cofferdam_store::embedded::{self, EmbeddedConfig};
use cofferdam_store::{Access, PoolOptions, Store, tenants};
use cofferdam_test_guests::artefacts;
use cofferdam_test_support::cluster::{self, Installation, Process};
use serde_json::json;
use std::time::Duration;

pub(crate) const RUNS: usize = 50;
const LONG: Duration = Duration::from_secs(120);

/// Its leases run out, and another worker repeats what it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_killed() {
    let (site, _api) = Site::start("killed_worker").await;
    let mut first = site.installation.start("worker").unwrap();
    let _others = [site.installation.start("scheduler").unwrap(), site.installation.start("worker").unwrap()];
    site.trigger(0..RUNS).await;
    first.logged("worker started").await.unwrap();
    site.ledger.until_finished_tasks(TWENTY, 250).await;
    first.kill().unwrap();
    site.ledger.until_all_runs_ended(LONG).await;
    let lost = site.ledger.assert_each_recorded_once(RUNS, TWENTY).await;
    assert!(lost > 0, "it was killed while it ran something");
}

/// Another one goes on; and the place of the last one is taken by the next that starts. Each finds that a worker is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_is_killed() {
    let (site, _api) = Site::start("killed_scheduler").await;
    let start = |role| site.installation.start(role).unwrap();
    let (mut scheduler, mut other) = (start("scheduler"), start("scheduler"));
    let (mut worker, _steady) = (start("worker"), start("worker"));
    for started in [&mut scheduler, &mut other] {
        started.logged("scheduler started").await.unwrap();
    }
    site.trigger(0..RUNS).await;
    site.ledger.until_finished_tasks(TWENTY, 200).await;
    scheduler.kill().unwrap();
    worker.kill().unwrap();
    worker = start("worker");
    site.ledger.until_finished_tasks(TWENTY, 500).await;
    other.kill().unwrap();
    scheduler = start("scheduler");
    scheduler.logged("scheduler started").await.unwrap();
    worker.kill().unwrap();
    site.ledger.until_all_runs_ended(LONG).await;
    site.ledger.assert_each_recorded_once(RUNS, TWENTY).await;
}

/// Clients ask again until the next one answers: each run is made once, whole, those too whose answer was lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_killed() {
    let (site, mut api) = Site::start("killed_api").await;
    let _roles = [site.installation.start("scheduler").unwrap(), site.installation.start("worker").unwrap()];
    let clients = (0..5).map(|client| site.trigger(client * 10..(client + 1) * 10));
    let triggering = futures::future::join_all(clients);
    let killing = async {
        site.ledger.until("some runs to be made", LONG, || async { site.ledger.runs().await.len() >= 12 }).await;
        api.kill().unwrap();
        api = site.installation.start("api").unwrap();
    };
    futures::future::join(triggering, killing).await;
    site.ledger.until_all_runs_ended(LONG).await;
    site.ledger.assert_each_recorded_once(RUNS, TWENTY).await;
    let runs = site.client.list_dag_runs(&site.dag, &DagRunListQuery::default()).await.unwrap();
    assert_eq!(runs.total_entries, RUNS as u64);
}

/// `cofferdam dev` takes its PostgreSQL with it, and its queue was never anywhere else. Started again on the same folder, it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings: Vec<(String, String)> = [
        ("data_dir", data.display().to_string()),
        ("listen", format!("127.0.0.1:{}", cluster::free_port().unwrap())),
        ("worker_slots", "32".to_owned()),
        ("worker_lease", "2s".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec();
    // Where its database will be.
    let postgres = EmbeddedConfig::new(data.join("postgres"));
    let first = embedded::start(postgres).await.unwrap();
    let url = first.url().to_owned();
    first.stop().await;

    let start = || Process::start(&["dev"], folder.path(), &settings).unwrap();
    let mut dev = start();
    let client = Client::new(&format!("http://{}", settings[1].1)).unwrap();
    cluster::until_ready(&client, &mut dev).await.unwrap();
    let session = std::fs::read(data.join("dev.json")).unwrap();
    let session: serde_json::Value = serde_json::from_slice(&session).unwrap();
    let word = |key: &str| session[key].as_str().unwrap().to_owned();
    client.login(&LoginRequest { tenant: None, username: word("username"), password: word("password") }).await.unwrap();
    let dag = prepare(&client, "killed_dev").await;
    let ledger = ledger(&url).await;

    trigger(&client, &dag, 0..RUNS).await;
    for at in [200, 600] {
        ledger.until_finished_tasks(TWENTY, at).await;
        dev.kill().unwrap();
        dev = start();
        cluster::until_ready(&client, &mut dev).await.unwrap();
    }
    ledger.until_all_runs_ended(LONG).await;
    let lost = ledger.assert_each_recorded_once(RUNS, TWENTY).await;
    assert!(lost > 0, "it was killed while it ran something");
}

/// The documented stop: what runs is finished, and the process ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_told_to_stop() {
    let (site, _api) = Site::start("stopped_worker").await;
    let mut first = site.installation.start("worker").unwrap();
    let _roles = [site.installation.start("scheduler").unwrap(), site.installation.start("worker").unwrap()];
    first.logged("worker started").await.unwrap();
    site.trigger(0..RUNS).await;
    site.ledger.until_finished_tasks(TWENTY, 250).await;
    first.terminate().unwrap();
    assert!(first.ended(Duration::from_secs(30)).await.unwrap().success(), "{}", first.log());
    site.ledger.until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger.assert_each_recorded_once(RUNS, TWENTY).await, 0, "no try was lost");
}

/// The second signal stops it at once, whatever it runs; what it ran is repeated elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_told_twice_to_stop() {
    let (site, _api) = Site::start("stopped_twice").await;
    let mut first = site.installation.start("worker").unwrap();
    let _scheduler = site.installation.start("scheduler").unwrap();
    first.logged("worker started").await.unwrap();
    let sleepers = (0..4).map(|n| task(&format!("sleeper_{n}"), &json!({ "do": "sleep", "ms": 6_000 }), &[])).collect();
    site.client.apply_dag(&DagSource::Json(of("sleepers", sleepers)), false).await.unwrap();
    trigger(&site.client, &"sleepers".parse().unwrap(), 0..1).await;
    let run = site.ledger.runs().await[0].key;
    for n in 0..4 {
        site.ledger.until_task(run, &format!("sleeper_{n}"), TaskStateName::Running).await;
    }
    first.terminate().unwrap();
    first.logged("a second signal stops at once").await.unwrap();
    first.terminate().unwrap();
    first.ended(Duration::from_secs(3)).await.unwrap();
    let _second = site.installation.start("worker").unwrap();
    site.ledger.until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger.assert_each_recorded_once(1, 4).await, 4, "each first try was lost");
}

/// An installation with an API, a signed-in client, and a dag of twenty tasks.
pub(crate) struct Site {
    pub installation: Installation,
    pub client: Client,
    dag: DagId,
    pub ledger: Ledger,
}

impl Site {
    pub async fn start(dag_id: &str) -> (Self, Process) {
        let installation = Installation::new().await.unwrap();
        let mut api = installation.start("api").unwrap();
        let client = installation.sign_in(&mut api).await.unwrap();
        let dag = prepare(&client, dag_id).await;
        let ledger = ledger(installation.database.url()).await;
        (Self { installation, client, dag, ledger }, api)
    }

    pub async fn trigger(&self, numbers: std::ops::Range<usize>) {
        trigger(&self.client, &self.dag, numbers).await;
    }
}

/// Uploads the guest and applies the dag.
async fn prepare(client: &Client, dag_id: &str) -> DagId {
    let upload = ComponentUpload { name: "behaviours".parse().unwrap(), label: None, approve: false };
    client.upload_component(&upload, Bytes::from(artefacts::bytes("behaviours")), |_| ()).await.unwrap();
    let applied = client.apply_dag(&DagSource::Json(twenty(dag_id, 40)), false).await;
    applied.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    dag_id.parse().unwrap()
}

/// Makes runs, each under a name of its own, asking again until there is an answer. That the name is taken is an answer too: the one
/// before was lost.
pub(crate) async fn trigger(client: &Client, dag: &DagId, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let trigger = TriggerDagRun { dag_run_id: Some(format!("test__{number}").parse().unwrap()), ..TriggerDagRun::default() };
        let asking = async {
            loop {
                match client.trigger(dag, &trigger, None).await {
                    Ok(_) => return,
                    Err(error) if error.code() == Some(ErrorCode::Conflict) => return,
                    Err(error) if error.code().is_none() || error.is_transient() => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Err(error) => panic!("{error}: {error:?}"),
                }
            }
        };
        tokio::time::timeout(LONG, asking).await.expect("an answer");
    }
}

/// The ledger of the tenant that the first start makes.
async fn ledger(url: &str) -> Ledger {
    let store = Store::connect(url, Access::System, PoolOptions::default()).await.unwrap();
    let tenant = tenants::find_id(&store, &TenantName::new("default").unwrap()).await.unwrap().expect("the first tenant");
    Ledger::new(&store, &Context::system(tenant, "test"))
}
