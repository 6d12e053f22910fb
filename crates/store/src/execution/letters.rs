//! Dead letters as the pipeline writes them: in the transaction in which their tasks come to nothing, or come right again.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::dead_letter::{DeadLetterKind, Resolution};
use cofferdam_domain::ending::Reason;
use cofferdam_ids::{DeadLetterId, QueueName, TaskInstanceId};
use uuid::Uuid;

/// A dead letter, of an instance whose last try has just been written.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The instance.
    pub instance: TaskInstanceId,
    /// What came to nothing.
    pub kind: DeadLetterKind,
    /// The last try.
    pub try_number: u32,
    /// Why it failed.
    pub reason: Reason,
    /// What it said.
    pub message: Option<String>,
    /// What it was given, where nothing is filled in; else what was kept with the try counts.
    pub as_written: Option<String>,
    /// Of a message: the queue, its first bytes, and how many it had.
    pub body: Option<(QueueName, Vec<u8>, u64)>,
}

/// Files letters, each with all that its tries left. An open letter of the same kind and instance is brought up to date instead. Returns
/// the letter of each, in their order.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn file(tx: &mut Tx<'_>, letters: &[NewLetter], now: DateTime<Utc>) -> Result<Vec<DeadLetterId>, StoreError> {
    let ids: Vec<Uuid> = letters.iter().map(|_| DeadLetterId::generate().uuid()).collect();
    let instances: Vec<Uuid> = letters.iter().map(|letter| letter.instance.uuid()).collect();
    let kinds: Vec<&str> = letters.iter().map(|letter| letter.kind.as_str()).collect();
    let tries: Vec<i32> = letters.iter().map(|letter| letter.try_number.cast_signed()).collect();
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    let messages: Vec<Option<&str>> = letters.iter().map(|letter| letter.message.as_deref()).collect();
    let written: Vec<Option<&str>> = letters.iter().map(|letter| letter.as_written.as_deref()).collect();
    let queues: Vec<Option<&str>> =
        letters.iter().map(|letter| letter.body.as_ref().map(|(queue, _, _)| queue.as_str())).collect();
    let bodies: Vec<Option<&[u8]>> =
        letters.iter().map(|letter| letter.body.as_ref().map(|(_, body, _)| body.as_slice())).collect();
    let sizes: Vec<Option<i64>> =
        letters.iter().map(|letter| letter.body.as_ref().map(|(_, _, size)| i64::try_from(*size).unwrap_or(i64::MAX))).collect();
    let rows = sqlx::query!(
        r#"
        INSERT INTO dead_letters (letter_id, tenant_id, kind, state, dag_id, dag_run_id, task_id, map_index, logical_date, instance_id,
            try_number, reason, message, history, rendered, queue, body, body_bytes, first_at, at)
        SELECT n.letter_id, ti.tenant_id, n.kind, 'open', d.dag_id, r.dag_run_id, ti.task_id, ti.map_index, r.logical_date,
            ti.instance_id, n.try_number, n.reason, n.message,
            (SELECT coalesce(jsonb_agg(to_jsonb(t) - ARRAY['instance_id', 'tenant_id', 'lease_token'] ORDER BY t.try_number), '[]')
                FROM tries t WHERE t.instance_id = ti.instance_id),
            coalesce(n.as_written, (SELECT g.rendered FROM rendered_inputs g
                WHERE g.instance_id = ti.instance_id AND g.try_number <= n.try_number ORDER BY g.try_number DESC LIMIT 1)),
            n.queue, n.body, n.body_bytes, $11, $11
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[],
                $10::bigint[]) AS n (letter_id, instance_id, kind, try_number, reason, message, as_written, queue, body, body_bytes)
            JOIN task_instances ti ON ti.instance_id = n.instance_id
            JOIN dag_runs r ON r.run_key = ti.run_key JOIN dags d ON d.dag_key = r.dag_key
        ORDER BY n.instance_id, n.kind
        ON CONFLICT (instance_id, kind) WHERE state = 'open' DO UPDATE
        SET try_number = excluded.try_number, reason = excluded.reason, message = excluded.message, history = excluded.history,
            rendered = excluded.rendered, queue = excluded.queue, body = excluded.body, body_bytes = excluded.body_bytes,
            times = dead_letters.times + 1, at = excluded.at
        RETURNING letter_id, instance_id AS "instance_id!", kind
        "#,
        &ids,
        &instances,
        &kinds as &[&str],
        &tries,
        &reasons as &[&str],
        &messages as &[Option<&str>],
        &written as &[Option<&str>],
        &queues as &[Option<&str>],
        &bodies as &[Option<&[u8]>],
        &sizes as &[Option<i64>],
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let filed: std::collections::HashMap<(Uuid, &str), Uuid> =
        rows.iter().map(|row| ((row.instance_id, row.kind.as_str()), row.letter_id)).collect();
    letters
        .iter()
        .map(|letter| {
            let id = filed.get(&(letter.instance.uuid(), letter.kind.as_str()));
            id.copied().map(DeadLetterId::from_uuid).ok_or_else(|| StoreError::not_found("task instance", letter.instance))
        })
        .collect()
}

/// Notes that the tasks of open letters are run again.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn retried(tx: &mut Tx<'_>, instances: &[TaskInstanceId], now: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.uuid()).collect();
    sqlx::query!(
        "UPDATE dead_letters SET retried_at = $2, retries = retries + 1 WHERE instance_id = ANY ($1) AND state = 'open'",
        &ids,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Resolves the open letters of tasks that came right.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn resolve(tx: &mut Tx<'_>, ended: &[(TaskInstanceId, Resolution)], now: DateTime<Utc>) -> Result<u64, StoreError> {
    let (ids, ways): (Vec<Uuid>, Vec<&str>) = ended.iter().map(|(instance, way)| (instance.uuid(), way.as_str())).unzip();
    let done = sqlx::query!(
        r#"
        UPDATE dead_letters l SET state = 'resolved', resolution = n.resolution, closed_at = $3
        FROM unnest($1::uuid[], $2::text[]) AS n (instance_id, resolution)
        WHERE l.instance_id = n.instance_id AND l.state = 'open'
        "#,
        &ids,
        &ways as &[&str],
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Removes letters that were closed before a tenant's own time, or where it has none before `default`. Without a default those of tenants
/// that have no time of their own stay. Returns how many were removed, at most `limit` of each tenant.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, now: DateTime<Utc>, default: Option<DateTime<Utc>>, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"
        DELETE FROM dead_letters WHERE letter_id IN (
            SELECT old.letter_id FROM tenants t CROSS JOIN LATERAL (
                SELECT d.letter_id FROM dead_letters d
                WHERE d.tenant_id = t.tenant_id
                  AND d.closed_at < coalesce($1::timestamptz - make_interval(secs => t.letters_kept_s), $2::timestamptz)
                ORDER BY d.closed_at LIMIT $3 FOR UPDATE SKIP LOCKED) old)
        "#,
        now,
        default,
        limit
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
