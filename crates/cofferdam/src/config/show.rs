//! `cofferdam config show`: the effective configuration, with secrets masked.

use super::Effective;
use super::keys::{KEYS, Secrecy};
use serde::Serialize;

const MASK: &str = "••••••";

/// One key as it is shown.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Shown {
    /// The key.
    pub key: &'static str,
    /// Its value, masked where it is secret; nothing when it is not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: String,
    /// The environment variable that sets it.
    pub variable: String,
    /// What it means.
    pub about: &'static str,
}

/// Every key with its value.
#[must_use]
pub fn shown(effective: &Effective) -> Vec<Shown> {
    let show = |key: &'static super::keys::Key| {
        let value = effective.get(key.name);
        Shown {
            key: key.name,
            value: value.map(|value| masked(key.secrecy, &value.text)),
            source: value.map_or_else(|| "not set".to_owned(), |value| value.source.to_string()),
            variable: key.variable(),
            about: key.about,
        }
    };
    KEYS.iter().map(show).collect()
}

/// A value without what must not be shown.
#[must_use]
pub fn masked(secrecy: Secrecy, text: &str) -> String {
    match secrecy {
        Secrecy::Open => text.to_owned(),
        Secrecy::Secret => MASK.to_owned(),
        Secrecy::Password => without_password(text),
    }
}

/// Hides the password between `scheme://user:` and the last `@` before the path, and every query value that may be a secret.
fn without_password(url: &str) -> String {
    let (main, query) = url.split_once('?').map_or((url, None), |(main, query)| (main, Some(query)));
    let mut shown = String::new();
    match main.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, place)) => {
                let name = user.split(':').next().unwrap_or_default();
                let password = if user.contains(':') { format!(":{MASK}") } else { String::new() };
                shown.push_str(&format!("{scheme}://{name}{password}@{place}"));
            }
            None => shown.push_str(main),
        },
        None => shown.push_str(main),
    }
    if let Some(query) = query {
        let hide = |pair: &str| match pair.split_once('=') {
            Some((name, _))
                if ["password", "secret", "token", "key"].iter().any(|word| name.to_ascii_lowercase().contains(word)) =>
            {
                format!("{name}={MASK}")
            }
            _ => pair.to_owned(),
        };
        shown.push('?');
        shown.push_str(&query.split('&').map(hide).collect::<Vec<_>>().join("&"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn passwords_in_urls_are_masked() {
        let mask = |url: &str| masked(Secrecy::Password, url);
        assert_eq!(
            mask("postgres://amy:pa@ss@db:5432/x?sslmode=require"),
            format!("postgres://amy:{MASK}@db:5432/x?sslmode=require")
        );
        assert_eq!(mask("postgres://amy@db/x"), "postgres://amy@db/x");
        assert_eq!(mask("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
        assert_eq!(mask("s3://bucket?secret_access_key=abc&region=x"), format!("s3://bucket?secret_access_key={MASK}&region=x"));
    }

    #[test]
    fn no_secret_is_ever_shown() {
        let environment = Environment::from([
            ("COFFERDAM_SECRET_KEY", "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"),
            ("COFFERDAM_TOKEN", "s3cr3t"),
            ("COFFERDAM_DATABASE_URL", "postgres://u:s3cr3t@h/d"),
            ("COFFERDAM_REDIS_URL", "redis://:s3cr3t@h"),
            ("COFFERDAM_OBJECTS_URL", "s3://b?access_token=s3cr3t"),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let effective = Effective::load(&environment, None, &[], dir.path()).unwrap();
        let shown = serde_json::to_string(&shown(&effective)).unwrap();
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("environment variable COFFERDAM_TOKEN"));
    }
}
