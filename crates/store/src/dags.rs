//! Reading dags and their versions. What changes them is in [`crate::execution`].

use crate::bundles::{self, Origin};
use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// How many of a dag's last runs a list shows.
pub const RECENT_RUNS: u32 = 14;

/// A dag, as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dag {
    /// Its key.
    pub key: DagKey,
    /// Its name.
    pub dag_id: DagId,
    /// What it is for.
    pub description: Option<String>,
    /// Whether its schedule is stopped.
    pub paused: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whom to ask about it.
    pub owners: Vec<String>,
    /// Its schedule, as written.
    pub schedule: Option<String>,
    /// The time zone of its schedule.
    pub timezone: String,
    /// Its next scheduled run.
    pub next: Option<NextScheduled>,
    /// Its current version.
    pub version: DagVersionId,
    /// That version's number, from 1.
    pub version_number: u32,
    /// Counts its changes.
    pub revision: u64,
    /// How many of its runs may be active at once.
    pub max_active_runs: u32,
    /// When it was applied first.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// Its last runs, the newest first, at most [`RECENT_RUNS`].
    pub recent_runs: Vec<RecentRun>,
    /// The file of a bundle that it comes from.
    pub bundle_path: Option<String>,
    /// Whether something is wrong with that file.
    pub has_import_errors: bool,
    /// Since when that file is gone.
    pub stale_since: Option<DateTime<Utc>>,
    /// Whether it is the dag of a task by itself.
    pub standalone: bool,
}

/// The next scheduled run of a dag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextScheduled {
    /// The moment that it will be for.
    pub logical_date: DateTime<Utc>,
    /// When it starts.
    pub due_at: DateTime<Utc>,
}

/// A run, as the list of dags shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRun {
    /// Its name.
    pub dag_run_id: DagRunId,
    /// Its state.
    pub state: RunStateName,
    /// What made it.
    pub run_type: RunType,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// When its first tasks were queued.
    pub started_at: Option<DateTime<Utc>>,
    /// When it finished.
    pub ended_at: Option<DateTime<Utc>>,
}

/// One applied definition of a dag.
#[derive(Clone, Debug, PartialEq)]
pub struct DagVersion {
    /// Its id.
    pub id: DagVersionId,
    /// Its number, from 1.
    pub version_number: u32,
    /// SHA-256 of definition and plan.
    pub content_hash: String,
    /// What was applied.
    pub definition: Value,
    /// What the compiler made of it.
    pub plan: Value,
    /// When it was applied.
    pub created_at: DateTime<Utc>,
    /// The name of who applied it.
    pub created_by: Option<String>,
    /// The file that it comes from, where it comes from a bundle.
    pub origin: Option<Origin>,
}

/// A version, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DagVersionSummary {
    /// Its id.
    pub id: DagVersionId,
    /// Its number, from 1.
    pub version_number: u32,
    /// When it was applied.
    pub created_at: DateTime<Utc>,
    /// The name of who applied it.
    pub created_by: Option<String>,
    /// The file that it comes from, where it comes from a bundle.
    pub origin: Option<Origin>,
}

/// Which dags a list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DagFilter {
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those whose name contains this.
    pub id_contains: Option<String>,
    /// Only those that are paused, or that are not.
    pub paused: Option<bool>,
    /// Only those whose file is not gone.
    pub only_active: bool,
    /// Only tasks by themselves, or only what is none.
    pub standalone: Option<bool>,
    /// The last name first.
    pub backwards: bool,
}

struct Row {
    dag_key: Uuid,
    dag_id: String,
    description: Option<String>,
    paused: bool,
    tags: Vec<String>,
    owners: Vec<String>,
    schedule: Option<String>,
    timezone: String,
    next_interval_start: Option<DateTime<Utc>>,
    next_due_at: Option<DateTime<Utc>>,
    current_version_id: Uuid,
    version_number: i32,
    revision: i64,
    max_active_runs: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    bundle_path: Option<String>,
    has_import_errors: bool,
    stale_since: Option<DateTime<Utc>>,
    standalone: bool,
}

impl TryFrom<Row> for Dag {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("dags", row.dag_key);
        Ok(Self {
            key: DagKey::from_uuid(row.dag_key),
            dag_id: origin.name("dag_id", &row.dag_id)?,
            description: row.description,
            paused: row.paused,
            tags: row.tags,
            owners: row.owners,
            schedule: row.schedule,
            timezone: row.timezone,
            next: row
                .next_interval_start
                .zip(row.next_due_at)
                .map(|(logical_date, due_at)| NextScheduled { logical_date, due_at }),
            version: DagVersionId::from_uuid(row.current_version_id),
            version_number: origin.number("version_number", row.version_number)?,
            revision: origin.number("revision", row.revision)?,
            max_active_runs: origin.number("max_active_runs", row.max_active_runs)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            recent_runs: Vec::new(),
            bundle_path: row.bundle_path,
            has_import_errors: row.has_import_errors,
            stale_since: row.stale_since,
            standalone: row.standalone,
        })
    }
}

/// The tenant's dags that pass the filter, by name, each with its last runs.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, filter: &DagFilter, page: Page) -> Result<Listed<Dag>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM dags
        WHERE tenant_id = $1 AND tags @> $2 AND ($3::text IS NULL OR strpos(lower(dag_id), lower($3)) > 0) AND ($4::bool IS NULL OR paused = $4)
          AND (NOT $5 OR stale_since IS NULL) AND ($6::bool IS NULL OR standalone = $6)
        "#,
        tenant,
        &filter.tags,
        filter.id_contains,
        filter.paused,
        filter.only_active,
        filter.standalone
    )
    .fetch_one(tx.conn())
    .await?;
    let mut items = sqlx::query_as!(
        Row,
        r#"
        SELECT d.dag_key, d.dag_id, d.description, d.paused, d.tags, d.owners, d.schedule, d.timezone, d.next_interval_start,
            d.next_due_at, d.current_version_id, v.version_number, d.revision, d.max_active_runs, d.created_at, d.updated_at,
            d.bundle_path, d.stale_since, d.standalone, EXISTS (
                SELECT FROM bundle_files f WHERE f.bundle_id = d.bundle_id AND f.path = d.bundle_path AND f.problems IS NOT NULL
            ) AS "has_import_errors!"
        FROM dags d JOIN dag_versions v ON v.dag_version_id = d.current_version_id
        WHERE d.tenant_id = $1 AND d.tags @> $2 AND ($3::text IS NULL OR strpos(lower(d.dag_id), lower($3)) > 0)
          AND ($4::bool IS NULL OR d.paused = $4) AND (NOT $8 OR d.stale_since IS NULL)
          AND ($9::bool IS NULL OR d.standalone = $9)
        ORDER BY CASE WHEN $7 THEN d.dag_id END DESC, d.dag_id LIMIT $5 OFFSET $6
        "#,
        tenant,
        &filter.tags,
        filter.id_contains,
        filter.paused,
        page.limit(),
        page.offset(),
        filter.backwards,
        filter.only_active,
        filter.standalone
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(Dag::try_from)
    .collect::<Result<Vec<_>, _>>()?;
    add_recent_runs(tx, &mut items).await?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// One dag, with its last runs.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<Dag, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT d.dag_key, d.dag_id, d.description, d.paused, d.tags, d.owners, d.schedule, d.timezone, d.next_interval_start,
            d.next_due_at, d.current_version_id, v.version_number, d.revision, d.max_active_runs, d.created_at, d.updated_at,
            d.bundle_path, d.stale_since, d.standalone, EXISTS (
                SELECT FROM bundle_files f WHERE f.bundle_id = d.bundle_id AND f.path = d.bundle_path AND f.problems IS NOT NULL
            ) AS "has_import_errors!"
        FROM dags d JOIN dag_versions v ON v.dag_version_id = d.current_version_id
        WHERE d.tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("dag", dag_id))?;
    let mut dags = [Dag::try_from(row)?];
    add_recent_runs(tx, &mut dags).await?;
    let [dag] = dags;
    Ok(dag)
}

/// The last runs of all dags of a page in one query.
async fn add_recent_runs(tx: &mut Tx<'_>, dags: &mut [Dag]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let keys: Vec<Uuid> = dags.iter().map(|dag| dag.key.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT r.run_key, r.dag_key, r.dag_run_id, r.state, r.run_type, r.logical_date, r.started_at, r.ended_at
        FROM unnest($2::uuid[]) AS wanted (dag_key)
        CROSS JOIN LATERAL (
            SELECT * FROM dag_runs o WHERE o.tenant_id = $1 AND o.dag_key = wanted.dag_key
            ORDER BY o.logical_date DESC LIMIT $3) r
        ORDER BY r.dag_key, r.logical_date DESC
        "#,
        tenant,
        &keys,
        i64::from(RECENT_RUNS)
    )
    .fetch_all(tx.conn())
    .await?;
    let mut by_dag: HashMap<Uuid, Vec<RecentRun>> = HashMap::new();
    for row in rows {
        let origin = row_of("dag_runs", row.run_key);
        by_dag.entry(row.dag_key).or_default().push(RecentRun {
            dag_run_id: origin.name("dag_run_id", &row.dag_run_id)?,
            state: origin.known("state", RunStateName::parse(&row.state))?,
            run_type: origin.known("run_type", RunType::parse(&row.run_type))?,
            logical_date: row.logical_date,
            started_at: row.started_at,
            ended_at: row.ended_at,
        });
    }
    for dag in dags {
        dag.recent_runs = by_dag.remove(&dag.key.uuid()).unwrap_or_default();
    }
    Ok(())
}

/// What was applied as these versions.
///
/// # Errors
/// When the database cannot be reached.
pub async fn definitions(tx: &mut Tx<'_>, versions: &[DagVersionId]) -> Result<HashMap<DagVersionId, Value>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = versions.iter().map(|version| version.uuid()).collect();
    let rows = sqlx::query!(
        "SELECT dag_version_id, definition FROM dag_versions WHERE tenant_id = $1 AND dag_version_id = ANY ($2)",
        tenant,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (DagVersionId::from_uuid(row.dag_version_id), row.definition)).collect())
}

/// A version of a dag by number, or the current one.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get_version(tx: &mut Tx<'_>, dag_id: &DagId, version_number: Option<u32>) -> Result<DagVersion, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT v.dag_version_id, v.version_number, v.content_hash, v.definition, v.plan, v.created_at, u.username AS "username?",
            v.bundle, v.bundle_path, v.bundle_commit
        FROM dags d
        JOIN dag_versions v ON v.tenant_id = d.tenant_id AND v.dag_key = d.dag_key
            AND (v.version_number = $3 OR ($3::int IS NULL AND v.dag_version_id = d.current_version_id))
        LEFT JOIN users u ON u.user_id = v.created_by
        WHERE d.tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str(),
        version_number.map(u32::cast_signed)
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| match version_number {
        Some(number) => StoreError::not_found("dag version", format_args!("{dag_id} {number}")),
        None => StoreError::not_found("dag", dag_id),
    })?;
    Ok(DagVersion {
        id: DagVersionId::from_uuid(row.dag_version_id),
        version_number: row_of("dag_versions", row.dag_version_id).number("version_number", row.version_number)?,
        content_hash: row.content_hash,
        definition: row.definition,
        plan: row.plan,
        created_at: row.created_at,
        created_by: row.username,
        origin: bundles::origin(row.dag_version_id, row.bundle, row.bundle_path, row.bundle_commit)?,
    })
}

/// The versions of a dag, the newest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn versions(tx: &mut Tx<'_>, dag_id: &DagId, page: Page) -> Result<Listed<DagVersionSummary>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM dags d JOIN dag_versions v USING (tenant_id, dag_key) WHERE tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str()
    )
    .fetch_one(tx.conn())
    .await?;
    let items = sqlx::query!(
        r#"
        SELECT v.dag_version_id, v.version_number, v.created_at, u.username AS "username?", v.bundle, v.bundle_path, v.bundle_commit
        FROM dags d JOIN dag_versions v ON v.tenant_id = d.tenant_id AND v.dag_key = d.dag_key
        LEFT JOIN users u ON u.user_id = v.created_by
        WHERE d.tenant_id = $1 AND d.dag_id = $2
        ORDER BY v.version_number DESC LIMIT $3 OFFSET $4
        "#,
        tenant,
        dag_id.as_str(),
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        Ok(DagVersionSummary {
            id: DagVersionId::from_uuid(row.dag_version_id),
            version_number: row_of("dag_versions", row.dag_version_id).number("version_number", row.version_number)?,
            created_at: row.created_at,
            created_by: row.username,
            origin: bundles::origin(row.dag_version_id, row.bundle, row.bundle_path, row.bundle_commit)?,
        })
    })
    .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}
