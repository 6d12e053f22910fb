//! What the requests of one try have used, and what is said when that is too much.

use crate::host::{Host, Level, LogLine, Stream};
use cofferdam_domain::limits::Limits;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Refusals that are told in the log of one try; a guest may ask for the same thing for ever.
const NOTICES: u64 = 20;

/// Requests that one try may have under way at once. Each is a connection, of which a worker has so many for all its tries.
const AT_ONCE: u64 = 128;

/// Shared by all requests of a try and their connections.
pub(super) struct Usage {
    host: Arc<dyn Host>,
    calls: AtomicU64,
    calls_max: u64,
    open: AtomicU64,
    bytes: AtomicU64,
    bytes_max: u64,
    spent: AtomicBool,
    notices: AtomicU64,
    last_refusal: Mutex<Option<String>>,
}

impl Usage {
    pub(super) fn new(limits: &Limits, host: &Arc<dyn Host>) -> Self {
        Self {
            host: Arc::clone(host),
            calls: AtomicU64::new(0),
            calls_max: limits.http_calls.into(),
            open: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            bytes_max: limits.http_bytes,
            spent: AtomicBool::new(false),
            notices: AtomicU64::new(0),
            last_refusal: Mutex::new(None),
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    pub(super) fn last_refusal(&self) -> Option<String> {
        self.last_refusal.lock().clone()
    }

    /// Whether more bytes were wanted than allowed.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    /// Counts a request; says no when there were enough.
    pub(super) fn count_call(&self) -> bool {
        let one_more = |calls: u64| (calls < self.calls_max).then_some(calls + 1);
        let counted = self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !counted {
            self.refuse(format!("the limit of {} HTTP requests was reached: raise `limits.http_calls`", self.calls_max));
        }
        counted
    }

    /// Begins a request, which is under way until what this gives is dropped; says no when too many are.
    pub(super) fn open(self: &Arc<Self>) -> Option<Open> {
        let one_more = |open: u64| (open < AT_ONCE).then_some(open + 1);
        if self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            self.refuse(format!(
                "{AT_ONCE} HTTP requests are under way at once, and no more can be: read answers to their end first"
            ));
            return None;
        }
        Some(Open(Arc::clone(self)))
    }

    /// Tells in the try's log what was refused and what would allow it.
    pub(super) fn refuse(&self, message: String) {
        self.say(message.clone());
        self.note_refusal(message);
    }

    /// Keeps what was refused, and told already, for the try's ending.
    pub(super) fn note_refusal(&self, message: String) {
        *self.last_refusal.lock() = Some(message);
    }

    /// Tells something about a request in the try's log.
    pub(super) fn say(&self, message: String) {
        let number = self.notices.fetch_add(1, Ordering::Relaxed) + 1;
        let message = match number {
            ..NOTICES => message,
            NOTICES => format!("{message} (this is not told again)"),
            _ => return,
        };
        self.host.log(LogLine { stream: Stream::Log, level: Level::Warn, message, fields: Vec::new() });
    }

    fn count_bytes(&self, bytes: usize) -> io::Result<()> {
        let before = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 <= self.bytes_max {
            return Ok(());
        }
        if !self.spent.swap(true, Ordering::Relaxed) {
            let max = self.bytes_max;
            self.refuse(format!(
                "the limit of {max} bytes of HTTP requests and responses was reached: raise `limits.http_bytes`"
            ));
        }
        Err(io::Error::other("the limit on bytes was reached"))
    }
}

/// A request that is under way.
pub(super) struct Open(Arc<Usage>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose bytes are counted.
pub(super) struct Counted<T> {
    inner: T,
    usage: Arc<Usage>,
}

impl<T> Counted<T> {
    pub(super) fn new(inner: T, usage: &Arc<Usage>) -> Self {
        Self { inner, usage: Arc::clone(usage) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        Poll::Ready(self.usage.count_bytes(buffer.filled().len() - before))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.usage.count_bytes(written)?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::Recorder;

    #[test]
    fn so_many_requests_are_under_way_at_once() {
        let host = Arc::new(Recorder::default());
        let shared: Arc<dyn Host> = host.clone();
        let usage = Arc::new(Usage::new(&Limits::default(), &shared));
        let mut open: Vec<_> = (0..AT_ONCE).map(|_| usage.open().unwrap()).collect();
        assert!(usage.open().is_none());
        assert!(host.lines.lock()[0].message.contains("128 HTTP requests are under way"));
        open.pop();
        assert!(usage.open().is_some());
    }
}
