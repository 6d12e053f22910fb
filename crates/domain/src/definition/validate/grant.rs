//! What can be wrong with a grant.

use super::super::{ByteSize, Diagnostic, DiagnosticCode as Code, join};
use super::limit;
use crate::grant::Grant;
use crate::limits::Limits;
use std::collections::HashSet;

/// How many hosts, variables, connections and environment variables a grant may name, of each.
pub(in crate::definition) const MAX_GRANTED: usize = 100;
/// Bytes of the value of an environment variable.
pub(in crate::definition) const MAX_ENV: usize = 32 << 10;

pub(super) fn grant(at: &str, grant: &Grant, found: &mut Vec<Diagnostic>) {
    let counts = [
        ("http", grant.http.len()),
        ("variables", grant.variables.len()),
        ("connections", grant.connections.len()),
        ("env", grant.env.len()),
    ];
    for (field, count) in counts.into_iter().filter(|(_, count)| *count > MAX_GRANTED) {
        let message = format!("at most {MAX_GRANTED} are allowed; here are {count}");
        found.push(Diagnostic::error(Code::TooLong, join(at, field), message));
    }
    let mut seen = HashSet::new();
    for (index, rule) in grant.http.iter().enumerate() {
        let at = join(&join(at, "http"), index);
        if rule.port == Some(0) {
            found.push(Diagnostic::error(Code::OutOfRange, join(&at, "port"), "it must be from 1 to 65535, not 0"));
        }
        if !seen.insert(rule.to_string()) {
            found.push(Diagnostic::warning(Code::NoEffect, at, format!("'{rule}' is granted already")));
        }
    }
    for (field, patterns) in [("variables", &grant.variables), ("connections", &grant.connections)] {
        let mut seen = HashSet::new();
        for (index, pattern) in patterns.iter().enumerate() {
            if !seen.insert(pattern) {
                let at = join(&join(at, field), index);
                found.push(Diagnostic::warning(Code::NoEffect, at, format!("'{pattern}' is granted already")));
            }
        }
    }
    if let Some(scratch) = grant.scratch {
        limit(&join(at, "scratch"), ByteSize::bytes(scratch), Limits::hard_caps().scratch_bytes, "bytes", found);
    }
    for (name, value) in &grant.env {
        environment(&join(at, "env"), name, value, found);
    }
}

/// A name and a value that every program can be given.
pub(super) fn environment(at: &str, name: &str, value: &str, found: &mut Vec<Diagnostic>) {
    let at = join(at, name);
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = "the name of an environment variable must not be empty or contain '='";
        found.push(Diagnostic::error(Code::InvalidValue, at, message));
    } else if value.contains('\0') {
        found.push(Diagnostic::error(
            Code::InvalidValue,
            at,
            "the value of an environment variable must not contain a zero byte",
        ));
    } else if value.len() > MAX_ENV {
        let message = format!("at most {MAX_ENV} bytes are allowed; this has {}", value.len());
        found.push(Diagnostic::error(Code::TooLong, at, message).help("pass large values as input"));
    }
}
