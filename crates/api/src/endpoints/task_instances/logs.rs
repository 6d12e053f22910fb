use super::TaskPath;
use super::log_reader::{LogReader, Part};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{ErrorCode, LogFrame, LogLine, LogPage, LogQuery};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

/// Lines in an answer, when no other number is asked for.
const LIMIT: u64 = 10_000;
/// The most lines of a frame.
const FRAME: usize = 2_000;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    try_number: u32,
}

/// The log of a try. Without `follow`, what is there now as one document. With `follow`, frames until the try has ended: as
/// server-sent events (`Accept: text/event-stream`; reconnecting goes on after `Last-Event-ID`), else as JSON lines.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}",
    tag = "task-instances",
    operation_id = "get_log",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("try_number" = u32, Path, description = "The try, counted from 1."),
        LogQuery
    ),
    responses((status = 200, content((LogPage = "application/json"), (LogFrame = "text/event-stream"))))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<LogQuery>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let task = TaskPath { dag_id: path.dag_id, dag_run_id: path.dag_run_id, task_id: path.task_id };
    let map_index = query.map_index.unwrap_or(-1);
    let mut reader = LogReader::new(Arc::clone(&app), caller.context, task, map_index, path.try_number);
    // The first part now, so that a mistake in the path is answered as a problem.
    let part = reader.next().await?;
    let wants_events = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"));
    // Who follows or counts lines speaks our own way; Airflow's clients do neither.
    let ours = asked
        .as_deref()
        .unwrap_or_default()
        .split('&')
        .any(|pair| ["offset=", "limit=", "follow="].iter().any(|name| pair.starts_with(name)));
    if !ours && !wants_events {
        return airflow(&headers, &query, part);
    }
    if !query.follow && !wants_events {
        let limit = query.limit.unwrap_or(LIMIT);
        let total = part.lines.len() as u64;
        let lines: Vec<LogLine> = part.lines.into_iter().skip(as_usize(query.offset)).take(as_usize(limit)).collect();
        let next_offset = query.offset.min(total) + lines.len() as u64;
        return Ok(Json(LogPage {
            complete: part.complete && next_offset == total,
            next_offset,
            lines,
            content: None,
            continuation_token: None,
        })
        .into_response());
    }
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let offset: u64 = after.unwrap_or(query.offset);
    let first: Vec<LogLine> = part.lines.into_iter().skip(as_usize(offset)).collect();
    let follower = Follower {
        next_offset: reader.lines - first.len() as u64,
        skip: offset.saturating_sub(reader.lines),
        waiting: first.into(),
        complete: part.complete,
        ended: false,
        reader,
        app,
    };
    let frames = stream::unfold(follower, |mut follower| async move { follower.next().await.map(|frame| (frame, follower)) });
    Ok(if wants_events { events(frames) } else { json_lines(frames) })
}

/// The log as text, from the line on that the token names; with `Accept: text/plain` the text alone.
fn airflow(headers: &HeaderMap, query: &LogQuery, part: Part) -> Result<Response, ApiError> {
    let skip: u64 = match &query.token {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            ApiError::new(ErrorCode::InvalidParameter, "'token' is not a continuation_token of an answer before.")
        })?,
    };
    let most = if query.full_content == Some(true) { u64::MAX } else { LIMIT };
    let total = part.lines.len() as u64;
    let lines: Vec<LogLine> = part.lines.into_iter().skip(as_usize(skip)).take(as_usize(most)).collect();
    let next_offset = skip.min(total) + lines.len() as u64;
    let text = lines.iter().map(|line| {
        let level = serde_json::to_value(line.level).ok();
        let level = level.as_ref().and_then(|level| level.as_str()).unwrap_or_default().to_uppercase();
        format!("[{}] {level} - {}\n", line.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true), line.message)
    });
    let content: String = text.collect();
    if headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain")) {
        return Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], content).into_response());
    }
    Ok(Json(LogPage {
        complete: part.complete && next_offset == total,
        next_offset,
        lines,
        content: Some(content),
        continuation_token: Some(next_offset.to_string()),
    })
    .into_response())
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What has been read and not sent.
struct Follower {
    app: Arc<App>,
    reader: LogReader,
    waiting: VecDeque<LogLine>,
    /// Lines sent, those passed over included.
    next_offset: u64,
    /// Lines to pass over that have not been written yet.
    skip: u64,
    complete: bool,
    ended: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<LogFrame> {
        loop {
            if !self.waiting.is_empty() {
                let lines: Vec<LogLine> = self.waiting.drain(..self.waiting.len().min(FRAME)).collect();
                self.next_offset += lines.len() as u64;
                return Some(LogFrame::Lines { lines, next_offset: self.next_offset });
            }
            if self.complete {
                // One frame says so, and then the stream ends.
                return (!std::mem::replace(&mut self.ended, true)).then_some(LogFrame::End { next_offset: self.next_offset });
            }
            tokio::select! {
                () = tokio::time::sleep(self.app.state.config.log_poll) => {}
                () = self.app.state.shutdown.cancelled() => return None,
            }
            match self.reader.next().await {
                Ok(part) => {
                    let pass = self.skip.min(part.lines.len() as u64);
                    self.skip -= pass;
                    self.next_offset += pass;
                    self.waiting.extend(part.lines.into_iter().skip(as_usize(pass)));
                    self.complete = part.complete;
                }
                Err(error) => {
                    // The client connects again, from where it was.
                    tracing::warn!("a followed log broke off: {}", error.problem().detail);
                    return None;
                }
            }
        }
    }
}

fn events(frames: impl Stream<Item = LogFrame> + Send + 'static) -> Response {
    let events = frames.map(|frame| {
        let (name, id) = match &frame {
            LogFrame::Lines { next_offset, .. } => ("lines", next_offset),
            LogFrame::End { next_offset } => ("end", next_offset),
        };
        let event = Event::default().event(name).id(id.to_string());
        Ok::<_, Infallible>(event.json_data(&frame).unwrap_or_else(|_| Event::default().comment("unreadable")))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn json_lines(frames: impl Stream<Item = LogFrame> + Send + 'static) -> Response {
    let lines = frames.map(|frame| {
        let mut line = serde_json::to_vec(&frame).unwrap_or_default();
        line.push(b'\n');
        Ok::<_, Infallible>(Bytes::from(line))
    });
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], Body::from_stream(lines)).into_response()
}
