//! Pools: slots that tasks share.

use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagVersionId, PoolName, TenantId};

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// How many slots it has.
    pub slots: u32,
    /// What it is for.
    pub description: Option<String>,
    /// Whether tasks that wait for an event keep their slots.
    pub include_deferred: bool,
}

/// What of a pool is changed; what is nothing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolChange {
    /// How many slots it has.
    pub slots: Option<u32>,
    /// What it is for; inner nothing empties it.
    pub description: Option<Option<String>>,
    /// Whether tasks that wait for an event keep their slots.
    pub include_deferred: Option<bool>,
}

/// Active instances of one task of a dag version, in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveTasks {
    /// Whose they are.
    pub tenant: TenantId,
    /// The version that their runs are pinned to.
    pub version: DagVersionId,
    /// Position of the task in it.
    pub task_index: i32,
    /// Their state.
    pub state: TaskStateName,
    /// How many.
    pub count: u64,
}

struct Row {
    name: String,
    slots: i32,
    description: Option<String>,
    include_deferred: bool,
}

impl TryFrom<Row> for Pool {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("pools", row.name.as_str());
        Ok(Self {
            name: origin.name("name", &row.name)?,
            slots: origin.number("slots", row.slots)?,
            description: row.description,
            include_deferred: row.include_deferred,
        })
    }
}

/// The tenant's pools that somebody made, by name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Listed<Pool>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM pools WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let items = sqlx::query_as!(
        Row,
        r#"
        SELECT name, slots, description, include_deferred FROM pools WHERE tenant_id = $1 ORDER BY name LIMIT $2 OFFSET $3
        "#,
        tenant,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(Pool::try_from)
    .collect::<Result<_, _>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// One pool.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, name: &PoolName) -> Result<Pool, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "SELECT name, slots, description, include_deferred FROM pools WHERE tenant_id = $1 AND name = $2",
        tenant,
        name.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("pool", name))?
    .try_into()
}

/// Makes a pool.
///
/// # Errors
/// [`StoreError::Conflict`] when there is one of that name; [`StoreError::Invalid`] when a value is out of its range.
pub async fn create(tx: &mut Tx<'_>, pool: &Pool) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "INSERT INTO pools (tenant_id, name, slots, description, include_deferred) VALUES ($1, $2, $3, $4, $5)",
        tenant,
        pool.name.as_str(),
        pool.slots.cast_signed(),
        pool.description,
        pool.include_deferred
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes a pool.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Invalid`] when a value is out of its range.
pub async fn change(tx: &mut Tx<'_>, name: &PoolName, change: &PoolChange) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        UPDATE pools SET slots = coalesce($3, slots), description = CASE WHEN $4 THEN $5 ELSE description END,
            include_deferred = coalesce($6, include_deferred)
        WHERE tenant_id = $1 AND name = $2
        "#,
        tenant,
        name.as_str(),
        change.slots.map(u32::cast_signed),
        change.description.is_some(),
        change.description.clone().flatten(),
        change.include_deferred
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::not_found("pool", name)) }
}

/// Removes a pool.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, name: &PoolName) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("DELETE FROM pools WHERE tenant_id = $1 AND name = $2", tenant, name.as_str()).execute(tx.conn()).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::not_found("pool", name)) }
}

/// Dags of the tenant whose current version has a task in the pool, by name, at most ten.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dags_of(tx: &mut Tx<'_>, name: &PoolName) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        r#"
        SELECT d.dag_id FROM dags d JOIN dag_versions v ON v.dag_version_id = d.current_version_id
        WHERE d.tenant_id = $1 AND EXISTS (SELECT FROM jsonb_array_elements(v.plan -> 'tasks') AS t WHERE t ->> 'pool' = $2)
        ORDER BY d.dag_id LIMIT 10
        "#,
        tenant,
        name.as_str()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Task instances that something will happen to, counted by task and state: of one tenant, or of all when the transaction goes
/// across tenants. With `deferred_only` only those that wait for an event.
///
/// # Errors
/// When the database cannot be reached.
pub async fn active(tx: &mut Tx<'_>, deferred_only: bool) -> Result<Vec<ActiveTasks>, StoreError> {
    let tenant = Some(tx.tenant()).filter(|tenant| !tenant.is_nil());
    sqlx::query!(
        r#"
        SELECT ti.tenant_id, r.dag_version_id, ti.task_index, ti.state, count(*) AS "count!"
        FROM task_instances ti JOIN dag_runs r USING (run_key)
        WHERE ti.attend_at IS NOT NULL AND ($1::uuid IS NULL OR ti.tenant_id = $1)
          AND (NOT $2 OR (ti.deferred_event IS NOT NULL
            AND EXISTS (SELECT FROM pools p WHERE p.tenant_id = ti.tenant_id AND p.include_deferred)))
        GROUP BY ti.tenant_id, r.dag_version_id, ti.task_index, ti.state
        "#,
        tenant,
        deferred_only
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        Ok(ActiveTasks {
            tenant: TenantId::from_uuid(row.tenant_id),
            version: DagVersionId::from_uuid(row.dag_version_id),
            task_index: row.task_index,
            state: row_of("task_instances", row.dag_version_id).known("state", TaskStateName::parse(&row.state))?,
            count: row.count.cast_unsigned(),
        })
    })
    .collect()
}
