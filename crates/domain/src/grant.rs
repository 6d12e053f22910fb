//! What a task is allowed to reach beyond its input and its XComs.
//!
//! A component's imports say what it could ask for; the grant says what it gets. Whatever is not granted is refused to
//! the guest, and every refusal ([`Refusal`]) names what would have to be granted. The format is described for users in
//! `docs/grants.md`.

mod http;

pub use http::{HostPattern, HttpRule, HttpRuleError, Method, Scheme};

use crate::definition::ByteSize;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What one task may reach. The default is a task that reaches nothing, but knows the time and has random numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Where it may send HTTP requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpRule>,
    /// Variables that it may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<NamePattern>,
    /// Connections that it may use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<NamePattern>,
    /// A directory of its own, empty at the start of each try, that holds so many bytes at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ByteSize>,
    /// Whether it sees the real time. If not, all clocks stand still at the run's logical date.
    #[serde(skip_serializing_if = "is_true")]
    pub clock: bool,
    /// Whether it gets real random numbers. If not, they follow from its idempotency key, the same in each try.
    #[serde(skip_serializing_if = "is_true")]
    pub random: bool,
    /// Environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Default for Grant {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            variables: Vec::new(),
            connections: Vec::new(),
            scratch: None,
            clock: true,
            random: true,
            env: BTreeMap::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_true(value: &bool) -> bool {
    *value
}

/// Something that a task asked for and that its grant does not name. The message says what would have to be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A variable.
    #[error("the variable '{0}' is not granted: add it to `grant.variables` of the task")]
    Variable(String),
    /// A connection.
    #[error("the connection '{0}' is not granted: add it to `grant.connections` of the task")]
    Connection(String),
    /// A host, or a port or scheme of it.
    #[error("requests to {target} are not granted: add \"{target}\" to `grant.http` of the task")]
    Http {
        /// Scheme, host and, when it is not that of the scheme, port: what to write into the grant.
        target: String,
    },
    /// A method, to a host that is granted for others.
    #[error(
        "{method} requests to {target} are not granted: add \"{method}\" to the methods of that host in `grant.http` of the task"
    )]
    Method {
        /// The method.
        method: String,
        /// Scheme, host and port.
        target: String,
    },
}

impl Grant {
    /// Whether the task may read a variable.
    ///
    /// # Errors
    /// When no pattern has its name.
    pub fn variable(&self, name: &str) -> Result<(), Refusal> {
        granted(&self.variables, name).then_some(()).ok_or_else(|| Refusal::Variable(name.to_owned()))
    }

    /// Whether the task may use a connection.
    ///
    /// # Errors
    /// When no pattern has its name.
    pub fn connection(&self, name: &str) -> Result<(), Refusal> {
        granted(&self.connections, name).then_some(()).ok_or_else(|| Refusal::Connection(name.to_owned()))
    }

    /// Whether the task may send a request. `host` is as in a URL, without the port; `port` is that of the scheme when the
    /// URL has none.
    ///
    /// This says nothing of the address that the host's name leads to: see [`egress`](crate::egress).
    ///
    /// # Errors
    /// When no rule has scheme, host, port and method.
    pub fn http(&self, scheme: Scheme, host: &str, port: u16, method: &str) -> Result<(), Refusal> {
        let mut target = http::Target { scheme, host, port }.to_string();
        let mut to_there = self.http.iter().filter(|rule| rule.leads_to(scheme, host, port)).peekable();
        if to_there.peek().is_none() {
            target.truncate(target.floor_char_boundary(300));
            return Err(Refusal::Http { target });
        }
        if to_there.any(|rule| rule.has_method(method)) {
            return Ok(());
        }
        Err(Refusal::Method { method: method.to_owned(), target })
    }
}

fn granted(patterns: &[NamePattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// A name, or the beginning of names with a `*` after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

/// A pattern of names that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name and no pattern: write a name, or its beginning and a '*' at the end, as in \"warehouse_*\"")]
pub struct NamePatternError(String);

impl NamePattern {
    /// The most characters that a pattern may have.
    pub const MAX_LENGTH: usize = 250;

    /// Whether a name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.0 == name,
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamePattern {
    type Err = NamePatternError;

    fn from_str(text: &str) -> Result<Self, NamePatternError> {
        let beginning = text.strip_suffix('*').unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '/' | ':');
        if text.is_empty() || text.len() > Self::MAX_LENGTH || !beginning.chars().all(fits) {
            return Err(NamePatternError(text.chars().take(Self::MAX_LENGTH).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for NamePattern {
    type Error = NamePatternError;

    fn try_from(text: String) -> Result<Self, NamePatternError> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
