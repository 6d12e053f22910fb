//! After a commit: what the queue, the workers and the screens have to know.
//!
//! Nothing here can undo the commit, so nothing here is an error to the caller. What is lost on the way, a reconciler finds.

use crate::pipeline::{Change, Changed, Followups};
use crate::{Engine, EngineError};
use cofferdam_domain::event::Event;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskEvent;
use cofferdam_ids::{RunKey, TaskInstanceId, TenantId};
use cofferdam_queue::Signal;
use std::collections::{HashMap, VecDeque};

impl Engine {
    /// Tells the queue first (somebody waits for it), then workers, schedulers and screens; and does what comes of that, such as the
    /// tasks that the engine does itself, until nothing more follows.
    pub(crate) async fn dispatch(&self, followups: Followups) {
        let mut left = VecDeque::from([followups]);
        while let Some(mut followups) = left.pop_front() {
            left.extend(self.enqueue(std::mem::take(&mut followups.enqueue)).await);
            left.extend(self.tell(followups).await);
        }
    }

    /// Tells everybody but the queue what may run now. Returns what comes of it.
    pub(crate) async fn tell(&self, followups: Followups) -> Vec<Followups> {
        let Followups {
            enqueue: _,
            withdraw,
            stop,
            changed,
            closed,
            refused: _,
            abandons,
            produced,
            letters,
            held_up,
            held_up_of,
        } = followups;
        let stopped: Vec<_> = stop.iter().chain(&withdraw).copied().collect();
        if !stopped.is_empty()
            && let Err(error) = self.queue.publish(&Signal::Cancel { instances: stopped }).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "workers could not be told to stop; they will be told again"
            );
        }
        if !withdraw.is_empty()
            && let Err(error) = self.queue.remove(&withdraw).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "withdrawn tries are still in the queue; their results will be refused"
            );
        }
        for changed in &changed {
            metrics::counter!("cofferdam_task_transitions_total", "state" => changed.state.as_str()).increment(1);
        }
        for kind in &letters {
            metrics::counter!("cofferdam_dead_letters_total", "kind" => kind.as_str()).increment(1);
        }
        if !closed.is_empty() || abandons || produced {
            // A finished run makes room for a waiting one.
            self.wake_schedulers();
        }
        let parents: Vec<_> = closed.iter().filter_map(|(tenant, closed)| Some((*tenant, closed.parent?, closed.run))).collect();
        self.announce_changes(
            changed,
            closed.iter().map(|(tenant, run)| {
                let state = if run.succeeded { RunStateName::Success } else { RunStateName::Failed };
                (*tenant, run.run, state)
            }),
        );
        self.forget_runs(closed.iter().map(|(_, run)| run.run));
        let mut more = self.wake_parents(parents).await;
        more.extend(self.look_again(held_up, held_up_of).await);
        more
    }

    /// Lets instances pass their gates that another transaction had locked. Returns what comes of it.
    async fn look_again(&self, held_up: Vec<TaskInstanceId>, tenants: Vec<TenantId>) -> Option<Followups> {
        if held_up.is_empty() {
            return None;
        }
        let changes = held_up.iter().map(|instance| Change::new(*instance, TaskEvent::Release)).collect();
        let looked = async {
            let tx = self.begin_for(tenants).await?;
            self.change_and_commit(tx, held_up, changes).await
        };
        let looked: Result<Followups, EngineError> = looked.await;
        looked
            .inspect_err(|error| {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "instances that are held back could not be looked at again; a reconciler will"
                );
            })
            .ok()
    }

    /// Tells screens which instances and runs changed.
    pub(crate) fn announce_changes(
        &self,
        changed: Vec<Changed>,
        runs: impl IntoIterator<Item = (TenantId, RunKey, RunStateName)>,
    ) {
        let now = self.clock.now();
        let mut events: HashMap<TenantId, Vec<Event>> = HashMap::new();
        for change in changed {
            let Some(facts) = self.kept_run_facts(change.run) else { continue };
            events.entry(change.tenant).or_default().push(Event::TaskInstance {
                dag_id: facts.dag_id.clone(),
                dag_run_id: facts.dag_run_id.clone(),
                task_id: change.task_id,
                map_index: change.map_index,
                state: change.state,
                reason: change.reason,
                try_number: change.try_number,
                at: now,
            });
        }
        for (tenant, run, state) in runs {
            let Some(facts) = self.kept_run_facts(run) else { continue };
            events.entry(tenant).or_default().push(Event::DagRun {
                dag_id: facts.dag_id.clone(),
                dag_run_id: facts.dag_run_id.clone(),
                state,
            });
        }
        for (tenant, events) in events {
            self.announce(tenant, events);
        }
    }
}
