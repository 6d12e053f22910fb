//! Reads the log of a try from the object store as it grows.

use super::TaskPath;
use crate::App;
use crate::error::ApiError;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_api_types::{LogLevel, LogLine, LogStream};
use cofferdam_domain::context::Context;
use cofferdam_objects::{self as objects, LogRecord, parse_log};
use cofferdam_store::logs::LogRange;
use cofferdam_store::task_instances::TaskInstance;
use cofferdam_store::{logs, runs, task_instances};
use std::collections::HashSet;
use std::sync::Arc;

/// How long after a try's end its last lines may still be on their way from the worker.
const STRAGGLERS: TimeDelta = TimeDelta::milliseconds(2500);

/// The reader of one try's log.
pub(super) struct LogReader {
    app: Arc<App>,
    context: Context,
    path: TaskPath,
    map_index: i32,
    try_number: u32,
    /// Ranges that have been read.
    read: HashSet<(uuid::Uuid, u64)>,
    /// Lines that have been read.
    pub lines: u64,
}

/// What was read at once.
pub(super) struct Part {
    pub lines: Vec<LogLine>,
    /// Nothing follows.
    pub complete: bool,
}

impl LogReader {
    pub(super) fn new(app: Arc<App>, context: Context, path: TaskPath, map_index: i32, try_number: u32) -> Self {
        Self { app, context, path, map_index, try_number, read: HashSet::new(), lines: 0 }
    }

    /// Reads what has come since the last call.
    pub(super) async fn next(&mut self) -> Result<Part, ApiError> {
        let mut tx = self.app.state.store.begin(&self.context).await?;
        let run = runs::get(&mut tx, &self.path.dag_id, &self.path.dag_run_id).await?;
        let instance = task_instances::get(&mut tx, run.key, &self.path.task_id, self.map_index).await?;
        // The state first: what it calls complete must be in the ranges read after it.
        let complete = self.is_complete(&instance)?;
        let ranges = logs::ranges(&mut tx, instance.id, self.try_number).await?;
        tx.rollback().await?;
        let mut lines = Vec::new();
        for range in ranges {
            if self.read.insert((range.segment.uuid(), range.offset)) {
                lines.extend(self.read_range(range).await?);
            }
        }
        self.lines += lines.len() as u64;
        Ok(Part { lines, complete })
    }

    async fn read_range(&self, range: LogRange) -> Result<Vec<LogLine>, ApiError> {
        let objects = &self.app.state.objects;
        let bytes = objects.read_log_range(self.context.tenant, range.segment, range.offset, range.length).await?;
        Ok(parse_log(&bytes).map(line).collect())
    }

    fn is_complete(&self, instance: &TaskInstance) -> Result<bool, ApiError> {
        let number = self.try_number;
        // Before the first try begins, its log may be waited for.
        if number == 0 || number > instance.try_number.max(1) {
            return Err(ApiError::not_found(format!("The try {number} of the task '{}'", self.path.task_id)));
        }
        let long_ago = |ended: DateTime<Utc>| ended + STRAGGLERS <= self.app.now();
        if number < instance.try_number {
            return Ok(true);
        }
        if let Some(last) = instance.last_try.as_ref().filter(|last| last.try_number >= number) {
            return Ok(long_ago(last.ended_at));
        }
        Ok(instance.state.is_finished() && instance.ended_at.is_none_or(long_ago))
    }
}

fn line(record: LogRecord) -> LogLine {
    LogLine {
        at: record.ts,
        stream: match record.stream {
            objects::LogStream::Stdout => LogStream::Stdout,
            objects::LogStream::Stderr => LogStream::Stderr,
            objects::LogStream::Log => LogStream::Log,
            objects::LogStream::System => LogStream::System,
        },
        level: match record.level {
            objects::LogLevel::Trace => LogLevel::Trace,
            objects::LogLevel::Debug => LogLevel::Debug,
            objects::LogLevel::Info => LogLevel::Info,
            objects::LogLevel::Warn => LogLevel::Warn,
            objects::LogLevel::Error => LogLevel::Error,
        },
        message: record.message,
        fields: record.fields,
    }
}
