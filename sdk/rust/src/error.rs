//! Why a task returns without a result.

use std::{any::Any, fmt, time::Duration};

/// Why a task returns without a result, and with it what happens next.
///
/// Any error of the standard kind becomes a retryable one through `?`. Errors of [`crate::xcom`],
/// [`crate::config`], [`crate::checkpoint`] and [`crate::artifacts`] become fatal, since the next try would run into the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Retryable(String),
    Fatal(String),
    Skip(String),
    Reschedule(Duration),
    Defer { event: String, timeout: Duration },
}

impl Error {
    /// Something that may pass: the task is tried again, if it has tries left.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self(Kind::Retryable(message.to_string()))
    }

    /// Something that will not pass: the task fails now, whatever tries it has left.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self(Kind::Fatal(message.to_string()))
    }

    /// There is nothing to do: the task is recorded as skipped.
    pub fn skip(message: impl fmt::Display) -> Self {
        Self(Kind::Skip(message.to_string()))
    }

    /// Not yet: run the task again after this time. This uses up no try.
    #[must_use]
    pub fn reschedule(after: Duration) -> Self {
        Self(Kind::Reschedule(after))
    }

    /// Wait for an event without holding a worker, and for this long at the most. This uses up no try.
    pub fn defer(event: impl Into<String>, timeout: Duration) -> Self {
        Self(Kind::Defer { event: event.into(), timeout })
    }

    /// Whether the task is tried again because of it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0, Kind::Retryable(_))
    }

    /// Whether the task fails because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.0, Kind::Fatal(_))
    }

    /// Whether the task is recorded as skipped because of it.
    #[must_use]
    pub fn is_skip(&self) -> bool {
        matches!(self.0, Kind::Skip(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Retryable(message) | Kind::Fatal(message) => f.write_str(message),
            Kind::Skip(message) => write!(f, "skipped: {message}"),
            Kind::Reschedule(after) => write!(f, "to be run again after {after:?}"),
            Kind::Defer { event, timeout } => write!(f, "waits for the event '{event}', {timeout:?} at the most"),
        }
    }
}

// `Error` itself is no `std::error::Error`: only so can this cover all that are.
impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        let any = &error as &dyn Any;
        let same_at_every_try = any.is::<crate::xcom::Error>()
            || any.is::<crate::config::Error>()
            || any.is::<crate::checkpoint::Error>()
            || any.is::<crate::artifacts::Error>()
            || any.downcast_ref::<crate::http::Error>().is_some_and(crate::http::Error::is_permanent);
        Self(if same_at_every_try { Kind::Fatal(message) } else { Kind::Retryable(message) })
    }
}

/// Turns a failure that trying again would not mend into a fatal error.
pub trait OrFatal<T> {
    /// The value, or a fatal error with the failure's text after `doing`.
    ///
    /// # Errors
    /// When there is no value.
    fn or_fatal(self, doing: &str) -> Result<T, Error>;
}

impl<T, E: fmt::Display> OrFatal<T> for Result<T, E> {
    fn or_fatal(self, doing: &str) -> Result<T, Error> {
        self.map_err(|error| Error::fatal(format_args!("{doing}: {error}")))
    }
}

impl<T> OrFatal<T> for Option<T> {
    fn or_fatal(self, doing: &str) -> Result<T, Error> {
        self.ok_or_else(|| Error::fatal(doing))
    }
}

#[cfg(target_arch = "wasm32")]
impl From<Error> for crate::bindings::TaskError {
    fn from(error: Error) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match error.0 {
            Kind::Retryable(message) => Self::Retryable(message),
            Kind::Fatal(message) => Self::Fatal(message),
            Kind::Skip(message) => Self::Skip(message),
            Kind::Reschedule(after) => Self::Reschedule(millis(after)),
            Kind::Defer { event, timeout } => {
                Self::Defer(crate::bindings::cofferdam::task::types::DeferRequest { event, timeout_ms: millis(timeout) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_error_is_retryable_and_tells_its_causes() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("cannot read the station's number")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let fail = || -> Result<(), Error> { Err(Outer("x".parse::<u8>().unwrap_err()))? };
        let error = fail().unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(error.to_string(), "cannot read the station's number: invalid digit found in string");
    }

    #[test]
    fn an_xcom_error_is_fatal() {
        let error = Error::from(crate::xcom::Error::TooLarge { limit_bytes: 10 });
        assert!(error.is_fatal());
    }

    #[test]
    fn or_fatal_says_what_was_being_done() {
        assert_eq!("x".parse::<u8>().or_fatal("station").unwrap_err(), Error::fatal("station: invalid digit found in string"));
        assert_eq!(None::<u8>.or_fatal("no station").unwrap_err(), Error::fatal("no station"));
    }
}
