//! People and service accounts.

use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::Role;
use cofferdam_ids::UserId;
use std::fmt;
use uuid::Uuid;

/// A person or service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name given when signing in.
    pub username: String,
    /// The name for people.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in at all.
    pub active: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// The name given when signing in.
    pub username: String,
    /// The name for people.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// An argon2 PHC string; none for an account that only has API keys.
    pub password_hash: Option<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("username", &self.username).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A user with what a password is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// An argon2 PHC string; none when no password will do.
    pub password_hash: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

struct Row {
    user_id: Uuid,
    username: String,
    display_name: String,
    role: String,
    active: bool,
    created_at: DateTime<Utc>,
    password_hash: Option<String>,
}

impl TryFrom<Row> for Credentials {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("users", row.user_id);
        let user = User {
            id: UserId::from_uuid(row.user_id),
            username: row.username,
            display_name: row.display_name,
            role: origin.known("role", Role::parse(&row.role))?,
            active: row.active,
            created_at: row.created_at,
        };
        Ok(Self { user, password_hash: row.password_hash })
    }
}

/// Makes a user.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn create(tx: &mut Tx<'_>, new: &NewUser, now: DateTime<Utc>) -> Result<UserId, StoreError> {
    let id = UserId::generate();
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        INSERT INTO users (user_id, tenant_id, username, password_hash, display_name, role, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        "#,
        id.uuid(),
        tenant,
        new.username,
        new.password_hash,
        new.display_name,
        new.role.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// A user by name, with what a password is checked against. Inactive ones too: the caller decides.
///
/// # Errors
/// When the database cannot be reached.
pub async fn by_username(tx: &mut Tx<'_>, username: &str) -> Result<Option<Credentials>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT user_id, username, display_name, role, active, created_at, password_hash
        FROM users WHERE tenant_id = $1 AND username = $2
        "#,
        tenant,
        username
    )
    .fetch_optional(tx.conn())
    .await?
    .map(Credentials::try_from)
    .transpose()
}

/// A user by id.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: UserId) -> Result<User, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT user_id, username, display_name, role, active, created_at, password_hash
        FROM users WHERE tenant_id = $1 AND user_id = $2
        "#,
        tenant,
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("user", id))?;
    Ok(Credentials::try_from(row)?.user)
}

/// The tenant's users, by name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Listed<User>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let items = sqlx::query_as!(
        Row,
        r#"
        SELECT user_id, username, display_name, role, active, created_at, password_hash
        FROM users WHERE tenant_id = $1 ORDER BY username LIMIT $2 OFFSET $3
        "#,
        tenant,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| Ok(Credentials::try_from(row)?.user))
    .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// Whether the tenant has an active administrator: if not, the first start makes one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn has_admin(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND role = 'admin' AND active) AS "exists!""#,
        tenant
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Replaces a user's password. Its sessions go on; [`crate::sessions::revoke_all`] ends them.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_password(tx: &mut Tx<'_>, id: UserId, password_hash: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "UPDATE users SET password_hash = $3, updated_at = $4 WHERE tenant_id = $1 AND user_id = $2",
        tenant,
        id.uuid(),
        password_hash,
        now
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("user", id)) } else { Ok(()) }
}

/// Changes what a user may do, and whether it may sign in.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_role(tx: &mut Tx<'_>, id: UserId, role: Role, active: bool, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "UPDATE users SET role = $3, active = $4, updated_at = $5 WHERE tenant_id = $1 AND user_id = $2",
        tenant,
        id.uuid(),
        role.as_str(),
        active,
        now
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("user", id)) } else { Ok(()) }
}

/// Removes a user with its API keys and sessions. What it did stays in the audit log under its name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, id: UserId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("DELETE FROM users WHERE tenant_id = $1 AND user_id = $2", tenant, id.uuid()).execute(tx.conn()).await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("user", id)) } else { Ok(()) }
}
