//! One HTTP request through `wasi:http`, and its whole response.

use serde_json::{Map, Value};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::streams::StreamError;

/// What is sent.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The URL.
    pub url: &'a str,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Milliseconds for each step of it.
    pub timeout_ms: Option<u64>,
}

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum HttpError {
    /// The request is wrong, or not allowed: nothing that another try would change.
    Refused(String),
    /// It did not get through.
    Failed(String),
}

/// What `blocking-write-and-flush` takes at once.
const PIECE: usize = 4096;

/// Sends a request and reads its response.
///
/// # Errors
/// When there is none.
pub fn send(request: Request<'_>) -> Result<Response, HttpError> {
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| refused(&request, "is no URL"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(refused(&request, "is no URL of http or https")),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let mut entries: Vec<_> = request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if let Some(body) = &request.body {
        entries.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let fields =
        Fields::from_list(&entries).map_err(|error| refused(&request, &format!("has headers that cannot be sent: {error:?}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let wrong = |()| refused(&request, "cannot be asked");
    outgoing.set_method(&method(request.method)).map_err(wrong)?;
    outgoing.set_scheme(Some(&scheme)).map_err(wrong)?;
    outgoing.set_authority(Some(authority)).map_err(wrong)?;
    outgoing.set_path_with_query(Some(&target)).map_err(wrong)?;
    let body = outgoing.body().map_err(wrong)?;
    let future = outgoing_handler::handle(outgoing, options(request.timeout_ms)).map_err(|error| failure(&request, &error))?;
    write(body, request.body.as_deref().unwrap_or_default());
    future.subscribe().block();
    let answer = future.get().and_then(Result::ok);
    let response = answer.unwrap_or(Err(ErrorCode::ConnectionTerminated)).map_err(|error| failure(&request, &error))?;
    let headers = response.headers().entries().into_iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned())).collect();
    let status = response.status();
    let body = response.consume().map_err(|()| HttpError::Failed("the response has no body".to_owned()))?;
    Ok(Response { status, headers, body: read(&body).map_err(|error| HttpError::Failed(format!("{}: {error}", request.url)))? })
}

/// Writes the body. When the host does not take it, what it answers says why.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if !bytes.is_empty() {
        let Ok(stream) = body.write() else { return };
        if bytes.chunks(PIECE).any(|piece| stream.blocking_write_and_flush(piece).is_err()) {
            return;
        }
    }
    // A failure shows in the response too.
    let _ = OutgoingBody::finish(body, None);
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "the response cannot be read".to_owned())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("the response broke off: {}", error.to_debug_string()));
            }
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn options(timeout_ms: Option<u64>) -> Option<RequestOptions> {
    let options = RequestOptions::new();
    let nanoseconds = timeout_ms?.max(1).saturating_mul(1_000_000);
    // The host may not know one of them; then it has its own.
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    Some(options)
}

fn refused(request: &Request<'_>, why: &str) -> HttpError {
    HttpError::Refused(format!("'{}' {why}", request.url))
}

fn failure(request: &Request<'_>, error: &ErrorCode) -> HttpError {
    let text = match error {
        ErrorCode::InternalError(Some(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    let text = format!("{} {}: {text}", request.method, request.url);
    match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestUriInvalid => {
            HttpError::Refused(text)
        }
        _ => HttpError::Failed(text),
    }
}

impl Response {
    /// Whether another try may do better.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }

    /// The body: JSON where it is that, else text.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).replace('\0', "\u{fffd}")
    }

    /// The headers as an object.
    #[must_use]
    pub fn header_value(&self) -> Value {
        Value::Object(self.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect())
    }
}

/// Headers from a JSON object of texts.
///
/// # Errors
/// When it is none.
pub fn headers(value: Option<Value>) -> Result<Vec<(String, String)>, crate::Unfit> {
    let object = match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(crate::Unfit("headers are an object of texts".to_owned())),
    };
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        _ => Err(crate::Unfit(format!("the header '{name}' is no text"))),
    };
    object.into_iter().map(text).collect()
}
