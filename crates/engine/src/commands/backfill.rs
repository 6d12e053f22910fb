use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::backfill::{self, BackfillError, BackfillState, DEFAULT_ACTIVE_RUNS, Forecast, MAX_ACTIVE_RUNS, Reprocess};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::schedule::Interval;
use cofferdam_ids::{BackfillId, DagId};
use cofferdam_store::StoreError;
use cofferdam_store::backfills::{self, NewBackfill};
use cofferdam_store::execution::runs;
use serde_json::Value;
use std::borrow::Cow;

/// What is to be run again.
#[derive(Clone, Debug)]
pub struct BackfillRequest {
    /// The dag.
    pub dag_id: DagId,
    /// Intervals that begin here or later,
    pub from: DateTime<Utc>,
    /// and here or earlier.
    pub to: DateTime<Utc>,
    /// Whether the latest is run first.
    pub backwards: bool,
    /// Which intervals are run that have a run.
    pub reprocess: Reprocess,
    /// Runs at once; 10 when not given.
    pub max_active_runs: Option<u32>,
    /// What each run is triggered with: a JSON object, or null.
    pub conf: Value,
}

/// What a backfill does, in its order.
#[derive(Clone, Debug)]
pub struct BackfillPlan {
    /// Each interval, with the state of its last run; and whether it is run as things stand.
    pub intervals: Vec<(Interval, Option<RunStateName>, bool)>,
    /// Runs at once.
    pub max_active_runs: u32,
    /// What that likely costs; nothing when no run of the dag has succeeded yet.
    pub forecast: Option<Forecast>,
}

impl Engine {
    /// Tells what a backfill would do.
    ///
    /// # Errors
    /// When there is no such dag, it has no such intervals, or the caller is no operator.
    pub async fn plan_backfill(&self, context: &Context, request: &BackfillRequest) -> Result<BackfillPlan, EngineError> {
        let mut tx = self.store.begin(context).await?;
        self.backfill_plan(context, &mut tx, request).await.map(|(_, plan)| plan)
    }

    async fn backfill_plan(
        &self,
        context: &Context,
        tx: &mut cofferdam_store::Tx<'_>,
        request: &BackfillRequest,
    ) -> Result<(runs::LockedDag, BackfillPlan), EngineError> {
        context.require(Role::Operator)?;
        if !matches!(request.conf, Value::Null | Value::Object(_)) {
            return Err(EngineError::Invalid {
                pointer: "/dag_run_conf".into(),
                message: "'dag_run_conf' must be an object".to_owned(),
            });
        }
        let max_active_runs = request.max_active_runs.unwrap_or(DEFAULT_ACTIVE_RUNS);
        if !(1..=MAX_ACTIVE_RUNS).contains(&max_active_runs) {
            let message = format!("'max_active_runs' must be from 1 to {MAX_ACTIVE_RUNS}, not {max_active_runs}");
            return Err(EngineError::Invalid { pointer: "/max_active_runs".into(), message });
        }
        let dag = runs::lock_dag(tx, &request.dag_id).await?;
        let plans = self.plans(tx, [dag.version]).await?;
        let plan = &plans[&dag.version];
        super::trigger::fits(plan, &plan.effective_conf(&request.conf), "/dag_run_conf")?;
        let schedule = plan.schedule();
        let mut intervals =
            backfill::intervals(&schedule, request.from, request.to, self.clock.now()).map_err(|error| EngineError::Invalid {
                pointer: Cow::Borrowed(match error {
                    BackfillError::NoTimes => "/dag_id",
                    BackfillError::Dates => "/to_date",
                    BackfillError::Nothing | BackfillError::TooMany => "/from_date",
                }),
                message: error.to_string(),
            })?;
        if request.backwards {
            intervals.reverse();
        }
        let dates: Vec<DateTime<Utc>> = intervals.iter().map(|interval| interval.start).collect();
        let last = backfills::last_states(tx, context.tenant, dag.dag, &dates).await?;
        let intervals: Vec<_> = intervals
            .into_iter()
            .map(|interval| {
                let state = last.get(&interval.start).copied();
                (interval, state, request.reprocess.runs(state))
            })
            .collect();
        let runs = intervals.iter().filter(|(_, _, runs)| *runs).count();
        let forecast = backfills::past_runs(tx, dag.dag).await?.forecast(runs, max_active_runs);
        Ok((dag, BackfillPlan { intervals, max_active_runs, forecast }))
    }

    /// Makes a backfill; the schedulers make its runs.
    ///
    /// # Errors
    /// As [`Engine::plan_backfill`].
    pub async fn create_backfill(&self, context: &Context, request: &BackfillRequest) -> Result<BackfillId, EngineError> {
        let mut tx = self.store.begin(context).await?;
        let (dag, plan) = self.backfill_plan(context, &mut tx, request).await?;
        let new = NewBackfill {
            id: BackfillId::generate(),
            dag: dag.dag,
            from: request.from,
            to: request.to,
            backwards: request.backwards,
            reprocess: request.reprocess,
            max_active_runs: plan.max_active_runs,
            conf: if request.conf.is_null() { serde_json::json!({}) } else { request.conf.clone() },
            intervals: plan.intervals.into_iter().map(|(interval, _, _)| interval).collect(),
            created_by: context.user(),
        };
        backfills::create(&mut tx, &new, self.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(dag.id = %request.dag_id, backfill.id = %new.id, intervals = new.intervals.len(), "backfill made");
        self.wake_schedulers();
        Ok(new.id)
    }

    /// Stops a backfill from making runs, or lets it go on. Those that it made go on in any case.
    ///
    /// # Errors
    /// When there is no such backfill, it has ended, or the caller is no operator.
    pub async fn pause_backfill(&self, context: &Context, id: BackfillId, paused: bool) -> Result<(), EngineError> {
        context.require(Role::Operator)?;
        let to = if paused { BackfillState::Paused } else { BackfillState::Running };
        let mut tx = self.store.begin(context).await?;
        if !backfills::set_state(&mut tx, id, &[BackfillState::Running, BackfillState::Paused], to, self.clock.now()).await? {
            return Err(not_going_on(&mut tx, id).await);
        }
        tx.commit().await?;
        self.wake_schedulers();
        Ok(())
    }

    /// Ends a backfill and cancels those of its runs that are not finished.
    ///
    /// # Errors
    /// When there is no such backfill, it has ended, or the caller is no operator.
    pub async fn cancel_backfill(&self, context: &Context, id: BackfillId) -> Result<(), EngineError> {
        context.require(Role::Operator)?;
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        // The row stays locked, so no scheduler makes another run meanwhile.
        let going_on = [BackfillState::Running, BackfillState::Paused];
        if !backfills::set_state(&mut tx, id, &going_on, BackfillState::Cancelled, now).await? {
            return Err(not_going_on(&mut tx, id).await);
        }
        let unfinished = backfills::unfinished_runs(&mut tx, id).await?;
        let followups = self.cancel_runs(&mut tx, &unfinished, now).await?;
        tx.commit().await?;
        self.dispatch(followups).await;
        Ok(())
    }
}

/// Why a backfill cannot be paused, resumed or cancelled.
async fn not_going_on(tx: &mut cofferdam_store::Tx<'_>, id: BackfillId) -> EngineError {
    match backfills::get(tx, id).await {
        Ok(backfill) => StoreError::conflict(format!("the backfill is {}", backfill.state.as_str())).into(),
        Err(error) => error.into(),
    }
}
