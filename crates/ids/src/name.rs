use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text cannot be a name of the kind asked for. The message names the rule and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("{} {kind} must not be empty", article(.kind))]
    Empty {
        /// The kind of name, in words.
        kind: &'static str,
    },
    /// Longer than the kind allows.
    #[error("{} {kind} has at most {max} characters; this one has {len}", article(.kind))]
    TooLong {
        /// The kind of name, in words.
        kind: &'static str,
        /// The most characters that it may have.
        max: usize,
        /// The characters that it has.
        len: usize,
    },
    /// A character that the kind does not allow.
    #[error("{} {kind} is made of {allowed}; {found:?} is not allowed (at character {position})", article(.kind))]
    BadCharacter {
        /// The kind of name, in words.
        kind: &'static str,
        /// What is allowed, in words.
        allowed: &'static str,
        /// The first character that is not.
        found: char,
        /// Its position, counted from 1.
        position: usize,
    },
}

/// "an XCom key", "a task id".
fn article(kind: &str) -> &'static str {
    if kind.starts_with(['X', 'a', 'e', 'i', 'o']) { "an" } else { "a" }
}

/// The characters of a kind of name, for people and as the inside of a regular expression's brackets.
struct Alphabet {
    words: &'static str,
    class: &'static str,
}

const WORD: Alphabet = Alphabet { words: "letters, digits, '_', '-', '.' and '~'", class: "A-Za-z0-9_.~-" };
const RUN: Alphabet = Alphabet { words: "letters, digits, '_', '-', '.', '~', ':' and '+'", class: "A-Za-z0-9_.~:+-" };
const SLUG: Alphabet = Alphabet { words: "lower-case letters, digits and '-'", class: "a-z0-9-" };
const PATH: Alphabet = Alphabet { words: "lower-case letters, digits, '-', '_', '.' and '/'", class: "a-z0-9_./-" };
const KEY: Alphabet = Alphabet { words: "letters, digits, '_', '-', '.', '~', '/' and ':'", class: "A-Za-z0-9_.~/:-" };
const FILE: Alphabet = Alphabet { words: "letters, digits, '_', '-', '.', '~' and '/'", class: "A-Za-z0-9_.~/-" };
const HEX: Alphabet = Alphabet { words: "lower-case hexadecimal digits", class: "0-9a-f" };

const fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~')
}
const fn run(c: char) -> bool {
    word(c) || matches!(c, ':' | '+')
}
const fn key(c: char) -> bool {
    word(c) || matches!(c, '/' | ':')
}
const fn file(c: char) -> bool {
    word(c) || c == '/'
}
const fn slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
const fn path(c: char) -> bool {
    slug(c) || matches!(c, '_' | '.' | '/')
}
const fn hex(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, 'a'..='f')
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $test:ident, $allowed:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters that it may have.
            pub const MAX_LENGTH: usize = $max;
            /// The characters that it may have, as the inside of a regular expression's brackets.
            pub const CHARACTERS: &'static str = $allowed.class;

            /// Checks a text.
            ///
            /// # Errors
            /// When it is empty, too long, or has a character that is not allowed.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                if text.is_empty() {
                    return Err(NameError::Empty { kind: $kind });
                }
                if let Some((position, found)) = text.chars().enumerate().find(|(_, c)| !$test(*c)) {
                    return Err(NameError::BadCharacter { kind: $kind, allowed: $allowed.words, found, position: position + 1 });
                }
                if text.len() > $max {
                    return Err(NameError::TooLong { kind: $kind, max: $max, len: text.len() });
                }
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", &*self.0) }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> { Self::new(text) }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> { Self::new(text) }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self { name.0.as_ref().to_owned() }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str { &self.0 }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
    )*};
}

names! {
    /// The name of a tenant, as in URLs and on the sign-in page.
    TenantName, "tenant name", 63, slug, SLUG;
    /// The name of a dag, unique in its tenant (Airflow's `dag_id`).
    DagId, "dag_id", 250, word, WORD;
    /// The name of a task, unique in its dag (Airflow's `task_id`).
    TaskId, "task_id", 250, word, WORD;
    /// The name of a group of tasks, unique in its dag; a dot puts it into another group, as in `load.staging`.
    GroupName, "group name", 250, word, WORD;
    /// The name of a run, unique in its dag: `manual__…`, `scheduled__…`, `backfill__…`.
    DagRunId, "dag_run_id", 250, run, RUN;
    /// The name of a component, unique in its tenant; a slash groups, as in `weather/clean`.
    ComponentName, "component name", 120, path, PATH;
    /// The key of an XCom; `return_value` is what a task returned.
    XComKey, "XCom key", 250, word, WORD;
    /// The name of a pool: a number of slots shared by tasks.
    PoolName, "pool name", 120, word, WORD;
    /// The name of a queue: which workers may take a task.
    QueueName, "queue name", 120, word, WORD;
    /// The name of a variable, unique in its tenant.
    VariableKey, "variable key", 250, key, KEY;
    /// The name of a connection, unique in its tenant (Airflow's `conn_id`).
    ConnectionId, "connection_id", 250, word, WORD;
    /// The name of an artifact, unique in its task instance: `report.pdf`, `plots/2026.png`. Before it is used as one,
    /// [`ArtifactName::check_parts`] says whether its parts can be parts of a path.
    ArtifactName, "artifact name", 250, file, FILE;
    /// The name of a bundle, unique in its tenant: a directory or a git repository with dags.
    BundleName, "bundle name", 63, slug, SLUG;
    /// The SHA-256 of a component's bytes, in hexadecimal: the name of what it is.
    Digest, "digest", 64, hex, HEX;
}

impl XComKey {
    /// The key under which a task's result is kept (`return_value`).
    #[must_use]
    pub fn return_value() -> Self {
        Self("return_value".into())
    }
}

impl ArtifactName {
    /// Whether each part of the name, between slashes, can be the name of a file: not empty, not `.` and not `..`.
    #[must_use]
    pub fn check_parts(&self) -> bool {
        self.0.split('/').all(|part| !matches!(part, "" | "." | ".."))
    }

    /// The last part: what to call the file when it is saved.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl PoolName {
    /// The pool of tasks that name none (`default_pool`).
    #[must_use]
    pub fn default_pool() -> Self {
        Self("default_pool".into())
    }
}

impl QueueName {
    /// The queue of tasks that name none (`default`).
    #[must_use]
    pub fn default_queue() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_character_is_wrong_and_where() {
        let error = DagId::new("my dag").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a dag_id is made of letters, digits, '_', '-', '.' and '~'; ' ' is not allowed (at character 3)"
        );
    }

    #[test]
    fn length_is_bounded() {
        assert!(DagId::new("a".repeat(250)).is_ok());
        assert!(matches!(DagId::new("a".repeat(251)), Err(NameError::TooLong { len: 251, .. })));
        assert!(matches!(TaskId::new(""), Err(NameError::Empty { .. })));
    }

    #[test]
    fn a_run_id_holds_a_timestamp() {
        assert!(DagRunId::new("scheduled__2026-11-21T06:00:00+00:00").is_ok());
        assert!(DagRunId::new("manual/../x").is_err());
    }

    #[test]
    fn serde_checks_too() {
        assert!(serde_json::from_str::<TaskId>("\"a b\"").is_err());
        assert_eq!(serde_json::from_str::<TaskId>("\"a\"").unwrap().as_str(), "a");
    }
}
