//! Bundles: directories and git repositories that dags come from, their files, and which dag comes from which file.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{BundleId, BundleName, DagId, DagKey};
use serde_json::Value;
use uuid::Uuid;

/// What a bundle is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSource {
    /// Whether it is a git repository, not a directory.
    pub is_git: bool,
    /// The directory or the URL, without credentials.
    pub location: String,
    /// The branch, tag or commit.
    pub reference: Option<String>,
}

impl BundleSource {
    const fn kind(&self) -> &'static str {
        if self.is_git { "git" } else { "directory" }
    }
}

/// A bundle, with its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its key.
    pub id: BundleId,
    /// Its name.
    pub name: BundleName,
    /// What it is read from.
    pub source: BundleSource,
    /// The commit that it was read at last.
    pub commit: Option<String>,
    /// Whether a server reads it by itself.
    pub watched: bool,
    /// Why it could not be read at all.
    pub problem: Option<String>,
    /// When it was looked at last.
    pub checked_at: DateTime<Utc>,
    /// When all of it was read last.
    pub synced_at: Option<DateTime<Utc>>,
    /// When it was read first.
    pub created_at: DateTime<Utc>,
    /// How many files it has.
    pub files: u64,
    /// How many of them are broken.
    pub broken_files: u64,
    /// How many dags come from it.
    pub dags: u64,
    /// How many dags came from it whose file is gone.
    pub stale_dags: u64,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct BundleFile {
    /// Its number, which is that of its import error.
    pub id: i64,
    /// The bundle.
    pub bundle: BundleName,
    /// Where it is in it.
    pub path: String,
    /// The SHA-256 of what was read last.
    pub content_hash: String,
    /// What is wrong with it, as the API sends it; nothing when it is applied.
    pub problems: Option<Value>,
    /// When it was applied, or found broken.
    pub changed_at: DateTime<Utc>,
    /// The dags that come from it.
    pub dags: Vec<DagId>,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Where it is.
    pub path: String,
    /// The SHA-256 of what was read last.
    pub content_hash: String,
    /// Whether it is broken.
    pub broken: bool,
}

/// Which file a dag comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The dag.
    pub dag_id: DagId,
    /// The bundle.
    pub bundle: BundleName,
    /// The file; none when it is gone.
    pub path: Option<String>,
    /// Since when.
    pub stale_since: Option<DateTime<Utc>>,
}

/// Where a version of a dag came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The bundle.
    pub bundle: BundleName,
    /// The file.
    pub path: String,
    /// The commit.
    pub commit: Option<String>,
}

/// Makes a bundle known, or what it is read from.
///
/// # Errors
/// When the database cannot be reached.
pub async fn put(
    tx: &mut Tx<'_>,
    name: &BundleName,
    source: &BundleSource,
    watched: bool,
    now: DateTime<Utc>,
) -> Result<BundleId, StoreError> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO bundles (bundle_id, tenant_id, name, kind, location, reference, watched, checked_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        ON CONFLICT (tenant_id, name) DO UPDATE
        SET kind = excluded.kind, location = excluded.location, reference = excluded.reference, watched = excluded.watched,
            checked_at = excluded.checked_at
        RETURNING bundle_id
        "#,
        BundleId::generate().uuid(),
        tenant,
        name.as_str(),
        source.kind(),
        source.location,
        source.reference,
        watched,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(BundleId::from_uuid(id))
}

/// The key of a bundle, when there is one of that name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(tx: &mut Tx<'_>, name: &BundleName) -> Result<Option<BundleId>, StoreError> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!("SELECT bundle_id FROM bundles WHERE tenant_id = $1 AND name = $2", tenant, name.as_str());
    Ok(id.fetch_optional(tx.conn()).await?.map(BundleId::from_uuid))
}

/// Notes that a bundle was read as a whole, or why it could not be.
///
/// # Errors
/// When the database cannot be reached.
pub async fn checked(
    tx: &mut Tx<'_>,
    bundle: BundleId,
    outcome: Result<Option<&str>, &str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (commit, problem) = match outcome {
        Ok(commit) => (commit, None),
        Err(problem) => (None, Some(problem.chars().take(4000).collect::<String>())),
    };
    sqlx::query!(
        r#"
        UPDATE bundles SET checked_at = $2, problem = $3, synced_at = CASE WHEN $3::text IS NULL THEN $2 ELSE synced_at END,
            commit_id = CASE WHEN $3::text IS NULL THEN $4 ELSE commit_id END
        WHERE bundle_id = $1
        "#,
        bundle.uuid(),
        now,
        problem,
        commit,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets a bundle and its files. Its dags stay.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, name: &BundleName) -> Result<(), StoreError> {
    let id = find(tx, name).await?.ok_or_else(|| StoreError::not_found("bundle", name))?;
    sqlx::query!("UPDATE dags SET bundle_id = NULL, bundle_path = NULL WHERE bundle_id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    sqlx::query!("DELETE FROM bundles WHERE bundle_id = $1", id.uuid()).execute(tx.conn()).await?;
    Ok(())
}

/// The tenant's bundles, by name; only one of them when it is named.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, only: Option<&BundleName>, page: Page) -> Result<Listed<Bundle>, StoreError> {
    let tenant = tx.tenant();
    let only = only.map(BundleName::as_str);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM bundles WHERE tenant_id = $1 AND ($2::text IS NULL OR name = $2)"#,
        tenant,
        only
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        SELECT b.*, f.files AS "files!", f.broken AS "broken!", d.dags AS "dags!", d.stale AS "stale!"
        FROM bundles b
        CROSS JOIN LATERAL (
            SELECT count(*) AS files, count(problems) AS broken FROM bundle_files f WHERE f.tenant_id = $1 AND f.bundle_id = b.bundle_id) f
        CROSS JOIN LATERAL (
            SELECT count(bundle_path) AS dags, count(stale_since) AS stale FROM dags d WHERE d.tenant_id = $1 AND d.bundle_id = b.bundle_id) d
        WHERE b.tenant_id = $1 AND ($2::text IS NULL OR b.name = $2)
        ORDER BY b.name LIMIT $3 OFFSET $4
        "#,
        tenant,
        only,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(|row| {
        let origin = row_of("bundles", row.bundle_id);
        Ok(Bundle {
            id: BundleId::from_uuid(row.bundle_id),
            name: origin.name("name", &row.name)?,
            source: BundleSource { is_git: row.kind == "git", location: row.location, reference: row.reference },
            commit: row.commit_id,
            watched: row.watched,
            problem: row.problem,
            checked_at: row.checked_at,
            synced_at: row.synced_at,
            created_at: row.created_at,
            files: row.files.cast_unsigned(),
            broken_files: row.broken.cast_unsigned(),
            dags: row.dags.cast_unsigned(),
            stale_dags: row.stale.cast_unsigned(),
        })
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, total: total.cast_unsigned() })
}

/// A bundle.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, name: &BundleName) -> Result<Bundle, StoreError> {
    list(tx, Some(name), Page::first(1)).await?.items.pop().ok_or_else(|| StoreError::not_found("bundle", name))
}

/// What is known of all files of a bundle, by path.
///
/// # Errors
/// When the database cannot be reached.
pub async fn known_files(tx: &mut Tx<'_>, bundle: BundleId) -> Result<Vec<KnownFile>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        KnownFile,
        r#"
        SELECT path, content_hash, problems IS NOT NULL AS "broken!" FROM bundle_files WHERE tenant_id = $1 AND bundle_id = $2 ORDER BY path
        "#,
        tenant,
        bundle.uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Which files of a list are about.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileFilter<'a> {
    /// Only those of this bundle.
    pub bundle: Option<&'a BundleName>,
    /// Only this one.
    pub id: Option<i64>,
    /// Only those with something wrong.
    pub broken: bool,
    /// Their order.
    pub order: Order<FileField>,
}

/// By what a list of files is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileField {
    /// The bundle's name, and where they are in it.
    #[default]
    Bundle,
    /// Where they are in their bundles.
    Path,
    /// Their number.
    Number,
    /// When they were applied, or found broken.
    Changed,
}

impl FileField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Path => "path",
            Self::Number => "number",
            Self::Changed => "changed",
        }
    }
}

/// Files of bundles, with their dags.
///
/// # Errors
/// When the database cannot be reached.
pub async fn files(tx: &mut Tx<'_>, filter: FileFilter<'_>, page: Page) -> Result<Listed<BundleFile>, StoreError> {
    let tenant = tx.tenant();
    let bundle = filter.bundle.map(BundleName::as_str);
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM bundle_files f JOIN bundles b USING (tenant_id, bundle_id)
        WHERE f.tenant_id = $1 AND ($2::text IS NULL OR b.name = $2) AND ($3::bigint IS NULL OR f.file_id = $3)
          AND (NOT $4::bool OR f.problems IS NOT NULL)
        "#,
        tenant,
        bundle,
        filter.id,
        filter.broken,
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        SELECT f.file_id, b.name, f.path, f.content_hash, f.problems, f.changed_at,
            ARRAY(SELECT d.dag_id FROM dags d WHERE d.bundle_id = f.bundle_id AND d.bundle_path = f.path ORDER BY d.dag_id) AS "dags!"
        FROM bundle_files f JOIN bundles b USING (tenant_id, bundle_id)
        CROSS JOIN LATERAL (SELECT CASE $5 WHEN 'bundle' THEN b.name WHEN 'path' THEN f.path END AS word,
            CASE $5 WHEN 'number' THEN f.file_id WHEN 'changed' THEN extract(epoch FROM f.changed_at) END AS number) k
        WHERE f.tenant_id = $1 AND ($2::text IS NULL OR b.name = $2) AND ($3::bigint IS NULL OR f.file_id = $3)
          AND (NOT $4::bool OR f.problems IS NOT NULL)
        ORDER BY CASE WHEN NOT $6 THEN k.word END, CASE WHEN $6 THEN k.word END DESC,
            CASE WHEN NOT $6 THEN k.number END, CASE WHEN $6 THEN k.number END DESC, b.name, f.path
        LIMIT $7 OFFSET $8
        "#,
        tenant,
        bundle,
        filter.id,
        filter.broken,
        filter.order.field.as_str(),
        filter.order.backwards,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    let items = rows.into_iter().map(|row| {
        let origin = row_of("bundle_files", row.file_id);
        Ok(BundleFile {
            id: row.file_id,
            bundle: origin.name("name", &row.name)?,
            path: row.path,
            content_hash: row.content_hash,
            problems: row.problems,
            changed_at: row.changed_at,
            dags: row.dags.iter().map(|dag| origin.name("dags", dag)).collect::<Result<_, _>>()?,
        })
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, total: total.cast_unsigned() })
}

/// Notes what was read of a file. `problems` is what is wrong with it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn put_file(
    tx: &mut Tx<'_>,
    bundle: BundleId,
    path: &str,
    content_hash: &str,
    problems: Option<&Value>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        INSERT INTO bundle_files (tenant_id, bundle_id, path, content_hash, problems, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (bundle_id, path) DO UPDATE
        SET content_hash = excluded.content_hash, problems = excluded.problems, changed_at = excluded.changed_at
        -- One that is broken as before keeps the moment since when it is.
        WHERE (bundle_files.content_hash, bundle_files.problems) IS DISTINCT FROM (excluded.content_hash, excluded.problems)
        "#,
        tenant,
        bundle.uuid(),
        path,
        content_hash,
        problems,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets the files that are not among those present, and lets go of the dags of files that are gone. Returns the files.
///
/// # Errors
/// When the database cannot be reached.
pub async fn keep_files(tx: &mut Tx<'_>, bundle: BundleId, present: &[String]) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant();
    let gone = sqlx::query_scalar!(
        "DELETE FROM bundle_files WHERE tenant_id = $1 AND bundle_id = $2 AND NOT path = ANY($3) RETURNING path",
        tenant,
        bundle.uuid(),
        present
    )
    .fetch_all(tx.conn())
    .await?;
    sqlx::query!(
        r#"
        UPDATE dags SET bundle_path = NULL
        WHERE tenant_id = $1 AND bundle_id = $2 AND bundle_path IS NOT NULL AND NOT bundle_path = ANY($3)
        "#,
        tenant,
        bundle.uuid(),
        present
    )
    .execute(tx.conn())
    .await?;
    Ok(gone)
}

/// The dags that come or came from a bundle, by name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dags(tx: &mut Tx<'_>, bundle: BundleId) -> Result<Vec<Owner>, StoreError> {
    owners_where(tx, Some(bundle), &[]).await
}

/// Which files dags come from; those that come from none are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn owners(tx: &mut Tx<'_>, dags: &[DagId]) -> Result<Vec<Owner>, StoreError> {
    owners_where(tx, None, dags).await
}

async fn owners_where(tx: &mut Tx<'_>, bundle: Option<BundleId>, dags: &[DagId]) -> Result<Vec<Owner>, StoreError> {
    let tenant = tx.tenant();
    let names: Vec<String> = dags.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        r#"
        SELECT d.dag_key, d.dag_id, b.name, d.bundle_path, d.stale_since
        FROM dags d JOIN bundles b ON b.bundle_id = d.bundle_id
        WHERE d.tenant_id = $1 AND (($2::uuid IS NOT NULL AND d.bundle_id = $2) OR d.dag_id = ANY($3))
        ORDER BY d.dag_id
        "#,
        tenant,
        bundle.map(BundleId::uuid),
        &names,
    )
    .fetch_all(tx.conn())
    .await?;
    let owner = rows.into_iter().map(|row| {
        let origin = row_of("dags", row.dag_key);
        Ok(Owner {
            dag_id: origin.name("dag_id", &row.dag_id)?,
            bundle: origin.name("bundle", &row.name)?,
            path: row.bundle_path,
            stale_since: row.stale_since,
        })
    });
    owner.collect()
}

/// Says that dags come from a file, and that no other does that it had. Returns those that were stale and paused for that reason.
///
/// # Errors
/// When the database cannot be reached.
pub async fn claim(tx: &mut Tx<'_>, bundle: BundleId, path: &str, dags: &[DagId]) -> Result<Vec<DagId>, StoreError> {
    let tenant = tx.tenant();
    let names: Vec<String> = dags.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "UPDATE dags SET bundle_path = NULL WHERE tenant_id = $1 AND bundle_id = $2 AND bundle_path = $3 AND NOT dag_id = ANY($4)",
        tenant,
        bundle.uuid(),
        path,
        &names
    )
    .execute(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        WITH claimed AS (SELECT dag_key, stale_paused FROM dags WHERE tenant_id = $1 AND dag_id = ANY($4) FOR NO KEY UPDATE)
        UPDATE dags d SET bundle_id = $2, bundle_path = $3, stale_since = NULL, stale_paused = false
        FROM claimed WHERE d.dag_key = claimed.dag_key
        RETURNING d.dag_key, d.dag_id, claimed.stale_paused
        "#,
        tenant,
        bundle.uuid(),
        path,
        &names
    )
    .fetch_all(tx.conn())
    .await?;
    let paused = rows.into_iter().filter(|row| row.stale_paused);
    paused.map(|row| row_of("dags", row.dag_key).name("dag_id", &row.dag_id)).collect()
}

/// Marks a dag whose file is gone, and pauses it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn deactivate(tx: &mut Tx<'_>, dag: DagKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        UPDATE dags SET stale_since = $2, stale_paused = NOT paused, paused = true, revision = revision + 1, updated_at = $2
        WHERE dag_key = $1 AND stale_since IS NULL
        "#,
        dag.uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(crate) fn origin(
    version: Uuid,
    bundle: Option<String>,
    path: Option<String>,
    commit: Option<String>,
) -> Result<Option<Origin>, StoreError> {
    let Some((bundle, path)) = bundle.zip(path) else { return Ok(None) };
    Ok(Some(Origin { bundle: row_of("dag_versions", version).name("bundle", &bundle)?, path, commit }))
}
