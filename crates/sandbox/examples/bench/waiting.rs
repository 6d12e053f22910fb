//! Tasks that wait in the host: for an XCom that comes when the bench says so.

use async_trait::async_trait;
use cofferdam_ids::{TaskId, XComKey};
use cofferdam_sandbox::{Host, HostError, LogLine, Program, Runtime, TryReport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The host of all waiting tasks.
struct Room {
    /// A permit for each task that asked.
    arrived: Semaphore,
    answer: CancellationToken,
}

#[async_trait]
impl Host for Room {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        self.arrived.add_permits(1);
        self.answer.cancelled().await;
        Ok(None)
    }

    fn log(&self, _: LogLine) {}

    fn progress(&self, _: f64, _: &str) {}
}

/// KiB for each waiting task.
pub struct Kib {
    /// Memory that is resident, whether shared or not.
    pub resident: f64,
    /// What the task has for itself.
    pub own: f64,
}

/// Lets so many tasks wait at once in a runtime that has run nothing yet, and compares the memory of this process with what it took
/// when the first of them waited.
pub async fn measure(runtime: &Runtime, program: &Program, input: &str, tasks: u32) -> Kib {
    let room = Arc::new(Room { arrived: Semaphore::new(0), answer: CancellationToken::new() });
    let mut running = vec![start(runtime, program, input, &room)];
    arrive(&room, 1, &mut running).await;
    let memory = || (super::memory::kib("VmRSS"), super::memory::kib("RssAnon"));
    let before = memory();
    running.extend((0..tasks).map(|_| start(runtime, program, input, &room)));
    arrive(&room, tasks, &mut running).await;
    let after = memory();
    room.answer.cancel();
    for task in running {
        super::bench::expect_success(&task.await.expect("a report"));
    }
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / f64::from(tasks);
    Kib { resident: each(before.0, after.0), own: each(before.1, after.1) }
}

fn start(runtime: &Runtime, program: &Program, input: &str, room: &Arc<Room>) -> JoinHandle<TryReport> {
    let (runtime, program, host) = (runtime.clone(), program.clone(), room.clone());
    let request = super::bench::request(super::Entry::Task, input.to_owned());
    tokio::spawn(async move { runtime.run(&program, request, host, CancellationToken::new()).await })
}

/// Waits until so many more tasks wait.
async fn arrive(room: &Room, tasks: u32, running: &mut [JoinHandle<TryReport>]) {
    loop {
        let arrived = room.arrived.acquire_many(tasks);
        if let Ok(arrived) = tokio::time::timeout(Duration::from_secs(1), arrived).await {
            return arrived.expect("the semaphore is open").forget();
        }
        if let Some(ended) = running.iter_mut().find(|task| task.is_finished()) {
            panic!("a task ended without waiting: {:?}", ended.await.expect("a report").ending);
        }
    }
}
