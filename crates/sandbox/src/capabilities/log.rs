//! `cofferdam:task/log`: messages with a level and fields, up to the limit.

use super::Capability;
use crate::bindings::cofferdam::task::log as wit;
use crate::host::{Host, Level, LogLine, Stream};
use crate::json::clean;
use crate::run::{TryRequest, TryState};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// Bytes that each message and each field is counted with beside its own, so that empty ones are not free.
const OVERHEAD_BYTES: u64 = 16;

/// The log of one try.
pub(crate) struct Log {
    host: Arc<dyn Host>,
    limit: u64,
    left: u64,
    /// Bytes of all messages.
    pub written: u64,
    /// Bytes of those that were dropped.
    pub dropped: u64,
}

impl Capability for Log {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.log)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        let limit = request.limits.log_bytes;
        Self { host: Arc::clone(host), limit, left: limit, written: 0, dropped: 0 }
    }
}

impl wit::Host for Log {
    fn write(&mut self, level: wit::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let bytes = message.len() as u64
            + fields.iter().map(|(name, value)| (name.len() + value.len()) as u64 + OVERHEAD_BYTES).sum::<u64>()
            + OVERHEAD_BYTES;
        self.written += bytes;
        if self.dropped > 0 || bytes > self.left {
            if self.dropped == 0 {
                self.host.log(LogLine {
                    stream: Stream::Log,
                    level: Level::Warn,
                    message: format!(
                        "the log passed its limit of {} bytes (`limits.log`): what follows is dropped, and the task goes on",
                        self.limit
                    ),
                    fields: Vec::new(),
                });
            }
            self.dropped += bytes;
            return Ok(());
        }
        self.left -= bytes;
        let whole = |text| clean(text, usize::MAX);
        self.host.log(LogLine {
            stream: Stream::Log,
            level: match level {
                wit::Level::Trace => Level::Trace,
                wit::Level::Debug => Level::Debug,
                wit::Level::Info => Level::Info,
                wit::Level::Warn => Level::Warn,
                wit::Level::Error => Level::Error,
            },
            message: whole(message),
            fields: fields.into_iter().map(|(name, value)| (whole(name), whole(value))).collect(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use cofferdam_domain::limits::Limits;
    use wit::Host as _;

    #[test]
    fn messages_pass_until_the_limit_and_then_one_notice() {
        let host = Arc::new(Recorder::default());
        let shared: Arc<dyn Host> = host.clone();
        let mut log = Log::prepare(&request(Limits { log_bytes: 70, ..Limits::default() }), &shared);
        log.write(wit::Level::Error, "boom".to_owned(), vec![("a".to_owned(), "b\0".to_owned())]).unwrap();
        for _ in 0..3 {
            log.write(wit::Level::Info, "x".repeat(20), Vec::new()).unwrap();
        }
        let lines = host.lines.lock();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].level, lines[0].message.as_str()), (Level::Error, "boom"));
        assert_eq!(lines[0].fields, [("a".to_owned(), "b\u{2400}".to_owned())]);
        assert!(lines[1].level == Level::Warn && lines[1].message.contains("limit of 70 bytes"));
        assert_eq!((log.written, log.dropped), (4 + 16 + 3 + 16 + 3 * 36, 3 * 36));
    }
}
