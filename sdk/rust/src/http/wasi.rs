//! `wasi:http`, one request at a time.

use super::{Error, Request, Response};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::streams::StreamError;

/// What one write of a body takes.
const PIECE: usize = 4096;
/// What is read of an answer at once.
const READ: u64 = 64 << 10;

pub(super) fn send(request: &Request) -> Result<Response, Error> {
    let refused = |why: &str| Error::Refused(format!("{} {}: {why}", request.method, request.url));
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| refused("this is no URL"))?;
    let scheme = if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else if scheme.eq_ignore_ascii_case("http") {
        Scheme::Http
    } else {
        return Err(refused("only http and https are there"));
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };

    let mut headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if !request.body.is_empty() {
        headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|error| refused(&format!("its headers cannot be sent: {error:?}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let wrong = |()| refused("this cannot be asked");
    outgoing.set_method(&method(&request.method)).map_err(wrong)?;
    outgoing.set_scheme(Some(&scheme)).map_err(wrong)?;
    outgoing.set_authority(Some(authority)).map_err(wrong)?;
    outgoing.set_path_with_query(Some(&target)).map_err(wrong)?;
    let body = outgoing.body().map_err(wrong)?;
    let answer = outgoing_handler::handle(outgoing, options(request)).map_err(|error| failure(request, &error))?;
    write(body, &request.body);
    answer.subscribe().block();
    let response = answer.get().and_then(Result::ok).unwrap_or(Err(ErrorCode::ConnectionTerminated));
    let response = response.map_err(|error| failure(request, &error))?;

    let entries = response.headers().entries().into_iter();
    let headers =
        entries.map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned())).collect();
    let status = response.status();
    let body = response.consume().map_err(|()| Error::Failed(format!("{}: the answer has no body", request.url)))?;
    let body = read(&body).map_err(|error| Error::Failed(format!("{}: {error}", request.url)))?;
    Ok(Response { status, headers, body })
}

/// Writes the body. When the host does not take it, the answer says why.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if !bytes.is_empty() {
        let Ok(stream) = body.write() else { return };
        if bytes.chunks(PIECE).any(|piece| stream.blocking_write_and_flush(piece).is_err()) {
            return;
        }
    }
    // A failure shows in the answer too.
    let _ = OutgoingBody::finish(body, None);
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "the answer cannot be read".to_owned())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("the answer broke off: {}", error.to_debug_string()));
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

fn options(request: &Request) -> Option<RequestOptions> {
    let nanoseconds = u64::try_from(request.timeout?.as_nanos()).unwrap_or(u64::MAX).max(1);
    let options = RequestOptions::new();
    // A host that does not know one of them has its own.
    let _ = options.set_connect_timeout(Some(nanoseconds));
    let _ = options.set_first_byte_timeout(Some(nanoseconds));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds));
    Some(options)
}

fn failure(request: &Request, error: &ErrorCode) -> Error {
    let why = match error {
        ErrorCode::InternalError(Some(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    let message = format!("{} {}: {why}", request.method, request.url);
    match error {
        ErrorCode::HttpRequestDenied
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::TlsCertificateError => Error::Refused(message),
        _ => Error::Failed(message),
    }
}
