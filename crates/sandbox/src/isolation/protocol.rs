//! The messages between a worker and a process for sandboxes. Private to one version of Cofferdam: both ends are the same
//! program.

use crate::host::{HostError, Level, Stream};
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::Connection;
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_domain::ending::{Ending, Receipt};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{ArtifactName, ConnectionId, TaskId, TaskInstanceId, VariableKey, XComKey};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Changes with every change of what is said here, or how. A worker that outlived an upgrade of the program on its disk
/// would otherwise be misunderstood.
pub(super) const VERSION: u32 = 1;

/// Bytes of an artifact or of a body that go into one frame.
pub(super) const PART_BYTES: usize = 256 << 10;

/// From the worker to the process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The first: how the process is to be.
    Begin(Settings),
    /// Compiled code; it is in the file that comes along.
    Program { program: u64 },
    /// Compiled code that is not needed any more.
    Forget { program: u64 },
    /// A try to run. The input is in the bytes.
    Run(Box<Run>),
    /// A try to stop.
    Cancel,
    /// The answer to a question.
    Answer(Answer),
}

/// How a process is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub version: u32,
    pub slots: u32,
    pub keep_resident_bytes: usize,
    pub compute_processors: usize,
    pub threads: usize,
    /// Where the bytes of scratch directories go.
    pub scratch: PathBuf,
    /// Whether the process gives up what it does not need.
    pub confine: bool,
}

/// A try to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub program: u64,
    pub instance: TaskInstanceId,
    pub entry: Entry,
    /// Whether records of the input may have more fields than are asked for.
    pub is_input_open: bool,
    pub limits: Limits,
    pub grant: Grant,
    pub private_targets: Vec<PrivateTarget>,
    pub context: TaskContext,
    /// The time at its start, as the task's host tells it.
    pub now: Option<DateTime<Utc>>,
}

/// From the process to the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The first: tries may come.
    Ready { capacity: u32, walls: Vec<super::Wall> },
    /// A line of a try's log. The message is in the bytes.
    Line { stream: Stream, level: Level, fields: Vec<(String, String)> },
    /// How far a try is.
    Progress { fraction: f64, message: String },
    /// A question, to be answered under the same call.
    Ask(Question),
    /// Something that was opened for the try is not needed any more.
    Close { handle: u32 },
    /// The try has ended.
    Done(Box<Done>),
}

/// How a try ended. Its result and then the values of its XComs are in the bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    /// Without the result of a success.
    pub ending: Ending,
    pub output_bytes: usize,
    pub receipt: Receipt,
    /// Each key with the bytes of its value.
    pub xcoms: Vec<(XComKey, usize)>,
    pub artifacts: Vec<Finished>,
    pub dropped_output_bytes: u64,
    pub dropped_log_bytes: u64,
}

/// An artifact that the task finished.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Finished {
    pub name: ArtifactName,
    pub content_type: String,
    /// What [`Answer::Stored`] called it.
    pub stored: String,
}

/// What a task asks of its host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Question {
    XCom {
        task_id: TaskId,
        key: XComKey,
        map_index: Option<i32>,
    },
    Variable {
        key: VariableKey,
    },
    Connection {
        id: ConnectionId,
    },
    /// The checkpoint is in the bytes, unless it is to be forgotten.
    SaveCheckpoint {
        forget: bool,
    },
    LoadCheckpoint,
    CreateArtifact,
    /// The bytes to write come along.
    WriteArtifact {
        handle: u32,
    },
    FinishArtifact {
        handle: u32,
    },
    OpenArtifact {
        task_id: TaskId,
        map_index: Option<i32>,
        name: ArtifactName,
    },
    ReadArtifact {
        handle: u32,
        max: usize,
    },
    ListArtifacts {
        task_id: TaskId,
        map_index: Option<i32>,
    },
    /// A request to be sent; its headers are in the bytes.
    Send(Head),
    /// A part of a request's body.
    Body {
        handle: u32,
        part: Part,
    },
    /// The head of the response.
    Response {
        handle: u32,
    },
    /// The next part of the response's body.
    Read {
        handle: u32,
    },
}

/// The head of a request, without its headers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub method: String,
    pub uri: String,
    /// Whether there is no body.
    pub empty: bool,
    /// The least and the most bytes of the body, as far as they are known.
    pub bytes: (u64, Option<u64>),
    pub connect_ms: Option<u64>,
    pub first_byte_ms: Option<u64>,
    pub between_bytes_ms: Option<u64>,
}

/// What comes in one part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Bytes.
    Data,
    /// Headers after the body.
    Trailers,
    /// Nothing: it is complete.
    End,
    /// Nothing: it breaks off here.
    Abort,
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// [`HostError::Denied`].
    Denied(String),
    /// [`HostError::Unavailable`].
    Unavailable(String),
    /// There is none.
    Nothing,
    /// It is done, or it is in the bytes.
    Given,
    /// A variable, whose value is in the bytes.
    Variable {
        secret: bool,
    },
    Connection(Box<WireConnection>),
    /// Whether the checkpoint was kept.
    Saved(bool),
    /// Something was opened, or begun.
    Opened {
        handle: u32,
        artifact: Option<Artifact>,
    },
    /// An artifact was stored, under this name of the worker's own.
    Stored(String),
    Artifacts(Vec<Artifact>),
    /// The head of a response; its headers are in the bytes.
    Response {
        status: u16,
        empty: bool,
        bytes: (u64, Option<u64>),
    },
    /// A part of a body.
    Part(Part),
    /// A request failed.
    Failed {
        fault: Fault,
        refusal: Option<String>,
    },
}

impl From<HostError> for Answer {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Denied(why) => Self::Denied(why),
            HostError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// A connection, which is never serialised elsewhere.
#[derive(Serialize, Deserialize)]
pub(super) struct WireConnection {
    connection_id: ConnectionId,
    conn_type: String,
    host: Option<String>,
    port: Option<u16>,
    login: Option<String>,
    password: Option<String>,
    schema: Option<String>,
    extra: Option<String>,
}

impl std::fmt::Debug for WireConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireConnection").field("connection_id", &self.connection_id).finish_non_exhaustive()
    }
}

impl From<Connection> for WireConnection {
    fn from(connection: Connection) -> Self {
        let Connection { connection_id, conn_type, host, port, login, password, schema, extra } = connection;
        Self { connection_id, conn_type, host, port, login, password, schema, extra }
    }
}

impl From<WireConnection> for Connection {
    fn from(connection: WireConnection) -> Self {
        let WireConnection { connection_id, conn_type, host, port, login, password, schema, extra } = connection;
        Self { connection_id, conn_type, host, port, login, password, schema, extra }
    }
}

/// What went wrong with a request: those errors of `wasi:http` that our own code gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    RequestDenied,
    RequestMethodInvalid,
    RequestUriInvalid,
    RequestBodySize(Option<u64>),
    DnsError,
    DestinationNotFound,
    DestinationUnavailable,
    DestinationIpProhibited,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionReadTimeout,
    ConnectionLimitReached,
    TlsProtocol,
    TlsCertificate,
    Protocol,
    ResponseIncomplete,
    ResponseHeaderSectionSize(Option<u32>),
    ResponseBodySize(Option<u64>),
    Internal(String),
}

impl From<wasmtime_wasi_http::Error> for Fault {
    fn from(error: wasmtime_wasi_http::Error) -> Self {
        use wasmtime_wasi_http::Error;
        match error {
            Error::HttpRequestDenied => Self::RequestDenied,
            Error::HttpRequestMethodInvalid => Self::RequestMethodInvalid,
            Error::HttpRequestUriInvalid => Self::RequestUriInvalid,
            Error::HttpRequestBodySize(size) => Self::RequestBodySize(size),
            Error::DnsError { .. } => Self::DnsError,
            Error::DestinationNotFound => Self::DestinationNotFound,
            Error::DestinationUnavailable => Self::DestinationUnavailable,
            Error::DestinationIpProhibited => Self::DestinationIpProhibited,
            Error::ConnectionRefused => Self::ConnectionRefused,
            Error::ConnectionTerminated => Self::ConnectionTerminated,
            Error::ConnectionTimeout => Self::ConnectionTimeout,
            Error::ConnectionReadTimeout => Self::ConnectionReadTimeout,
            Error::ConnectionLimitReached => Self::ConnectionLimitReached,
            Error::TlsProtocolError => Self::TlsProtocol,
            Error::TlsCertificateError => Self::TlsCertificate,
            Error::HttpProtocolError => Self::Protocol,
            Error::HttpResponseIncomplete => Self::ResponseIncomplete,
            Error::HttpResponseHeaderSectionSize(size) => Self::ResponseHeaderSectionSize(size),
            Error::HttpResponseBodySize(size) => Self::ResponseBodySize(size),
            Error::InternalError(message) => Self::Internal(message.unwrap_or_default()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<Fault> for wasmtime_wasi_http::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::RequestDenied => Self::HttpRequestDenied,
            Fault::RequestMethodInvalid => Self::HttpRequestMethodInvalid,
            Fault::RequestUriInvalid => Self::HttpRequestUriInvalid,
            Fault::RequestBodySize(size) => Self::HttpRequestBodySize(size),
            Fault::DnsError => Self::DnsError { rcode: None, info_code: None },
            Fault::DestinationNotFound => Self::DestinationNotFound,
            Fault::DestinationUnavailable => Self::DestinationUnavailable,
            Fault::DestinationIpProhibited => Self::DestinationIpProhibited,
            Fault::ConnectionRefused => Self::ConnectionRefused,
            Fault::ConnectionTerminated => Self::ConnectionTerminated,
            Fault::ConnectionTimeout => Self::ConnectionTimeout,
            Fault::ConnectionReadTimeout => Self::ConnectionReadTimeout,
            Fault::ConnectionLimitReached => Self::ConnectionLimitReached,
            Fault::TlsProtocol => Self::TlsProtocolError,
            Fault::TlsCertificate => Self::TlsCertificateError,
            Fault::Protocol => Self::HttpProtocolError,
            Fault::ResponseIncomplete => Self::HttpResponseIncomplete,
            Fault::ResponseHeaderSectionSize(size) => Self::HttpResponseHeaderSectionSize(size),
            Fault::ResponseBodySize(size) => Self::HttpResponseBodySize(size),
            Fault::Internal(message) => Self::InternalError((!message.is_empty()).then_some(message)),
        }
    }
}

/// Headers as lines. A value has no line ends in it.
pub(super) fn write_headers(headers: &http::HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.push(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// Reads what [`write_headers`] wrote; none when it is anything else.
pub(super) fn read_headers(lines: &[u8]) -> Option<http::HeaderMap> {
    let mut headers = http::HeaderMap::new();
    let Some(lines) = lines.strip_suffix(b"\n") else { return lines.is_empty().then_some(headers) };
    for line in lines.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = http::HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.try_append(name, http::HeaderValue::from_bytes(&line[colon + 1..]).ok()?).ok()?;
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn headers_read_back() {
        let mut headers = HeaderMap::new();
        assert_eq!(read_headers(&write_headers(&headers)), Some(headers.clone()));
        headers.append("accept", HeaderValue::from_static("a:b"));
        headers.append("accept", HeaderValue::from_static(""));
        headers.append("x-raw", HeaderValue::from_bytes(b"\xff\x80").unwrap());
        assert_eq!(read_headers(&write_headers(&headers)), Some(headers));
        for wrong in [&b"accept"[..], b"accept\n", b"a b:c\n", b"a:b\0\n", b"\n", b":\n"] {
            assert_eq!(read_headers(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn faults_read_back() {
        use wasmtime_wasi_http::Error;
        for error in [Error::HttpRequestDenied, Error::DestinationIpProhibited, Error::HttpResponseBodySize(Some(7))] {
            let text = error.to_string();
            assert_eq!(Error::from(Fault::from(error)).to_string(), text);
        }
        let other = Fault::from(Error::LoopDetected);
        assert!(matches!(&other, Fault::Internal(message) if !message.is_empty()), "{other:?}");
    }
}
