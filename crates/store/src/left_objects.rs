//! Which objects of the object store are named by a row, or may yet be.

use crate::{StoreError, Tx};
use cofferdam_ids::{RunKey, TaskInstanceId, TenantId};
use uuid::Uuid;

/// An object that a task instance left in the object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// The run.
    pub run: RunKey,
    /// The task instance.
    pub instance: TaskInstanceId,
    /// What a row calls it. None for one that the task instance may store again at the same place: it is needed as long as there is the
    /// instance.
    pub name: Option<&'a str>,
}

/// The positions of those objects that no row names and none will. To be asked of objects that were there before: their names are never
/// used again, and a try that could still record one keeps its instance from being finished. One statement sees both at the same
/// moment, so that an object does not pass from the one to the other unseen.
///
/// # Errors
/// When the database cannot be reached.
pub async fn unneeded(tx: &mut Tx<'_>, objects: &[Left<'_>]) -> Result<Vec<usize>, StoreError> {
    let positions: Vec<i64> = (0_i64..).take(objects.len()).collect();
    let tenants: Vec<Uuid> = objects.iter().map(|object| object.tenant.uuid()).collect();
    let runs: Vec<Uuid> = objects.iter().map(|object| object.run.uuid()).collect();
    let instances: Vec<Uuid> = objects.iter().map(|object| object.instance.uuid()).collect();
    let names: Vec<Option<&str>> = objects.iter().map(|object| object.name).collect();
    let unneeded = sqlx::query_scalar!(
        r#"
        SELECT o.position AS "position!"
        FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS o (position, tenant_id, run_key, instance_id, name)
        WHERE NOT EXISTS (
                SELECT 1 FROM task_instances i
                WHERE i.instance_id = o.instance_id AND i.tenant_id = o.tenant_id
                    AND (o.name IS NULL OR i.state NOT IN ('success', 'failed', 'upstream_failed', 'skipped', 'removed')))
            AND NOT EXISTS (
                SELECT 1 FROM artifacts a WHERE a.run_key = o.run_key AND a.tenant_id = o.tenant_id AND a.object = o.name)
            AND NOT EXISTS (
                SELECT 1 FROM checkpoints c WHERE c.instance_id = o.instance_id AND c.tenant_id = o.tenant_id AND c.object = o.name)
        "#,
        &positions,
        &tenants,
        &runs,
        &instances,
        &names as &[Option<&str>]
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(unneeded.into_iter().filter_map(|position| usize::try_from(position).ok()).collect())
}
