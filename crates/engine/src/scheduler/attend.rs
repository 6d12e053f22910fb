//! The reconciler of task instances: whatever should have moved by now is looked at, and moved.
//!
//! | recorded as | the queue holds | then |
//! |---|---|---|
//! | `queued` | it, waiting or leased | look again later |
//! | `queued` | nothing | put it there again |
//! | `running` | its lease | look again later; when it is to be cancelled, tell its worker again |
//! | `running` | nothing, or it waits | its worker is lost |
//! | `up_for_retry`, `up_for_reschedule`, `deferred` | - | its time has come: queue it |
//! | `scheduled` | - | release it |

use super::Next;
use crate::pipeline::Change;
use crate::{Engine, EngineError};
use cofferdam_domain::task::{TaskEvent, TaskState};
use cofferdam_ids::TaskInstanceId;
use cofferdam_queue::{Presence, Signal};
use cofferdam_store::execution::{attend, transition};
use std::collections::HashMap;
use std::time::Duration;

impl Engine {
    /// Looks at the instances whose time has come.
    pub(crate) async fn attend(&self) -> Result<Next, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let due = attend::due(&mut tx, now, self.config.batch).await?;
        if due.is_empty() {
            let earliest = attend::earliest(&mut tx).await?;
            tx.commit().await?;
            let pause = earliest.and_then(|at| (at - self.clock.now()).to_std().ok()).unwrap_or(self.config.tick);
            return Ok(Next::In(pause.clamp(Duration::from_millis(1), self.config.tick)));
        }
        tx.commit().await?;
        // Asked before the rows are locked: no transaction waits for the queue. What changes meanwhile is seen by the state machine.
        let presence: HashMap<TaskInstanceId, Presence> = due.iter().copied().zip(self.queue.presence(&due).await?).collect();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let locked = transition::lock(&mut tx, &due).await?;
        let mut changes = Vec::new();
        let mut later = Vec::new();
        let mut cancel = Vec::new();
        for instance in &locked {
            let Some(at) = instance.attend_at else { continue };
            if at > now {
                // Somebody else has looked at it.
                continue;
            }
            let id = instance.instance;
            let held = presence.get(&id).copied().unwrap_or(Presence::Absent);
            match &instance.state {
                TaskState::Queued { .. } => match held {
                    Presence::Absent => changes.push(Change::new(id, TaskEvent::Enqueued)),
                    Presence::Waiting { .. } | Presence::Leased { .. } => later.push(id),
                },
                TaskState::Running { try_number, lease, cancel_requested, .. } => match held {
                    Presence::Leased { .. } => {
                        later.push(id);
                        if *cancel_requested {
                            cancel.push(id);
                        }
                    }
                    Presence::Absent | Presence::Waiting { .. } => {
                        changes.push(Change::new(id, TaskEvent::LeaseExpired { try_number: *try_number, lease: *lease }));
                    }
                },
                TaskState::Restarting { try_number, lease, .. } => match held {
                    Presence::Leased { .. } => {
                        later.push(id);
                        cancel.push(id);
                    }
                    Presence::Absent | Presence::Waiting { .. } => {
                        changes.push(Change::new(id, TaskEvent::LeaseExpired { try_number: *try_number, lease: *lease }));
                    }
                },
                TaskState::UpForRetry { .. } | TaskState::UpForReschedule { .. } | TaskState::Deferred { .. } => {
                    changes.push(Change::new(id, TaskEvent::WakeUp));
                }
                TaskState::Scheduled { .. } => changes.push(Change::new(id, TaskEvent::Release)),
                TaskState::None { .. }
                | TaskState::Success { .. }
                | TaskState::Failed { .. }
                | TaskState::UpstreamFailed { .. }
                | TaskState::Skipped { .. }
                | TaskState::Removed { .. } => {}
            }
        }
        metrics::counter!("cofferdam_reconciled_total").increment(changes.len() as u64);
        attend::postpone(&mut tx, &later, now + self.config.queued_check).await?;
        let followups = self.change(&mut tx, locked, changes, now).await?;
        tx.commit().await?;
        if !cancel.is_empty() {
            self.queue.publish(&Signal::Cancel { instances: cancel }).await?;
        }
        self.dispatch(followups).await;
        Ok(if due.len() as i64 == self.config.batch { Next::Now } else { Next::In(Duration::from_millis(1)) })
    }

    /// Has every queued and running instance looked at now.
    pub(crate) async fn recall_all(&self) -> Result<u64, EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let recalled = attend::recall_all(&mut tx, self.clock.now()).await?;
        tx.commit().await?;
        Ok(recalled)
    }
}
