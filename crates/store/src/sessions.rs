//! Sign-ins: chains of refresh tokens, each of which can be used once.

use crate::{Store, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_ids::{SessionId, TenantId, UserId};

/// How long after a rotation the earlier token may still turn up innocently: two tabs of a browser that refresh at once.
const OVERLAP: TimeDelta = TimeDelta::seconds(10);

/// What came of showing a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the one in force; the new one has taken its place.
    Rotated {
        /// Who is signed in.
        user: UserId,
    },
    /// It was replaced a moment ago, by another request of the same browser. Nothing was changed.
    JustReplaced,
    /// It was replaced earlier, so somebody holds a copy. The session has been revoked: commit that.
    Reused {
        /// Whose session it was.
        user: UserId,
    },
    /// There is no such session, or it is over, or the token was never of it.
    Refused,
}

/// Begins a session. `token_hash` is the SHA-256 of its first refresh token; the caller makes the id, since it is part of the
/// token.
///
/// # Errors
/// [`StoreError::Conflict`] when the user does not exist.
pub async fn create(
    tx: &mut Tx<'_>,
    id: SessionId,
    user: UserId,
    token_hash: &[u8; 32],
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        INSERT INTO sessions (session_id, tenant_id, user_id, token_hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        id.uuid(),
        tenant,
        user.uuid(),
        token_hash.as_slice(),
        now,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds the tenant of a session, before there is a context.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find_tenant(store: &Store, id: SessionId) -> Result<Option<TenantId>, StoreError> {
    let mut tx = store.begin_without_tenant("refresh").await?;
    let tenant = sqlx::query_scalar!("SELECT cofferdam_tenant_of_session($1)", id.uuid()).fetch_one(tx.conn()).await?;
    Ok(tenant.map(TenantId::from_uuid))
}

/// Replaces the refresh token of a session, when the one shown is in force.
///
/// # Errors
/// When the database cannot be reached.
pub async fn rotate(
    tx: &mut Tx<'_>,
    id: SessionId,
    shown_hash: &[u8; 32],
    next_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Rotation, StoreError> {
    let tenant = tx.tenant();
    let Some(row) = sqlx::query!(
        r#"
        SELECT s.user_id, s.token_hash, s.previous_token_hash, s.rotated_at
        FROM sessions s JOIN users u USING (tenant_id, user_id)
        WHERE tenant_id = $1 AND s.session_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3 AND u.active
        FOR UPDATE OF s
        "#,
        tenant,
        id.uuid(),
        now
    )
    .fetch_optional(tx.conn())
    .await?
    else {
        return Ok(Rotation::Refused);
    };
    let user = UserId::from_uuid(row.user_id);
    if row.token_hash == shown_hash {
        sqlx::query!(
            r#"
            UPDATE sessions SET previous_token_hash = token_hash, token_hash = $3, rotated_at = $4
            WHERE tenant_id = $1 AND session_id = $2
            "#,
            tenant,
            id.uuid(),
            next_hash.as_slice(),
            now
        )
        .execute(tx.conn())
        .await?;
        return Ok(Rotation::Rotated { user });
    }
    if row.previous_token_hash.as_deref() != Some(shown_hash.as_slice()) {
        return Ok(Rotation::Refused);
    }
    if row.rotated_at.is_some_and(|rotated| now < rotated + OVERLAP) {
        return Ok(Rotation::JustReplaced);
    }
    revoke(tx, id, now).await?;
    Ok(Rotation::Reused { user })
}

/// Ends a session. Doing it again does nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn revoke(tx: &mut Tx<'_>, id: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE sessions SET revoked_at = $3 WHERE tenant_id = $1 AND session_id = $2 AND revoked_at IS NULL",
        tenant,
        id.uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends every session of a user.
///
/// # Errors
/// When the database cannot be reached.
pub async fn revoke_all(tx: &mut Tx<'_>, user: UserId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        tenant,
        user.uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Forgets sessions that are over since before `until`. Across tenants.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, until: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(sqlx::query!("DELETE FROM sessions WHERE expires_at < $1", until).execute(tx.conn()).await?.rows_affected())
}
