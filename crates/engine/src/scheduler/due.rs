//! Runs that the clock makes.

use super::Next;
use super::overlap::{Placement, place};
use crate::runs::{Made, facts, task_count};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_ids::RunKey;
use cofferdam_store::execution::due::{self, NextRun};
use cofferdam_store::execution::runs::NewRun;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Due dags taken in one transaction: with ten tasks each, a thousand rows.
const DUE_BATCH: i64 = 100;
/// Transactions in which due dags are taken at once when there are many. At a full hour the tasks of the first runs already compete
/// for the database with the making of the others, which must not be late.
const DUE_AT_ONCE: usize = 6;

/// What came of looking for due dags.
enum Looked {
    /// Nothing is due before this moment, if anything is at all.
    Nothing(Option<DateTime<Utc>>),
    /// So many dags were due.
    Taken(usize),
}

impl Engine {
    /// Makes the runs that are due, with all their instances, and queues their first tasks.
    pub(crate) async fn start_due_runs(&self) -> Result<Next, EngineError> {
        let full = |taken: usize| taken >= usize::try_from(DUE_BATCH).unwrap_or(usize::MAX);
        match self.start_some_due_runs().await? {
            Looked::Nothing(earliest) => {
                let pause = earliest.and_then(|at| (at - self.clock.now()).to_std().ok()).unwrap_or(self.config.tick);
                Ok(Next::In(pause.clamp(Duration::from_millis(1), self.config.tick)))
            }
            Looked::Taken(taken) => {
                if full(taken) {
                    let taken = futures::future::join_all((0..DUE_AT_ONCE).map(|_| self.start_all_due_runs())).await;
                    taken.into_iter().collect::<Result<(), EngineError>>()?;
                }
                Ok(Next::Now)
            }
        }
    }

    /// Takes due dags until there are none.
    async fn start_all_due_runs(&self) -> Result<(), EngineError> {
        while let Looked::Taken(_) = self.start_some_due_runs().await? {}
        Ok(())
    }

    /// Takes due dags, many in one transaction, none that another scheduler holds.
    async fn start_some_due_runs(&self) -> Result<Looked, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let due = due::claim_due(&mut tx, now, DUE_BATCH).await?;
        if due.is_empty() {
            let earliest = due::earliest_due(&mut tx).await?;
            tx.commit().await?;
            return Ok(Looked::Nothing(earliest));
        }
        let plans = self.plans(&mut tx, due.iter().map(|dag| dag.version)).await?;
        let mut new_runs = Vec::with_capacity(due.len());
        let mut made_by = Vec::with_capacity(due.len());
        let mut left_out = Vec::new();
        let mut cancel = Vec::new();
        let mut next_runs = Vec::with_capacity(due.len());
        let mut lag = HashMap::new();
        for dag in &due {
            let plan = &plans[&dag.version];
            let next = plan.next_interval(Some(dag.interval.0), dag.created_at, now);
            next_runs.push((
                dag.dag,
                next.map(|next| NextRun { interval_start: next.start, interval_end: next.end, due_at: plan.due_at(next) }),
            ));
            match place(plan.overlap, dag.unfinished_runs) {
                Placement::Make => {}
                Placement::MakeAndCancel => cancel.push(dag.dag),
                Placement::LeaveOut => {
                    tracing::info!(dag.id = %dag.dag_id, logical_date = %dag.interval.0, "a run is left out: the one before it is not finished");
                    left_out.push((dag.dag, dag.interval.0));
                    continue;
                }
            }
            let new = NewRun {
                run: RunKey::generate(),
                tenant: dag.tenant,
                dag: dag.dag,
                version: dag.version,
                dag_run_id: run_id(RunType::Scheduled, dag.interval.0),
                run_type: RunType::Scheduled,
                admitted: dag.active_runs < dag.max_active_runs,
                logical_date: dag.interval.0,
                interval: dag.interval,
                conf: plan.effective_conf(&Value::Null),
                note: None,
                unfinished: task_count(plan),
                queued_at: now,
                triggered_by: None,
            };
            lag.insert(new.run, now - dag.interval.1);
            made_by.push(dag);
            new_runs.push(new);
        }
        metrics::counter!("cofferdam_scheduled_runs_left_out_total").increment(left_out.len() as u64);
        let cancelled = self.cancel_unfinished(&mut tx, &cancel, now).await?;
        // A run that exists already was made by hand under this name, or before the clock was set back.
        let Made { inserted, followups } = self.insert_runs(&mut tx, &new_runs, &plans, now).await?;
        let states = new_runs
            .iter()
            .filter(|new| inserted.contains(&new.run))
            .map(|new| (new.tenant, new.run, if new.admitted { RunStateName::Running } else { RunStateName::Queued }));
        let states: Vec<_> = states.collect();
        due::set_next_runs(&mut tx, &next_runs).await?;
        due::note_left_out(&mut tx, &left_out).await?;
        tx.commit().await?;
        for run in &inserted {
            if let Some(lag) = lag.get(run).and_then(|lag| lag.to_std().ok()) {
                metrics::histogram!("cofferdam_schedule_lag_seconds").record(lag.as_secs_f64());
            }
        }
        self.keep_run_facts(
            new_runs
                .iter()
                .zip(&made_by)
                .filter(|(new, _)| inserted.contains(&new.run))
                .map(|(new, dag)| Arc::new(facts(new, &dag.dag_id))),
        );
        self.announce_changes(Vec::new(), states);
        self.dispatch(cancelled).await;
        self.dispatch(followups).await;
        Ok(Looked::Taken(due.len()))
    }
}
