//! Loaded components, by digest. Each is loaded once, however many tries wait for it.

use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::{Digest, TenantId};
use cofferdam_objects::{Objects, ObjectsError};
use cofferdam_sandbox::compile::{CompileError, CompileService};
use cofferdam_sandbox::isolation::{Prepared, Sandboxes};
use cofferdam_sandbox::{CompiledCode, LoadError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OnceCell;

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("the component could not be read from the object store")]
    Objects(#[from] ObjectsError),
    #[error("the component could not be compiled")]
    Compile(#[from] CompileError),
    #[error("the component could not be loaded")]
    Load(#[from] LoadError),
}

impl ProgramError {
    /// How a try ends that needed the component.
    pub(crate) fn into_ending(self) -> Ending {
        let reason = match &self {
            // Ours, and likely to pass: no try of the task is to be blamed.
            Self::Compile(CompileError::Process { .. }) => Reason::Internal,
            Self::Objects(ObjectsError::NotFound { .. }) | Self::Compile(_) | Self::Load(_) => Reason::InvalidComponent,
            Self::Objects(_) => Reason::Internal,
        };
        let cause = std::error::Error::source(&self).map(|source| format!(": {source}")).unwrap_or_default();
        tracing::warn!(error = &self as &dyn std::error::Error, "a component cannot be run");
        Ending::failure(reason, format!("{self}{cause}"))
    }
}

struct Slot {
    program: Arc<OnceCell<Prepared>>,
    used: u64,
}

/// The loaded components of a worker, the most recently used ones kept. A tenant's tries only find what that tenant uploaded.
pub(crate) struct Programs {
    objects: Objects,
    sandboxes: Sandboxes,
    compile: Arc<CompileService>,
    kept: usize,
    compatibility: String,
    uses: AtomicU64,
    slots: Mutex<HashMap<(TenantId, Digest), Slot>>,
}

impl Programs {
    pub(crate) fn new(objects: Objects, sandboxes: Sandboxes, compile: Arc<CompileService>, kept: usize) -> Self {
        let compatibility = sandboxes.compatibility_hash();
        Self { objects, sandboxes, compile, kept: kept.max(1), compatibility, uses: AtomicU64::new(0), slots: Mutex::default() }
    }

    /// The component, loaded.
    pub(crate) async fn get(&self, tenant: TenantId, digest: &Digest) -> Result<Prepared, ProgramError> {
        let program = self.slot(tenant, digest);
        program.get_or_try_init(|| self.load(tenant, digest)).await.cloned()
    }

    fn slot(&self, tenant: TenantId, digest: &Digest) -> Arc<OnceCell<Prepared>> {
        let used = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get_mut(&(tenant, digest.clone())) {
            slot.used = used;
            return Arc::clone(&slot.program);
        }
        if slots.len() >= self.kept
            && let Some(oldest) = slots.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone())
        {
            slots.remove(&oldest);
        }
        let program = Arc::new(OnceCell::new());
        slots.insert((tenant, digest.clone()), Slot { program: Arc::clone(&program), used });
        program
    }

    async fn load(&self, tenant: TenantId, digest: &Digest) -> Result<Prepared, ProgramError> {
        let compiled = match self.objects.get_compiled(digest, &self.compatibility).await {
            // The object store has checked the MAC.
            Ok(Some(bytes)) => CompiledCode::from_authenticated(bytes),
            Ok(None) | Err(ObjectsError::Tampered { .. }) => self.compile(tenant, digest).await?,
            Err(error) => return Err(error.into()),
        };
        let sandboxes = self.sandboxes.clone();
        let loaded = tokio::task::spawn_blocking(move || sandboxes.load(&compiled)).await;
        Ok(loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?)
    }

    /// Compiles what was uploaded under another engine, as after an upgrade, and keeps the code for the other workers.
    async fn compile(&self, tenant: TenantId, digest: &Digest) -> Result<CompiledCode, ProgramError> {
        tracing::info!(component.digest = %digest, "no compiled code for this engine; compiling");
        let wasm = self.objects.get_component(tenant, digest).await?;
        let compiled = self.compile.compile(tenant, &wasm).await?;
        self.objects.put_compiled(digest, &self.compatibility, compiled.bytes().clone()).await?;
        Ok(compiled)
    }
}
