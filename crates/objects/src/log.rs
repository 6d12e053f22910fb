//! Logs of tries. An object for each try would cost more than the try, so that a worker collects the logs of many (of one
//! tenant) in a *segment*; rows in PostgreSQL say which part of which segment belongs to which try.

use crate::open::check_size;
use crate::{Objects, ObjectsError};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_ids::{LogSegmentId, TaskInstanceId, TenantId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The first line of a segment: what it is, and the version of its format.
const HEADER: &[u8] = b"{\"cofferdam_log_segment\":1}\n";

/// One line of a log. In a segment it is one line of JSON:
/// `{"ts":"2026-11-21T06:00:00.123456Z","stream":"stdout","level":"info","message":"…","fields":{…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When it was written.
    pub ts: DateTime<Utc>,
    /// Where it was written to.
    pub stream: LogStream,
    /// How much it matters.
    pub level: LogLevel,
    /// The text, without the end of the line.
    pub message: String,
    /// What the task added to it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// Where a line of a log comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The task's standard output.
    Stdout,
    /// The task's standard error.
    Stderr,
    /// The interface `cofferdam:task/log`.
    Log,
    /// Cofferdam itself: how the try began and ended, what was cut off.
    System,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Every detail.
    Trace,
    /// For who looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What may become a problem.
    Warn,
    /// What went wrong.
    Error,
}

/// Which part of a segment belongs to which try: a row of the log index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The task instance.
    pub instance: TaskInstanceId,
    /// Its try.
    pub try_number: u32,
    /// The segment.
    pub segment: LogSegmentId,
    /// The first byte of the part.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
}

/// A segment that is being filled, with the logs of one tenant's tries.
#[derive(Debug)]
pub struct LogSegment {
    id: LogSegmentId,
    bytes: Vec<u8>,
    entries: Vec<LogEntry>,
}

/// A segment that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLogSegment {
    /// Its id.
    pub id: LogSegmentId,
    /// What to store: see [`Objects::put_log_segment`].
    pub bytes: Bytes,
    /// The rows that make it findable, to be written after it is stored.
    pub entries: Vec<LogEntry>,
}

impl Default for LogSegment {
    fn default() -> Self {
        Self::new()
    }
}

impl LogSegment {
    /// An empty segment.
    #[must_use]
    pub fn new() -> Self {
        Self { id: LogSegmentId::generate(), bytes: HEADER.to_vec(), entries: Vec::new() }
    }

    /// Adds lines of a try. A try may come more than once; each time gives an entry of its own, and the order of the entries
    /// is that of the lines.
    ///
    /// # Panics
    /// Never: a record is always JSON.
    pub fn append(&mut self, instance: TaskInstanceId, try_number: u32, records: &[LogRecord]) {
        if records.is_empty() {
            return;
        }
        let offset = self.bytes.len() as u64;
        for record in records {
            serde_json::to_writer(&mut self.bytes, record).expect("a record has only string keys");
            self.bytes.push(b'\n');
        }
        let length = self.bytes.len() as u64 - offset;
        self.entries.push(LogEntry { instance, try_number, segment: self.id, offset, length });
    }

    /// Its bytes so far, for deciding when it is full.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Completes it.
    #[must_use]
    pub fn seal(self) -> SealedLogSegment {
        SealedLogSegment { id: self.id, bytes: self.bytes.into(), entries: self.entries }
    }
}

/// Reads the lines of a part of a segment. A line that is not a record, or that the part cuts off, is passed over.
pub fn parse_log(bytes: &[u8]) -> impl Iterator<Item = LogRecord> + '_ {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

fn path(tenant: TenantId, segment: LogSegmentId) -> Path {
    Path::from_iter(["tenants", &tenant.to_string(), "logs", &segment.to_string()])
}

impl Objects {
    /// Stores a segment. Storing it again does no harm.
    ///
    /// # Errors
    /// When it is too large, or the store fails.
    pub async fn put_log_segment(&self, tenant: TenantId, segment: LogSegmentId, bytes: Bytes) -> Result<(), ObjectsError> {
        check_size("log segment", bytes.len() as u64, self.config.max_log_segment_bytes)?;
        self.put(&path(tenant, segment), bytes.into()).await
    }

    /// Part of a segment, as one entry of the index names it. See [`parse_log`].
    ///
    /// # Errors
    /// When this tenant has no such segment, the part is larger than a segment or lies behind its end, or the store fails.
    pub async fn read_log_range(
        &self,
        tenant: TenantId,
        segment: LogSegmentId,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, ObjectsError> {
        check_size("log segment", length, self.config.max_log_segment_bytes)?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        self.get_range(&path(tenant, segment), offset..offset.saturating_add(length)).await
    }
}
