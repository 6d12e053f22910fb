//! Runs that wait for their turn.

use super::Next;
use crate::pipeline::Change;
use crate::{Engine, EngineError};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskEvent;
use cofferdam_domain::trigger_rule::Verdict;
use cofferdam_store::execution::{runs, transition};

impl Engine {
    /// Lets waiting runs start, as many as their dags have room for.
    pub(crate) async fn admit_runs(&self) -> Result<Next, EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let dags = runs::dags_with_waiting_runs(&mut tx, self.config.batch).await?;
        tx.commit().await?;
        for dag in dags {
            let now = self.clock.now();
            let mut tx = self.store.begin_across_tenants("scheduler").await?;
            let admitted = runs::admit(&mut tx, dag, now).await?;
            let locked = transition::lock_unfinished(&mut tx, &admitted).await?;
            let plans = self.plans(&mut tx, locked.iter().map(|instance| instance.version)).await?;
            let mut changes = Vec::new();
            let mut ask = Vec::new();
            for instance in &locked {
                let task = crate::pipeline::planned(&plans, instance)?;
                if !plans[&instance.version].waits_for_no_list(task) {
                    ask.push(instance.instance);
                } else if task.verdict(&instance.upstream) == Verdict::Ready {
                    changes.push(Change::new(instance.instance, TaskEvent::UpstreamsDone(Verdict::Ready)));
                }
            }
            let tenants: Vec<_> = admitted
                .iter()
                .filter_map(|run| {
                    Some((locked.iter().find(|instance| instance.run == *run)?.tenant, *run, RunStateName::Running))
                })
                .collect();
            let followups = self.change_and_ask(&mut tx, locked, changes, ask, now).await?;
            tx.commit().await?;
            self.announce_changes(Vec::new(), tenants);
            self.dispatch(followups).await;
        }
        Ok(Next::In(self.config.tick))
    }
}
