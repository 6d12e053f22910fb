use crate::pipeline::Change;
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::task::TaskEvent;
use cofferdam_store::execution::{attend, transition};

impl Engine {
    /// Wakes the tasks of the tenant that wait for an event of this name: they are queued at once, with the try that they
    /// have. Returns how many. An event that nobody waits for is forgotten.
    ///
    /// Many are woken in several transactions; when a later one fails, those before it stay woken, and sending the event
    /// again wakes the rest.
    ///
    /// # Errors
    /// When the caller is no operator, or the database cannot be reached.
    pub async fn send_event(&self, context: &Context, name: &str) -> Result<u64, EngineError> {
        context.require(Role::Operator)?;
        let mut woken = 0;
        let mut after = None;
        loop {
            let now = self.clock.now();
            let mut tx = self.store.begin(context).await?;
            let waiting = attend::deferred(&mut tx, name, after, self.config.batch).await?;
            let Some(last) = waiting.last() else { break };
            after = Some(*last);
            let locked = transition::lock(&mut tx, &waiting).await?;
            let changes: Vec<Change> = locked
                .iter()
                .map(|instance| Change::new(instance.instance, TaskEvent::EventArrived { name: name.to_owned() }))
                .collect();
            let sent = changes.len() as u64;
            let followups = self.change(&mut tx, locked, changes, now).await?;
            tx.commit().await?;
            // Those that were woken by their timeout meanwhile refuse the event.
            woken += sent.saturating_sub(followups.refused.len() as u64);
            self.dispatch(followups).await;
        }
        tracing::info!(event = name, task_instances = woken, "an event was sent");
        Ok(woken)
    }
}
