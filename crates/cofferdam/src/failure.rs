//! How a command fails: what went wrong, where, what would mend it, and the exit code.

use crate::config::ConfigError;
use cofferdam_domain::definition::Source;
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The exit codes; `docs/cli.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for was done, and turned out a failure: a run failed, a definition has errors.
    Failed = 1,
    /// Wrong flags, or input that is not valid.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// Not signed in, or not allowed.
    Denied = 4,
    /// There is no such thing.
    NotFound = 5,
    /// It exists already, or was changed meanwhile.
    Conflict = 6,
    /// The server failed or is busy; trying again later may help.
    Server = 7,
    /// `task test`: the task asked to be skipped.
    Skipped = 10,
    /// `task test`: the task asked to be run again later.
    Rescheduled = 11,
    /// `task test`: the task asked to be woken by an event.
    Deferred = 12,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The word for it in JSON output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Server => "server",
            Self::Skipped => "skipped",
            Self::Rescheduled => "rescheduled",
            Self::Deferred => "deferred",
            Self::Interrupted => "interrupted",
        }
    }

    /// What an HTTP status of an answer means for the caller.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            404 | 410 => Self::NotFound,
            409 | 412 => Self::Conflict,
            429 | 500.. => Self::Server,
            _ => Self::Usage,
        }
    }
}

/// Something wrong in a document, at the line where the person wrote it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Whether it stops the document from being used.
    pub severity: Severity,
    /// The machine-readable kind.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The line in which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// The column before which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// The JSON Pointer of the place.
    pub pointer: String,
    /// Where in the text that stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// What is to be said of single places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<FoundLabel>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<FoundSuggestion>,
    /// The text that it stands in, to be shown.
    #[serde(skip)]
    pub shown: Option<Shown>,
}

/// What is to be said of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundLabel {
    /// The JSON Pointer of the place.
    pub pointer: String,
    /// What is said.
    pub message: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The bytes of the text.
    #[serde(skip)]
    pub range: Option<Range<usize>>,
}

impl FoundLabel {
    /// What is said of a place whose line is not known yet.
    #[must_use]
    pub fn new(pointer: String, message: String) -> Self {
        Self { pointer, message, line: None, range: None }
    }
}

/// What to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundSuggestion {
    /// The JSON Pointer of the place.
    pub pointer: String,
    /// Whether the key is meant that stands there.
    pub is_key: bool,
    /// What to write.
    pub replacement: String,
    /// The bytes of the text that it replaces.
    #[serde(skip)]
    pub range: Option<Range<usize>>,
}

impl FoundSuggestion {
    /// What to write instead of what stands at a place whose bytes are not known yet.
    #[must_use]
    pub fn new(pointer: String, is_key: bool, replacement: String) -> Self {
        Self { pointer, is_key, replacement, range: None }
    }
}

/// The text that a finding stands in.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The text.
    pub source: Arc<Source>,
    /// The bytes that the finding is about.
    pub primary: Range<usize>,
}

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Within {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It stops the document from being used.
    Error,
    /// It is likely not meant.
    Warning,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Finding {
    /// A finding that is not located yet.
    pub fn new(severity: Severity, code: impl Into<String>, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity,
            code: code.into(),
            message: message.into(),
            help: None,
            file: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
            pointer: pointer.into(),
            within: None,
            labels: Vec::new(),
            suggestion: None,
            shown: None,
        }
    }

    /// `file:line:column`, as far as it is known, else the pointer.
    #[must_use]
    pub fn place(&self) -> String {
        let file = self.file.as_deref().unwrap_or("<input>");
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ if self.pointer.is_empty() => file.to_owned(),
            _ => format!("{file}: {}", self.pointer),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}[{}]: {}", self.place(), self.severity.word(), self.code, self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong.
    pub what: String,
    /// Where: a file, an address, a request.
    pub place: Option<String>,
    /// What would mend it.
    pub remedy: Option<String>,
    /// The stable code of the server's problem document.
    pub code: Option<String>,
    /// What is wrong in a document.
    pub findings: Vec<Finding>,
    /// The errors beneath, the outermost first.
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure that says what went wrong.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), place: None, remedy: None, code: None, findings: Vec::new(), causes: Vec::new() }
    }

    /// Wrong flags or input.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what would mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Keeps the messages of an error and of those beneath it.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        self.causes.extend(chain(error));
        self
    }

    /// The same for an error that may have nothing beneath it.
    #[must_use]
    pub fn because_of(self, error: Option<&(dyn std::error::Error + 'static)>) -> Self {
        match error {
            Some(error) => self.because(error),
            None => self,
        }
    }

    /// The failure as JSON, for `--output json`.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "exit": self.exit.word(),
            "exit_code": self.exit as u8,
            "code": self.code,
            "message": self.what,
            "where": self.place,
            "remedy": self.remedy,
            "causes": self.causes,
            "diagnostics": self.findings,
        }})
    }
}

/// The messages of an error and of those beneath it; one that only repeats the one above is left out.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let message = error.to_string();
        if messages.last().is_none_or(|last| !last.contains(&message)) {
            messages.push(message);
        }
        next = error.source();
    }
    messages
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::usage(error.to_string());
        match &error {
            ConfigError::Missing { missing, .. } => {
                let set = |name: &&str| format!("  {} (or `{name}` in cofferdam.toml)", crate::config::keys::variable_of(name));
                failure.remedy(format!(
                    "set each of these in the environment:\n{}\nor run `cofferdam dev`, which needs no servers; see docs/operations.md",
                    missing.iter().map(set).collect::<Vec<_>>().join("\n")
                ))
            }
            ConfigError::UnknownKey { .. } | ConfigError::Invalid { .. } => {
                failure.remedy("`cofferdam config show` lists every key")
            }
            ConfigError::Unreadable { .. } | ConfigError::Syntax { .. } => failure,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_exit_codes() {
        let codes = [400, 401, 403, 404, 409, 412, 413, 422, 429, 500, 503].map(|status| Exit::of_status(status) as u8);
        assert_eq!(codes, [2, 4, 4, 5, 6, 6, 2, 2, 7, 7, 7]);
    }

    #[test]
    fn a_cause_that_repeats_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: inner")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("inner")]
        struct Inner;
        assert_eq!(chain(&Outer(Inner)), ["outer: inner"]);
    }

    #[test]
    fn findings_show_where() {
        let mut finding = Finding {
            help: Some("remove one of them".into()),
            file: Some("dag.yaml".into()),
            line: Some(3),
            column: Some(5),
            ..Finding::new(Severity::Error, "cycle", "/tasks/0", "a waits for b, which waits for a")
        };
        assert_eq!(
            finding.to_string(),
            "dag.yaml:3:5: error[cycle]: a waits for b, which waits for a\n  help: remove one of them"
        );
        finding.line = None;
        assert_eq!(finding.place(), "dag.yaml: /tasks/0");
    }
}
