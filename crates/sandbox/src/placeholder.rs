//! Secrets that a task sends without seeing them: `<<connection:NAME:FIELD>>` in a header, or in the query of a URL, of a
//! request to the connection's own host.
//!
//! `FIELD` is `login`, `password`, `basic` (login and password as HTTP's basic authentication encodes them) or `extra:KEY`.
//! The form does not clash with Jinja's `{{ }}`, with JavaScript's `${ }` or Python's `{ }`, and `<` cannot stand in a URL
//! as it is. In a query it may therefore be percent-encoded, and what takes its place is percent-encoded in any case.

use crate::host::{Host, HostError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_domain::grant::Grant;
use cofferdam_ids::ConnectionId;
use std::fmt::Write as _;

const OPEN: &str = "<<connection:";
const CLOSE: &str = ">>";
/// The beginning as URLs encode it. The colon may be encoded or not.
const OPEN_ENCODED: [&str; 2] = ["%3C%3Cconnection:", "%3C%3Cconnection%3A"];
const CLOSE_ENCODED: &str = "%3E%3E";

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    /// The host, as in the URL.
    pub host: &'a str,
    /// The port; that of the scheme when the URL has none.
    pub port: u16,
    /// Whether the request is encrypted on its way.
    pub https: bool,
}

/// Why a placeholder was not replaced; then the request is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceholderError {
    /// The task may not, or the placeholder is wrong. The message is for the task.
    #[error("{0}")]
    Refused(String),
    /// The host could not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Whether there is anything to do.
pub(crate) fn occurs_in(text: &str) -> bool {
    text.contains(OPEN) || OPEN_ENCODED.iter().any(|open| find_ignoring_case(text, open).is_some())
}

/// The value of a header with its placeholders replaced.
///
/// # Errors
/// When one is not granted, unknown, or leads elsewhere than the request.
pub(crate) async fn fill_header(
    text: &str,
    to: Destination<'_>,
    grant: &Grant,
    host: &dyn Host,
) -> Result<String, PlaceholderError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((inside, after)) = after.split_once(CLOSE) else { return Err(unended(text)) };
        filled.push_str(before);
        filled.push_str(&secret(inside, to, grant, host).await?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The query of a URL with its placeholders replaced, each by the percent-encoded secret.
///
/// # Errors
/// As [`fill_header`].
pub(crate) async fn fill_query(
    query: &str,
    to: Destination<'_>,
    grant: &Grant,
    host: &dyn Host,
) -> Result<String, PlaceholderError> {
    let mut filled = String::with_capacity(query.len());
    let mut rest = query;
    while let Some((start, inside)) = opening(rest) {
        let after = &rest[inside..];
        let end =
            [CLOSE, CLOSE_ENCODED].into_iter().filter_map(|close| Some((find_ignoring_case(after, close)?, close.len()))).min();
        let Some((end, close)) = end else { return Err(unended(query)) };
        filled.push_str(&rest[..start]);
        let inside = percent_decoded(&after[..end]);
        filled.push_str(&percent_encoded(&secret(&inside, to, grant, host).await?));
        rest = &after[end + close..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Where the first placeholder of a query begins, and where what is inside it does.
fn opening(query: &str) -> Option<(usize, usize)> {
    let forms = OPEN_ENCODED.into_iter().chain([OPEN]);
    forms.filter_map(|open| find_ignoring_case(query, open).map(|start| (start, start + open.len()))).min()
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

async fn secret(inside: &str, to: Destination<'_>, grant: &Grant, host: &dyn Host) -> Result<String, PlaceholderError> {
    let refused = |why: String| PlaceholderError::Refused(why);
    let (name, field) = inside.split_once(':').ok_or_else(|| {
        refused(format!("the placeholder {OPEN}{inside}{CLOSE} names no field: write {OPEN}NAME:password{CLOSE}"))
    })?;
    let id = ConnectionId::new(name).map_err(|error| refused(format!("the placeholder {OPEN}{inside}{CLOSE}: {error}")))?;
    grant.connection(id.as_str()).map_err(|refusal| refused(refusal.to_string()))?;
    let connection = match host.connection(&id).await {
        Ok(Some(connection)) => connection,
        Ok(None) => return Err(refused(format!("there is no connection '{id}'"))),
        Err(HostError::Denied(why)) => return Err(refused(why)),
        Err(HostError::Unavailable(why)) => return Err(PlaceholderError::Unavailable(why)),
    };
    let Some(owner) = connection.host.as_deref() else {
        return Err(refused(format!("the connection '{id}' has no host: give it the one that its secrets may be sent to")));
    };
    // Some write the scheme into the host of an HTTP connection, as Airflow allows.
    let (scheme, owner) = match owner.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest.trim_end_matches('/')),
        None => (connection.schema.as_deref(), owner),
    };
    let same_port = connection.port.is_none_or(|port| port == to.port);
    if !owner.eq_ignore_ascii_case(to.host) || !same_port {
        return Err(refused(format!(
            "the secrets of the connection '{id}' are sent to its own host only, and this request goes to {}:{}",
            to.host, to.port
        )));
    }
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) && !to.https {
        return Err(refused(format!(
            "the connection '{id}' is one over https, and this request would send its secrets in the clear"
        )));
    }
    let value = connection.field(field).ok_or_else(|| {
        refused(format!("the connection '{id}' has no '{field}': there are login, password, basic and extra:KEY"))
    })?;
    Ok(if field == "basic" { STANDARD.encode(value) } else { value })
}

fn unended(text: &str) -> PlaceholderError {
    let start = opening(text).map_or(0, |(start, _)| start);
    let shown: String = text[start..].chars().take(60).collect();
    PlaceholderError::Refused(format!("the placeholder {shown:?} does not end: write {OPEN}NAME:password{CLOSE}"))
}

/// A text as one part of a URL (RFC 3986): all but the unreserved characters encoded.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::Recorder;

    const THERE: Destination<'_> = Destination { host: "DB.example.com", port: 443, https: true };

    fn grant() -> Grant {
        Grant { connections: vec!["warehouse".parse().unwrap(), "absent".parse().unwrap()], ..Grant::default() }
    }

    #[tokio::test]
    async fn secrets_go_to_their_own_host() {
        let (grant, host) = (grant(), Recorder::default());
        for (text, filled) in [
            ("Bearer <<connection:warehouse:password>>", "Bearer hunter22"),
            ("Basic <<connection:warehouse:basic>>", "Basic YW5uOmh1bnRlcjIy"),
            ("<<connection:warehouse:login>>:<<connection:warehouse:extra:token>>!", "ann:t-0815!"),
            ("nothing << here >> {{ conn }}", "nothing << here >> {{ conn }}"),
        ] {
            assert_eq!(fill_header(text, THERE, &grant, &host).await.unwrap(), filled);
        }
        for query in [
            "a=1&key=%3C%3Cconnection%3Awarehouse%3Apassword%3E%3E&b=2",
            "a=1&key=%3c%3cconnection:warehouse:password%3e%3e&b=2",
            "a=1&key=<<connection:warehouse:password>>&b=2",
        ] {
            assert!(occurs_in(query));
            assert_eq!(fill_query(query, THERE, &grant, &host).await.unwrap(), "a=1&key=hunter22&b=2");
        }
        assert!(!occurs_in("a=%3C%3Cb&c=<<d>>"));
    }

    #[tokio::test]
    async fn and_nowhere_else() {
        let (granted, host) = (grant(), Recorder::default());
        let password = "<<connection:warehouse:password>>";
        let elsewhere = Destination { host: "evil.example", ..THERE };
        for (text, to, grant, says) in [
            (password, elsewhere, &granted, "own host only"),
            (password, THERE, &Grant::default(), "grant.connections"),
            ("<<connection:absent:password>>", THERE, &granted, "no connection 'absent'"),
            ("<<connection:warehouse:extra:none>>", THERE, &granted, "no 'extra:none'"),
            ("<<connection:warehouse>>", THERE, &granted, "names no field"),
            ("<<connection:warehouse:password", THERE, &granted, "does not end"),
        ] {
            let error = fill_header(text, to, grant, &host).await.unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("hunter22"), "{text}: {error}");
        }
    }
}
