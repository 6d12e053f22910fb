//! What is wrong with a definition, where, and what would mend it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The definition can be applied, but is perhaps not what was meant.
    Warning,
    /// The definition cannot be applied.
    Error,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What kind of mistake it is. Stable; each has a section in `docs/dags.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DiagnosticCode { $($(#[$doc])* $name,)* }

        impl DiagnosticCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
        }
    };
}

codes! {
    /// A field that does not exist.
    UnknownField = "unknown_field";
    /// A field that must be there is not.
    MissingField = "missing_field";
    /// A value that cannot be read.
    InvalidValue = "invalid_value";
    /// A number that is too small or too large.
    OutOfRange = "out_of_range";
    /// A text or a list that is too long.
    TooLong = "too_long";
    /// No task at all.
    NoTasks = "no_tasks";
    /// More tasks than a dag may have.
    TooManyTasks = "too_many_tasks";
    /// Two tasks of the same name.
    DuplicateTaskId = "duplicate_task_id";
    /// An upstream task that is not in the dag.
    UnknownUpstream = "unknown_upstream";
    /// Tasks that wait for each other.
    Cycle = "cycle";
    /// A schedule that cannot be read.
    InvalidSchedule = "invalid_schedule";
    /// A time zone that does not exist.
    UnknownTimezone = "unknown_timezone";
    /// Dates that contradict each other.
    InvalidDates = "invalid_dates";
    /// A limit above what any configuration can have.
    LimitOverCap = "limit_over_cap";
    /// A reason whose retrying cannot be chosen.
    NeverRetried = "never_retried";
    /// An input template that cannot be read.
    InvalidInput = "invalid_input";
    /// A template that cannot be read.
    InvalidTemplate = "invalid_template";
    /// A name in a template that does not exist.
    UnknownName = "unknown_name";
    /// A variable or a connection in a template that the task's grant does not name.
    NotGranted = "not_granted";
    /// A parameter whose schema cannot be read, or whose default does not fit it.
    InvalidParam = "invalid_param";
    /// A parameter that is not in `params`.
    UnknownParam = "unknown_param";
    /// A component that is not there, or cannot be used.
    UnknownComponent = "unknown_component";
    /// A function that the component does not export, or that cannot be called with JSON.
    UnknownFunction = "unknown_function";
    /// A value that does not fit the type of the parameter or field that it is given to.
    TypeMismatch = "type_mismatch";
    /// A version of a component that asks for more than the one before it, and that nobody has approved.
    NeedsApproval = "needs_approval";
    /// `args` or `env` for a component that takes none.
    UnusedArguments = "unused_arguments";
    /// A script that is not of its language, or has no function `main`.
    InvalidScript = "invalid_script";
    /// A setting that has no effect as it stands.
    NoEffect = "no_effect";
    /// A path that leads to nothing in what the other task returns.
    UnknownPath = "unknown_path";
    /// A task that no run comes to, whatever the tasks above it do.
    NeverRuns = "never_runs";
    /// A parameter that nothing uses.
    UnusedParam = "unused_param";
    /// A pool that is not there.
    UnknownPool = "unknown_pool";
    /// A pool with fewer slots than a task takes.
    PoolTooSmall = "pool_too_small";
    /// A variable that is granted and not there.
    UnknownVariable = "unknown_variable";
    /// A connection that is granted and not there.
    UnknownConnection = "unknown_connection";
    /// A limit above that of the tenant.
    LimitOverTenant = "limit_over_tenant";
    /// A host that the tenant's policy keeps from being reached.
    OutsidePolicy = "outside_policy";
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of mistake it is.
    pub code: DiagnosticCode,
    /// Where: a JSON Pointer (RFC 6901) into the definition; empty for the whole.
    pub pointer: String,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where in the text that `pointer` leads to, when it is about a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TextPlace>,
    /// What is to be said of single places. One at `pointer` itself says it of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What to write instead, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
}

/// What is to be said of a place in a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The place: a JSON Pointer.
    pub pointer: String,
    /// What is said, in a few words.
    pub message: String,
}

/// What to write in a place of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The place: a JSON Pointer.
    pub pointer: String,
    /// Whether the key is meant that stands there, rather than its value.
    #[serde(default)]
    pub is_key: bool,
    /// The text: a key, or a text as value.
    pub replacement: String,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPlace {
    /// The line, counted from 1.
    pub line: u32,
    /// The column, counted from 1.
    pub column: u32,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: DiagnosticCode, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            pointer: pointer.into(),
            message: message.into(),
            help: None,
            place: None,
            labels: Vec::new(),
            suggestion: None,
        }
    }

    /// A warning.
    pub fn warning(code: DiagnosticCode, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, pointer, message) }
    }

    /// The same with what would mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with what would mend it, if that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The same about a place in the text that `pointer` leads to.
    #[must_use]
    pub fn place(mut self, place: TextPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with something said of a place.
    #[must_use]
    pub fn label(mut self, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        self.labels.push(Label { pointer: pointer.into(), message: message.into() });
        self
    }

    /// The same with what was perhaps meant by the text at its place.
    #[must_use]
    pub fn did_you_mean(mut self, replacement: &str) -> Self {
        self.help = Some(format!("did you mean '{replacement}'?"));
        self.suggestion =
            Some(Suggestion { pointer: self.pointer.clone(), is_key: self.is_about_key(), replacement: replacement.to_owned() });
        self
    }

    /// Whether it is about the key at its place, rather than about its value.
    #[must_use]
    pub fn is_about_key(&self) -> bool {
        matches!(self.code, DiagnosticCode::UnknownField | DiagnosticCode::UnusedParam)
    }

    /// Whether it keeps the definition from being applied.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}[{}]", self.code)?;
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A JSON Pointer one step further down.
pub(crate) fn join(pointer: &str, step: impl fmt::Display) -> String {
    let step = step.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{step}")
}
