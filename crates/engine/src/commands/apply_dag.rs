use super::compile_dag::{Compiled, VersionChanges, changes, compile};
use super::standalone::{self, Standalone};
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role, RoleTooLow};
use cofferdam_domain::definition::{Diagnostic, ScheduleDefinition};
use cofferdam_domain::event::Event;
use cofferdam_domain::plan::DagPlan;
use cofferdam_ids::DagId;
use cofferdam_store::bundles::Origin;
use cofferdam_store::execution::apply::{self, CurrentVersion, NewVersion};
use cofferdam_store::execution::due::NextRun;
use cofferdam_store::execution::triggers::{self, Links};
use cofferdam_store::{StoreError, Tx};
use serde_json::Value;

/// How a dag is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyOptions {
    /// Compile and compare, but store nothing.
    pub dry_run: bool,
    /// Makes or changes a task by itself, not a dag: see [`Engine::put_task`].
    pub standalone: Option<Standalone>,
}

/// What applying did, or would do.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The dag.
    pub dag_id: DagId,
    /// The number of its current version.
    pub version_number: i32,
    /// Whether the dag is new.
    pub created: bool,
    /// Whether a version was made; applying the same again makes none.
    pub changed: bool,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What differs from the version before; nothing when nothing changed.
    pub changes: VersionChanges,
}

/// Why a dag was not applied. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The definition has mistakes.
    #[error("the definition has {} mistakes", .0.len())]
    Invalid(Vec<Diagnostic>),
    /// Anything else.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<RoleTooLow> for ApplyError {
    fn from(error: RoleTooLow) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Compiles a definition and makes it the current version of its dag. Runs that exist stay on the version they started with.
    ///
    /// # Errors
    /// [`ApplyError::Invalid`] with every mistake found, each with its place; or when the caller is no editor.
    pub async fn apply_dag(&self, context: &Context, definition: Value, options: ApplyOptions) -> Result<Applied, ApplyError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        let applied = self.apply_in(&mut tx, definition, options, None).await?;
        if applied.changed && !options.dry_run {
            tx.commit().await?;
            self.tell_applied(context, &applied);
        }
        Ok(applied)
    }

    /// Tells what was applied, after the commit.
    pub(super) fn tell_applied(&self, context: &Context, applied: &Applied) {
        self.wake_schedulers();
        self.announce(context.tenant, vec![Event::Dag { dag_id: applied.dag_id.clone() }]);
        tracing::info!(dag.id = %applied.dag_id, dag.version = applied.version_number, "dag applied");
    }

    /// Does the same in a transaction that somebody else commits.
    pub(super) async fn apply_in(
        &self,
        tx: &mut Tx<'_>,
        definition: Value,
        options: ApplyOptions,
        origin: Option<Origin>,
    ) -> Result<Applied, ApplyError> {
        let now = self.clock.now();
        let user = tx.context().user();
        let Compiled { plan, diagnostics, .. } = compile(tx, &definition).await?;
        let Some(plan) = plan else { return Err(ApplyError::Invalid(diagnostics)) };
        let stored_plan = plan.to_json();
        let content_hash = cofferdam_objects::digest_of(format!("{definition}\n{stored_plan}").as_bytes()).to_string();
        let current = apply::lock_current(tx, &plan.dag_id).await?;
        standalone::check(&plan.dag_id, current.as_ref(), options.standalone)?;
        if options.standalone.is_some() {
            standalone::check_dependencies(tx, &plan).await?;
        }
        if let Some(current) = &current
            && current.content_hash == content_hash
        {
            let version_number = current.version_number;
            let changes = VersionChanges { version_number: u32::try_from(version_number).ok(), ..VersionChanges::default() };
            return Ok(Applied { dag_id: plan.dag_id, version_number, created: false, changed: false, diagnostics, changes });
        }
        // Read before anything is written: what differs from the version that holds now.
        let changes = changes(tx, &plan.dag_id, &definition, Some(&plan)).await?;
        if options.dry_run {
            let version_number = current.as_ref().map_or(1, |current| current.version_number + 1);
            let created = current.is_none();
            return Ok(Applied { dag_id: plan.dag_id, version_number, created, changed: true, diagnostics, changes });
        }
        let new = NewVersion {
            dag_id: plan.dag_id.clone(),
            definition,
            plan: stored_plan,
            content_hash,
            description: plan.description.clone(),
            tags: plan.tags.clone(),
            owners: plan.owners.clone(),
            schedule: plan.schedule.as_ref().map(ToString::to_string),
            timezone: plan.timezone.clone(),
            max_active_runs: i32::try_from(plan.runs_at_once()).unwrap_or(i32::MAX),
            next: self.next_run(&plan, current.as_ref()),
            origin,
            standalone: options.standalone.is_some(),
        };
        let stored = apply::put_version(tx, current.as_ref(), &new, user, now).await?;
        triggers::link(tx, stored.dag, &links(&plan), now).await?;
        Ok(Applied {
            dag_id: plan.dag_id,
            version_number: stored.version_number,
            created: stored.created,
            changed: true,
            diagnostics,
            changes,
        })
    }

    /// When a dag with this plan runs next, seen from now.
    pub(crate) fn next_run(&self, plan: &DagPlan, current: Option<&CurrentVersion>) -> Option<NextRun> {
        let now = self.clock.now();
        let created_at = current.map_or(now, |current| current.created_at);
        let interval = plan.next_interval(current.and_then(|current| current.last_scheduled), created_at, now)?;
        Some(NextRun { interval_start: interval.start, interval_end: interval.end, due_at: plan.due_at(interval) })
    }
}

/// What a dag has to do with assets and other dags.
fn links(plan: &DagPlan) -> Links {
    let produces =
        plan.tasks.iter().flat_map(|task| task.produces.iter().map(|produced| (task.task_id.clone(), produced.asset.clone())));
    let conditions = plan.schedule.iter().flat_map(ScheduleDefinition::assets);
    let consumes = (0_i32..)
        .zip(conditions)
        .flat_map(|(number, condition)| condition.uris().into_iter().map(move |uri| (number, uri.clone())));
    let follows = plan.schedule.iter().flat_map(ScheduleDefinition::dags).map(|end| (end.dag_id.clone(), end.state.as_str()));
    Links { produces: produces.collect(), consumes: consumes.collect(), follows: follows.collect() }
}
