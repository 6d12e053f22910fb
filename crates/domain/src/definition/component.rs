//! Which component a task runs, and which of its versions.

use cofferdam_ids::{ComponentName, Digest};
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest label or range.
const MAX_LABEL: usize = 120;

/// Which component a task runs: `name`, `name@label`, `name@range` or `name@sha256:digest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentRef {
    /// Its name.
    pub name: ComponentName,
    /// Which of its versions.
    pub version: ComponentVersion,
}

/// Which version of a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentVersion {
    /// The one that is the latest when the dag is applied.
    Latest,
    /// The one with this label.
    Label(String),
    /// The highest whose label lies within this range when the dag is applied.
    Range(VersionRange),
    /// The one with these bytes.
    Digest(Digest),
}

/// A range of versions, by the rules of Semantic Versioning and in the notation of Cargo: `^1.2`, `~1.2.3`, `1.*`, `>=1.2, <2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    range: VersionReq,
}

/// A component that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentRefError {
    /// Its name is no name.
    #[error(transparent)]
    Name(#[from] cofferdam_ids::NameError),
    /// Its digest is no digest.
    #[error("a digest is 'sha256:' and 64 lower-case hexadecimal digits")]
    Digest,
    /// Its version is no label.
    #[error("a version is made of up to 120 letters, digits, '_', '-', '.' and '+', or is a range such as '^1.2'")]
    Label,
    /// Its range of versions cannot be read.
    #[error("'{given}' is no range of versions: {why}; write for example '^1.2', '~1.2.3', '1.*' or '>=1.2, <2'")]
    Range {
        /// The range.
        given: String,
        /// What is wrong with it.
        why: String,
    },
}

impl VersionRange {
    /// Whether a text is meant as a range: no label has these signs.
    fn is_meant(text: &str) -> bool {
        text.contains(['^', '~', '<', '>', '=', '*', ','])
    }

    /// Whether a label is a version within the range. A label may begin with `v` and leave out zeros at its end.
    #[must_use]
    pub fn contains(&self, label: &str) -> bool {
        version(label).is_some_and(|version| self.range.matches(&version))
    }

    /// The highest of the labels within the range, with what belongs to it; of equal ones the first.
    pub fn highest<'a, T>(&self, labelled: impl IntoIterator<Item = (&'a str, T)>) -> Option<T> {
        let versions = labelled.into_iter().filter_map(|(label, what)| Some((version(label)?, what)));
        let within = versions.filter(|(version, _)| self.range.matches(version));
        within.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, what)| what)
    }
}

/// The version that a label names: `1.2.0`, `v1.2.0`, `1.2`.
fn version(label: &str) -> Option<Version> {
    let label = label.strip_prefix('v').unwrap_or(label);
    Version::parse(label).ok().or_else(|| {
        let mut numbers = label.split('.').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>().ok()?;
        numbers.resize(3.max(numbers.len()), 0);
        let [major, minor, patch] = numbers.try_into().ok()?;
        Some(Version::new(major, minor, patch))
    })
}

impl FromStr for VersionRange {
    type Err = ComponentRefError;

    fn from_str(text: &str) -> Result<Self, ComponentRefError> {
        if text.len() > MAX_LABEL {
            return Err(ComponentRefError::Label);
        }
        let range = VersionReq::parse(text)
            .map_err(|error| ComponentRefError::Range { given: text.to_owned(), why: error.to_string() })?;
        Ok(Self { text: text.to_owned(), range })
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialOrd for VersionRange {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionRange {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for VersionRange {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for ComponentRef {
    type Err = ComponentRefError;

    fn from_str(text: &str) -> Result<Self, ComponentRefError> {
        let (name, version) = match text.split_once('@') {
            None => (text, ComponentVersion::Latest),
            Some((name, version)) => match version.strip_prefix("sha256:") {
                Some(digest) if digest.len() == 64 => {
                    (name, ComponentVersion::Digest(Digest::new(digest).map_err(|_| ComponentRefError::Digest)?))
                }
                Some(_) => return Err(ComponentRefError::Digest),
                None if VersionRange::is_meant(version) => (name, ComponentVersion::Range(version.parse()?)),
                None => {
                    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
                    if version.is_empty() || version.len() > MAX_LABEL || !version.chars().all(fits) {
                        return Err(ComponentRefError::Label);
                    }
                    (name, ComponentVersion::Label(version.to_owned()))
                }
            },
        };
        Ok(Self { name: ComponentName::new(name)?, version })
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            ComponentVersion::Latest => write!(f, "{}", self.name),
            ComponentVersion::Label(label) => write!(f, "{}@{label}", self.name),
            ComponentVersion::Range(range) => write!(f, "{}@{range}", self.name),
            ComponentVersion::Digest(digest) => write!(f, "{}@sha256:{digest}", self.name),
        }
    }
}

impl TryFrom<String> for ComponentRef {
    type Error = ComponentRefError;

    fn try_from(text: String) -> Result<Self, ComponentRefError> {
        text.parse()
    }
}

impl From<ComponentRef> for String {
    fn from(component: ComponentRef) -> Self {
        component.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Result<ComponentRef, ComponentRefError> {
        text.parse()
    }

    #[test]
    fn components_are_named_with_or_without_a_version() {
        let digest = "ab".repeat(32);
        for text in [
            "weather/clean".to_owned(),
            "clean@1.2.0-rc.1+5".to_owned(),
            "clean@^1.2".to_owned(),
            "clean@>=1.2, <2".to_owned(),
            format!("clean@sha256:{digest}"),
        ] {
            assert_eq!(reference(&text).unwrap().to_string(), text);
        }
        for wrong in
            ["", "Clean", "clean@", "clean@a b", "clean@sha256:", &format!("clean@sha256:{}", "AB".repeat(32)), "clean@^x"]
        {
            assert!(reference(wrong).is_err(), "{wrong}");
        }
        assert!(reference("clean@>=1.2 <2").unwrap_err().to_string().contains("write for example '^1.2'"));
    }

    #[test]
    fn the_highest_version_within_a_range_is_taken() {
        let labels = ["1.0.0", "v1.2.3", "1.10", "2.0.0-rc.1", "2.0.0", "nightly", "1.10.0+b"];
        for (range, highest) in [
            ("^1.0", Some("1.10.0+b")),
            ("~1.2", Some("v1.2.3")),
            ("1.2.*", Some("v1.2.3")),
            (">=1.0, <1.5", Some("v1.2.3")),
            ("=1.0.0", Some("1.0.0")),
            ("*", Some("2.0.0")),
            (">=2.0.0-rc.0, <2.0.0", Some("2.0.0-rc.1")),
            ("^3", None),
        ] {
            let range: VersionRange = range.parse().unwrap();
            assert_eq!(range.highest(labels.map(|label| (label, label))), highest, "{range}");
            assert_eq!(labels.iter().any(|label| range.contains(label)), highest.is_some());
        }
        // Equal versions: the first that is given, which is the newest in a list of versions.
        let range: VersionRange = "^1".parse().unwrap();
        assert_eq!(range.highest([("1.0", 1), ("v1.0.0", 2)]), Some(1));
    }
}
