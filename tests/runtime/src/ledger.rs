//! What PostgreSQL says happened.

use cofferdam_domain::context::Context;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{RunKey, TaskInstanceId, XComKey};
use cofferdam_objects::Objects;
use cofferdam_store::checkpoints::{self, StoredCheckpoint};
use cofferdam_store::runs::{Run, RunFilter, RunOrder};
use cofferdam_store::task_instances::{TaskInstance, Try, TryEnding};
use cofferdam_store::{Page, Store, Tx, logs, runs, stats, task_instances, xcoms};
use std::time::Duration;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// A task instance with all its tries.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The instance.
    pub instance: TaskInstance,
    /// Its tries, the first first.
    pub tries: Vec<Try>,
    /// The keys of its XComs.
    pub xcoms: Vec<XComKey>,
}

/// What is recorded for one tenant.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
    context: Context,
}

impl Ledger {
    /// The ledger of a tenant.
    #[must_use]
    pub fn new(store: &Store, context: &Context) -> Self {
        Self { store: store.clone(), context: context.clone() }
    }

    /// A transaction, however long the server takes to come back: tests restart it.
    async fn begin(&self) -> Tx<'static> {
        loop {
            match self.store.begin(&self.context).await {
                Ok(tx) => return tx,
                Err(error) if error.is_retryable() => tokio::time::sleep(LOOK).await,
                Err(error) => panic!("{error}: {error:?}"),
            }
        }
    }

    /// Every run, in the order in which they were made.
    pub async fn runs(&self) -> Vec<Run> {
        loop {
            let mut tx = self.begin().await;
            match runs::list(&mut tx, &RunFilter::default(), RunOrder::FirstQueued, Page::first(10_000)).await {
                Ok(listed) => return listed.items,
                Err(error) if error.is_retryable() => tokio::time::sleep(LOOK).await,
                Err(error) => panic!("{error}: {error:?}"),
            }
        }
    }

    /// A run.
    pub async fn run(&self, run: RunKey) -> Run {
        let mut tx = self.begin().await;
        runs::get_by_key(&mut tx, run).await.expect("the run is there")
    }

    /// The instances of a run with all their tries.
    pub async fn of_run(&self, run: RunKey) -> Vec<Recorded> {
        let mut tx = self.begin().await;
        let mut recorded = Vec::new();
        for instance in task_instances::list(&mut tx, run).await.expect("the instances can be read") {
            let tries = task_instances::tries(&mut tx, instance.id).await.expect("the tries can be read");
            let xcoms = xcoms::list(&mut tx, run, &instance.task_id, instance.map_index).await.expect("the XComs can be read");
            recorded.push(Recorded { instance, tries, xcoms: xcoms.into_iter().map(|entry| entry.key).collect() });
        }
        recorded
    }

    /// One instance of a run with all its tries.
    pub async fn of_task(&self, run: RunKey, task_id: &str) -> Recorded {
        let all = self.of_run(run).await;
        all.into_iter().find(|recorded| recorded.instance.task_id.as_str() == task_id).expect("the run has the task")
    }

    /// The value of an XCom, which is stored in the row.
    pub async fn xcom(&self, run: RunKey, task_id: &str, key: &str) -> serde_json::Value {
        let mut tx = self.begin().await;
        let (task, key) = (task_id.parse().expect("a task id"), key.parse().expect("a key"));
        let found = xcoms::get(&mut tx, run, &task, -1, &key).await.expect("the XCom is there");
        match found.value {
            xcoms::StoredValue::Inline(text) => serde_json::from_str(&text).expect("an XCom is JSON"),
            xcoms::StoredValue::Object(object) => panic!("the XCom lies in {object}"),
        }
    }

    /// How many bytes of log its last try has.
    pub async fn log_bytes(&self, instance: &TaskInstance) -> u64 {
        let mut tx = self.begin().await;
        let ranges = logs::ranges(&mut tx, instance.id, instance.try_number).await.expect("the index can be read");
        ranges.iter().map(|range| range.length).sum()
    }

    /// The log of its last try, as it is stored: one JSON document for each line.
    pub async fn log(&self, objects: &Objects, instance: &TaskInstance) -> String {
        let mut tx = self.begin().await;
        let ranges = logs::ranges(&mut tx, instance.id, instance.try_number).await.expect("the index can be read");
        let mut text = String::new();
        for range in ranges {
            let bytes = objects.read_log_range(self.context.tenant, range.segment, range.offset, range.length).await;
            text += &String::from_utf8_lossy(&bytes.expect("the log can be read"));
        }
        text
    }

    /// How many task instances have come to their end, in the runs of `tasks` tasks each.
    pub async fn finished_tasks(&self, tasks: usize) -> usize {
        self.runs().await.iter().map(|run| tasks - run.unfinished as usize).sum()
    }

    /// The checkpoint of a task instance.
    pub async fn checkpoint(&self, instance: TaskInstanceId) -> Option<StoredCheckpoint> {
        let mut tx = self.begin().await;
        checkpoints::load(&mut tx, instance).await.expect("the checkpoint")
    }

    /// Waits until at least this many task instances have come to their end.
    pub async fn until_finished_tasks(&self, tasks: usize, at_least: usize) {
        self.until("tasks to come to their end", Duration::from_secs(60), || async {
            self.finished_tasks(tasks).await >= at_least
        })
        .await;
    }

    /// Waits until no run is queued or running.
    pub async fn until_all_runs_ended(&self, within: Duration) {
        self.until("every run to end", within, || async {
            let mut tx = self.begin().await;
            match stats::active_runs(&mut tx).await {
                Ok(active) => active.is_empty(),
                Err(error) if error.is_retryable() => false,
                Err(error) => panic!("{error}: {error:?}"),
            }
        })
        .await;
    }

    /// Waits until a task is in a state.
    pub async fn until_task(&self, run: RunKey, task_id: &str, state: TaskStateName) -> TaskInstance {
        let found = parking_lot::Mutex::new(None);
        self.until(&format!("{task_id} to be {}", state.as_str()), Duration::from_secs(30), || async {
            let mut tx = self.begin().await;
            let task = task_id.parse().expect("a task id");
            let instance = task_instances::get(&mut tx, run, &task, -1).await.expect("the instance is there");
            let there = instance.state == state;
            *found.lock() = there.then_some(instance);
            there
        })
        .await;
        found.into_inner().expect("it was found")
    }

    /// Waits for a condition.
    ///
    /// # Panics
    /// When it takes too long; with what is unfinished.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, within: Duration, condition: impl Fn() -> F) {
        let waiting = async {
            while !condition().await {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(within, waiting).await.is_err() {
            panic!("waited {within:?} for {what}; unfinished: {}", self.unfinished().await);
        }
    }

    /// What is not finished, in words.
    async fn unfinished(&self) -> String {
        let mut words = Vec::new();
        let unfinished = self.runs().await.into_iter().filter(|run| run.unfinished > 0);
        for run in unfinished.take(3) {
            for Recorded { instance, tries, .. } in self.of_run(run.key).await {
                if instance.ended_at.is_none() {
                    let (id, state) = (&instance.task_id, instance.state.as_str());
                    words.push(format!(
                        "{} {id} is {state}, try {}, {} recorded",
                        run.dag_run_id,
                        instance.try_number,
                        tries.len()
                    ));
                }
            }
        }
        words.join("\n")
    }

    /// Asserts that `runs` runs of `tasks` tasks each succeeded, that every instance was recorded exactly once, with its result,
    /// and that tries which were lost are recorded as such. Returns how many tries were lost.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn assert_each_recorded_once(&self, count: usize, tasks: usize) -> usize {
        let all = self.runs().await;
        assert_eq!(all.len(), count, "runs");
        let mut lost = 0;
        for run in all {
            assert_eq!((run.state, run.unfinished), (RunStateName::Success, 0), "run {}", run.dag_run_id);
            let instances = self.of_run(run.key).await;
            assert_eq!(instances.len(), tasks, "instances of {}", run.dag_run_id);
            for Recorded { instance, tries, xcoms } in instances {
                let place = format!("{} of {}", instance.task_id, run.dag_run_id);
                assert_eq!(instance.state, TaskStateName::Success, "{place}");
                let successes = tries.iter().filter(|one| one.ending == TryEnding::Success).count();
                assert_eq!(successes, 1, "results of {place}: {tries:?}");
                let last = tries.last().expect("there is one");
                assert_eq!((last.ending, last.try_number), (TryEnding::Success, instance.try_number), "last try of {place}");
                for earlier in &tries[..tries.len() - 1] {
                    assert_eq!(earlier.reason, Some(Reason::WorkerLost), "try {} of {place}", earlier.try_number);
                    lost += 1;
                }
                assert_eq!(xcoms, [XComKey::return_value()], "XComs of {place}");
            }
        }
        lost
    }
}
