//! Files of bundles: all dags of a file are applied, or none; and what happens to dags whose file is gone.

use super::apply_dag::{Applied, ApplyError, ApplyOptions};
use crate::{Engine, EngineError};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::definition::Diagnostic;
use cofferdam_domain::event::Event;
use cofferdam_ids::{BundleId, DagId};
use cofferdam_store::bundles::{self, Origin};
use cofferdam_store::execution::apply;
use cofferdam_store::{StoreError, Tx};
use serde_json::Value;

/// Why a file of a bundle was not applied. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum FileRefused {
    /// A definition in it has mistakes.
    #[error("a definition of the file has {} mistakes", diagnostics.len())]
    Invalid {
        /// Which of the file's definitions, from 0.
        index: usize,
        /// Its mistakes.
        diagnostics: Vec<Diagnostic>,
    },
    /// A dag in it comes from another bundle.
    #[error("the dag comes from another bundle")]
    Taken {
        /// Which of the file's definitions, from 0.
        index: usize,
        /// The file that it comes from.
        owner: bundles::Owner,
    },
    /// Anything else.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for FileRefused {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// What became of dags whose file is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphaned {
    /// Dags that are paused and marked.
    pub deactivated: Vec<DagId>,
    /// Dags that were deleted.
    pub deleted: Vec<DagId>,
}

impl Engine {
    /// Applies the dags of a file of a bundle: all of them, or none. A dag that nobody's file was is the file's from now on; one whose
    /// file was gone goes on.
    ///
    /// # Errors
    /// [`FileRefused`], also when the caller is no editor.
    pub async fn apply_file(
        &self,
        context: &Context,
        bundle: Option<BundleId>,
        origin: &Origin,
        definitions: Vec<Value>,
        dry_run: bool,
    ) -> Result<Vec<Applied>, FileRefused> {
        context.require(Role::Editor).map_err(EngineError::from)?;
        let mut tx = self.store.begin(context).await?;
        let mut all = Vec::new();
        for (index, definition) in definitions.into_iter().enumerate() {
            let named = definition.get("dag_id").and_then(Value::as_str).and_then(|name| DagId::new(name).ok());
            if let Some(dag_id) = named
                && let Some(owner) = bundles::owners(&mut tx, &[dag_id]).await?.pop()
                && owner.bundle != origin.bundle
                && owner.stale_since.is_none()
            {
                return Err(FileRefused::Taken { index, owner });
            }
            let applied = self
                .apply_in(&mut tx, definition, ApplyOptions { dry_run, ..ApplyOptions::default() }, Some(origin.clone()))
                .await;
            all.push(applied.map_err(|error| match error {
                ApplyError::Invalid(diagnostics) => FileRefused::Invalid { index, diagnostics },
                ApplyError::Engine(error) => error.into(),
            })?);
        }
        let (Some(bundle), false) = (bundle, dry_run) else { return Ok(all) };
        let dags: Vec<DagId> = all.iter().map(|applied| applied.dag_id.clone()).collect();
        for dag_id in bundles::claim(&mut tx, bundle, &origin.path, &dags).await? {
            self.go_on(&mut tx, &dag_id).await?;
        }
        tx.commit().await?;
        all.iter().filter(|applied| applied.changed).for_each(|applied| self.tell_applied(context, applied));
        Ok(all)
    }

    /// Lets a dag go on that was paused because its file was gone.
    async fn go_on(&self, tx: &mut Tx<'_>, dag_id: &DagId) -> Result<(), EngineError> {
        let Some(current) = apply::lock_current(tx, dag_id).await? else { return Ok(()) };
        let plans = self.plans(tx, [current.version]).await?;
        let next = self.next_run(&plans[&current.version], Some(&current));
        apply::set_paused(tx, dag_id, false, next, None, self.clock.now()).await?;
        Ok(())
    }

    /// Ends what came from files that are gone: forgets the files that are not present, and pauses their dags and marks them, or with
    /// `prune` deletes those that have no unfinished runs. A dag that another file has now is not among them. Returns the files that are
    /// gone, too.
    ///
    /// # Errors
    /// When the caller is no editor, or the database cannot be reached.
    pub async fn keep_files(
        &self,
        context: &Context,
        bundle: BundleId,
        present: &[String],
        prune: bool,
    ) -> Result<(Vec<String>, Orphaned), EngineError> {
        context.require(Role::Editor)?;
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let gone = bundles::keep_files(&mut tx, bundle, present).await?;
        let orphans = bundles::dags(&mut tx, bundle).await?.into_iter().filter(|owner| owner.path.is_none());
        let mut done = Orphaned::default();
        for owner in orphans {
            if prune {
                match apply::delete_dag(&mut tx, &owner.dag_id).await {
                    Ok(()) => {
                        done.deleted.push(owner.dag_id);
                        continue;
                    }
                    // It has unfinished runs, which are not cut off.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if owner.stale_since.is_none()
                && let Some(current) = apply::lock_current(&mut tx, &owner.dag_id).await?
            {
                bundles::deactivate(&mut tx, current.dag, now).await?;
                done.deactivated.push(owner.dag_id);
            }
        }
        tx.commit().await?;
        let changed = done.deactivated.iter().chain(&done.deleted).map(|dag_id| Event::Dag { dag_id: dag_id.clone() });
        let changed: Vec<Event> = changed.collect();
        if !changed.is_empty() {
            self.announce(context.tenant, changed);
        }
        Ok((gone, done))
    }
}
