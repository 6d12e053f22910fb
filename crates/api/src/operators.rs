//! The operators: components that every tenant finds under `std/`, from a directory of the installation.
//!
//! Each file `NAME.wasm` becomes `std/NAME`. The same bytes again make no second version, so that each start may install them
//! again; other bytes make a new version, which dags use when they are applied the next time.

use crate::ApiState;
use bytes::Bytes;
use cofferdam_domain::context::Context;
use cofferdam_ids::{ComponentName, Digest, TenantId};
use cofferdam_objects::ObjectsError;
use cofferdam_sandbox::compile::CompileError;
use cofferdam_sandbox::inspect::{Inspection, UploadError, inspect};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::components::{self, NewVersion, VersionRef};
use cofferdam_store::{StoreError, tenants};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;

/// The folder of names that belong to the installation.
pub const PREFIX: &str = "std/";
/// Who installs them, in the audit log and as the one who approves them.
const PART: &str = "operators";
/// How often tenants are looked for that do not have them yet.
const LOOK: Duration = Duration::from_secs(60);

/// Why an operator was not installed.
#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} has no name of a component", path.display())]
    NoName { path: PathBuf },
    #[error("{name} is no component that can be used")]
    Unusable { name: ComponentName, source: UploadError },
    #[error("{name} cannot be described")]
    Indescribable { name: ComponentName, source: serde_json::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error("an operator cannot be compiled")]
    Compile(#[from] CompileError),
    #[error("a thread could not be started or stopped on the way")]
    Thread(#[from] tokio::task::JoinError),
}

/// Held while an operator is compiled, so that a request that needs one waits for it and does not compile it once more.
pub(crate) static COMPILING: Mutex<()> = Mutex::const_new(());

struct Operator {
    name: ComponentName,
    kind: String,
    inspection: Inspection,
    bytes: Bytes,
}

/// Installs the operators of a directory for every tenant, then for those that come later, until the API stops. First they are
/// made known, so that dags can name them; then they are compiled, the small ones first.
pub async fn install(state: ApiState, directory: PathBuf) {
    let operators = match read(&state, &directory).await {
        Ok(operators) => operators,
        Err(error) => return tracing::error!(error = &error as &dyn std::error::Error, "no operators are installed"),
    };
    let mut served = BTreeSet::new();
    loop {
        if let Err(error) = serve(&state, &operators, &mut served).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "operators are not installed for every tenant yet");
        }
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The operators of a directory, the small ones first. A file that is none is told and left out.
async fn read(state: &ApiState, directory: &Path) -> Result<Vec<Operator>, InstallError> {
    let unreadable = |source| InstallError::Unreadable { path: directory.to_owned(), source };
    let mut entries = tokio::fs::read_dir(directory).await.map_err(unreadable)?;
    let mut operators = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            match operator(state, path).await {
                Ok(operator) => operators.push(operator),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "an operator is left out"),
            }
        }
    }
    operators.sort_by_key(|operator| operator.bytes.len());
    Ok(operators)
}

async fn operator(state: &ApiState, path: PathBuf) -> Result<Operator, InstallError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = ComponentName::new(format!("{PREFIX}{stem}")).map_err(|_| InstallError::NoName { path: path.clone() })?;
    let bytes = match tokio::fs::read(&path).await {
        Ok(bytes) => Bytes::from(bytes),
        Err(source) => return Err(InstallError::Unreadable { path, source }),
    };
    let (to_inspect, caps) = (bytes.clone(), state.config.upload);
    let inspection = tokio::task::spawn_blocking(move || inspect(&to_inspect, &caps)).await?;
    let inspection = inspection.map_err(|source| InstallError::Unusable { name: name.clone(), source })?;
    let kind =
        serde_json::to_value(inspection.kind).map_err(|source| InstallError::Indescribable { name: name.clone(), source })?;
    Ok(Operator { kind: kind.as_str().unwrap_or_default().to_owned(), name, inspection, bytes })
}

/// Installs them for the tenants that do not have them.
async fn serve(state: &ApiState, operators: &[Operator], served: &mut BTreeSet<TenantId>) -> Result<(), InstallError> {
    let mut tx = state.figures.begin_across_tenants(PART).await?;
    let tenants = tenants::list(&mut tx).await?.into_iter().map(|tenant| tenant.id);
    let new: Vec<TenantId> = tenants.filter(|tenant| !served.contains(tenant)).collect();
    tx.rollback().await?;
    for tenant in &new {
        for operator in operators {
            register(state, *tenant, operator).await?;
        }
    }
    for operator in operators.iter().filter(|_| !new.is_empty()) {
        compile(state, &new, operator).await?;
    }
    served.extend(new);
    Ok(())
}

async fn register(state: &ApiState, tenant: TenantId, operator: &Operator) -> Result<(), InstallError> {
    let (context, digest) = (Context::system(tenant, PART), &operator.inspection.digest);
    let mut tx = state.store.begin(&context).await?;
    match components::get(&mut tx, &operator.name, &VersionRef::Digest(digest.clone())).await {
        Ok(_) => return Ok(()),
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    tx.rollback().await?;
    state.objects.put_component(tenant, digest, operator.bytes.clone()).await?;
    let inspection = serde_json::to_value(&operator.inspection);
    let new = NewVersion {
        name: operator.name.clone(),
        digest: digest.clone(),
        label: None,
        size_bytes: operator.inspection.bytes,
        kind: operator.kind.clone(),
        inspection: inspection.map_err(|source| InstallError::Indescribable { name: operator.name.clone(), source })?,
    };
    let now = state.clock.now();
    let mut tx = state.store.begin(&context).await?;
    let (version, created) = components::create_version(&mut tx, &new, now).await?;
    if version.approved_at.is_none() {
        // Whoever runs the installation put it there.
        components::approve(&mut tx, &new.name, digest, PART, now).await?;
    }
    if created {
        let target = format!("{}@{digest}", new.name);
        let done = Action { action: "component.upload", target_kind: "component", target: &target };
        audit::append(&mut tx, done, &json!({ "created": true, "size_bytes": new.size_bytes }), now).await?;
    }
    tx.commit().await?;
    tracing::debug!(component.name = %new.name, component.digest = %digest, "operator installed");
    Ok(())
}

/// Compiles an operator, unless its code is there.
async fn compile(state: &ApiState, tenants: &[TenantId], operator: &Operator) -> Result<(), InstallError> {
    let Some(first) = tenants.first() else { return Ok(()) };
    let digest: &Digest = &operator.inspection.digest;
    let compiling = COMPILING.lock().await;
    let there = match state.objects.get_compiled(digest, &state.compatibility_hash).await {
        Ok(code) => code.is_some(),
        // Compiled again, and put in its place.
        Err(ObjectsError::Tampered { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if !there {
        let code = state.compile.compile(*first, &operator.bytes).await?;
        state.objects.put_compiled(digest, &state.compatibility_hash, code.bytes().clone()).await?;
        tracing::info!(component.name = %operator.name, component.digest = %digest, "operator compiled");
    }
    drop(compiling);
    for tenant in tenants {
        let mut tx = state.store.begin(&Context::system(*tenant, PART)).await?;
        components::mark_compiled(&mut tx, digest, state.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}
