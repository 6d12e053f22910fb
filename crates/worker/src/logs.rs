//! Log lines on their way to the object store. The lines of many tries share an object, since a write for each task would
//! cost more than the task.

use crate::Shared;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_ids::{LogSegmentId, TenantId};
use cofferdam_objects::{LogLevel, LogRecord, LogSegment, LogStream};
use cofferdam_queue::Lease;
use cofferdam_sandbox::{Level, LogLine, Stream};
use cofferdam_store::execution::log_index::{self, LogRange};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long the first repetition waits; each later one waits twice as long, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(8);

/// A segment is written early when this many bytes wait.
const FLUSH_BYTES: usize = 4 << 20;

type TryKey = (TenantId, cofferdam_ids::TaskInstanceId, u32);

/// Lines that wait to be written, by try.
#[derive(Default)]
pub(crate) struct LogBuffer {
    waiting: Mutex<(BTreeMap<TryKey, Vec<LogRecord>>, usize)>,
    full: Notify,
}

impl LogBuffer {
    /// Adds a line of a try.
    pub(crate) fn push(&self, tenant: TenantId, lease: Lease, at: DateTime<Utc>, line: LogLine) {
        let mut waiting = self.waiting.lock();
        let fields: usize = line.fields.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        waiting.1 += line.message.len() + fields + 64;
        let record = LogRecord {
            ts: at,
            stream: match line.stream {
                Stream::Stdout => LogStream::Stdout,
                Stream::Stderr => LogStream::Stderr,
                Stream::Log => LogStream::Log,
            },
            level: match line.level {
                Level::Trace => LogLevel::Trace,
                Level::Debug => LogLevel::Debug,
                Level::Info => LogLevel::Info,
                Level::Warn => LogLevel::Warn,
                Level::Error => LogLevel::Error,
            },
            message: line.message,
            fields: line.fields.into_iter().map(|(name, value)| (name, value.into())).collect(),
        };
        waiting.0.entry((tenant, lease.instance, lease.try_number)).or_default().push(record);
        if waiting.1 >= FLUSH_BYTES {
            self.full.notify_one();
        }
    }

    fn take(&self) -> BTreeMap<TryKey, Vec<LogRecord>> {
        std::mem::take(&mut *self.waiting.lock()).0
    }
}

/// Writes what waits, at an interval or when it is much, until `stop`; then what is left.
pub(crate) async fn write(shared: Arc<Shared>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(shared.config.log_flush_interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => flush(&shared).await,
            () = shared.logs.full.notified() => flush(&shared).await,
            () = stop.cancelled() => return flush(&shared).await,
        }
    }
}

async fn flush(shared: &Shared) {
    let waiting = shared.logs.take();
    let mut by_tenant: BTreeMap<TenantId, Vec<(TryKey, Vec<LogRecord>)>> = BTreeMap::new();
    for (key, records) in waiting {
        by_tenant.entry(key.0).or_default().push((key, records));
    }
    for (tenant, tries) in by_tenant {
        let mut segment = LogSegment::new();
        for ((_, instance, try_number), records) in &tries {
            segment.append(*instance, *try_number, records);
        }
        let segment = segment.seal();
        let id = segment.id;
        let ranges: Vec<LogRange> = segment
            .entries
            .iter()
            .map(|entry| LogRange {
                instance: entry.instance,
                try_number: entry.try_number,
                tenant,
                segment: id,
                offset: entry.offset,
                length: entry.length,
            })
            .collect();
        if let Err(error) = keep(shared, tenant, id, segment.bytes, &ranges).await {
            tracing::error!(
                error = error.as_ref() as &dyn std::error::Error,
                tries = ranges.len(),
                "log lines could not be kept and are lost"
            );
            metrics::counter!("cofferdam_log_segments_lost_total").increment(1);
        }
    }
}

/// Stores a segment, then makes it findable. Both are safe to repeat, and are while a server is away for a moment.
async fn keep(
    shared: &Shared,
    tenant: TenantId,
    id: LogSegmentId,
    bytes: Bytes,
    ranges: &[LogRange],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut pause = FIRST_PAUSE;
    loop {
        let kept: Result<(), Box<dyn std::error::Error + Send + Sync>> = async {
            shared.objects.put_log_segment(tenant, id, bytes.clone()).await?;
            let mut tx = shared.store.begin_across_tenants("worker").await?;
            log_index::insert(&mut tx, ranges, shared.engine.clock().now()).await?;
            Ok(tx.commit().await?)
        }
        .await;
        match kept {
            Err(error) if pause <= LAST_PAUSE => {
                tracing::warn!(error = error.as_ref() as &dyn std::error::Error, log.segment = %id, "keeping log lines failed; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            kept => return kept,
        }
    }
}
