//! What the definition of a dag is checked against, and which dags a component matters to.

use crate::read::row_of;
use crate::{StoreError, Tx};
use cofferdam_ids::{ComponentName, DagId, PoolName};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The names of what a tenant has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Its pools that somebody made, with their slots.
    pub pools: BTreeMap<PoolName, u32>,
    /// Its variables.
    pub variables: Vec<String>,
    /// Its connections.
    pub connections: Vec<String>,
}

/// The names of the tenant's pools, and where they are wanted of its variables and connections.
///
/// # Errors
/// When the database cannot be reached.
pub async fn names(tx: &mut Tx<'_>, variables: bool, connections: bool) -> Result<Names, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT
            ARRAY(SELECT name FROM pools WHERE tenant_id = $1 ORDER BY name) AS "pools!",
            ARRAY(SELECT slots FROM pools WHERE tenant_id = $1 ORDER BY name) AS "slots!",
            ARRAY(SELECT key FROM variables WHERE tenant_id = $1 AND $2 ORDER BY key) AS "variables!",
            ARRAY(SELECT connection_id FROM connections WHERE tenant_id = $1 AND $3 ORDER BY connection_id) AS "connections!"
        "#,
        tenant,
        variables,
        connections
    )
    .fetch_one(tx.conn())
    .await?;
    let origin = row_of("pools", tenant);
    let pools = row.pools.iter().zip(row.slots);
    let pools = pools.map(|(name, slots)| Ok((origin.name("name", name)?, origin.number("slots", slots)?)));
    let pools = pools.collect::<Result<_, StoreError>>()?;
    Ok(Names { pools, variables: row.variables, connections: row.connections })
}

/// The current version of a dag.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentDefinition {
    /// The dag.
    pub dag_id: DagId,
    /// What its author wrote.
    pub definition: Value,
    /// What was made of it.
    pub plan: Value,
}

/// The dags with a task that names a component without a version or with a range of versions, by name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dags_that_follow(
    tx: &mut Tx<'_>,
    component: &ComponentName,
    limit: u32,
) -> Result<Vec<CurrentDefinition>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        SELECT d.dag_key, d.dag_id, v.definition, v.plan
        FROM dags d JOIN dag_versions v ON v.dag_version_id = d.current_version_id
        WHERE d.tenant_id = $1 AND (
            v.definition -> 'tasks' @> $2
            -- No label has the signs that ranges are made of.
            OR jsonb_path_exists(
                v.definition -> 'tasks',
                '$[*].component ? (@ starts with $named && @ like_regex "@.*[~^<>=*,]")',
                jsonb_build_object('named', $4::text)
            )
        )
        ORDER BY d.dag_id
        LIMIT $3
        "#,
        tenant,
        json!([{ "component": component }]),
        i64::from(limit),
        format!("{component}@")
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let dag_id = row_of("dags", row.dag_key).name("dag_id", &row.dag_id)?;
            Ok(CurrentDefinition { dag_id, definition: row.definition, plan: row.plan })
        })
        .collect()
}
