//! Sealing everything anew under the current key, after the secret of the installation was changed.

use crate::read::row_of;
use crate::{StoreError, Tx, connections, variables, webhooks};
use cofferdam_domain::seal::{KeyRing, OpenError};
use cofferdam_ids::{ConnectionId, TenantId, VariableKey};
use uuid::Uuid;

/// Values in one transaction.
const BATCH: i64 = 200;

/// Where a pass through a table has come to.
#[derive(Clone, Debug, Default)]
struct After(Option<(Uuid, String)>);

impl After {
    fn tenant(&self) -> Uuid {
        self.0.as_ref().map_or(Uuid::nil(), |(tenant, _)| *tenant)
    }

    fn name(&self) -> &str {
        self.0.as_ref().map_or("", |(_, name)| name)
    }
}

/// A pass through all sealed values of all tenants. It can be stopped at any time and begun anew: what was done is not
/// found again.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    variables: After,
    connections: After,
    variables_done: bool,
    connections_done: bool,
    webhooks: Option<(Uuid, Uuid)>,
    webhooks_done: bool,
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Values that cannot be opened, with the reason: they stay as they are.
    pub failed: Vec<(String, OpenError)>,
}

impl Rotation {
    /// Whether everything was looked at.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.variables_done && self.connections_done && self.webhooks_done
    }
}

/// Seals the next values anew. The transaction is one across tenants, and the caller commits it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn rotate(tx: &mut Tx<'_>, keys: &KeyRing, rotation: &mut Rotation) -> Result<(), StoreError> {
    if !rotation.variables_done {
        return variables_batch(tx, keys, rotation).await;
    }
    if !rotation.connections_done {
        return connections_batch(tx, keys, rotation).await;
    }
    if !rotation.webhooks_done {
        return webhooks_batch(tx, keys, rotation).await;
    }
    Ok(())
}

async fn variables_batch(tx: &mut Tx<'_>, keys: &KeyRing, rotation: &mut Rotation) -> Result<(), StoreError> {
    let current = keys.current().to_string();
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id, key, sealed FROM variables WHERE key_id <> $1 AND (tenant_id, key) > ($2, $3)
        ORDER BY tenant_id, key LIMIT $4 FOR UPDATE
        "#,
        current,
        rotation.variables.tenant(),
        rotation.variables.name(),
        BATCH
    )
    .fetch_all(tx.conn())
    .await?;
    rotation.variables_done = rows.len() < usize::try_from(BATCH).unwrap_or(0);
    for row in rows {
        let key: VariableKey = row_of("variables", row.tenant_id).name("key", &row.key)?;
        let place = variables::place(TenantId::from_uuid(row.tenant_id), &key);
        match keys.open(place, &row.sealed) {
            Ok(value) => {
                let sealed = keys.seal(place, &value).map_err(|error| StoreError::invalid(error.to_string()))?;
                sqlx::query!(
                    "UPDATE variables SET sealed = $3, key_id = $4 WHERE tenant_id = $1 AND key = $2",
                    row.tenant_id,
                    row.key,
                    sealed,
                    current
                )
                .execute(tx.conn())
                .await?;
                rotation.resealed += 1;
            }
            Err(error) => rotation.failed.push((format!("variable '{}' of tenant {}", row.key, row.tenant_id), error)),
        }
        rotation.variables = After(Some((row.tenant_id, row.key)));
    }
    Ok(())
}

async fn connections_batch(tx: &mut Tx<'_>, keys: &KeyRing, rotation: &mut Rotation) -> Result<(), StoreError> {
    let current = keys.current().to_string();
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id, connection_id, sealed FROM connections WHERE key_id <> $1 AND (tenant_id, connection_id) > ($2, $3)
        ORDER BY tenant_id, connection_id LIMIT $4 FOR UPDATE
        "#,
        current,
        rotation.connections.tenant(),
        rotation.connections.name(),
        BATCH
    )
    .fetch_all(tx.conn())
    .await?;
    rotation.connections_done = rows.len() < usize::try_from(BATCH).unwrap_or(0);
    for row in rows {
        let id: ConnectionId = row_of("connections", row.tenant_id).name("connection_id", &row.connection_id)?;
        let place = connections::place(TenantId::from_uuid(row.tenant_id), &id);
        match keys.open(place, &row.sealed) {
            Ok(value) => {
                let sealed = keys.seal(place, &value).map_err(|error| StoreError::invalid(error.to_string()))?;
                sqlx::query!(
                    "UPDATE connections SET sealed = $3, key_id = $4 WHERE tenant_id = $1 AND connection_id = $2",
                    row.tenant_id,
                    row.connection_id,
                    sealed,
                    current
                )
                .execute(tx.conn())
                .await?;
                rotation.resealed += 1;
            }
            Err(error) => {
                rotation.failed.push((format!("connection '{}' of tenant {}", row.connection_id, row.tenant_id), error));
            }
        }
        rotation.connections = After(Some((row.tenant_id, row.connection_id)));
    }
    Ok(())
}

async fn webhooks_batch(tx: &mut Tx<'_>, keys: &KeyRing, rotation: &mut Rotation) -> Result<(), StoreError> {
    let current = keys.current().to_string();
    let rows = webhooks::sealed_by_others(tx, &current, rotation.webhooks.unwrap_or_default(), BATCH).await?;
    rotation.webhooks_done = rows.len() < usize::try_from(BATCH).unwrap_or(0);
    for (tenant, dag, sealed) in rows {
        let name = dag.to_string();
        let place = webhooks::place(TenantId::from_uuid(tenant), &name);
        match keys.open(place, &sealed) {
            Ok(secret) => {
                let sealed = keys.seal(place, &secret).map_err(|error| StoreError::invalid(error.to_string()))?;
                webhooks::reseal(tx, dag, &sealed, &current).await?;
                rotation.resealed += 1;
            }
            Err(error) => rotation.failed.push((format!("webhook of dag {dag} of tenant {tenant}"), error)),
        }
        rotation.webhooks = Some((tenant, dag));
    }
    Ok(())
}
