//! Log messages with a level and fields.
//!
//! ```
//! cofferdam::info!(station = "Seattle", rows = 1461; "read the observations");
//! cofferdam::warn!("{} rows had no temperature", 3);
//! ```
//!
//! What a task writes to stdout and stderr is logged too, line by line.

use std::fmt;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Steps within a step.
    Trace,
    /// For whoever mends the task.
    Debug,
    /// What the task is doing.
    Info,
    /// Something is off, and the task goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a message. When the log limit is reached, messages are dropped and the task goes on.
pub fn write(level: Level, message: fmt::Arguments<'_>, fields: &[(&str, &dyn fmt::Display)]) {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::cofferdam::task::log as host;
        let level = match level {
            Level::Trace => host::Level::Trace,
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        host::write(level, &message.to_string(), &fields);
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        eprintln!("{level:?}: {message}{fields}");
    }
}

/// One macro per level. The `$` is passed in because a macro cannot otherwise write one.
macro_rules! levels {
    ($dollar:tt $($name:ident $level:ident $what:literal;)*) => {$(
        #[doc = concat!("Logs ", $what, "; see [`log`](mod@crate::log).")]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar key:ident = $dollar value:expr),+ ; $dollar($dollar message:tt)+) => {
                $dollar crate::log::write(
                    $dollar crate::log::Level::$level,
                    ::core::format_args!($dollar($dollar message)+),
                    &[$dollar((::core::stringify!($dollar key), &$dollar value as &dyn ::core::fmt::Display)),+],
                )
            };
            ($dollar($dollar message:tt)+) => {
                $dollar crate::log::write($dollar crate::log::Level::$level, ::core::format_args!($dollar($dollar message)+), &[])
            };
        }
    )*};
}

levels! { $
    trace Trace "a step within a step";
    debug Debug "something for whoever mends the task";
    info Info "what the task is doing";
    warn Warn "something that is off";
    error Error "something that failed";
}
