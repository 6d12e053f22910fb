//! Variables: values that tasks read by name. All of them are sealed, whether they are marked secret or not.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::connection::Variable;
use cofferdam_domain::seal::{KeyRing, Place};
use cofferdam_ids::{TenantId, VariableKey};
use uuid::Uuid;

/// Bytes of a value.
pub const MAX_VALUE: usize = 64 << 10;

/// Characters of values that are compared when a list is ordered by them.
const COMPARED: usize = 200;

/// A variable with its value, still sealed.
#[derive(Clone, Debug)]
pub struct StoredVariable {
    /// Its name.
    pub key: VariableKey,
    /// Whether only tasks are shown the value.
    pub secret: bool,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    tenant: TenantId,
    sealed: Vec<u8>,
}

impl StoredVariable {
    /// The value.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be opened; the reason is in the log.
    pub fn open(&self, keys: &KeyRing) -> Result<String, StoreError> {
        open(keys, self.tenant, &self.key, &self.sealed)
    }
}

fn open(keys: &KeyRing, tenant: TenantId, key: &VariableKey, sealed: &[u8]) -> Result<String, StoreError> {
    keys.open(place(tenant, key), sealed).map_err(|error| {
        tracing::error!(variable.key = %key, tenant.id = %tenant, "a variable cannot be opened: {error}");
        StoreError::corrupt("variables", "sealed", key)
    })
}

/// What a variable is to be.
#[derive(Clone)]
pub struct NewVariable {
    /// Its name.
    pub key: VariableKey,
    /// Its value.
    pub value: String,
    /// Whether only tasks are shown the value.
    pub secret: bool,
    /// What it is for.
    pub description: Option<String>,
}

pub(crate) fn place(tenant: TenantId, key: &VariableKey) -> Place<'_> {
    Place { tenant, kind: "variable", name: key.as_str(), field: "value" }
}

/// Makes a variable.
///
/// # Errors
/// [`StoreError::Conflict`] when there is one of this name.
pub async fn create(tx: &mut Tx<'_>, keys: &KeyRing, new: &NewVariable, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (tenant, sealed) = (tx.tenant(), seal(tx, keys, new)?);
    sqlx::query!(
        r#"
        INSERT INTO variables (tenant_id, key, sealed, key_id, secret, description, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        "#,
        tenant,
        new.key.as_str(),
        sealed,
        keys.current().to_string(),
        new.secret,
        new.description,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces a variable by another of the same name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn replace(tx: &mut Tx<'_>, keys: &KeyRing, new: &NewVariable, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (tenant, sealed) = (tx.tenant(), seal(tx, keys, new)?);
    let replaced = sqlx::query!(
        r#"
        UPDATE variables SET sealed = $3, key_id = $4, secret = $5, description = $6, updated_at = $7
        WHERE tenant_id = $1 AND key = $2
        "#,
        tenant,
        new.key.as_str(),
        sealed,
        keys.current().to_string(),
        new.secret,
        new.description,
        now
    )
    .execute(tx.conn())
    .await?;
    if replaced.rows_affected() == 0 { Err(StoreError::not_found("variable", &new.key)) } else { Ok(()) }
}

fn seal(tx: &Tx<'_>, keys: &KeyRing, new: &NewVariable) -> Result<Vec<u8>, StoreError> {
    if new.value.len() > MAX_VALUE {
        return Err(StoreError::invalid(format!("a variable's value has at most {MAX_VALUE} bytes")));
    }
    keys.seal(place(tx.context().tenant, &new.key), &new.value).map_err(|error| StoreError::invalid(error.to_string()))
}

/// One variable.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, key: &VariableKey) -> Result<StoredVariable, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT sealed, secret, description, created_at, updated_at FROM variables WHERE tenant_id = $1 AND key = $2",
        tenant,
        key.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("variable", key))?;
    Ok(StoredVariable {
        key: key.clone(),
        secret: row.secret,
        description: row.description,
        created_at: row.created_at,
        updated_at: row.updated_at,
        tenant: tx.context().tenant,
        sealed: row.sealed,
    })
}

/// A variable as tasks read it; none when there is no such variable.
///
/// # Errors
/// When the database cannot be reached, or the value cannot be opened.
pub async fn read(tx: &mut Tx<'_>, keys: &KeyRing, key: &VariableKey) -> Result<Option<Variable>, StoreError> {
    match get(tx, key).await {
        Ok(stored) => Ok(Some(Variable { value: stored.open(keys)?, secret: stored.secret })),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Variables of any tenants that the transaction sees, by tenant and key. Those that do not exist are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(tx: &mut Tx<'_>, wanted: &[(TenantId, VariableKey)]) -> Result<Vec<(TenantId, StoredVariable)>, StoreError> {
    let tenants: Vec<Uuid> = wanted.iter().map(|(tenant, _)| tenant.uuid()).collect();
    let keys: Vec<&str> = wanted.iter().map(|(_, key)| key.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT v.tenant_id, v.key, v.sealed, v.secret, v.description, v.created_at, v.updated_at
        FROM variables v JOIN unnest($1::uuid[], $2::text[]) AS w (tenant_id, key) USING (tenant_id, key)
        "#,
        &tenants,
        &keys as &[&str],
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let tenant = TenantId::from_uuid(row.tenant_id);
            let stored = StoredVariable {
                key: row_of("variables", row.tenant_id).name("key", &row.key)?,
                secret: row.secret,
                description: row.description,
                created_at: row.created_at,
                updated_at: row.updated_at,
                tenant,
                sealed: row.sealed,
            };
            Ok((tenant, stored))
        })
        .collect()
}

/// By what a list of variables is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VariableField {
    /// Its name.
    #[default]
    Key,
    /// When it was made.
    Made,
    /// Its value, while everybody is shown it; those that are secret come last.
    Value,
}

/// The variables.
///
/// # Errors
/// When the database cannot be reached; ordered by value, also when one cannot be opened.
pub async fn list(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    order: Order<VariableField>,
    page: Page,
) -> Result<Listed<StoredVariable>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM variables WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let wanted = match order.field {
        VariableField::Value => Some(by_value(tx, keys, order.backwards, page).await?),
        VariableField::Key | VariableField::Made => None,
    };
    let rows = sqlx::query!(
        r#"
        SELECT key, sealed, secret, description, created_at, updated_at FROM variables
        WHERE tenant_id = $1 AND ($2::text[] IS NULL OR key = ANY ($2))
        ORDER BY array_position($2, key), CASE WHEN $3 AND $4 THEN created_at END DESC, CASE WHEN $3 THEN created_at END,
            CASE WHEN $4 AND NOT $3 THEN key END DESC, key
        LIMIT $5 OFFSET $6
        "#,
        tenant,
        wanted.as_deref(),
        order.field == VariableField::Made,
        order.backwards,
        page.limit(),
        if wanted.is_some() { 0 } else { page.offset() }
    )
    .fetch_all(tx.conn())
    .await?;
    let tenant = tx.context().tenant;
    let items = rows
        .into_iter()
        .map(|row| {
            Ok(StoredVariable {
                key: row_of("variables", tenant).name("key", &row.key)?,
                secret: row.secret,
                description: row.description,
                created_at: row.created_at,
                updated_at: row.updated_at,
                tenant,
                sealed: row.sealed,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// The names of a page of variables in the order of their values. The database cannot tell it, since values are sealed: all are
/// opened, a few at a time, and of each only the beginning is kept.
async fn by_value(tx: &mut Tx<'_>, keys: &KeyRing, backwards: bool, page: Page) -> Result<Vec<String>, StoreError> {
    let context = tx.context().tenant;
    let tenant = tx.tenant();
    let mut all: Vec<(Option<String>, String)> = Vec::new();
    loop {
        let last = all.last().map(|(_, key)| key.clone());
        let rows = sqlx::query!(
            r#"
            SELECT key, sealed, secret FROM variables WHERE tenant_id = $1 AND ($2::text IS NULL OR key > $2) ORDER BY key LIMIT 100
            "#,
            tenant,
            last
        )
        .fetch_all(tx.conn())
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let key: VariableKey = row_of("variables", context).name("key", &row.key)?;
            let opened = if row.secret { None } else { Some(open(keys, context, &key, &row.sealed)?) };
            all.push((opened.map(|value| value.chars().take(COMPARED).collect()), row.key));
        }
    }
    all.sort_by(|(one, one_key), (other, other_key)| {
        let values = match (one, other) {
            (Some(one), Some(other)) if backwards => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => one.is_none().cmp(&other.is_none()),
        };
        values.then_with(|| one_key.cmp(other_key))
    });
    let page = all.into_iter().skip(page.offset as usize).take(page.limit as usize);
    Ok(page.map(|(_, key)| key).collect())
}

/// Removes a variable.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, key: &VariableKey) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let removed =
        sqlx::query!("DELETE FROM variables WHERE tenant_id = $1 AND key = $2", tenant, key.as_str()).execute(tx.conn()).await?;
    if removed.rows_affected() == 0 { Err(StoreError::not_found("variable", key)) } else { Ok(()) }
}
