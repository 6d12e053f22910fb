//! Streams that go on after a broken connection.

use crate::sse::Decoder;
use crate::{Client, ClientError};
use bytes::Bytes;
use cofferdam_api_types::{LogFrame, LogQuery, StreamMessage};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use reqwest::{Method, Url, header};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::time::Duration;

/// The frames of a followed log; ends after [`LogFrame::End`].
pub type LogFollow = BoxStream<'static, Result<LogFrame, ClientError>>;

/// The messages of the event stream.
pub type EventStream = BoxStream<'static, Result<StreamMessage, ClientError>>;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Attempts without any answer before a follower gives up: about a minute.
const MOST_ATTEMPTS: u32 = 15;

/// An open stream of server-sent events.
struct Open {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
    ready: VecDeque<String>,
}

impl Open {
    /// The next document; `None` when the connection ended or broke.
    async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, ClientError>> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(
                    serde_json::from_str(&text).map_err(|source| ClientError::Unreadable { status: 200, source: source.into() }),
                );
            }
            let bytes = self.bytes.next().await?.ok()?;
            self.ready.extend(self.decoder.push(&bytes));
        }
    }
}

/// A stream that opens its connection again, from where it was.
struct Follower {
    client: Client,
    url: Url,
    open: Option<Open>,
    /// Attempts since something was read.
    attempts: u32,
    done: bool,
}

impl Follower {
    const fn new(client: Client, url: Url) -> Self {
        Self { client, url, open: None, attempts: 0, done: false }
    }

    async fn next<T: DeserializeOwned>(&mut self, query: Option<LogQuery>) -> Result<T, ClientError> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(read) = open.next().await {
                    self.attempts = 0;
                    return read;
                }
                self.open = None;
            }
            if self.attempts > 0 {
                tokio::time::sleep((FIRST_PAUSE * self.attempts).min(LONGEST_PAUSE)).await;
            }
            self.attempts += 1;
            let response = self
                .client
                .send(|| {
                    let request = self.client.request(Method::GET, self.url.clone()).header(header::ACCEPT, "text/event-stream");
                    match &query {
                        Some(query) => request.query(query),
                        None => request,
                    }
                })
                .await;
            match response {
                Ok(response) => {
                    self.open = Some(Open {
                        bytes: response.bytes_stream().boxed(),
                        decoder: Decoder::default(),
                        ready: VecDeque::new(),
                    });
                }
                Err(error) if error.is_transient() && self.attempts < MOST_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }
}

pub(crate) fn follow_log(client: Client, url: Url, offset: u64) -> LogFollow {
    stream::unfold((Follower::new(client, url), offset), |(mut follower, mut offset)| async move {
        if follower.done {
            return None;
        }
        let frame = follower.next::<LogFrame>(Some(LogQuery { offset, follow: true, ..LogQuery::default() })).await;
        match &frame {
            Ok(LogFrame::Lines { next_offset, .. }) => offset = *next_offset,
            Ok(LogFrame::End { .. }) | Err(_) => follower.done = true,
        }
        Some((frame, (follower, offset)))
    })
    .boxed()
}

pub(crate) fn follow_events(client: Client, url: Url) -> EventStream {
    stream::unfold(Follower::new(client, url), |mut follower| async move {
        if follower.done {
            return None;
        }
        let message = follower.next::<StreamMessage>(None).await;
        follower.done = message.is_err();
        Some((message, follower))
    })
    .boxed()
}
