//! Backfills, step by step: each makes as many runs as it has room for, until all its intervals had their turn.
//!
//! A step is one transaction: the runs, their instances and what became of their intervals. A scheduler that dies in the middle
//! leaves nothing behind, and another takes the same step.

use super::Next;
use crate::runs::{Made, facts, task_count};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::event::Event;
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_ids::{BackfillId, DagRunId, RunKey};
use cofferdam_store::backfills::{self, DueBackfill};
use cofferdam_store::execution::runs::NewRun;
use std::sync::Arc;

/// Runs made in one transaction.
const STEP: i64 = 50;

impl Engine {
    /// Lets backfills take their next steps.
    pub(crate) async fn step_backfills(&self) -> Result<Next, EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let due = backfills::due(&mut tx, self.config.batch).await?;
        tx.commit().await?;
        let mut more = false;
        for id in due {
            more |= self.step_backfill(id).await?;
        }
        Ok(if more { Next::Now } else { Next::In(self.config.tick) })
    }

    /// Takes one step of a backfill. Returns whether another may follow at once.
    async fn step_backfill(&self, id: BackfillId) -> Result<bool, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let Some(backfill) = backfills::lock(&mut tx, id).await? else { return Ok(false) };
        let wanted = backfill.room.clamp(0, STEP);
        // Also without room: whether there is anything left has to be known.
        let intervals = backfills::next_intervals(&mut tx, id, wanted.max(1)).await?;
        if intervals.is_empty() {
            if !backfill.active {
                backfills::complete(&mut tx, id, now).await?;
                tx.commit().await?;
                tracing::info!(dag.id = %backfill.dag_id, backfill.id = %id, "backfill completed");
                // Screens have read it again when its last run ended, which may have been before this.
                self.announce(backfill.tenant, vec![Event::Dag { dag_id: backfill.dag_id }]);
            }
            return Ok(false);
        }
        if wanted == 0 {
            return Ok(false);
        }
        let plans = self.plans(&mut tx, [backfill.version]).await?;
        let plan = &plans[&backfill.version];
        let dates: Vec<DateTime<Utc>> = intervals.iter().map(|(_, interval)| interval.start).collect();
        let last = backfills::last_states(&mut tx, backfill.tenant, backfill.dag, &dates).await?;
        let mut outcomes = Vec::with_capacity(intervals.len());
        let mut new_runs = Vec::with_capacity(intervals.len());
        for (position, interval) in &intervals {
            if !backfill.reprocess.runs(last.get(&interval.start).copied()) {
                outcomes.push((*position, None));
                continue;
            }
            let new = NewRun {
                run: RunKey::generate(),
                tenant: backfill.tenant,
                dag: backfill.dag,
                version: backfill.version,
                dag_run_id: name(&backfill, interval.start, last.contains_key(&interval.start)),
                run_type: RunType::Backfill,
                admitted: true,
                logical_date: interval.start,
                interval: (interval.start, interval.end),
                conf: plan.effective_conf(&backfill.conf),
                note: None,
                unfinished: task_count(plan),
                queued_at: now,
                triggered_by: backfill.created_by,
            };
            outcomes.push((*position, Some(new.run)));
            new_runs.push(new);
        }
        // A run of that name that is there was made by hand.
        let Made { inserted, followups } = self.insert_runs(&mut tx, &new_runs, &plans, now).await?;
        for (_, run) in &mut outcomes {
            *run = run.filter(|run| inserted.contains(run));
        }
        backfills::note_outcomes(&mut tx, id, &outcomes).await?;
        tx.commit().await?;
        let made = || new_runs.iter().filter(|new| inserted.contains(&new.run));
        self.keep_run_facts(made().map(|new| Arc::new(facts(new, &backfill.dag_id))));
        self.announce_changes(Vec::new(), made().map(|new| (new.tenant, new.run, RunStateName::Running)));
        self.dispatch(followups).await;
        Ok(true)
    }
}

/// The name of a run; one for an interval that has a run already ends with the last part of the backfill's id.
fn name(backfill: &DueBackfill, logical_date: DateTime<Utc>, again: bool) -> DagRunId {
    let plain = run_id(RunType::Backfill, logical_date);
    if !again {
        return plain;
    }
    let id = backfill.id.uuid().simple().to_string();
    DagRunId::new(format!("{plain}__{}", &id[id.len() - 8..])).unwrap_or(plain)
}
