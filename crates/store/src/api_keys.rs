//! Long-lived credentials. The store knows the hash of a secret, never the secret.

use crate::read::row_of;
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::context::Role;
use cofferdam_ids::{ApiKeyId, TenantId, UserId};
use uuid::Uuid;

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is also part of the key.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// What it may do, if its user may.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id; the caller makes it, since it is part of the key.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub username: String,
    /// What may be done with the key: the lesser of its role and the user's.
    pub role: Role,
}

/// How much later than its last use a key must be used for that to be written down.
const TOUCH: TimeDelta = TimeDelta::seconds(60);

struct Row {
    api_key_id: Uuid,
    user_id: Uuid,
    name: String,
    role: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ApiKeyId::from_uuid(row.api_key_id),
            user: UserId::from_uuid(row.user_id),
            name: row.name,
            role: row_of("api_keys", row.api_key_id).known("role", Role::parse(&row.role))?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Makes a key. `secret_hash` is the SHA-256 of its secret.
///
/// # Errors
/// [`StoreError::Conflict`] when the user does not exist.
pub async fn create(tx: &mut Tx<'_>, new: &NewApiKey, secret_hash: &[u8; 32], now: DateTime<Utc>) -> Result<ApiKey, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        INSERT INTO api_keys (api_key_id, tenant_id, user_id, name, secret_hash, role, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        RETURNING api_key_id, user_id, name, role, created_at, expires_at, last_used_at, revoked_at
        "#,
        new.id.uuid(),
        tenant,
        new.user.uuid(),
        new.name,
        secret_hash.as_slice(),
        new.role.as_str(),
        now,
        new.expires_at
    )
    .fetch_one(tx.conn())
    .await?
    .try_into()
}

/// Finds whom a key stands for, before there is a context, and notes its use. None when it is unknown, revoked or over,
/// its secret is another, or its user is not active: the caller tells none of these apart.
///
/// # Errors
/// When the database cannot be reached.
pub async fn verify(
    store: &Store,
    id: ApiKeyId,
    secret_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Verified>, StoreError> {
    let mut tx = store.begin_without_tenant("API key").await?;
    let found = sqlx::query_scalar!("SELECT cofferdam_tenant_of_api_key($1)", id.uuid()).fetch_one(tx.conn()).await?;
    let Some(tenant) = found else {
        return Ok(None);
    };
    tx.enter(TenantId::from_uuid(tenant)).await?;
    // Comparing hashes of long random secrets needs no constant time: what leaks is of no use without the preimage.
    let Some(row) = sqlx::query!(
        r#"
        SELECT u.user_id, u.username, u.role AS user_role, k.role, k.last_used_at
        FROM api_keys k JOIN users u USING (tenant_id, user_id)
        WHERE tenant_id = $1 AND k.api_key_id = $2 AND k.secret_hash = $3
          AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $4) AND u.active
        "#,
        tenant,
        id.uuid(),
        secret_hash.as_slice(),
        now
    )
    .fetch_optional(tx.conn())
    .await?
    else {
        return Ok(None);
    };
    if row.last_used_at.is_none_or(|last| last + TOUCH <= now) {
        sqlx::query!("UPDATE api_keys SET last_used_at = $3 WHERE tenant_id = $1 AND api_key_id = $2", tenant, id.uuid(), now)
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await?;
    let key_role = row_of("api_keys", id).known("role", Role::parse(&row.role))?;
    let user_role = row_of("users", row.user_id).known("role", Role::parse(&row.user_role))?;
    Ok(Some(Verified {
        tenant: TenantId::from_uuid(tenant),
        user: UserId::from_uuid(row.user_id),
        username: row.username,
        role: key_role.min(user_role),
    }))
}

/// Revokes a key. Doing it again does nothing.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn revoke(tx: &mut Tx<'_>, id: ApiKeyId, now: DateTime<Utc>) -> Result<ApiKey, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        UPDATE api_keys SET revoked_at = coalesce(revoked_at, $3) WHERE tenant_id = $1 AND api_key_id = $2
        RETURNING api_key_id, user_id, name, role, created_at, expires_at, last_used_at, revoked_at
        "#,
        tenant,
        id.uuid(),
        now
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("API key", id))?
    .try_into()
}

/// The keys of one user, or of the whole tenant, the newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, user: Option<UserId>) -> Result<Vec<ApiKey>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT api_key_id, user_id, name, role, created_at, expires_at, last_used_at, revoked_at
        FROM api_keys WHERE tenant_id = $1 AND ($2::uuid IS NULL OR user_id = $2) ORDER BY api_key_id DESC
        "#,
        tenant,
        user.map(UserId::uuid)
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(ApiKey::try_from)
    .collect()
}
