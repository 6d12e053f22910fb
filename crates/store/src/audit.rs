//! Who changed what. Entries are added, never changed: the database's roles may do nothing else.

use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::AuditId;
use serde_json::Value;

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it: the name at that time, or the part of Cofferdam.
    pub principal: String,
    /// What was done: `dag.apply`, `run.cancel`.
    pub action: String,
    /// The kind of thing that it was done to: `dag`, `user`.
    pub target_kind: String,
    /// The thing's name.
    pub target: String,
    /// What else there is to say: a JSON object without secrets.
    pub detail: Value,
    /// The request, as in the logs.
    pub request_id: String,
}

/// What was done, to what.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// What was done: `dag.apply`, `run.cancel`.
    pub action: &'a str,
    /// The kind of thing that it was done to.
    pub target_kind: &'a str,
    /// The thing's name.
    pub target: &'a str,
}

/// Adds an entry, in the transaction that does what it tells. Who and which request come from the context.
///
/// # Errors
/// When the database cannot be reached.
pub async fn append(tx: &mut Tx<'_>, done: Action<'_>, detail: &Value, now: DateTime<Utc>) -> Result<AuditId, StoreError> {
    let id = AuditId::generate();
    let context = tx.context();
    let tenant = tx.tenant();
    let principal = context.principal.to_string();
    let request_id = context.request_id.clone();
    sqlx::query!(
        r#"
        INSERT INTO audit_log (audit_id, tenant_id, at, principal, action, target_kind, target, detail, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        id.uuid(),
        tenant,
        now,
        principal,
        done.action,
        done.target_kind,
        done.target,
        detail,
        request_id
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// The tenant's entries, the newest first; with `target_kind` only those about such things.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, target_kind: Option<&str>, page: Page) -> Result<Listed<AuditEntry>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM audit_log WHERE tenant_id = $1 AND ($2::text IS NULL OR target_kind = $2)"#,
        tenant,
        target_kind
    )
    .fetch_one(tx.conn())
    .await?;
    let items = sqlx::query!(
        r#"
        SELECT audit_id, at, principal, action, target_kind, target, detail, request_id
        FROM audit_log WHERE tenant_id = $1 AND ($2::text IS NULL OR target_kind = $2)
        ORDER BY audit_id DESC LIMIT $3 OFFSET $4
        "#,
        tenant,
        target_kind,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| AuditEntry {
        id: AuditId::from_uuid(row.audit_id),
        at: row.at,
        principal: row.principal,
        action: row.action,
        target_kind: row.target_kind,
        target: row.target,
        detail: row.detail,
        request_id: row.request_id,
    })
    .collect();
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// Which entries a search is about. What is empty or nothing does not bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The entry of this number.
    pub number: Option<i64>,
    /// About this dag.
    pub dag_id: Option<String>,
    /// About this run.
    pub run_id: Option<String>,
    /// About this task.
    pub task_id: Option<String>,
    /// Of one of these actions.
    pub actions: Vec<String>,
    /// Of none of these actions.
    pub not_actions: Vec<String>,
    /// By this principal.
    pub principal: Option<String>,
    /// About the task instance at this position in a mapped task, -1 when it is not mapped.
    pub map_index: Option<i32>,
    /// About a task instance at this try.
    pub try_number: Option<u32>,
    /// In this time.
    pub at: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Their order.
    pub order: Order<AuditField>,
}

/// By what a list of entries is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditField {
    /// Its number, which follows the time.
    #[default]
    Number,
    /// The dag that it is about.
    Dag,
    /// The run that it is about.
    Run,
    /// The task that it is about.
    Task,
    /// What was done.
    Action,
    /// Who did it.
    Principal,
    /// What else there is to say.
    Detail,
}

impl AuditField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Dag => "dag",
            Self::Run => "run",
            Self::Task => "task",
            Self::Action => "action",
            Self::Principal => "principal",
            Self::Detail => "detail",
        }
    }
}

/// An entry and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberedEntry {
    /// Its number: later entries have higher ones.
    pub number: i64,
    /// The entry.
    pub entry: AuditEntry,
}

/// The tenant's entries that pass the filter.
///
/// # Errors
/// When the database cannot be reached.
pub async fn search(tx: &mut Tx<'_>, filter: &AuditFilter, page: Page) -> Result<Listed<NumberedEntry>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        SELECT audit_id, event_log_id, at, principal, action, target_kind, target, detail, request_id, count(*) OVER () AS "total!"
        FROM audit_log
        CROSS JOIN LATERAL (SELECT CASE $11 WHEN 'action' THEN action WHEN 'principal' THEN principal WHEN 'detail' THEN detail::text
            WHEN 'dag' THEN CASE WHEN target_kind IN ('dag', 'dag_run', 'task_instance') THEN split_part(target, '/', 1) END
            WHEN 'run' THEN CASE WHEN target_kind IN ('dag_run', 'task_instance') THEN nullif(split_part(target, '/', 2), '') END
            WHEN 'task' THEN CASE WHEN target_kind = 'task_instance' THEN nullif(split_part(target, '/', 3), '') END END AS word) k
        WHERE tenant_id = $1 AND ($2::bigint IS NULL OR event_log_id = $2)
          AND ($3::text IS NULL OR (target_kind IN ('dag', 'dag_run', 'task_instance', 'dead_letter') AND split_part(target, '/', 1) = $3))
          AND ($4::text IS NULL OR (target_kind IN ('dag_run', 'task_instance') AND split_part(target, '/', 2) = $4))
          AND ($5::text IS NULL OR (target_kind = 'task_instance' AND split_part(target, '/', 3) = $5))
          AND (cardinality($6::text[]) = 0 OR action = ANY ($6)) AND action <> ALL ($7::text[])
          AND ($8::text IS NULL OR principal = $8)
          AND ($9::timestamptz IS NULL OR at >= $9) AND ($10::timestamptz IS NULL OR at <= $10)
          AND ($13::int IS NULL OR (target_kind = 'task_instance' AND detail ->> 'map_index' = $13::int::text))
          AND ($14::int IS NULL OR (target_kind = 'task_instance' AND detail ->> 'try_number' = $14::int::text))
        ORDER BY CASE WHEN NOT $12 THEN k.word END, CASE WHEN $12 THEN k.word END DESC NULLS LAST,
            CASE WHEN $12 THEN event_log_id END DESC, event_log_id
        LIMIT $15 OFFSET $16
        "#,
        tenant,
        filter.number,
        filter.dag_id,
        filter.run_id,
        filter.task_id,
        &filter.actions,
        &filter.not_actions,
        filter.principal,
        filter.at.0,
        filter.at.1,
        filter.order.field.as_str(),
        filter.order.backwards,
        filter.map_index,
        filter.try_number.map(u32::cast_signed),
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?;
    let total = rows.first().map_or(0, |row| row.total.cast_unsigned());
    let items = rows
        .into_iter()
        .map(|row| NumberedEntry {
            number: row.event_log_id,
            entry: AuditEntry {
                id: AuditId::from_uuid(row.audit_id),
                at: row.at,
                principal: row.principal,
                action: row.action,
                target_kind: row.target_kind,
                target: row.target,
                detail: row.detail,
                request_id: row.request_id,
            },
        })
        .collect();
    Ok(Listed { items, total })
}
