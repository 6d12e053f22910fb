//! Connections: how tasks reach what is outside. Password and extra are sealed, together.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::connection::Connection;
use cofferdam_domain::seal::{KeyRing, Place};
use cofferdam_domain::template::ConnectionFacts;
use cofferdam_ids::{ConnectionId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Bytes of password and extra together.
pub const MAX_SECRETS: usize = 64 << 10;

/// A connection without what is secret.
#[derive(Clone, Debug)]
pub struct ConnectionEntry {
    /// Its name.
    pub connection_id: ConnectionId,
    /// What it leads to.
    pub conn_type: String,
    /// What it is for.
    pub description: Option<String>,
    /// The host.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The name to sign in with.
    pub login: Option<String>,
    /// The schema.
    pub schema: Option<String>,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether there is anything in `extra`.
    pub has_extra: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What a connection is to be.
#[derive(Clone)]
pub struct NewConnection {
    /// The connection.
    pub connection: Connection,
    /// What it is for.
    pub description: Option<String>,
}

/// By what a list of connections is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionField {
    /// Its name.
    #[default]
    Name,
    /// What it leads to.
    Type,
    /// What it is for.
    Description,
    /// The host.
    Host,
    /// The port.
    Port,
    /// When it was made.
    Made,
}

impl ConnectionField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Type => "type",
            Self::Description => "description",
            Self::Host => "host",
            Self::Port => "port",
            Self::Made => "made",
        }
    }
}

/// What lies in the column `sealed`.
#[derive(Default, Serialize, Deserialize)]
struct Secrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra: Option<String>,
}

pub(crate) fn place(tenant: TenantId, id: &ConnectionId) -> Place<'_> {
    Place { tenant, kind: "connection", name: id.as_str(), field: "secrets" }
}

fn seal(tx: &Tx<'_>, keys: &KeyRing, connection: &Connection) -> Result<Vec<u8>, StoreError> {
    let secrets = Secrets { password: connection.password.clone(), extra: connection.extra.clone() };
    let text = serde_json::to_string(&secrets).map_err(|error| StoreError::invalid(error.to_string()))?;
    if text.len() > MAX_SECRETS {
        return Err(StoreError::invalid(format!("password and extra of a connection have at most {MAX_SECRETS} bytes together")));
    }
    keys.seal(place(tx.context().tenant, &connection.connection_id), &text)
        .map_err(|error| StoreError::invalid(error.to_string()))
}

/// Makes a connection.
///
/// # Errors
/// [`StoreError::Conflict`] when there is one of this name.
pub async fn create(tx: &mut Tx<'_>, keys: &KeyRing, new: &NewConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    let NewConnection { connection, description } = new;
    let (tenant, sealed) = (tx.tenant(), seal(tx, keys, connection)?);
    sqlx::query!(
        r#"
        INSERT INTO connections (tenant_id, connection_id, conn_type, description, host, port, login, schema, sealed, key_id,
            has_password, has_extra, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
        "#,
        tenant,
        connection.connection_id.as_str(),
        connection.conn_type,
        *description,
        connection.host,
        connection.port.map(i32::from),
        connection.login,
        connection.schema,
        sealed,
        keys.current().to_string(),
        connection.password.is_some(),
        connection.extra.is_some(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces a connection by another of the same name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn replace(tx: &mut Tx<'_>, keys: &KeyRing, new: &NewConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
    let NewConnection { connection, description } = new;
    let (tenant, sealed) = (tx.tenant(), seal(tx, keys, connection)?);
    let replaced = sqlx::query!(
        r#"
        UPDATE connections SET conn_type = $3, description = $4, host = $5, port = $6, login = $7, schema = $8, sealed = $9,
            key_id = $10, has_password = $11, has_extra = $12, updated_at = $13
        WHERE tenant_id = $1 AND connection_id = $2
        "#,
        tenant,
        connection.connection_id.as_str(),
        connection.conn_type,
        *description,
        connection.host,
        connection.port.map(i32::from),
        connection.login,
        connection.schema,
        sealed,
        keys.current().to_string(),
        connection.password.is_some(),
        connection.extra.is_some(),
        now
    )
    .execute(tx.conn())
    .await?;
    let missing = || StoreError::not_found("connection", &connection.connection_id);
    if replaced.rows_affected() == 0 { Err(missing()) } else { Ok(()) }
}

struct Row {
    connection_id: String,
    conn_type: String,
    description: Option<String>,
    host: Option<String>,
    port: Option<i32>,
    login: Option<String>,
    schema: Option<String>,
    has_password: bool,
    has_extra: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn entry(self, tenant: TenantId) -> Result<ConnectionEntry, StoreError> {
        let origin = row_of("connections", tenant);
        Ok(ConnectionEntry {
            connection_id: origin.name("connection_id", &self.connection_id)?,
            conn_type: self.conn_type,
            description: self.description,
            host: self.host,
            port: self.port.map(|port| origin.number("port", port)).transpose()?,
            login: self.login,
            schema: self.schema,
            has_password: self.has_password,
            has_extra: self.has_extra,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// One connection, without what is secret.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: &ConnectionId) -> Result<ConnectionEntry, StoreError> {
    let (tenant, context) = (tx.tenant(), tx.context().tenant);
    sqlx::query_as!(
        Row,
        r#"
        SELECT connection_id, conn_type, description, host, port, login, schema, has_password, has_extra, created_at, updated_at
        FROM connections WHERE tenant_id = $1 AND connection_id = $2
        "#,
        tenant,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("connection", id))?
    .entry(context)
}

/// A connection as tasks read it; none when there is no such connection.
///
/// # Errors
/// When the database cannot be reached, or what is sealed cannot be opened.
pub async fn read(tx: &mut Tx<'_>, keys: &KeyRing, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
    let (tenant, context) = (tx.tenant(), tx.context().tenant);
    let row = sqlx::query!(
        "SELECT conn_type, host, port, login, schema, sealed FROM connections WHERE tenant_id = $1 AND connection_id = $2",
        tenant,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let opened = keys.open(place(context, id), &row.sealed).map_err(|error| {
        tracing::error!(connection.id = %id, tenant.id = %context, "a connection cannot be opened: {error}");
        StoreError::corrupt("connections", "sealed", id)
    })?;
    let secrets: Secrets = serde_json::from_str(&opened).map_err(|_| StoreError::corrupt("connections", "sealed", id))?;
    Ok(Some(Connection {
        connection_id: id.clone(),
        conn_type: row.conn_type,
        host: row.host,
        port: row.port.map(|port| row_of("connections", context).number("port", port)).transpose()?,
        login: row.login,
        password: secrets.password,
        schema: row.schema,
        extra: secrets.extra,
    }))
}

/// Connections of any tenants that the transaction sees, by tenant and name, without what is secret. Those that do not exist are
/// left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(
    tx: &mut Tx<'_>,
    wanted: &[(TenantId, ConnectionId)],
) -> Result<Vec<(TenantId, ConnectionId, ConnectionFacts)>, StoreError> {
    let tenants: Vec<Uuid> = wanted.iter().map(|(tenant, _)| tenant.uuid()).collect();
    let ids: Vec<&str> = wanted.iter().map(|(_, id)| id.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT c.tenant_id, c.connection_id, c.conn_type, c.description, c.host, c.port, c.login, c.schema
        FROM connections c JOIN unnest($1::uuid[], $2::text[]) AS w (tenant_id, connection_id) USING (tenant_id, connection_id)
        "#,
        &tenants,
        &ids as &[&str],
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = row_of("connections", row.tenant_id);
            let facts = ConnectionFacts {
                conn_type: row.conn_type,
                description: row.description,
                host: row.host,
                port: row.port.map(|port| origin.number("port", port)).transpose()?,
                login: row.login,
                schema: row.schema,
            };
            Ok((TenantId::from_uuid(row.tenant_id), origin.name("connection_id", &row.connection_id)?, facts))
        })
        .collect()
}

/// The connections, without what is secret.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, order: Order<ConnectionField>, page: Page) -> Result<Listed<ConnectionEntry>, StoreError> {
    let (tenant, context) = (tx.tenant(), tx.context().tenant);
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM connections WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT c.connection_id, c.conn_type, c.description, c.host, c.port, c.login, c.schema, c.has_password, c.has_extra, c.created_at,
            c.updated_at
        FROM connections c
        CROSS JOIN LATERAL (SELECT
            CASE $2 WHEN 'name' THEN c.connection_id WHEN 'type' THEN c.conn_type WHEN 'description' THEN c.description
                WHEN 'host' THEN c.host END AS word,
            CASE $2 WHEN 'port' THEN c.port WHEN 'made' THEN extract(epoch FROM c.created_at) END AS number) k
        WHERE c.tenant_id = $1
        ORDER BY CASE WHEN NOT $3 THEN k.word END, CASE WHEN $3 THEN k.word END DESC NULLS LAST,
            CASE WHEN NOT $3 THEN k.number END, CASE WHEN $3 THEN k.number END DESC NULLS LAST, c.connection_id
        LIMIT $4 OFFSET $5
        "#,
        tenant,
        order.field.as_str(),
        order.backwards,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(|row| row.entry(context)).collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// Removes a connection.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, id: &ConnectionId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let removed = sqlx::query!("DELETE FROM connections WHERE tenant_id = $1 AND connection_id = $2", tenant, id.as_str())
        .execute(tx.conn())
        .await?;
    if removed.rows_affected() == 0 { Err(StoreError::not_found("connection", id)) } else { Ok(()) }
}
