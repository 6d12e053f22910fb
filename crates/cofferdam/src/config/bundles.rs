//! The bundles that the API reads by itself: `[[bundles]]` in the file, a JSON list in the environment.

use super::parse_duration;
use cofferdam_ids::{BundleName, TenantName};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// The shortest time between two looks at a bundle.
const SHORTEST: Duration = Duration::from_millis(100);

/// A bundle that the API reads by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSettings {
    /// Its name.
    pub name: BundleName,
    /// Whose dags they are.
    pub tenant: TenantName,
    /// What it is read from.
    pub from: BundleFrom,
    /// How long to wait between two looks.
    pub interval: Duration,
    /// Whether dags whose file is gone are deleted.
    pub prune: bool,
}

/// What a bundle is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleFrom {
    /// A directory.
    Directory(PathBuf),
    /// A git repository and a branch, tag or commit of it.
    Git {
        /// The repository.
        url: String,
        /// The branch, tag or commit.
        reference: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: BundleName,
    tenant: Option<TenantName>,
    path: Option<PathBuf>,
    git: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    interval: Option<String>,
    #[serde(default)]
    prune: bool,
}

/// Reads the list; the error says what is expected.
///
/// # Errors
/// When it is no list of bundles.
pub fn parse(text: &str) -> Result<Vec<BundleSettings>, String> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        format!("a list of bundles, each with `name`, and `path` or `git` ({message})")
    })?;
    let mut all: Vec<BundleSettings> = Vec::new();
    for bundle in written {
        let name = bundle.name;
        let from = match (bundle.path, bundle.git, bundle.reference) {
            (Some(path), None, None) => BundleFrom::Directory(path),
            (None, Some(url), reference) => BundleFrom::Git { url, reference: reference.unwrap_or_else(|| "HEAD".to_owned()) },
            _ => return Err(format!("a list of bundles in which '{name}' has either `path`, or `git` and perhaps `ref`")),
        };
        let usual = if matches!(from, BundleFrom::Directory(_)) { 10 } else { 60 };
        let interval = match bundle.interval {
            None => Duration::from_secs(usual),
            Some(text) => parse_duration(&text)
                .filter(|interval| *interval >= SHORTEST)
                .ok_or_else(|| format!("a list of bundles in which the `interval` of '{name}' is a duration such as 30s"))?,
        };
        let tenant = match bundle.tenant {
            Some(tenant) => tenant,
            None => TenantName::new("default").map_err(|error| error.to_string())?,
        };
        if all.iter().any(|other| (&other.name, &other.tenant) == (&name, &tenant)) {
            return Err(format!("a list of bundles in which '{name}' is not twice"));
        }
        all.push(BundleSettings { name, tenant, from, interval, prune: bundle.prune });
    }
    Ok(all)
}

/// The tables of `[[bundles]]` as a JSON list.
#[must_use]
pub fn tables(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(tables) = value else { return None };
    let table = |table: &DeValue<'_>| {
        let DeValue::Table(fields) = table else { return None };
        let field = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(serde_json::Value::from(text.as_ref())),
            DeValue::Boolean(flag) => Some(serde_json::Value::from(*flag)),
            _ => None,
        };
        let fields = fields.iter().map(|(key, value)| Some((key.get_ref().to_string(), field(value.get_ref())?)));
        fields.collect::<Option<serde_json::Map<_, _>>>().map(serde_json::Value::Object)
    };
    let tables = tables.iter().map(|entry| table(entry.get_ref())).collect::<Option<Vec<_>>>()?;
    Some(serde_json::Value::Array(tables).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_read_and_mistakes_named() {
        let read = parse(
            r#"[{"name": "a", "path": "/dags"}, {"name": "b", "git": "https://h/x", "tenant": "acme", "interval": "5m", "prune": true}]"#,
        );
        let read = read.unwrap();
        assert_eq!(read[0].from, BundleFrom::Directory("/dags".into()));
        assert_eq!((read[0].tenant.as_str(), read[0].interval), ("default", Duration::from_secs(10)));
        assert_eq!(read[1].from, BundleFrom::Git { url: "https://h/x".to_owned(), reference: "HEAD".to_owned() });
        assert_eq!((read[1].interval, read[1].prune), (Duration::from_secs(300), true));
        for (wrong, told) in [
            ("{}", "a list of bundles"),
            (r#"[{"name": "a"}]"#, "either `path`"),
            (r#"[{"name": "a", "path": "x", "git": "y"}]"#, "either `path`"),
            (r#"[{"name": "A", "path": "x"}]"#, "bundle name"),
            (r#"[{"name": "a", "path": "x", "intervall": "1s"}]"#, "intervall"),
            (r#"[{"name": "a", "path": "x", "interval": "1ms"}]"#, "interval"),
            (r#"[{"name": "a", "path": "x"}, {"name": "a", "path": "y"}]"#, "twice"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
