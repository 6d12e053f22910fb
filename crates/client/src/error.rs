use cofferdam_api_types::{ErrorCode, Problem};

/// Why a call failed. Split by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The server could not be reached, or the connection broke. Trying again may help.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is not what this client understands: another program answers there, or a much later version.
    #[error("the answer of the server (status {status}) cannot be read")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address of the server is not an `http:` or `https:` URL.
    #[error("'{0}' is not the address of a server; it looks like http://127.0.0.1:8080")]
    InvalidAddress(String),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// The problem document, when the server answered with one.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Unreachable(_) | Self::Unreadable { .. } | Self::InvalidAddress(_) | Self::Setup(_) => None,
        }
    }

    /// The code of the problem, when the server answered with one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.problem().map(|problem| problem.code)
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Problem(problem) => matches!(problem.code, ErrorCode::Unavailable | ErrorCode::CompileUnavailable),
            Self::Unreadable { .. } | Self::InvalidAddress(_) | Self::Setup(_) => false,
        }
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}
