//! What can go wrong, by what the caller can do about it.

use cofferdam_ids::Digest;

/// Why an object could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// There is no such object.
    #[error("there is no object {path}")]
    NotFound {
        /// Its path in the store.
        path: String,
    },
    /// More bytes than an object of the kind may have.
    #[error("a {kind} has at most {max} bytes; this one has {size}")]
    TooLarge {
        /// The kind, in words.
        kind: &'static str,
        /// Its bytes.
        size: u64,
        /// The most that it may have.
        max: u64,
    },
    /// The bytes are not those that their digest names.
    #[error("the bytes have the digest {found}, and not {expected}")]
    WrongDigest {
        /// What was asked for.
        expected: Digest,
        /// What the bytes are.
        found: Digest,
    },
    /// Compiled code that was not written by holders of the key, or not for this. Treat it as absent, and compile again.
    #[error("the compiled code of {digest} is not authentic")]
    Tampered {
        /// The component.
        digest: Digest,
    },
    /// A part of a path that would not stay in its place.
    #[error("{part:?} cannot be part of an object's path: {allowed}")]
    BadPath {
        /// The part.
        part: String,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// A URL that names no store.
    #[error("{url:?} does not name an object store: {reason}")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The store cannot be reached, or failed. Trying again may help.
    #[error("the object store cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store refused; trying again does not mend it.
    #[error("the object store refused the request")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<object_store::Error> for ObjectsError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { path, .. } => Self::NotFound { path },
            E::Generic { .. } | E::JoinError { .. } => Self::Unavailable(error.into()),
            _ => Self::Refused(error.into()),
        }
    }
}
