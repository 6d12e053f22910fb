//! Tasks by themselves, and which of them wait for which.

use crate::read::row_of;
use crate::{StoreError, Tx};
use cofferdam_ids::DagId;

/// Makes changes of what waits for what wait for each other, in this tenant.
///
/// # Errors
/// When the database cannot be reached.
pub async fn lock_dependencies(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("SELECT tenant_id FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE", tenant).fetch_all(tx.conn()).await?;
    Ok(())
}

/// Which of these are tasks by themselves.
///
/// # Errors
/// When the database cannot be reached.
pub async fn names(tx: &mut Tx<'_>, wanted: &[DagId]) -> Result<Vec<DagId>, StoreError> {
    let tenant = tx.tenant();
    let wanted: Vec<&str> = wanted.iter().map(DagId::as_str).collect();
    sqlx::query_scalar!(
        "SELECT dag_id FROM dags WHERE tenant_id = $1 AND standalone AND dag_id = ANY ($2)",
        tenant,
        &wanted as &[&str]
    )
    .fetch_all(tx.conn())
    .await?
    .iter()
    .map(|name| row_of("dags", name.as_str()).name("dag_id", name))
    .collect()
}

/// The tasks by themselves that wait for others, each with what it waits for.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dependencies(tx: &mut Tx<'_>) -> Result<Vec<(DagId, DagId)>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        SELECT d.dag_id, o.dag_id AS waits_for
        FROM dags d JOIN asset_consumers c USING (tenant_id, dag_key) JOIN assets a USING (tenant_id, asset_id)
            JOIN dags o ON o.tenant_id = d.tenant_id AND o.standalone AND a.uri = 'cofferdam://tasks/' || o.dag_id
        WHERE d.tenant_id = $1 AND d.standalone ORDER BY d.dag_id, o.dag_id
        "#,
        tenant
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("dags", row.dag_id.as_str());
        Ok((origin.name("dag_id", &row.dag_id)?, origin.name("dag_id", &row.waits_for)?))
    })
    .collect()
}
