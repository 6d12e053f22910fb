//! What people are asked by tasks, and what they decided.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::approval::{ApprovalWork, Approvers, Decision, OnExpiry, Verdict};
use cofferdam_domain::context::{Principal, Role};
use cofferdam_ids::{DagId, DagRunId, RunKey, TaskId, TaskInstanceId, TenantId};
use uuid::Uuid;

/// A question to be asked.
#[derive(Clone, Copy, Debug)]
pub struct NewApproval<'a> {
    /// The instance that asks.
    pub instance: TaskInstanceId,
    /// Its try.
    pub try_number: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// What is asked, at most 8,000 characters.
    pub message: &'a str,
    /// Who is asked, and what comes of it.
    pub work: &'a ApprovalWork,
    /// When it is asked.
    pub asked_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A question that was asked, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// The decision, if there is one.
    pub decision: Option<Decision>,
}

/// A question, with the task that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The dag of the task.
    pub dag_id: DagId,
    /// The run of the task.
    pub dag_run_id: DagRunId,
    /// The task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Its instance.
    pub instance: TaskInstanceId,
    /// The try that asks.
    pub try_number: u32,
    /// What is asked.
    pub message: String,
    /// Who may decide.
    pub who: Approvers,
    /// What can be chosen.
    pub options: Vec<String>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// What happens then.
    pub on_expiry: OnExpiry,
    /// Whether the task waits for it.
    pub waiting: bool,
    /// The decision, if there is one.
    pub decision: Option<Decision>,
}

/// Which questions are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only those that a task waits for, or only those that none waits for.
    pub waiting: Option<bool>,
    /// Only of tasks of this dag.
    pub dag_id: Option<DagId>,
    /// Only of tasks of this run.
    pub dag_run_id: Option<DagRunId>,
    /// Only those that the caller may decide.
    pub mine: bool,
    /// Their order.
    pub order: Order<ApprovalField>,
}

/// By what a list of questions is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApprovalField {
    /// When they were asked.
    #[default]
    Asked,
    /// Until when they are waited for; those without end come last.
    Expires,
    /// The dag's name.
    Dag,
}

impl ApprovalField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Expires => "expires",
            Self::Dag => "dag",
        }
    }
}

struct Row {
    dag_id: String,
    dag_run_id: String,
    task_id: String,
    map_index: i32,
    instance_id: Uuid,
    try_number: i32,
    message: String,
    approver_users: Vec<String>,
    approver_roles: Vec<String>,
    options: Vec<String>,
    asked_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    on_expiry: String,
    waiting: bool,
    verdict: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    decided_by: Option<String>,
    choice: Option<String>,
    note: Option<String>,
    total: i64,
}

impl TryFrom<Row> for Approval {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("approvals", row.instance_id);
        let roles = row.approver_roles.iter().map(|role| origin.known("approver_roles", Role::parse(role)));
        Ok(Self {
            dag_id: origin.name("dag_id", &row.dag_id)?,
            dag_run_id: origin.name("dag_run_id", &row.dag_run_id)?,
            task_id: origin.name("task_id", &row.task_id)?,
            map_index: row.map_index,
            instance: TaskInstanceId::from_uuid(row.instance_id),
            try_number: origin.number("try_number", row.try_number)?,
            message: row.message,
            who: Approvers { roles: roles.collect::<Result<_, _>>()?, users: row.approver_users },
            options: row.options,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            on_expiry: origin.known("on_expiry", OnExpiry::parse(&row.on_expiry))?,
            waiting: row.waiting,
            decision: decision(row.instance_id, row.verdict.as_deref(), row.decided_at, (row.decided_by, row.choice, row.note))?,
        })
    }
}

fn decision(
    instance: Uuid,
    verdict: Option<&str>,
    at: Option<DateTime<Utc>>,
    (by, choice, note): (Option<String>, Option<String>, Option<String>),
) -> Result<Option<Decision>, StoreError> {
    let verdict = row_of("approvals", instance).known_if_set("verdict", verdict, Verdict::parse)?;
    Ok(verdict.zip(at).map(|(verdict, at)| Decision { verdict, by, at, choice, note }))
}

/// Asks, unless this try has asked already. Returns what was asked then, or now.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ask(tx: &mut Tx<'_>, new: NewApproval<'_>) -> Result<Asked, StoreError> {
    let roles: Vec<&str> = new.work.who.roles.iter().map(|role| role.as_str()).collect();
    sqlx::query!(
        r#"
        INSERT INTO approvals (instance_id, try_number, tenant_id, message, approver_users, approver_roles, options, asked_at, expires_at,
            on_expiry)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (instance_id, try_number) DO NOTHING
        "#,
        new.instance.uuid(),
        new.try_number.cast_signed(),
        new.tenant.uuid(),
        new.message,
        &new.work.who.users,
        &roles as &[&str],
        &new.work.options,
        new.asked_at,
        new.expires_at,
        new.work.on_expiry.as_str(),
    )
    .execute(tx.conn())
    .await?;
    asked(tx, new.instance, new.try_number).await?.ok_or_else(|| StoreError::not_found("approval", new.instance))
}

/// What a try has asked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn asked(tx: &mut Tx<'_>, instance: TaskInstanceId, try_number: u32) -> Result<Option<Asked>, StoreError> {
    let row = sqlx::query!(
        r#"
        SELECT asked_at, expires_at, verdict, decided_at, decided_by, choice, note FROM approvals
        WHERE instance_id = $1 AND try_number = $2
        "#,
        instance.uuid(),
        try_number.cast_signed()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let decision = decision(instance.uuid(), row.verdict.as_deref(), row.decided_at, (row.decided_by, row.choice, row.note))?;
        Ok(Asked { asked_at: row.asked_at, expires_at: row.expires_at, decision })
    })
    .transpose()
}

/// Stores the decision that a try of a locked instance has asked for.
///
/// # Errors
/// [`StoreError::Conflict`] when there is one already, or nobody was asked.
pub async fn decide(tx: &mut Tx<'_>, instance: TaskInstanceId, try_number: u32, decision: &Decision) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        UPDATE approvals SET verdict = $3, decided_at = $4, decided_by = $5, choice = $6, note = $7
        WHERE instance_id = $1 AND try_number = $2 AND verdict IS NULL
        "#,
        instance.uuid(),
        try_number.cast_signed(),
        decision.verdict.as_str(),
        decision.at,
        decision.by,
        decision.choice,
        decision.note,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::conflict("it has been decided already")) }
}

/// The tenant's questions that pass the filter. What is equal in their order comes the latest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, filter: &ApprovalFilter, page: Page) -> Result<Listed<Approval>, StoreError> {
    let tenant = tx.tenant();
    let name = match &tx.context().principal {
        Principal::User { name, .. } => name.clone(),
        Principal::System(_) => String::new(),
    };
    let held = tx.context().role;
    let roles: Vec<&str> = Role::ALL.iter().filter(|role| **role <= held).map(|role| role.as_str()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT d.dag_id, r.dag_run_id, ti.task_id, ti.map_index, a.instance_id, a.try_number, a.message, a.approver_users, a.approver_roles,
            a.options, a.asked_at, a.expires_at, a.on_expiry, a.verdict, a.decided_at, a.decided_by, a.choice, a.note,
            (a.verdict IS NULL AND ti.state = 'deferred' AND ti.try_number = a.try_number) AS "waiting!", count(*) OVER () AS "total!"
        FROM approvals a
        JOIN task_instances ti ON ti.tenant_id = a.tenant_id AND ti.instance_id = a.instance_id
        JOIN dag_runs r ON r.run_key = ti.run_key
        JOIN dags d ON d.dag_key = r.dag_key
        CROSS JOIN LATERAL (SELECT CASE $8 WHEN 'dag' THEN d.dag_id END AS word,
            CASE $8 WHEN 'asked' THEN a.asked_at WHEN 'expires' THEN a.expires_at END AS at) k
        WHERE a.tenant_id = $1
          AND ($2::bool IS NULL OR $2 = (a.verdict IS NULL AND ti.state = 'deferred' AND ti.try_number = a.try_number))
          -- Says to the planner that only those that are not decided are of interest.
          AND ($2::bool IS NOT TRUE OR a.verdict IS NULL)
          AND ($3::text IS NULL OR d.dag_id = $3) AND ($4::text IS NULL OR r.dag_run_id = $4)
          AND (NOT $5 OR $6 = ANY (a.approver_users) OR a.approver_roles && $7)
        ORDER BY CASE WHEN NOT $9 THEN k.word END, CASE WHEN $9 THEN k.word END DESC, CASE WHEN NOT $9 THEN k.at END,
            CASE WHEN $9 THEN k.at END DESC NULLS LAST, a.asked_at DESC, a.instance_id, a.try_number DESC
        LIMIT $10 OFFSET $11
        "#,
        tenant,
        filter.waiting,
        filter.dag_id.as_ref().map(DagId::as_str),
        filter.dag_run_id.as_ref().map(DagRunId::as_str),
        filter.mine,
        name,
        &roles as &[&str],
        filter.order.field.as_str(),
        filter.order.backwards,
        page.limit(),
        page.offset()
    )
    .fetch_all(tx.conn())
    .await?;
    let total = rows.first().map_or(0, |row| row.total.cast_unsigned());
    Ok(Listed { items: rows.into_iter().map(Approval::try_from).collect::<Result<_, _>>()?, total })
}

/// The last question of a task of a run.
///
/// # Errors
/// [`StoreError::NotFound`] when it has asked nothing.
pub async fn last(tx: &mut Tx<'_>, run: RunKey, task: &TaskId, map_index: i32) -> Result<Approval, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT d.dag_id, r.dag_run_id, ti.task_id, ti.map_index, a.instance_id, a.try_number, a.message, a.approver_users, a.approver_roles,
            a.options, a.asked_at, a.expires_at, a.on_expiry, a.verdict, a.decided_at, a.decided_by, a.choice, a.note,
            (a.verdict IS NULL AND ti.state = 'deferred' AND ti.try_number = a.try_number) AS "waiting!", 1::bigint AS "total!"
        FROM task_instances ti
        JOIN approvals a ON a.instance_id = ti.instance_id
        JOIN dag_runs r ON r.run_key = ti.run_key
        JOIN dags d ON d.dag_key = r.dag_key
        WHERE ti.tenant_id = $1 AND ti.run_key = $2 AND ti.task_id = $3 AND ti.map_index = $4
        ORDER BY a.try_number DESC LIMIT 1
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("approval of the task", task))?;
    row.try_into()
}
