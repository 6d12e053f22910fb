//! How a try ended: one vocabulary from the sandbox to the screen.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Why a task instance or a try is as it is. Machine-readable and stable; each has a section in `docs/errors/reasons.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Reads what [`Reason::as_str`] wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$name),)* _ => None } }
        }
    };
}

reasons! {
    /// The task returned an error that says "try again", or exited with a non-zero code.
    GuestError = "guest_error";
    /// The task returned an error that says "never try again".
    Fatal = "fatal";
    /// A panic, an uncaught exception, or another WebAssembly trap.
    Trap = "trap";
    /// The call stack overflowed.
    StackOverflow = "stack_overflow";
    /// The fuel was used up.
    OutOfFuel = "out_of_fuel";
    /// The memory limit was reached.
    OutOfMemory = "out_of_memory";
    /// The wall-clock limit was reached.
    TimedOut = "timed_out";
    /// A person or the API stopped it.
    Cancelled = "cancelled";
    /// The worker's lease ran out before it reported.
    WorkerLost = "worker_lost";
    /// The task asked for something that its grant does not name.
    PermissionDenied = "permission_denied";
    /// The input does not fit what the task takes.
    InvalidInput = "invalid_input";
    /// The result is not JSON, does not fit its type, or is too large.
    InvalidOutput = "invalid_output";
    /// The component cannot be loaded, or does not export what the task names.
    InvalidComponent = "invalid_component";
    /// A limit on instances, tables or handles was reached.
    LimitExceeded = "limit_exceeded";
    /// The task asked to be skipped.
    SkippedByTask = "skipped_by_task";
    /// A trigger rule left it out.
    SkippedByRule = "skipped_by_rule";
    /// A branch chose other tasks.
    BranchNotChosen = "branch_not_chosen";
    /// A short circuit above it skipped what follows.
    ShortCircuited = "short_circuited";
    /// The list that it is mapped over is empty.
    NothingToMap = "nothing_to_map";
    /// An upstream task failed.
    UpstreamFailed = "upstream_failed";
    /// A person set this state.
    MarkedByUser = "marked_by_user";
    /// The task left the dag before it ran.
    Removed = "removed";
    /// The run that the task made failed.
    ChildFailed = "child_failed";
    /// A person who was asked rejected it.
    Rejected = "rejected";
    /// The worker could not read the message that told it of the try, so nothing was run; it is told again.
    Undecodable = "undecodable";
    /// Cofferdam itself failed (storage, queue, a bug): never the task's fault, so it is tried again.
    Internal = "internal";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one try used. Kept with the try; shown and summed for quotas and forecasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Units of fuel.
    pub fuel: u64,
    /// The most bytes that all linear memories together had.
    pub peak_memory_bytes: u64,
    /// Wall-clock microseconds, from the start of the sandbox to its end.
    pub wall_us: u64,
    /// CPU microseconds of the thread while it polled the sandbox.
    pub cpu_us: u64,
    /// Bytes of the input.
    pub input_bytes: u64,
    /// Bytes of the result.
    pub output_bytes: u64,
    /// Bytes written to stdout and stderr, those dropped included.
    pub stdio_bytes: u64,
    /// Bytes of log messages, those dropped included.
    pub log_bytes: u64,
    /// HTTP requests that were sent.
    #[serde(default)]
    pub http_calls: u64,
    /// Bytes of those requests and their responses: heads and bodies.
    #[serde(default)]
    pub http_bytes: u64,
}

/// How a try ended, as the sandbox (or the worker around it) tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub enum Ending {
    /// It returned a result.
    Success {
        /// The result: JSON text, already checked.
        output: String,
    },
    /// It failed.
    Failure {
        /// The kind of failure.
        reason: Reason,
        /// One or a few lines for a person: what failed and, where known, what would mend it.
        message: String,
    },
    /// It asked to be skipped.
    Skip {
        /// Why, in the task's words.
        message: String,
    },
    /// It asked to be run again later, without using up a try.
    Reschedule {
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// It asked to be woken when an event comes, or at a time, whichever is first.
    Defer {
        /// The name of the event.
        event: String,
        /// Milliseconds from now after which it is woken without the event.
        timeout_ms: u64,
    },
}

impl Ending {
    /// A failure with its message.
    pub fn failure(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failure { reason, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_section() {
        let page = include_str!("../../../docs/errors/reasons.md");
        for reason in Reason::ALL {
            assert!(page.contains(&format!("\n## {reason}\n")), "{reason}");
        }
        assert_eq!(page.matches("\n## ").count(), Reason::ALL.len());
    }

    #[test]
    fn reasons_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), serde_json::json!(reason.as_str()));
        }
    }
}
