//! Finding the log of a try in the object store. What fills the index is in [`crate::execution`].

use crate::read::row_of;
use crate::{StoreError, Tx};
use cofferdam_ids::{LogSegmentId, TaskInstanceId};

/// A range of an object that holds lines of a try's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// The object.
    pub segment: LogSegmentId,
    /// Where the range starts, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// The ranges of a try's log, in the order in which they were written.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ranges(tx: &mut Tx<'_>, instance: TaskInstanceId, try_number: u32) -> Result<Vec<LogRange>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        SELECT segment_id, offset_bytes, length_bytes FROM log_index
        WHERE tenant_id = $1 AND instance_id = $2 AND try_number = $3 ORDER BY segment_id, offset_bytes
        "#,
        tenant,
        instance.uuid(),
        try_number.cast_signed()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("log_index", row.segment_id);
        Ok(LogRange {
            segment: LogSegmentId::from_uuid(row.segment_id),
            offset: origin.number("offset_bytes", row.offset_bytes)?,
            length: origin.number("length_bytes", row.length_bytes)?,
        })
    })
    .collect()
}
