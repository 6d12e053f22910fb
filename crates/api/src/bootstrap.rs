//! The first start: a tenant and somebody who may sign in.

use crate::auth::password::{HashFailed, Passwords};
use crate::auth::secret;
use chrono::{DateTime, Utc};
use cofferdam_domain::clock::{Clock, SharedRng};
use cofferdam_domain::context::{Context, Role};
use cofferdam_ids::{TenantId, TenantName};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::users::{self, NewUser, UserNames};
use cofferdam_store::{Store, StoreError, tenants};
use std::fmt;

/// The tenant of the first start.
pub const DEFAULT_TENANT: &str = "default";
/// The user of the first start.
pub const FIRST_ADMIN: &str = "admin";

/// Who was made. The password is nowhere else: print it.
#[derive(Clone, PartialEq, Eq)]
pub struct InitialAdmin {
    /// The tenant's name.
    pub tenant: TenantName,
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for InitialAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitialAdmin").field("tenant", &self.tenant).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why nobody was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The database.
    #[error("the first administrator could not be stored")]
    Store(#[from] StoreError),
    /// The password could not be hashed.
    #[error("the password of the first administrator could not be hashed")]
    Hash(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<HashFailed> for BootstrapError {
    fn from(error: HashFailed) -> Self {
        Self::Hash(error.into())
    }
}

/// Makes the tenant `default` and in it the user `admin` with a random password, unless it has an administrator. Safe when
/// several processes start at once: one of them makes it. `store` must have [`cofferdam_store::Access::System`].
///
/// # Errors
/// When the database cannot be reached.
pub async fn ensure_first_admin(
    store: &Store,
    clock: &dyn Clock,
    rng: &SharedRng,
) -> Result<Option<InitialAdmin>, BootstrapError> {
    let password = secret::password(rng);
    make_admin(store, clock, rng, password).await
}

/// The same with a given password: for a start without a person watching, and for tests.
///
/// # Errors
/// When the database cannot be reached.
pub async fn make_admin(
    store: &Store,
    clock: &dyn Clock,
    rng: &SharedRng,
    password: String,
) -> Result<Option<InitialAdmin>, BootstrapError> {
    let name = TenantName::new(DEFAULT_TENANT).map_err(|error| BootstrapError::Hash(error.into()))?;
    let now = clock.now();
    let tenant = default_tenant(store, &name, now).await?;
    let context = Context::system(tenant, "first start");
    let mut tx = store.begin(&context).await?;
    if users::has_admin(&mut tx).await? {
        return Ok(None);
    }
    drop(tx);
    let hash = Passwords::new(rng.clone()).hash(&password).await?;
    let mut tx = store.begin(&context).await?;
    let new = NewUser {
        username: FIRST_ADMIN.to_owned(),
        display_name: "Administrator".to_owned(),
        names: UserNames::default(),
        role: Role::Admin,
        password_hash: Some(hash),
    };
    match users::create(&mut tx, &new, now).await {
        Ok(_) => {}
        // Another process was quicker.
        Err(StoreError::Conflict { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let done = Action { action: "user.create", target_kind: "user", target: FIRST_ADMIN };
    audit::append(&mut tx, done, &serde_json::json!({ "role": "admin" }), now).await?;
    tx.commit().await?;
    Ok(Some(InitialAdmin { tenant: name, username: FIRST_ADMIN.to_owned(), password }))
}

async fn default_tenant(store: &Store, name: &TenantName, now: DateTime<Utc>) -> Result<TenantId, StoreError> {
    if let Some(tenant) = tenants::find_id(store, name).await? {
        return Ok(tenant);
    }
    let mut tx = store.begin_across_tenants("first start").await?;
    match tenants::create(&mut tx, name, "Default", now).await {
        Ok(tenant) => {
            tx.commit().await?;
            Ok(tenant)
        }
        Err(StoreError::Conflict { .. }) => {
            drop(tx);
            tenants::find_id(store, name).await?.ok_or_else(|| StoreError::conflict("the tenant was removed meanwhile"))
        }
        Err(error) => Err(error),
    }
}
