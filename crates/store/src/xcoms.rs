//! Reading what tasks left for others. What writes it is in [`crate::execution`].

use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, RunKey, TaskId, XComKey};

/// An XCom without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XComEntry {
    /// Its key.
    pub key: XComKey,
    /// Bytes of the value as JSON.
    pub size_bytes: u64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// An XCom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XCom {
    /// Which one it is.
    pub entry: XComEntry,
    /// The value.
    pub value: StoredValue,
}

/// Where the value of an XCom is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredValue {
    /// Here: JSON text.
    Inline(String),
    /// In the object of this name, as JSON text.
    Object(String),
}

/// The XComs of a task of a run, by key, without their values. `map_index` is -1 for a task that is not mapped.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, run: RunKey, task: &TaskId, map_index: i32) -> Result<Vec<XComEntry>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        SELECT key, size_bytes, created_at FROM xcoms
        WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4 ORDER BY key
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("xcoms", run);
        Ok(XComEntry {
            key: origin.name("key", &row.key)?,
            size_bytes: origin.number("size_bytes", row.size_bytes)?,
            created_at: row.created_at,
        })
    })
    .collect()
}

/// An XCom without its value, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundXCom {
    /// Which one it is.
    pub entry: XComEntry,
    /// Its dag.
    pub dag_id: DagId,
    /// Its run.
    pub dag_run_id: DagRunId,
    /// Its task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The moment that its run is for.
    pub logical_date: DateTime<Utc>,
}

/// Which XComs a list is about. What is nothing does not bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XComFilter {
    /// Of this dag.
    pub dag: Option<DagId>,
    /// Of runs of this name.
    pub run: Option<DagRunId>,
    /// Of tasks of this name.
    pub task: Option<TaskId>,
    /// Of this position in a mapped task; -1 for tasks that are not mapped.
    pub map_index: Option<i32>,
    /// Of this key.
    pub key: Option<String>,
}

/// The XComs of the tenant that pass the filter, without their values: by dag, task, run, position and key.
///
/// # Errors
/// When the database cannot be reached.
pub async fn search(tx: &mut Tx<'_>, filter: &XComFilter, page: Page) -> Result<Listed<FoundXCom>, StoreError> {
    let tenant = tx.tenant();
    let (dag, run) = (filter.dag.as_ref().map(DagId::as_str), filter.run.as_ref().map(DagRunId::as_str));
    let task = filter.task.as_ref().map(TaskId::as_str);
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM xcoms x JOIN dag_runs r USING (tenant_id, run_key) JOIN dags d USING (tenant_id, dag_key)
            WHERE x.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2) AND ($3::text IS NULL OR r.dag_run_id = $3)
              AND ($4::text IS NULL OR x.task_id = $4) AND ($5::int IS NULL OR x.map_index = $5) AND ($6::text IS NULL OR x.key = $6)
            LIMIT $7) AS counted
        "#,
        tenant,
        dag,
        run,
        task,
        filter.map_index,
        filter.key,
        page.counted()
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        SELECT x.run_key, x.key, x.size_bytes, x.created_at, x.task_id, x.map_index, r.dag_run_id, r.logical_date, d.dag_id
        FROM xcoms x JOIN dag_runs r USING (tenant_id, run_key) JOIN dags d USING (tenant_id, dag_key)
        WHERE x.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2) AND ($3::text IS NULL OR r.dag_run_id = $3)
          AND ($4::text IS NULL OR x.task_id = $4) AND ($5::int IS NULL OR x.map_index = $5) AND ($6::text IS NULL OR x.key = $6)
        ORDER BY d.dag_id, x.task_id, r.dag_run_id, x.map_index, x.key LIMIT $7 OFFSET $8
        "#,
        tenant,
        dag,
        run,
        task,
        filter.map_index,
        filter.key,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(|row| {
        let origin = row_of("xcoms", row.run_key);
        Ok(FoundXCom {
            entry: XComEntry {
                key: origin.name("key", &row.key)?,
                size_bytes: origin.number("size_bytes", row.size_bytes)?,
                created_at: row.created_at,
            },
            dag_id: origin.name("dag_id", &row.dag_id)?,
            dag_run_id: origin.name("dag_run_id", &row.dag_run_id)?,
            task_id: origin.name("task_id", &row.task_id)?,
            map_index: row.map_index,
            logical_date: row.logical_date,
        })
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, total: total.cast_unsigned() })
}

/// One XCom with its value.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, run: RunKey, task: &TaskId, map_index: i32, key: &XComKey) -> Result<XCom, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT value, object, size_bytes, created_at FROM xcoms
        WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4 AND key = $5
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index,
        key.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("XCom", key))?;
    let origin = row_of("xcoms", run);
    let value = row.value.map(StoredValue::Inline).or_else(|| row.object.map(StoredValue::Object));
    Ok(XCom {
        entry: XComEntry {
            key: key.clone(),
            size_bytes: origin.number("size_bytes", row.size_bytes)?,
            created_at: row.created_at,
        },
        value: origin.known("value", value)?,
    })
}
