//! Standard output and error of a guest: read line by line as they come, cut off at the limit, and never in the guest's
//! way. (A stream that closes at its limit, as the usual in-memory pipe does, makes the guest trap.)

use crate::host::{Host, Level, LogLine, Stream};
use crate::json::clean;
use bytes::Bytes;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A line longer than this is given to the host in pieces.
const LINE_BYTES: usize = 16 << 10;
/// Bytes of the end of the output kept for the message of a failure.
const TAIL_BYTES: usize = 2 << 10;
/// Bytes that a guest may write in one call.
const PERMIT_BYTES: usize = 64 << 10;

/// One of the two output streams of a try. Clones write to the same one.
#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    stream: Stream,
    host: Arc<dyn Host>,
    state: Mutex<State>,
}

struct State {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Bytes that may still be given to the host.
    left: u64,
    limit: u64,
    written: u64,
    dropped: u64,
    /// The end of all that was written, dropped or not.
    tail: Vec<u8>,
    /// All that was written, when it is the result of a command, up to one byte more than a result may have.
    whole: Option<Whole>,
}

struct Whole {
    bytes: Vec<u8>,
    max: u64,
}

/// What is known of a stream when its try has ended.
pub(crate) struct Closed {
    /// Bytes written.
    pub written: u64,
    /// Bytes of them that were not given to the host.
    pub dropped: u64,
}

impl Output {
    /// A stream that gives at most `limit` bytes to the host.
    pub(crate) fn new(stream: Stream, host: Arc<dyn Host>, limit: u64) -> Self {
        let state = State { line: Vec::new(), left: limit, limit, written: 0, dropped: 0, tail: Vec::new(), whole: None };
        Self(Arc::new(Shared { stream, host, state: Mutex::new(state) }))
    }

    /// The same stream, which also keeps up to `max` bytes for [`Output::take_whole`].
    pub(crate) fn keeping_whole(self, max: u64) -> Self {
        self.0.state.lock().whole = Some(Whole { bytes: Vec::new(), max });
        self
    }

    /// All that was written; `None` when that is more than was to be kept.
    pub(crate) fn take_whole(&self) -> Option<Vec<u8>> {
        let whole = self.0.state.lock().whole.take()?;
        (whole.bytes.len() as u64 <= whole.max).then_some(whole.bytes)
    }

    /// The last lines written, for the message of a failure. They are whole, when there is more than one: half of a secret would not be
    /// known for what it is.
    pub(crate) fn tail(&self) -> String {
        let state = self.0.state.lock();
        let mut tail = &state.tail[state.tail.len().saturating_sub(TAIL_BYTES)..];
        let ended = tail.strip_suffix(b"\n").unwrap_or(tail);
        if state.written > tail.len() as u64
            && let Some(end) = ended.iter().position(|byte| *byte == b'\n')
        {
            tail = &tail[end + 1..];
        }
        let text = String::from_utf8_lossy(tail);
        let text = text.trim_start_matches(char::REPLACEMENT_CHARACTER).trim_end();
        clean(text.to_owned(), TAIL_BYTES)
    }

    /// Gives the last line to the host, ended or not.
    pub(crate) fn close(&self) -> Closed {
        let mut state = self.0.state.lock();
        if !state.line.is_empty() {
            let line = std::mem::take(&mut state.line);
            self.0.emit(&line);
        }
        Closed { written: state.written, dropped: state.dropped }
    }

    fn write(&self, bytes: &[u8]) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        state.written += bytes.len() as u64;
        if state.tail.len() + bytes.len() > 2 * TAIL_BYTES {
            let keep = state.tail.len().min(TAIL_BYTES);
            state.tail.drain(..state.tail.len() - keep);
        }
        state.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        if let Some(whole) = &mut state.whole {
            let room = usize::try_from(whole.max + 1).unwrap_or(usize::MAX) - whole.bytes.len();
            whole.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }

        let kept = usize::try_from(state.left).unwrap_or(usize::MAX).min(bytes.len());
        state.left -= kept as u64;
        let cut_here = kept < bytes.len() && state.dropped == 0;
        state.dropped += (bytes.len() - kept) as u64;
        self.0.feed(&mut state.line, &bytes[..kept]);
        if cut_here {
            let line = std::mem::take(&mut state.line);
            if !line.is_empty() {
                self.0.emit(&line);
            }
            self.0.host.log(LogLine {
                stream: Stream::Log,
                level: Level::Warn,
                message: format!(
                    "{} passed its limit of {} bytes (`limits.output`): what follows is dropped, and the task goes on",
                    match self.0.stream {
                        Stream::Stdout => "stdout",
                        Stream::Stderr => "stderr",
                        Stream::Log => "the log",
                    },
                    state.limit
                ),
                fields: Vec::new(),
            });
        }
    }
}

impl Shared {
    /// Adds bytes to the open line and gives every line that is complete, or too long, to the host.
    fn feed(&self, line: &mut Vec<u8>, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if line.is_empty() {
                self.emit(&bytes[..end]);
            } else {
                line.extend_from_slice(&bytes[..end]);
                self.emit(line);
                line.clear();
            }
            bytes = &bytes[end + 1..];
        }
        line.extend_from_slice(bytes);
        if line.len() >= LINE_BYTES {
            // A character may end in the next write: its first bytes stay.
            let whole = match std::str::from_utf8(line) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => line.len(),
            };
            self.emit(&line[..whole]);
            line.drain(..whole);
        }
    }

    fn emit(&self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        for piece in pieces(line) {
            self.host.log(LogLine {
                stream: self.stream,
                level: Level::Info,
                message: clean(String::from_utf8_lossy(piece).into_owned(), usize::MAX),
                fields: Vec::new(),
            });
        }
    }
}

/// A line in pieces of at most [`LINE_BYTES`], cut between characters; one empty piece for an empty line.
fn pieces(mut line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        if line.len() <= LINE_BYTES {
            done = true;
            return Some(line);
        }
        let mut end = LINE_BYTES;
        while end > LINE_BYTES - 4 && line[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        let (piece, rest) = line.split_at(end);
        line = rest;
        Some(piece)
    })
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        Self::write(self, &bytes);
        Ok(())
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::Recorder;
    use proptest::prelude::*;

    fn lines(writes: &[&[u8]], limit: u64) -> (Vec<String>, Closed) {
        let host = Arc::new(Recorder::default());
        let output = Output::new(Stream::Stdout, host.clone(), limit);
        for bytes in writes {
            output.write(bytes);
        }
        let closed = output.close();
        let lines = host.lines.lock().iter().map(|line| line.message.clone()).collect();
        (lines, closed)
    }

    #[test]
    fn lines_come_whole_however_they_were_written() {
        let (lines, closed) = lines(&[b"a", b"b\nc\r\n", b"\n\xc3", b"\xa4 end"], 100);
        assert_eq!(lines, ["ab", "c", "", "ä end"]);
        assert_eq!((closed.written, closed.dropped), (13, 0));
    }

    #[test]
    fn what_is_past_the_limit_is_counted_and_said_once() {
        let (lines, closed) = lines(&[b"12345\n", b"678\n90", b"more", b"and more\n"], 9);
        assert_eq!(lines[..2], ["12345", "678"]);
        assert!(lines[2].contains("stdout passed its limit of 9 bytes"), "{lines:?}");
        assert_eq!(lines.len(), 3);
        assert_eq!((closed.written, closed.dropped), (25, 16));
    }

    #[test]
    fn the_tail_is_the_end_even_of_what_was_dropped() {
        let output = Output::new(Stream::Stderr, Arc::new(Recorder::default()), 10);
        for number in 0..10_000 {
            output.write(format!("line {number}\n").as_bytes());
        }
        let tail = output.tail();
        assert!(tail.starts_with("line 9") && tail.ends_with("line 9999") && tail.len() <= TAIL_BYTES, "{tail}");
        output.write("x".repeat(3 * TAIL_BYTES).as_bytes());
        assert_eq!(output.tail().len(), TAIL_BYTES);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_below_the_limit(text in "[a-zä€\n]{0,2000}", cuts in proptest::collection::vec(0_usize..6000, 0..8)) {
            let bytes = text.repeat(9);
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let writes: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let (lines, closed) = lines(&writes, u64::MAX);
            let whole = lines.iter().all(|line| line.len() <= LINE_BYTES + 4 && !line.contains(char::REPLACEMENT_CHARACTER));
            prop_assert!(whole);
            prop_assert_eq!(lines.concat(), text.repeat(9).replace('\n', ""));
            prop_assert_eq!((closed.written, closed.dropped), (bytes.len() as u64, 0));
        }
    }
}
