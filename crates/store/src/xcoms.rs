//! Reading what tasks left for others. What writes it is in [`crate::execution`].

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{RunKey, TaskId, XComKey};

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
