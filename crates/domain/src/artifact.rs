//! Files that tasks leave behind.

use cofferdam_ids::{ArtifactName, Digest};
use serde::{Deserialize, Serialize};

/// The media type of an artifact that names none.
pub const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";
/// Bytes of a media type.
const MAX_CONTENT_TYPE: usize = 120;

/// What is known of an artifact that was written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name, unique in its task instance.
    pub name: ArtifactName,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
}

/// An artifact of a try, with the place where its bytes lie, as whoever stored them calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenArtifact {
    /// What is known of it.
    pub artifact: Artifact,
    /// Where its bytes lie.
    pub object: String,
}

/// A name or media type that no artifact can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// The name has a character that is not allowed, or is too long.
    #[error(transparent)]
    Name(#[from] cofferdam_ids::NameError),
    /// A part of the name is empty, `.` or `..`.
    #[error("an artifact's name has parts divided by single slashes, none of them '.' or '..': {0:?} has no place of its own")]
    Parts(String),
    /// The media type is none.
    #[error("{0:?} is not a media type such as \"text/csv\" or \"text/plain; charset=utf-8\"")]
    ContentType(String),
}

/// Checks the name of an artifact.
///
/// # Errors
/// When it could not be the path of a file below a directory.
pub fn name(text: &str) -> Result<ArtifactName, ArtifactError> {
    let name = ArtifactName::new(text)?;
    if name.check_parts() { Ok(name) } else { Err(ArtifactError::Parts(text.to_owned())) }
}

/// Checks a media type (RFC 9110, section 8.3.1); an empty one is [`DEFAULT_CONTENT_TYPE`].
///
/// # Errors
/// When it is not one.
pub fn content_type(text: &str) -> Result<String, ArtifactError> {
    if text.is_empty() {
        return Ok(DEFAULT_CONTENT_TYPE.to_owned());
    }
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or("").trim();
    let typed = essence.split_once('/').is_some_and(|(kind, rest)| token(kind) && token(rest));
    // What follows the semicolon goes into a header as it is, so it must not end it.
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if typed && printable && text.len() <= MAX_CONTENT_TYPE {
        Ok(text.to_owned())
    } else {
        Err(ArtifactError::ContentType(text.chars().take(MAX_CONTENT_TYPE).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_its_directory() {
        for good in ["report.pdf", "plots/2026-11/a.png", "..a/b..", "~"] {
            assert_eq!(name(good).unwrap().as_str(), good);
        }
        assert_eq!(name("plots/a.png").unwrap().file_name(), "a.png");
        for bad in ["", "/etc/passwd", "a/", "a//b", "..", "../a", "a/../b", "a/./b", ".", "a\\b", "a b", "a%2fb", "a\0", "ä"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_content_type_cannot_break_a_header() {
        assert_eq!(content_type("").unwrap(), "application/octet-stream");
        for good in ["text/csv", "text/plain; charset=utf-8", "application/vnd.apache.parquet"] {
            assert_eq!(content_type(good).unwrap(), good);
        }
        for bad in
            ["text", "text/", "/csv", "text/csv\r\nSet-Cookie: a=b", "te xt/csv", "a/b/c", &format!("a/{}", "b".repeat(200))]
        {
            assert!(content_type(bad).is_err(), "{bad:?}");
        }
    }
}
