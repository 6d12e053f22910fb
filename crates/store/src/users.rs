//! People and service accounts.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
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
    /// Its names and mail address, as an admin gave them.
    pub names: UserNames,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in at all.
    pub active: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a user is called, and where mail reaches it. Nothing is sent there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserNames {
    /// The first name.
    pub first: Option<String>,
    /// The last name.
    pub last: Option<String>,
    /// The mail address.
    pub email: Option<String>,
}

impl UserNames {
    /// Both names together, as far as they are given, at most 200 characters.
    #[must_use]
    pub fn display(&self) -> Option<String> {
        let given: Vec<&str> = [&self.first, &self.last].into_iter().flatten().map(String::as_str).collect();
        (!given.is_empty()).then(|| given.join(" ").chars().take(200).collect())
    }
}

/// By what a list of users is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserField {
    /// The name given when signing in.
    #[default]
    Username,
    /// When it was made.
    Made,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The mail address.
    Email,
    /// Whether it may sign in; first who may not.
    Active,
    /// What it may do, the least first.
    Role,
}

impl UserField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Made => "made",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::Active => "active",
            Self::Role => "role",
        }
    }
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// The name given when signing in.
    pub username: String,
    /// The name for people.
    pub display_name: String,
    /// Its names and mail address.
    pub names: UserNames,
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
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
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
            names: UserNames { first: row.first_name, last: row.last_name, email: row.email },
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
        INSERT INTO users (user_id, tenant_id, username, password_hash, display_name, role, created_at, updated_at, first_name,
            last_name, email)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)
        "#,
        id.uuid(),
        tenant,
        new.username,
        new.password_hash,
        new.display_name,
        new.role.as_str(),
        now,
        new.names.first,
        new.names.last,
        new.names.email
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
        SELECT user_id, username, display_name, first_name, last_name, email, role, active, created_at, password_hash
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
        SELECT user_id, username, display_name, first_name, last_name, email, role, active, created_at, password_hash
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

/// The tenant's users.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, order: Order<UserField>, page: Page) -> Result<Listed<User>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let items = sqlx::query_as!(
        Row,
        r#"
        SELECT u.user_id, u.username, u.display_name, u.first_name, u.last_name, u.email, u.role, u.active, u.created_at, u.password_hash
        FROM users u
        CROSS JOIN LATERAL (SELECT
            CASE $2 WHEN 'username' THEN u.username WHEN 'first_name' THEN coalesce(u.first_name, u.display_name)
                WHEN 'last_name' THEN u.last_name WHEN 'email' THEN u.email END AS word,
            CASE $2 WHEN 'made' THEN extract(epoch FROM u.created_at) WHEN 'active' THEN u.active::int
                WHEN 'role' THEN array_position(ARRAY['viewer', 'operator', 'editor', 'admin'], u.role) END AS number) k
        WHERE u.tenant_id = $1
        ORDER BY CASE WHEN NOT $3 THEN k.word END, CASE WHEN $3 THEN k.word END DESC NULLS LAST,
            CASE WHEN NOT $3 THEN k.number END, CASE WHEN $3 THEN k.number END DESC NULLS LAST, u.username
        LIMIT $4 OFFSET $5
        "#,
        tenant,
        order.field.as_str(),
        order.backwards,
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

/// Changes what a user is called. Names that are taken away leave the name for people as it was.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Invalid`] when a name is too long.
pub async fn set_names(tx: &mut Tx<'_>, id: UserId, names: &UserNames, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        UPDATE users SET first_name = $3, last_name = $4, email = $5, display_name = coalesce($6, display_name), updated_at = $7
        WHERE tenant_id = $1 AND user_id = $2
        "#,
        tenant,
        id.uuid(),
        names.first,
        names.last,
        names.email,
        names.display(),
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
