use crate::airflow::Nothing;
use chrono::{DateTime, Utc};
use cofferdam_ids::{ApiKeyId, TenantName, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a user or a key may do. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but secrets.
    #[serde(alias = "Viewer")]
    Viewer,
    /// Triggers, cancels, pauses.
    #[serde(alias = "Op")]
    Operator,
    /// Uploads components and applies dags.
    #[serde(alias = "User")]
    Editor,
    /// Manages users, keys and policy.
    #[serde(alias = "Admin")]
    Admin,
}

impl Role {
    /// The role as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct User {
    /// The name given when signing in.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// The tenant's name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub tenant: TenantName,
}

/// `POST /auth/login`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The tenant; `default` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub tenant: Option<TenantName>,
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

// Credentials never reach a log through `Debug`.
impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("tenant", &self.tenant).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Tokens: the answer to a sign-in and to a refresh.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenResponse {
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in_s: u64,
    /// Gets the next pair of tokens, once. Empty in the answer to a refresh by cookie: there the cookie goes on.
    #[serde(default)]
    pub refresh_token: String,
    /// Who is signed in.
    pub user: User,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("user", &self.user)
            .field("expires_in_s", &self.expires_in_s)
            .finish_non_exhaustive()
    }
}

/// `POST /auth/refresh`. The browser sends an empty object: its token is in a cookie.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token that came last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}

/// `GET /auth/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Me {
    /// Who is signed in; `null` when nobody is.
    pub user: Option<User>,
}

/// `POST /api-keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What the key is for.
    pub name: String,
    /// What it may do: the user's own role when left out, and never more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// After how many days it ends; never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Its id.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub api_key_id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose key it is.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub user_id: UserId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The answer to `POST /api-keys`. The key itself is shown this once.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    /// Goes into `Authorization: Bearer …`.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub api_key: ApiKey,
}

impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApiKey").field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

/// A list of API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiKeyCollection {
    /// The keys, the newest first.
    pub api_keys: Vec<ApiKey>,
    /// How many there are.
    pub total_entries: u64,
}

/// `POST /users`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// The name, unique in the tenant.
    pub username: String,
    /// The password, at least 10 characters.
    pub password: String,
    /// What the user may do; given here or in `roles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The same in Airflow's way; of several the highest counts, which has the rights of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleName>>,
    /// Its first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Its last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Its mail address. Cofferdam sends no mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A role, in Airflow's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleName {
    /// The role.
    pub name: Role,
}

impl fmt::Debug for CreateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateUser").field("username", &self.username).field("role", &self.role).finish_non_exhaustive()
    }
}

/// `PATCH /users/{username}`. What is left out stays.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    /// A new password; ends all sessions of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether the user may sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// A new role in Airflow's way; of several the highest counts, which has the rights of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleName>>,
    /// As in the path, when given (Airflow asks for it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A new first name; an empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// A new last name; an empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// A new mail address; an empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl fmt::Debug for UpdateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateUser").field("role", &self.role).field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

/// A user of the tenant, as its admin sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserAccount {
    /// Its id.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub user_id: UserId,
    /// Its name.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its first name; the name for people, when an admin gave none.
    #[serde(default)]
    pub first_name: String,
    /// Its last name.
    #[serde(default)]
    pub last_name: String,
    /// Its mail address; left out when there is none, since Airflow's client takes no empty one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Whether it may sign in (Airflow's name for it).
    #[serde(default)]
    pub active: bool,
    /// What it may do, in Airflow's way.
    #[serde(default)]
    pub roles: Vec<RoleName>,
    /// When it was made (Airflow's name for it).
    #[serde(default)]
    pub created_on: Option<DateTime<Utc>>,
    /// Null: it is not kept.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub changed_on: Nothing,
    /// Null: it is not kept.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub last_login: Nothing,
    /// Null: it is not kept.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>))]
    pub login_count: Nothing,
    /// Null: it is not kept.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>))]
    pub failed_login_count: Nothing,
}

/// A list of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserCollection {
    /// The users, by name.
    pub users: Vec<UserAccount>,
    /// How many there are.
    pub total_entries: u64,
}
