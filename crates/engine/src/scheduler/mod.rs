//! The scheduler: any number of them, all active. Each loop takes what no other holds; two at once do no harm.
//!
//! Each loop is driven by a signal and by a timer, and runs the same code for both: the signal makes it fast, the timer makes it
//! certain.

mod admit;
mod attend;
mod backfill;
mod beat;
mod deadlines;
mod due;
mod expire;
mod follow;
mod letters;
mod objects;
pub(crate) mod overlap;
mod policy;
mod stop;

use crate::{Engine, EngineError};
use cofferdam_queue::Signal;
use futures::StreamExt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What is left to do after a turn of a loop.
pub(crate) enum Next {
    /// There is more: go on at once.
    Now,
    /// Nothing before this long, unless a signal comes.
    In(Duration),
}

/// Schedules until `shutdown`.
///
/// # Errors
/// When the queue refuses the subscription.
pub async fn run(engine: Arc<Engine>, shutdown: CancellationToken) -> Result<(), EngineError> {
    let wake = Arc::new(Wake::default());
    let mut signals = engine.queue.subscribe().await?;
    let id = uuid::Uuid::now_v7();
    let holder = id.to_string();
    tracing::info!(scheduler.id = %holder, "scheduler started");
    let mut loops = tokio::task::JoinSet::new();
    {
        let (wake, shutdown) = (Arc::clone(&wake), shutdown.clone());
        loops.spawn(async move {
            loop {
                tokio::select! {
                    signal = signals.next() => match signal {
                        Some(Signal::Schedule) => wake.all(),
                        Some(Signal::Enqueued | Signal::Cancel { .. } | Signal::Event { .. }) => {}
                        None => return,
                    },
                    () = shutdown.cancelled() => return,
                }
            }
        });
    }
    loops.spawn(turns("due", Arc::clone(&engine), Arc::clone(&wake.due), shutdown.clone(), |engine| async move {
        engine.start_due_runs().await
    }));
    loops.spawn(turns("admit", Arc::clone(&engine), Arc::clone(&wake.admit), shutdown.clone(), |engine| async move {
        engine.admit_runs().await
    }));
    loops.spawn(turns("backfill", Arc::clone(&engine), Arc::clone(&wake.backfill), shutdown.clone(), |engine| async move {
        engine.step_backfills().await
    }));
    loops.spawn(turns("follow", Arc::clone(&engine), Arc::clone(&wake.follow), shutdown.clone(), |engine| async move {
        engine.follow_up().await
    }));
    loops.spawn(turns("attend", Arc::clone(&engine), Arc::clone(&wake.attend), shutdown.clone(), |engine| async move {
        engine.attend().await
    }));
    loops.spawn(turns("stop", Arc::clone(&engine), Arc::clone(&wake.stop), shutdown.clone(), |engine| async move {
        engine.stop_runs().await
    }));
    loops.spawn(turns("deadlines", Arc::clone(&engine), Arc::clone(&wake.deadlines), shutdown.clone(), |engine| async move {
        engine.settle_deadlines().await
    }));
    loops.spawn(turns("expire", Arc::clone(&engine), Arc::clone(&wake.expire), shutdown.clone(), |engine| async move {
        engine.expire_leases().await
    }));
    loops.spawn(turns("letters", Arc::clone(&engine), Arc::default(), shutdown.clone(), |engine| async move {
        engine.forget_letters().await
    }));
    loops.spawn(turns("beat", Arc::clone(&engine), Arc::default(), shutdown.clone(), move |engine| async move {
        engine.beat(id).await
    }));
    {
        let leader = holder.clone();
        loops.spawn(turns("policy", Arc::clone(&engine), Arc::clone(&wake.policy), shutdown.clone(), move |engine| {
            let leader = leader.clone();
            async move { engine.lead_policy(&leader).await }
        }));
    }
    {
        let (leader, engine, stop) = (holder.clone(), Arc::clone(&engine), shutdown.clone());
        loops.spawn(async move {
            let sweeping = turns("objects", engine, Arc::default(), stop.clone(), move |engine| {
                let leader = leader.clone();
                async move { engine.sweep_objects(&leader).await }
            });
            // Looking through a large store takes long, and can be given up at any point.
            tokio::select! {
                () = sweeping => {}
                () = stop.cancelled() => {}
            }
        });
    }
    while loops.join_next().await.is_some() {}
    if let Err(error) = engine.queue.resign(policy::ROLE, &holder).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "the lead could not be given up; it will run out");
    }
    if let Err(error) = engine.last_beat(id).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "the end of the scheduler was not noted; it will be forgotten");
    }
    tracing::info!(scheduler.id = %holder, "scheduler stopped");
    Ok(())
}

/// Has everything looked at that the queue may have lost: for a queue that starts empty.
///
/// # Errors
/// When the database cannot be reached.
pub async fn rebuild_queue(engine: &Engine) -> Result<u64, EngineError> {
    engine.recall_all().await
}

#[derive(Default)]
struct Wake {
    due: Arc<Notify>,
    admit: Arc<Notify>,
    backfill: Arc<Notify>,
    follow: Arc<Notify>,
    attend: Arc<Notify>,
    expire: Arc<Notify>,
    policy: Arc<Notify>,
    stop: Arc<Notify>,
    deadlines: Arc<Notify>,
}

impl Wake {
    fn all(&self) {
        for notify in [&self.due, &self.admit, &self.backfill, &self.follow, &self.attend, &self.stop] {
            notify.notify_one();
        }
    }
}

/// Runs turns of one loop until `shutdown`. A turn that fails is logged and tried again.
async fn turns<F, Fut>(name: &'static str, engine: Arc<Engine>, wake: Arc<Notify>, shutdown: CancellationToken, turn: F)
where
    F: Fn(Arc<Engine>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Next, EngineError>> + Send,
{
    while !shutdown.is_cancelled() {
        let began = tokio::time::Instant::now();
        let next = turn(Arc::clone(&engine)).await;
        metrics::histogram!("cofferdam_scheduler_loop_seconds", "loop" => name).record(began.elapsed().as_secs_f64());
        let pause = match next {
            Ok(Next::Now) => continue,
            Ok(Next::In(pause)) => pause,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    scheduler.turn = name,
                    "a scheduler loop failed; trying again"
                );
                engine.config.tick
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = wake.notified() => {}
            () = shutdown.cancelled() => return,
        }
    }
}
