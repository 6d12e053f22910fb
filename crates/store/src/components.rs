//! Uploaded components and their versions. The bytes lie in the object store, under the digest.

use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::permission;
use cofferdam_ids::{ComponentId, ComponentName, ComponentVersionId, Digest, UserId};
use serde_json::Value;
use uuid::Uuid;

/// One uploaded version.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentVersion {
    /// Its id.
    pub id: ComponentVersionId,
    /// The component.
    pub component: ComponentId,
    /// The component's name.
    pub name: ComponentName,
    /// Its place among the versions, from 1.
    pub version_number: u32,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// The word given when it was uploaded, unique in the component.
    pub label: Option<String>,
    /// Its size.
    pub size_bytes: u64,
    /// How it is entered: what the inspection calls its kind.
    pub kind: String,
    /// What the inspection found.
    pub inspection: Value,
    /// Who uploaded it; none when Cofferdam did, or the user is gone.
    pub uploaded_by: Option<UserId>,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// When its compiled code was stored.
    pub compiled_at: Option<DateTime<Utc>>,
    /// What it asks for beyond the version that was approved last when it was uploaded.
    pub asks_more: Vec<String>,
    /// Since when dags can use it; not yet when none.
    pub approved_at: Option<DateTime<Utc>>,
    /// Who approved it; none when it needed nobody.
    pub approved_by: Option<String>,
}

/// A component with its newest version.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its id.
    pub id: ComponentId,
    /// Its name.
    pub name: ComponentName,
    /// When the first version was uploaded.
    pub created_at: DateTime<Utc>,
    /// How many versions it has.
    pub version_count: u32,
    /// The newest.
    pub latest: ComponentVersion,
}

/// A version to be stored.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The component's name; the component is made when it is new.
    pub name: ComponentName,
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// A word for the version.
    pub label: Option<String>,
    /// The size.
    pub size_bytes: u64,
    /// How it is entered.
    pub kind: String,
    /// What the inspection found: a JSON object.
    pub inspection: Value,
}

/// Which version of a component is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRef {
    /// The newest that is approved.
    Latest,
    /// The one with this label.
    Label(String),
    /// The one with these bytes.
    Digest(Digest),
}

struct Row {
    component_version_id: Uuid,
    component_id: Uuid,
    name: String,
    version_number: i32,
    digest: String,
    label: Option<String>,
    size_bytes: i64,
    kind: String,
    inspection: Value,
    uploaded_by: Option<Uuid>,
    created_at: DateTime<Utc>,
    compiled_at: Option<DateTime<Utc>>,
    asks_more: Vec<String>,
    approved_at: Option<DateTime<Utc>>,
    approved_by: Option<String>,
}

impl TryFrom<Row> for ComponentVersion {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("component_versions", row.component_version_id);
        Ok(Self {
            id: ComponentVersionId::from_uuid(row.component_version_id),
            component: ComponentId::from_uuid(row.component_id),
            name: row_of("components", row.component_id).name("name", &row.name)?,
            version_number: origin.number("version_number", row.version_number)?,
            digest: origin.name("digest", &row.digest)?,
            label: row.label,
            size_bytes: origin.number("size_bytes", row.size_bytes)?,
            kind: row.kind,
            inspection: row.inspection,
            uploaded_by: row.uploaded_by.map(UserId::from_uuid),
            created_at: row.created_at,
            compiled_at: row.compiled_at,
            asks_more: row.asks_more,
            approved_at: row.approved_at,
            approved_by: row.approved_by,
        })
    }
}

/// Stores a version, and its component when that is new. Bytes that the component has already make no second version: the
/// first is returned, with a label when it had none, and `false`.
///
/// # Errors
/// [`StoreError::Conflict`] when another version has the label, or the bytes have another.
pub async fn create_version(
    tx: &mut Tx<'_>,
    new: &NewVersion,
    now: DateTime<Utc>,
) -> Result<(ComponentVersion, bool), StoreError> {
    let tenant = tx.tenant();
    let user = tx.context().user().map(UserId::uuid);
    // The update writes what is there, to lock the row: uploads to one component come one after another from here on.
    let component = sqlx::query_scalar!(
        r#"
        INSERT INTO components (component_id, tenant_id, name, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name
        RETURNING component_id
        "#,
        ComponentId::generate().uuid(),
        tenant,
        new.name.as_str(),
        now
    )
    .fetch_one(tx.conn())
    .await?;
    let approved = sqlx::query_scalar!(
        r#"
        SELECT inspection FROM component_versions
        WHERE tenant_id = $1 AND component_id = $2 AND approved_at IS NOT NULL ORDER BY version_number DESC LIMIT 1
        "#,
        tenant,
        component
    )
    .fetch_optional(tx.conn())
    .await?;
    // With the first version, whoever uploads it introduces the component: there is nothing that was agreed to before.
    let asks_more = approved.map_or_else(Vec::new, |approved| permission::asks_more(&approved, &new.inspection));
    let approved_at = asks_more.is_empty().then_some(now);
    let size = i64::try_from(new.size_bytes).map_err(|_| StoreError::invalid("the component is too large"))?;
    let inserted = sqlx::query!(
        r#"
        INSERT INTO component_versions (component_version_id, tenant_id, component_id, version_number, digest, label, size_bytes, kind,
            inspection, uploaded_by, created_at, asks_more, approved_at)
        SELECT $1, $2, $3, 1 + coalesce(max(version_number), 0), $4, $5, $6, $7, $8, $9, $10, $11, $12
        FROM component_versions WHERE component_id = $3
        ON CONFLICT (tenant_id, component_id, digest) DO NOTHING
        "#,
        ComponentVersionId::generate().uuid(),
        tenant,
        component,
        new.digest.as_str(),
        new.label,
        size,
        new.kind,
        new.inspection,
        user,
        now,
        &asks_more,
        approved_at
    )
    .execute(tx.conn())
    .await?
    .rows_affected()
        == 1;
    if !inserted && let Some(label) = &new.label {
        let labelled = sqlx::query!(
            r#"
            UPDATE component_versions SET label = $4
            WHERE tenant_id = $1 AND component_id = $2 AND digest = $3 AND (label IS NULL OR label = $4)
            "#,
            tenant,
            component,
            new.digest.as_str(),
            label
        )
        .execute(tx.conn())
        .await?;
        if labelled.rows_affected() == 0 {
            return Err(StoreError::conflict("these bytes were uploaded before with another label"));
        }
    }
    let version = get(tx, &new.name, &VersionRef::Digest(new.digest.clone())).await?;
    Ok((version, inserted))
}

/// One version of a component.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, name: &ComponentName, wanted: &VersionRef) -> Result<ComponentVersion, StoreError> {
    let tenant = tx.tenant();
    let (label, digest) = match wanted {
        VersionRef::Latest => (None, None),
        VersionRef::Label(label) => (Some(label.as_str()), None),
        VersionRef::Digest(digest) => (None, Some(digest.as_str())),
    };
    sqlx::query_as!(
        Row,
        r#"
        SELECT v.component_version_id, v.component_id, c.name, v.version_number, v.digest, v.label, v.size_bytes, v.kind, v.inspection,
            v.uploaded_by, v.created_at, v.compiled_at, v.asks_more, v.approved_at, v.approved_by
        FROM components c JOIN component_versions v USING (tenant_id, component_id)
        WHERE tenant_id = $1 AND c.name = $2 AND ($3::text IS NULL OR v.label = $3) AND ($4::text IS NULL OR v.digest = $4)
            AND (v.approved_at IS NOT NULL OR $3 IS NOT NULL OR $4 IS NOT NULL)
        ORDER BY v.version_number DESC LIMIT 1
        "#,
        tenant,
        name.as_str(),
        label,
        digest
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| match wanted {
        VersionRef::Latest => StoreError::not_found("component", name),
        VersionRef::Label(label) => StoreError::not_found("component version", format_args!("{name}@{label}")),
        VersionRef::Digest(digest) => StoreError::not_found("component version", format_args!("{name}@{digest}")),
    })?
    .try_into()
}

/// Approves a version. Returns it, and whether it was not approved before.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn approve(
    tx: &mut Tx<'_>,
    name: &ComponentName,
    digest: &Digest,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(ComponentVersion, bool), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        UPDATE component_versions v SET approved_at = $4, approved_by = left($5, 200)
        FROM components c
        WHERE c.tenant_id = $1 AND c.name = $2 AND v.tenant_id = $1 AND v.component_id = c.component_id AND v.digest = $3
            AND v.approved_at IS NULL
        "#,
        tenant,
        name.as_str(),
        digest.as_str(),
        now,
        by
    )
    .execute(tx.conn())
    .await?;
    let version = get(tx, name, &VersionRef::Digest(digest.clone())).await?;
    Ok((version, done.rows_affected() == 1))
}

/// The components, by name, each with its newest version.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<Listed<Component>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM components WHERE tenant_id = $1"#, tenant)
        .fetch_one(tx.conn())
        .await?;
    let rows = sqlx::query!(
        r#"
        SELECT c.component_id, c.name, c.created_at AS founded_at, v.component_version_id, v.version_number, v.digest, v.label,
            v.size_bytes, v.kind, v.inspection, v.uploaded_by, v.created_at, v.compiled_at, v.asks_more, v.approved_at,
            v.approved_by, n.versions AS "versions!"
        FROM components c
        JOIN LATERAL (SELECT max(version_number) AS newest, count(*) AS versions FROM component_versions o
                      WHERE o.component_id = c.component_id) n ON true
        JOIN component_versions v ON v.component_id = c.component_id AND v.version_number = n.newest
        WHERE c.tenant_id = $1
        ORDER BY c.name LIMIT $2 OFFSET $3
        "#,
        tenant,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows
        .into_iter()
        .map(|row| {
            let latest = ComponentVersion::try_from(Row {
                component_version_id: row.component_version_id,
                component_id: row.component_id,
                name: row.name,
                version_number: row.version_number,
                digest: row.digest,
                label: row.label,
                size_bytes: row.size_bytes,
                kind: row.kind,
                inspection: row.inspection,
                uploaded_by: row.uploaded_by,
                created_at: row.created_at,
                compiled_at: row.compiled_at,
                asks_more: row.asks_more,
                approved_at: row.approved_at,
                approved_by: row.approved_by,
            })?;
            Ok(Component {
                id: latest.component,
                name: latest.name.clone(),
                created_at: row.founded_at,
                version_count: row_of("components", row.component_id).number("versions", row.versions)?,
                latest,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// The versions of a component, the newest first.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such component.
pub async fn versions(tx: &mut Tx<'_>, name: &ComponentName) -> Result<Vec<ComponentVersion>, StoreError> {
    let tenant = tx.tenant();
    let versions = sqlx::query_as!(
        Row,
        r#"
        SELECT v.component_version_id, v.component_id, c.name, v.version_number, v.digest, v.label, v.size_bytes, v.kind, v.inspection,
            v.uploaded_by, v.created_at, v.compiled_at, v.asks_more, v.approved_at, v.approved_by
        FROM components c JOIN component_versions v USING (tenant_id, component_id)
        WHERE tenant_id = $1 AND c.name = $2
        ORDER BY v.version_number DESC
        "#,
        tenant,
        name.as_str()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(ComponentVersion::try_from)
    .collect::<Result<Vec<_>, _>>()?;
    // A component is made with its first version, so none means that there is no component.
    if versions.is_empty() { Err(StoreError::not_found("component", name)) } else { Ok(versions) }
}

/// Notes that the compiled code of these bytes is stored. Doing it again does nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn mark_compiled(tx: &mut Tx<'_>, digest: &Digest, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE component_versions SET compiled_at = $3 WHERE tenant_id = $1 AND digest = $2 AND compiled_at IS NULL",
        tenant,
        digest.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
