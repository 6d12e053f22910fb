//! One installation for all tests of this program.

use cofferdam_api_types::{DagRun, DagRunState as RunState, LogQuery, TriggerDagRun};
use cofferdam_client::{Client, DagSource, TaskInstanceRef};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_test_support::cluster::{Installation, Process};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{Mutex, OnceCell};

/// Long enough for compiling Python on a busy machine.
const LONG: Duration = Duration::from_secs(240);
/// Long enough for a log to be stored.
const SOON: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// The installation, with a client of the test's own: connections end with the runtime of the test that opened them.
pub struct Site {
    pub client: Client,
}

struct Running {
    installation: Installation,
    api: Mutex<Process>,
    _others: [Process; 2],
}

impl Site {
    pub async fn get() -> Self {
        static RUNNING: OnceCell<Running> = OnceCell::const_new();
        let running = RUNNING.get_or_init(start).await;
        let client = running.installation.sign_in(&mut *running.api.lock().await).await.unwrap();
        Self { client }
    }

    /// Applies a dag, runs it, and waits for its end.
    pub async fn run(&self, dag: Value) -> Run<'_> {
        let dag_id: DagId = dag["dag_id"].as_str().unwrap().parse().unwrap();
        self.client.apply_dag(&DagSource::Json(dag), false).await.unwrap();
        let run = self.client.trigger(&dag_id, &TriggerDagRun::default(), None).await.unwrap();
        let waiting = async {
            loop {
                let run = self.client.get_dag_run(&dag_id, &run.dag_run_id).await.unwrap();
                if matches!(run.state, RunState::Success | RunState::Failed) {
                    return run;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let run = tokio::time::timeout(LONG, waiting).await.expect("the run ends in time");
        Run { client: &self.client, dag_id, run_id: run.dag_run_id.clone(), run }
    }
}

async fn start() -> Running {
    let mut installation = Installation::new().await.unwrap();
    let python = cofferdam_test_guests::artefacts::path("std/python");
    installation.set("std_dir", &python.parent().unwrap_or(Path::new(".")).display().to_string());
    installation.set("worker_egress_private", "127.0.0.1");
    // While Python is compiled the machine is busy: nobody is lost for that.
    installation.set("worker_lease", "30s");
    let mut api = installation.start("api").unwrap();
    let others = [installation.start("scheduler").unwrap(), installation.start("worker").unwrap()];
    installation.sign_in(&mut api).await.unwrap();
    // The largest is compiled last.
    let compiled = r#""message":"operator compiled","component.name":"std/python""#;
    let mut waited = Ok(());
    for _ in 0..4 {
        waited = api.logged(compiled).await;
        if waited.is_ok() {
            break;
        }
    }
    waited.unwrap();
    Running { installation, api: Mutex::new(api), _others: others }
}

/// A run that has ended.
pub struct Run<'a> {
    client: &'a Client,
    dag_id: DagId,
    run_id: DagRunId,
    run: DagRun,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.run.fmt(f)
    }
}

impl Run<'_> {
    pub fn state(&self) -> RunState {
        self.run.state
    }

    fn task(&self, task: &str) -> TaskInstanceRef {
        TaskInstanceRef { dag: self.dag_id.clone(), run: self.run_id.clone(), task: task.parse::<TaskId>().unwrap() }
    }

    pub async fn result(&self, task: &str) -> Value {
        self.xcom(task, "return_value").await
    }

    pub async fn xcom(&self, task: &str, key: &str) -> Value {
        let found = self.client.get_xcom(&self.task(task), &key.parse().unwrap()).await;
        match found {
            Ok(xcom) => xcom.value,
            Err(error) => panic!("{task}: {error}; it ended {:?}", self.ending(task).await),
        }
    }

    /// State, reason and message of the last try.
    pub async fn ending(&self, task: &str) -> (String, String, String) {
        let instance = self.client.get_task_instance(&self.task(task)).await.unwrap();
        let instance = serde_json::to_value(instance).unwrap();
        let text = |field: &str| instance[field].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"), text("message"))
    }

    /// Waits until the log of the first try says this: a log is stored a moment after the ending.
    pub async fn logged(&self, task: &str, words: &str) {
        let waiting = async {
            loop {
                let page = self.client.get_log(&self.task(task), 1, &LogQuery::default()).await.unwrap();
                if serde_json::to_value(page).unwrap().to_string().contains(words) {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "the log of {task} does not say {words:?}");
    }
}
