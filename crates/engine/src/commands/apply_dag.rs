use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role, RoleTooLow};
use cofferdam_domain::definition::{self, ComponentRef, ComponentVersion, DagDefinition, Diagnostic, DiagnosticCode};
use cofferdam_domain::event::Event;
use cofferdam_domain::job::Entry;
use cofferdam_domain::plan::{Component, DagPlan, ResolveError};
use cofferdam_ids::DagId;
use cofferdam_store::components::{self, VersionRef};
use cofferdam_store::execution::apply::{self, CurrentVersion, NewVersion};
use cofferdam_store::execution::due::NextRun;
use cofferdam_store::{StoreError, Tx};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a dag is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyOptions {
    /// Compile and compare, but store nothing.
    pub dry_run: bool,
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
        let parsed = definition::parse(definition.clone()).map_err(ApplyError::Invalid)?;
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let resolved = resolve(&mut tx, &parsed).await?;
        let plan =
            DagPlan::compile(&parsed, |component| resolved.get(component).cloned().unwrap_or_else(|| Err(unknown(component))))
                .map_err(ApplyError::Invalid)?;
        let diagnostics: Vec<Diagnostic> =
            definition::validate(&parsed).into_iter().filter(|diagnostic| !diagnostic.is_error()).collect();
        let stored_plan = plan.to_json();
        let content_hash = cofferdam_objects::digest_of(format!("{definition}\n{stored_plan}").as_bytes()).to_string();
        let current = apply::lock_current(&mut tx, &plan.dag_id).await?;
        if let Some(current) = &current
            && current.content_hash == content_hash
        {
            let version_number = current.version_number;
            return Ok(Applied { dag_id: plan.dag_id, version_number, created: false, changed: false, diagnostics });
        }
        if options.dry_run {
            let version_number = current.as_ref().map_or(1, |current| current.version_number + 1);
            return Ok(Applied { dag_id: plan.dag_id, version_number, created: current.is_none(), changed: true, diagnostics });
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
        };
        let stored = apply::put_version(&mut tx, current.as_ref(), &new, context.user(), now).await?;
        tx.commit().await?;
        self.wake_schedulers();
        self.announce(context.tenant, vec![Event::Dag { dag_id: plan.dag_id.clone() }]);
        tracing::info!(dag.id = %plan.dag_id, dag.version = stored.version_number, "dag applied");
        Ok(Applied {
            dag_id: plan.dag_id,
            version_number: stored.version_number,
            created: stored.created,
            changed: true,
            diagnostics,
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

/// Finds the components that a definition names, each once.
async fn resolve(
    tx: &mut Tx<'_>,
    dag: &DagDefinition,
) -> Result<BTreeMap<ComponentRef, Result<Component, ResolveError>>, StoreError> {
    let mut resolved = BTreeMap::new();
    for component in &dag.components() {
        let selector = match &component.version {
            ComponentVersion::Latest => VersionRef::Latest,
            ComponentVersion::Label(label) => VersionRef::Label(label.clone()),
            ComponentVersion::Digest(digest) => VersionRef::Digest(digest.clone()),
        };
        let found = match components::get(tx, &component.name, &selector).await {
            Ok(version) if version.approved_at.is_none() => Err(not_approved(component, &version)),
            Ok(version) => usable(component, version),
            Err(StoreError::NotFound { .. }) => Err(unknown(component)),
            Err(error) => return Err(error),
        };
        resolved.insert(component.clone(), found);
    }
    Ok(resolved)
}

/// A component as the plan needs it.
fn usable(name: &ComponentRef, version: components::ComponentVersion) -> Result<Component, ResolveError> {
    let entry = match version.kind.as_str() {
        "task" => Some(Entry::Task),
        "command" => Some(Entry::Command { args: Vec::new(), env: Vec::new() }),
        _ => None,
    };
    let functions = version.inspection.get("functions").cloned().map_or_else(|| Ok(Vec::new()), serde_json::from_value);
    let functions = functions.map_err(|_| ResolveError {
        code: DiagnosticCode::UnknownComponent,
        message: format!("what is known of the functions of the component '{name}' cannot be read"),
        help: Some("upload it again".to_owned()),
    })?;
    Ok(Component { digest: version.digest, entry, functions })
}

/// A version that asks for more than the one before it is used by nobody until an administrator has agreed.
fn not_approved(component: &ComponentRef, version: &components::ComponentVersion) -> ResolveError {
    let command = format!("cofferdam component approve {} --digest {}", version.name, version.digest);
    ResolveError {
        code: DiagnosticCode::NeedsApproval,
        message: format!(
            "the component '{component}' asks for more than the approved version before it ({}) and has not been approved",
            version.asks_more.join(", ")
        ),
        help: Some(format!("have an administrator run `{command}`, or name the component without a version")),
    }
}

fn unknown(component: &ComponentRef) -> ResolveError {
    ResolveError {
        code: DiagnosticCode::UnknownComponent,
        message: format!("the component '{component}' does not exist"),
        help: Some(format!("upload it first: cofferdam component push FILE --name {}", component.name)),
    }
}
