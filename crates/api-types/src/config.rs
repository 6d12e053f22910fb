//! Variables and connections, in the shapes of Airflow 2.10.

use chrono::{DateTime, Utc};
use cofferdam_ids::{ConnectionId, VariableKey};
use serde::{Deserialize, Deserializer, Serialize};

/// A field of a change: left out, or set, where null empties it.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A variable: a value that tasks read by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Variable {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub key: VariableKey,
    /// Its value; left out for a secret one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether only tasks are shown the value.
    pub is_secret: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// A list of variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VariableCollection {
    /// The variables of the page, by key.
    pub variables: Vec<Variable>,
    /// How many there are.
    pub total_entries: u64,
}

/// The body of `POST /variables`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewVariable {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub key: VariableKey,
    /// Its value, at most 64 KiB.
    pub value: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether only tasks are shown the value.
    #[serde(default)]
    pub is_secret: bool,
}

/// The body of `PATCH /variables/{key}`. What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchVariable {
    /// As in the path, when given (Airflow asks for it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub key: Option<VariableKey>,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it is for; null empties it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub description: Option<Option<String>>,
    /// Whether only tasks are shown the value. A secret variable becomes an open one only together with a new value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_secret: Option<bool>,
}

/// A connection, without what is secret: password and extra can be written and not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Connection {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub connection_id: ConnectionId,
    /// What it leads to: `http`, `postgres`, …
    pub conn_type: String,
    /// What it is for.
    pub description: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The name to sign in with.
    pub login: Option<String>,
    /// The schema.
    pub schema: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether there is anything in `extra`.
    pub has_extra: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// A list of connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConnectionCollection {
    /// The connections of the page, by name.
    pub connections: Vec<Connection>,
    /// How many there are.
    pub total_entries: u64,
}

/// The body of `POST /connections`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub connection_id: ConnectionId,
    /// What it leads to: `http`, `postgres`, …
    pub conn_type: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The host, without scheme and port.
    #[serde(default)]
    pub host: Option<String>,
    /// The name to sign in with.
    #[serde(default)]
    pub login: Option<String>,
    /// The schema of a database; for `http`, mostly the scheme of the URL.
    #[serde(default)]
    pub schema: Option<String>,
    /// The port.
    #[serde(default)]
    pub port: Option<u16>,
    /// The password or token.
    #[serde(default)]
    pub password: Option<String>,
    /// Everything else: a JSON object, as text.
    #[serde(default)]
    pub extra: Option<String>,
}

/// The body of `PATCH /connections/{connection_id}`. What is left out stays as it is; null empties a field.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchConnection {
    /// As in the path, when given (Airflow asks for it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub connection_id: Option<ConnectionId>,
    /// What it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conn_type: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub description: Option<Option<String>>,
    /// The host.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub host: Option<Option<String>>,
    /// The name to sign in with.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub login: Option<Option<String>>,
    /// The schema.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub schema: Option<Option<String>>,
    /// The port.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u16>))]
    pub port: Option<Option<u16>>,
    /// The password or token.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub password: Option<Option<String>>,
    /// Everything else: a JSON object, as text.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub extra: Option<Option<String>>,
}

/// The query of a change: which fields of the body count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct UpdateMask {
    /// Names of fields, separated by commas: the others in the body are passed over (Airflow's `update_mask`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_mask: Option<String>,
}
