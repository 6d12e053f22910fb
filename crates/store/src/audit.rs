//! Who changed what. Entries are added, never changed: the database's roles may do nothing else.

use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::Principal;
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
    let principal = match &context.principal {
        Principal::User { name, .. } => name.clone(),
        Principal::System(part) => format!("cofferdam ({part})"),
    };
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
