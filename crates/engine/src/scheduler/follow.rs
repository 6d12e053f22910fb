//! Runs that follow from something other than the clock: assets that changed, and runs of other dags that ended.
//!
//! What happened is written in the transaction in which it happened (`store/src/execution/triggers.rs`). Here the runs are made of it,
//! under the lock of the dag, in the transaction that forgets it: so each makes one run, whoever dies in between.

use super::Next;
use super::overlap::{Placement, place};
use crate::runs::{Made, facts, task_count};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::asset::{AssetCondition, AssetUri};
use cofferdam_domain::context::Context;
use cofferdam_domain::plan::DagPlan;
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_domain::schedule::Interval;
use cofferdam_ids::{DagId, DagRunId, RunKey, TenantId};
use cofferdam_store::execution::runs::{self, NewRun};
use cofferdam_store::execution::triggers::{self, AssetEventFacts, Happened, Pending};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Things that happened to one dag and are looked at in one transaction.
const AT_ONCE: i64 = 10_000;

/// A run that is to be made.
struct Cause {
    /// What it is made of.
    pending: Vec<i64>,
    /// The events of assets among that.
    events: Vec<i64>,
    logical_date: DateTime<Utc>,
    interval: Interval,
    conf: Value,
}

impl Engine {
    /// Makes the runs of what has happened.
    pub(crate) async fn follow_up(&self) -> Result<Next, EngineError> {
        let mut tx = self.store.begin_across_tenants("scheduler").await?;
        let dags = triggers::dags_to_look_at(&mut tx, self.config.batch).await?;
        tx.commit().await?;
        for (tenant, dag_id) in dags {
            while self.follow_up_dag(tenant, &dag_id).await? {}
        }
        Ok(Next::In(self.config.tick))
    }

    /// Makes the runs of one dag. Returns whether there may be more of them.
    async fn follow_up_dag(&self, tenant: TenantId, dag_id: &DagId) -> Result<bool, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(&Context::system(tenant, "scheduler")).await?;
        let dag = match runs::lock_dag(&mut tx, dag_id).await {
            Ok(dag) => dag,
            // Deleted meanwhile, with all that was to follow.
            Err(cofferdam_store::StoreError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let pending = triggers::pending(&mut tx, dag.dag, AT_ONCE).await?;
        let plans = self.plans(&mut tx, [dag.version]).await?;
        let plan = &plans[&dag.version];
        let (causes, mut settled) = causes(plan, &pending, now);
        let more = pending.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX) && !causes.is_empty();
        let mut active = dag.active_runs;
        let mut unfinished = dag.unfinished_runs;
        let mut cancelled = None;
        let mut new_runs: Vec<NewRun> = Vec::new();
        let mut events = Vec::new();
        for cause in causes {
            settled.extend(&cause.pending);
            match place(plan.overlap, unfinished) {
                Placement::Make => {}
                Placement::LeaveOut => {
                    tracing::info!(dag.id = %dag_id, "a run is left out: the one before it is not finished");
                    metrics::counter!("cofferdam_scheduled_runs_left_out_total").increment(1);
                    continue;
                }
                // Of several that are due at once, the last is left.
                Placement::MakeAndCancel => {
                    new_runs.clear();
                    events.clear();
                    active = dag.active_runs;
                    if cancelled.is_none() {
                        cancelled = Some(self.cancel_unfinished(&mut tx, &[dag.dag], now).await?);
                    }
                }
            }
            let new = NewRun {
                run: RunKey::generate(),
                tenant,
                dag: dag.dag,
                version: dag.version,
                dag_run_id: name(now, &cause),
                run_type: RunType::Event,
                admitted: !dag.paused && active < dag.max_active_runs,
                logical_date: cause.logical_date,
                interval: (cause.interval.start, cause.interval.end),
                conf: plan.effective_conf(&cause.conf),
                note: None,
                unfinished: task_count(plan),
                queued_at: now,
                triggered_by: None,
            };
            active += i64::from(new.admitted);
            unfinished += 1;
            events.push((new.run, cause.events));
            new_runs.push(new);
        }
        let Made { inserted, followups } = self.insert_runs(&mut tx, &new_runs, &plans, now).await?;
        for (run, events) in events.iter().filter(|(run, events)| inserted.contains(run) && !events.is_empty()) {
            triggers::note_run(&mut tx, tenant, *run, events).await?;
        }
        triggers::forget(&mut tx, &settled).await?;
        tx.commit().await?;
        self.keep_run_facts(new_runs.iter().map(|new| Arc::new(facts(new, dag_id))));
        let state = |new: &NewRun| if new.admitted { RunStateName::Running } else { RunStateName::Queued };
        self.announce_changes(Vec::new(), new_runs.iter().map(|new| (new.tenant, new.run, state(new))));
        if let Some(cancelled) = cancelled {
            self.dispatch(cancelled).await;
        }
        self.dispatch(followups).await;
        Ok(more)
    }
}

/// The runs that follow from what has happened, and what is settled without a run: what no part of the schedule waits for any more.
fn causes(plan: &DagPlan, pending: &[Pending], now: DateTime<Utc>) -> (Vec<Cause>, Vec<i64>) {
    let mut causes = Vec::new();
    let mut settled = Vec::new();
    let conditions: Vec<&AssetCondition> = plan.schedule.iter().flat_map(|schedule| schedule.assets()).collect();
    for (number, condition) in (0_i32..).zip(&conditions) {
        let events: Vec<(i64, &AssetEventFacts)> = pending
            .iter()
            .filter_map(|pending| match &pending.what {
                Happened::Asset { condition, event } if *condition == number => Some((pending.id, event)),
                Happened::Asset { .. } | Happened::Ended(_) => None,
            })
            .collect();
        let changed: BTreeSet<&AssetUri> = events.iter().map(|(_, event)| &event.uri).collect();
        if !condition.holds(&|uri| changed.contains(uri)) {
            continue;
        }
        let first = events.iter().map(|(_, event)| event.at).min().unwrap_or(now);
        let last = events.iter().map(|(_, event)| event.at).max().unwrap_or(now);
        causes.push(Cause {
            pending: events.iter().map(|(id, _)| *id).collect(),
            events: events.iter().map(|(_, event)| event.id).collect(),
            logical_date: last,
            interval: Interval { start: first, end: last },
            conf: json!({ "asset_events": events.iter().map(|(_, event)| told(event)).collect::<Vec<_>>() }),
        });
    }
    for happened in pending {
        match &happened.what {
            Happened::Asset { condition, .. } => {
                if usize::try_from(*condition).is_ok_and(|condition| condition >= conditions.len()) {
                    settled.push(happened.id);
                }
            }
            Happened::Ended(run) => {
                let waits = plan
                    .schedule
                    .iter()
                    .flat_map(|schedule| schedule.dags())
                    .any(|end| end.dag_id == run.dag_id && end.state.holds(run.state));
                if !waits {
                    settled.push(happened.id);
                    continue;
                }
                causes.push(Cause {
                    pending: vec![happened.id],
                    events: Vec::new(),
                    logical_date: run.logical_date,
                    interval: run.interval,
                    conf: json!({ "triggering_run": {
                        "dag_id": run.dag_id,
                        "dag_run_id": run.dag_run_id,
                        "state": run.state.as_str(),
                        "logical_date": run.logical_date,
                        "data_interval_start": run.interval.start,
                        "data_interval_end": run.interval.end,
                    } }),
                });
            }
        }
    }
    (causes, settled)
}

/// An event as a run is told of it.
fn told(event: &AssetEventFacts) -> Value {
    let (dag, run, task, map_index) = match &event.source {
        Some((dag, run, task, map_index)) => (Some(dag), Some(run), Some(task), *map_index),
        None => (None, None, None, -1),
    };
    json!({
        "uri": event.uri,
        "timestamp": event.at,
        "extra": event.extra,
        "source_dag_id": dag,
        "source_run_id": run,
        "source_task_id": task,
        "source_map_index": map_index,
    })
}

/// The name of a run: the moment at which it was made, and the number of what made it, since several may be made at one moment.
fn name(now: DateTime<Utc>, cause: &Cause) -> DagRunId {
    let plain = run_id(RunType::Event, now);
    let number = cause.pending.iter().max().copied().unwrap_or(0);
    DagRunId::new(format!("{plain}__{number}")).unwrap_or(plain)
}
