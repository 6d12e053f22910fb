//! Where the logs of tries lie in the object store.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{LogSegmentId, TaskInstanceId, TenantId};
use uuid::Uuid;

/// A range of a log segment that belongs to one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// The task instance.
    pub instance: TaskInstanceId,
    /// The try.
    pub try_number: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// The object.
    pub segment: LogSegmentId,
    /// Where it starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// Records ranges of segments that have been written. Recording one again does nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn insert(tx: &mut Tx<'_>, ranges: &[LogRange], now: DateTime<Utc>) -> Result<(), StoreError> {
    let instances: Vec<Uuid> = ranges.iter().map(|range| range.instance.uuid()).collect();
    let tries: Vec<i32> = ranges.iter().map(|range| range.try_number.cast_signed()).collect();
    let tenants: Vec<Uuid> = ranges.iter().map(|range| range.tenant.uuid()).collect();
    let segments: Vec<Uuid> = ranges.iter().map(|range| range.segment.uuid()).collect();
    let offsets: Vec<i64> = ranges.iter().map(|range| range.offset.cast_signed()).collect();
    let lengths: Vec<i64> = ranges.iter().map(|range| range.length.cast_signed()).collect();
    // The join leaves out instances that were deleted with their dag meanwhile.
    sqlx::query!(
        r#"
        INSERT INTO log_index (instance_id, try_number, tenant_id, segment_id, offset_bytes, length_bytes, created_at)
        SELECT n.instance_id, n.try_number, n.tenant_id, n.segment_id, n.offset_bytes, n.length_bytes, $7
        FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
            AS n (instance_id, try_number, tenant_id, segment_id, offset_bytes, length_bytes)
        JOIN task_instances ti USING (instance_id)
        ON CONFLICT DO NOTHING
        "#,
        &instances,
        &tries,
        &tenants,
        &segments,
        &offsets,
        &lengths,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
