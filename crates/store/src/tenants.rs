//! Tenants, and their policy towards the queue.

use crate::read::row_of;
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{PoolName, TenantId, TenantName};
use uuid::Uuid;

/// One of the parties that share an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in URLs and at sign-in.
    pub name: TenantName,
    /// Its name for people.
    pub display_name: String,
    /// When it was founded.
    pub created_at: DateTime<Utc>,
    /// The most of its tasks that run at once.
    pub max_leased: Option<u32>,
    /// Its share beside the other tenants, at least 1.
    pub weight: u32,
    /// Limits of a try that are tighter than the installation's.
    pub limits: Option<Limits>,
    /// Targets outside of the public internet that its tasks may reach when their grant names them.
    pub private_targets: Vec<PrivateTarget>,
}

/// What binds the tries of a tenant, beside their own limits and grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRules {
    /// Limits of a try that are tighter than the installation's.
    pub limits: Option<Limits>,
    /// Targets outside of the public internet that its tasks may reach when their grant names them.
    pub private_targets: Vec<PrivateTarget>,
}

/// What the queue must know of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantPolicy {
    /// The tenant.
    pub tenant: TenantId,
    /// The most of its tasks that run at once.
    pub max_leased: Option<u32>,
    /// Its share beside the other tenants, at least 1.
    pub weight: u32,
}

/// What the queue must know of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSlots {
    /// The tenant.
    pub tenant: TenantId,
    /// The pool.
    pub name: PoolName,
    /// Its slots.
    pub slots: u32,
    /// Whether tasks that wait for an event keep their slots.
    pub include_deferred: bool,
}

struct Row {
    tenant_id: Uuid,
    name: String,
    display_name: String,
    created_at: DateTime<Utc>,
    max_leased: Option<i32>,
    weight: i32,
    limits: Option<serde_json::Value>,
    egress_private: Option<serde_json::Value>,
}

impl TryFrom<Row> for Tenant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("tenants", row.tenant_id);
        Ok(Self {
            id: TenantId::from_uuid(row.tenant_id),
            name: origin.name("name", &row.name)?,
            display_name: row.display_name,
            created_at: row.created_at,
            max_leased: row.max_leased.map(|most| origin.number("max_leased", most)).transpose()?,
            weight: origin.number("weight", row.weight)?,
            limits: row.limits.map(|limits| origin.known("limits", read_limits(limits))).transpose()?,
            private_targets: row
                .egress_private
                .map_or(Ok(Vec::new()), |targets| origin.known("egress_private", serde_json::from_value(targets).ok()))?,
        })
    }
}

/// Limits as they are stored. One that is not among them, since it was not known when they were, binds nothing.
fn read_limits(stored: serde_json::Value) -> Option<Limits> {
    let mut limits = serde_json::to_value(Limits::hard_caps()).ok()?;
    if let (Some(limits), serde_json::Value::Object(stored)) = (limits.as_object_mut(), stored) {
        limits.extend(stored);
    }
    serde_json::from_value(limits).ok()
}

/// What binds the tries of these tenants. Those that the transaction cannot see are left out.
///
/// # Errors
/// When the database cannot be reached, or holds what cannot be read.
pub async fn rules(tx: &mut Tx<'_>, tenants: &[TenantId]) -> Result<Vec<(TenantId, TenantRules)>, StoreError> {
    let ids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    sqlx::query_as!(
        Row,
        r#"
        SELECT tenant_id, name, display_name, created_at, max_leased, weight, limits, egress_private FROM tenants
        WHERE tenant_id = ANY ($1)
        "#,
        &ids
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let Tenant { id, limits, private_targets, .. } = row.try_into()?;
        Ok((id, TenantRules { limits, private_targets }))
    })
    .collect()
}

/// Founds a tenant. Needs a transaction across tenants: within one, there is none yet.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn create(tx: &mut Tx<'_>, name: &TenantName, display_name: &str, now: DateTime<Utc>) -> Result<TenantId, StoreError> {
    let id = TenantId::generate();
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, name, display_name, created_at) VALUES ($1, $2, $3, $4)",
        id.uuid(),
        name.as_str(),
        display_name,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// Finds the tenant of a name, before there is a context: the first step of signing in.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find_id(store: &Store, name: &TenantName) -> Result<Option<TenantId>, StoreError> {
    let mut tx = store.begin_without_tenant("sign-in").await?;
    let id = sqlx::query_scalar!("SELECT cofferdam_tenant_named($1)", name.as_str()).fetch_one(tx.conn()).await?;
    Ok(id.map(TenantId::from_uuid))
}

/// The transaction's own tenant.
///
/// # Errors
/// [`StoreError::NotFound`] when it was removed.
pub async fn get(tx: &mut Tx<'_>) -> Result<Tenant, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "SELECT tenant_id, name, display_name, created_at, max_leased, weight, limits, egress_private FROM tenants WHERE tenant_id = $1",
        tenant
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("tenant", tenant))?
    .try_into()
}

/// Every tenant that the transaction can see, by name: all across tenants, else its own.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>) -> Result<Vec<Tenant>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT tenant_id, name, display_name, created_at, max_leased, weight, limits, egress_private FROM tenants ORDER BY name"
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(Tenant::try_from)
    .collect()
}

/// Changes the policy of the transaction's tenant.
///
/// # Errors
/// [`StoreError::Invalid`] when a number is out of its range.
pub async fn set_policy(tx: &mut Tx<'_>, max_leased: Option<u32>, weight: u32, rules: &TenantRules) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let internal = |error: serde_json::Error| StoreError::Internal(error.into());
    let limits = rules.limits.as_ref().map(serde_json::to_value).transpose().map_err(internal)?;
    let private = serde_json::to_value(&rules.private_targets).map_err(internal)?;
    let done = sqlx::query!(
        "UPDATE tenants SET max_leased = $2, weight = $3, limits = $4, egress_private = $5 WHERE tenant_id = $1",
        tenant,
        max_leased.map(u32::cast_signed),
        weight.cast_signed(),
        limits,
        private
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("tenant", tenant)) } else { Ok(()) }
}

/// How many seconds the transaction's tenant keeps dead letters that were closed; none when it has no time of its own.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant was removed.
pub async fn letters_kept(tx: &mut Tx<'_>) -> Result<Option<u64>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!("SELECT letters_kept_s FROM tenants WHERE tenant_id = $1", tenant).fetch_optional(tx.conn()).await?;
    let kept = row.ok_or_else(|| StoreError::not_found("tenant", tenant))?.letters_kept_s;
    kept.map(|kept| row_of("tenants", tenant).number("letters_kept_s", kept)).transpose()
}

/// Sets how many seconds the transaction's tenant keeps dead letters that were closed; none for what the configuration says.
///
/// # Errors
/// [`StoreError::Invalid`] when it is more than ten years.
pub async fn keep_letters(tx: &mut Tx<'_>, seconds: Option<u64>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let done =
        sqlx::query!("UPDATE tenants SET letters_kept_s = $2 WHERE tenant_id = $1", tenant, seconds).execute(tx.conn()).await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("tenant", tenant)) } else { Ok(()) }
}

/// What the queue must know of every tenant. Across tenants.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list_policies(tx: &mut Tx<'_>) -> Result<Vec<TenantPolicy>, StoreError> {
    sqlx::query!("SELECT tenant_id, max_leased, weight FROM tenants")
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .map(|row| {
            let origin = row_of("tenants", row.tenant_id);
            Ok(TenantPolicy {
                tenant: TenantId::from_uuid(row.tenant_id),
                max_leased: row.max_leased.map(|most| origin.number("max_leased", most)).transpose()?,
                weight: origin.number("weight", row.weight)?,
            })
        })
        .collect()
}

/// What the queue must know of every tenant's pools. Across tenants.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list_pools(tx: &mut Tx<'_>) -> Result<Vec<PoolSlots>, StoreError> {
    sqlx::query!("SELECT tenant_id, name, slots, include_deferred FROM pools")
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .map(|row| {
            let origin = row_of("pools", row.tenant_id);
            Ok(PoolSlots {
                tenant: TenantId::from_uuid(row.tenant_id),
                name: origin.name("name", &row.name)?,
                slots: origin.number("slots", row.slots)?,
                include_deferred: row.include_deferred,
            })
        })
        .collect()
}
