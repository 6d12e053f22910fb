//! Compiling a definition: what applying it would find and change.

use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::definition::{
    self, Changes, ComponentRef, ComponentVersion, DagDefinition, Diagnostic, DiagnosticCode, Surroundings, VersionRange,
};
use cofferdam_domain::job::Entry;
use cofferdam_domain::plan::{Component, DagPlan, ResolveError};
use cofferdam_ids::{ComponentName, DagId, Digest, TaskId};
use cofferdam_store::components::{self, VersionRef};
use cofferdam_store::{StoreError, Tx, dags, surroundings, tenants};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The interface by which a component asks for the run's `conf`.
const CONTEXT: &str = "cofferdam:task/context";
/// Dags that are looked at when a component gets a new version.
const MAX_FOLLOWERS: u32 = 500;
/// Versions of a component that a message names.
const MAX_NAMED: usize = 10;

/// What compiling a definition found.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// What is wrong, or looks wrong, the errors first.
    pub diagnostics: Vec<Diagnostic>,
    /// What the definition is compiled to, when nothing is wrong.
    pub plan: Option<DagPlan>,
    /// What differs from the dag's current version, when the definition can be compared with it.
    pub changes: Option<VersionChanges>,
}

/// What differs between the current version of a dag and a definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VersionChanges {
    /// The number of the current version; none when there is no such dag.
    pub version_number: Option<u32>,
    /// What differs in what is written.
    pub written: Changes,
    /// Edges that are new: upstream and downstream task.
    pub added_edges: Vec<(TaskId, TaskId)>,
    /// Edges that are gone.
    pub removed_edges: Vec<(TaskId, TaskId)>,
    /// Tasks whose component is another version now, although both definitions name it alike.
    pub repinned: Vec<Repinned>,
}

/// A task whose component is another version now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repinned {
    /// The task.
    pub task_id: TaskId,
    /// The version of its component in the current version of the dag.
    pub before: Digest,
    /// The version that it would have.
    pub after: Digest,
}

/// A dag that would not be right any more with another version of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The dag.
    pub dag_id: DagId,
    /// What would be wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// What another version of a component does to the dags that name it without a version, or with a range that it is in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// Dags that would get the version when they are applied next.
    pub followers: Vec<DagId>,
    /// Those of them that would be refused then.
    pub broken: Vec<Broken>,
}

impl Engine {
    /// Compiles a definition and stores nothing.
    ///
    /// # Errors
    /// When the caller is no editor, or the database cannot be reached. What is wrong with the definition is no error.
    pub async fn compile_dag(&self, context: &Context, definition: &Value) -> Result<Compiled, EngineError> {
        context.require(Role::Editor)?;
        let mut tx = self.store.begin(context).await?;
        let mut compiled = compile(&mut tx, definition).await?;
        let named = definition.get("dag_id").and_then(Value::as_str).and_then(|name| DagId::new(name).ok());
        if let Some(dag_id) = named {
            compiled.changes = Some(changes(&mut tx, &dag_id, definition, compiled.plan.as_ref()).await?);
        }
        tx.rollback().await?;
        Ok(compiled)
    }

    /// What a version of a component does to the dags that name the component without a version, or with a range of which it is
    /// the highest: the version that they were applied with is compared with this one.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn impact(
        &self,
        context: &Context,
        name: &ComponentName,
        version: &components::ComponentVersion,
    ) -> Result<Impact, EngineError> {
        let mut tx = self.store.begin(context).await?;
        let versions = components::versions(&mut tx, name).await?;
        let mut impact = Impact::default();
        for follower in surroundings::dags_that_follow(&mut tx, name, MAX_FOLLOWERS).await? {
            let (Ok(dag), Ok(plan)) = (definition::parse(follower.definition), DagPlan::from_json(follower.plan)) else {
                continue;
            };
            let named = dag.components().into_iter().filter(|component| component.name == *name);
            let following: Vec<_> = named.filter(|component| follows(component, version, &versions)).collect();
            if following.is_empty() {
                continue;
            }
            impact.followers.push(follower.dag_id.clone());
            let mut resolved = resolve(&mut tx, &dag).await?;
            for component in &following {
                resolved.insert(component.clone(), usable(component, version.clone()));
            }
            let after = errors(&dag, &resolved);
            if after.is_empty() {
                continue;
            }
            for component in &following {
                let pinned = plan
                    .tasks
                    .iter()
                    .chain(&plan.callbacks)
                    .filter_map(|task| task.work.component())
                    .find(|work| work.component == *component)
                    .and_then(|work| versions.iter().find(|known| known.digest == work.digest));
                let before = pinned.map_or_else(|| Err(unknown(component)), |before| usable(component, before.clone()));
                resolved.insert(component.clone(), before);
            }
            let before = errors(&dag, &resolved);
            let diagnostics: Vec<_> = after.into_iter().filter(|problem| !before.contains(problem)).collect();
            if !diagnostics.is_empty() {
                impact.broken.push(Broken { dag_id: follower.dag_id, diagnostics });
            }
        }
        tx.rollback().await?;
        Ok(impact)
    }
}

type Resolved = BTreeMap<ComponentRef, Result<Component, ResolveError>>;

fn errors(dag: &DagDefinition, resolved: &Resolved) -> Vec<Diagnostic> {
    let found = DagPlan::compile(dag, |component| lookup(resolved, component));
    found.err().unwrap_or_default().into_iter().filter(Diagnostic::is_error).collect()
}

fn lookup(resolved: &Resolved, component: &ComponentRef) -> Result<Component, ResolveError> {
    resolved.get(component).cloned().unwrap_or_else(|| Err(unknown(component)))
}

/// Compiles a definition in its tenant.
pub(super) async fn compile(tx: &mut Tx<'_>, definition: &Value) -> Result<Compiled, StoreError> {
    let parsed = match definition::parse(definition.clone()) {
        Ok(parsed) => parsed,
        Err(diagnostics) => return Ok(Compiled { diagnostics, ..Compiled::default() }),
    };
    let mut without_conf = BTreeSet::new();
    let resolved = resolve_noting(tx, &parsed, &mut without_conf).await?;
    let mut diagnostics = Vec::new();
    let plan = match DagPlan::compile_noting(&parsed, |component| lookup(&resolved, component), &mut diagnostics) {
        Ok(plan) => Some(plan),
        Err(found) => {
            diagnostics = found;
            None
        }
    };
    diagnostics.extend(definition::check_surroundings(&parsed, &around(tx, &parsed, without_conf).await?));
    // Stable: what stands first in the definition stays first.
    diagnostics.sort_by_key(|problem| !problem.is_error());
    let plan = plan.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Ok(Compiled { diagnostics, plan, changes: None })
}

async fn around(tx: &mut Tx<'_>, dag: &DagDefinition, without_conf: BTreeSet<ComponentRef>) -> Result<Surroundings, StoreError> {
    let grants = dag.grants();
    let variables = grants.iter().any(|grant| !grant.variables.is_empty());
    let connections = grants.iter().any(|grant| !grant.connections.is_empty());
    let names = surroundings::names(tx, variables, connections).await?;
    let tenant = tenants::get(tx).await?;
    Ok(Surroundings {
        pools: names.pools,
        variables: names.variables,
        connections: names.connections,
        limits: tenant.limits,
        private_targets: tenant.private_targets,
        without_conf,
    })
}

/// What differs from the current version.
pub(super) async fn changes(
    tx: &mut Tx<'_>,
    dag_id: &DagId,
    definition: &Value,
    plan: Option<&DagPlan>,
) -> Result<VersionChanges, StoreError> {
    let current = match dags::get_version(tx, dag_id, None).await {
        Ok(current) => current,
        Err(StoreError::NotFound { .. }) => {
            let written = Changes::between(&Value::Null, definition);
            return Ok(VersionChanges { written, ..VersionChanges::default() });
        }
        Err(error) => return Err(error),
    };
    Ok(difference(Some(current.version_number), (&current.definition, current.plan), definition, plan))
}

/// What differs between two versions; edges and components only where both are compiled.
fn difference(
    version_number: Option<u32>,
    (before, plan_before): (&Value, Value),
    after: &Value,
    plan_after: Option<&DagPlan>,
) -> VersionChanges {
    let mut changes = VersionChanges { version_number, written: Changes::between(before, after), ..VersionChanges::default() };
    let (Ok(before), Some(after)) = (DagPlan::from_json(plan_before), plan_after) else { return changes };
    let edges = |plan: &DagPlan| -> BTreeSet<(TaskId, TaskId)> {
        let of = |task: &cofferdam_domain::plan::TaskPlan| {
            let upstream = task.upstream.iter().filter_map(|index| plan.task(*index));
            upstream.map(|upstream| (upstream.task_id.clone(), task.task_id.clone())).collect::<Vec<_>>()
        };
        plan.tasks.iter().flat_map(of).collect()
    };
    let (old, new) = (edges(&before), edges(after));
    changes.added_edges = new.difference(&old).cloned().collect();
    changes.removed_edges = old.difference(&new).cloned().collect();
    for task in &after.tasks {
        let old = before.task_named(&task.task_id).and_then(|old| old.work.component());
        if let (Some(old), Some(new)) = (old, task.work.component())
            && old.component == new.component
            && old.digest != new.digest
        {
            let (task_id, before, after) = (task.task_id.clone(), old.digest.clone(), new.digest.clone());
            changes.repinned.push(Repinned { task_id, before, after });
        }
    }
    changes
}

/// Finds the components that a definition names, each once.
async fn resolve(tx: &mut Tx<'_>, dag: &DagDefinition) -> Result<Resolved, StoreError> {
    resolve_noting(tx, dag, &mut BTreeSet::new()).await
}

/// The same; notes those that cannot ask for the run's `conf`.
async fn resolve_noting(
    tx: &mut Tx<'_>,
    dag: &DagDefinition,
    without_conf: &mut BTreeSet<ComponentRef>,
) -> Result<Resolved, StoreError> {
    let mut resolved = BTreeMap::new();
    for component in &dag.components() {
        let found = match find(tx, component).await? {
            Ok(version) if version.approved_at.is_none() => Err(not_approved(component, &version)),
            Ok(version) => {
                if !asks_for_conf(&version) {
                    without_conf.insert(component.clone());
                }
                usable(component, version)
            }
            Err(missing) => Err(missing),
        };
        resolved.insert(component.clone(), found);
    }
    Ok(resolved)
}

/// The version of a component that is meant; or else why there is none.
async fn find(
    tx: &mut Tx<'_>,
    component: &ComponentRef,
) -> Result<Result<components::ComponentVersion, ResolveError>, StoreError> {
    let selector = match &component.version {
        ComponentVersion::Latest => VersionRef::Latest,
        ComponentVersion::Label(label) => VersionRef::Label(label.clone()),
        ComponentVersion::Digest(digest) => VersionRef::Digest(digest.clone()),
        ComponentVersion::Range(range) => {
            return Ok(match components::versions(tx, &component.name).await {
                Ok(versions) => match highest(range, &versions) {
                    Some(version) => Ok(version.clone()),
                    None => Err(no_such_version(component, &versions)),
                },
                Err(StoreError::NotFound { .. }) => Err(unknown(component)),
                Err(error) => return Err(error),
            });
        }
    };
    match components::get(tx, &component.name, &selector).await {
        Ok(version) => Ok(Ok(version)),
        Err(StoreError::NotFound { .. }) => match components::versions(tx, &component.name).await {
            Ok(versions) => Ok(Err(no_such_version(component, &versions))),
            Err(StoreError::NotFound { .. }) => Ok(Err(unknown(component))),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// The highest approved version within a range; of several with the same number the newest.
fn highest<'a>(range: &VersionRange, versions: &'a [components::ComponentVersion]) -> Option<&'a components::ComponentVersion> {
    let approved = versions.iter().filter(|version| version.approved_at.is_some());
    range.highest(approved.filter_map(|version| Some((version.label.as_deref()?, version))))
}

/// Whether a dag that names a component so gets this version when it is applied next, once the version is approved.
fn follows(component: &ComponentRef, version: &components::ComponentVersion, all: &[components::ComponentVersion]) -> bool {
    match &component.version {
        ComponentVersion::Latest => true,
        ComponentVersion::Label(_) | ComponentVersion::Digest(_) => false,
        ComponentVersion::Range(range) => {
            let candidates = all.iter().filter(|known| known.approved_at.is_some() || known.digest == version.digest);
            let highest = range.highest(candidates.filter_map(|known| Some((known.label.as_deref()?, &known.digest))));
            highest == Some(&version.digest)
        }
    }
}

fn asks_for_conf(version: &components::ComponentVersion) -> bool {
    let imports = version.inspection.get("imports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    imports.iter().filter_map(|import| import.get("interface")?.as_str()).any(|interface| interface.starts_with(CONTEXT))
}

/// A component as the plan needs it.
fn usable(name: &ComponentRef, version: components::ComponentVersion) -> Result<Component, ResolveError> {
    let entry = match version.kind.as_str() {
        "task" => Some(Entry::Task),
        "command" => Some(Entry::Command { args: Vec::new(), env: Vec::new() }),
        _ => None,
    };
    let unreadable = |_| ResolveError {
        code: DiagnosticCode::UnknownComponent,
        message: format!("what is known of the functions of the component '{name}' cannot be read"),
        help: Some("upload it again".to_owned()),
    };
    let functions = version.inspection.get("functions").cloned().map_or_else(|| Ok(Vec::new()), serde_json::from_value);
    let functions = functions.map_err(unreadable)?;
    let run = version.inspection.get("run").cloned().map(serde_json::from_value).transpose().map_err(unreadable)?;
    Ok(Component { digest: version.digest, entry, functions, run })
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

/// The component is there, and none of its versions is the one that is meant.
fn no_such_version(component: &ComponentRef, versions: &[components::ComponentVersion]) -> ResolveError {
    let name = &component.name;
    let labels: Vec<&str> = versions.iter().filter_map(|version| version.label.as_deref()).take(MAX_NAMED).collect();
    let message = match &component.version {
        ComponentVersion::Latest => format!("no version of the component '{name}' has been approved"),
        ComponentVersion::Label(label) => format!("the component '{name}' has no version '{label}'"),
        ComponentVersion::Range(range) => format!("no approved version of the component '{name}' is within '{range}'"),
        ComponentVersion::Digest(digest) => format!("the component '{name}' has no version with the digest {digest}"),
    };
    let help = if labels.is_empty() {
        format!("its versions have no labels; give one with: cofferdam component push FILE --name {name} --label 1.0.0")
    } else {
        format!("its versions are {}", labels.join(", "))
    };
    ResolveError { code: DiagnosticCode::UnknownComponent, message, help: Some(help) }
}

fn unknown(component: &ComponentRef) -> ResolveError {
    ResolveError {
        code: DiagnosticCode::UnknownComponent,
        message: format!("the component '{}' does not exist", component.name),
        help: Some(format!("upload it first: cofferdam component push FILE --name {}", component.name)),
    }
}
