//! Assets: what tasks produce, what dags wait for, and the conditions on them (Airflow's datasets).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// How deep a condition may be nested.
pub const MAX_DEPTH: usize = 8;

/// How many assets a condition may name.
pub const MAX_ASSETS: usize = 100;

/// The name of an asset: a URI, such as `s3://warehouse/orders`, or any other text without blanks. Nothing is ever fetched from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetUri(String);

impl AssetUri {
    /// The longest, in bytes.
    pub const MAX_LENGTH: usize = 1_500;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that no asset can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// Not a name.
    #[error("an asset is named by a URI of 1 to {max} bytes without blanks, such as \"s3://warehouse/orders\"", max = AssetUri::MAX_LENGTH)]
    Uri,
    /// Not a condition.
    #[error("a condition is the URI of an asset, {{\"any\": [conditions]}} or {{\"all\": [conditions]}}")]
    Form,
    /// A list with nothing in it.
    #[error("a list of conditions must not be empty")]
    Empty,
    /// Nested too deep, or too many assets.
    #[error("a condition names at most {MAX_ASSETS} assets and is nested at most {MAX_DEPTH} deep")]
    TooLarge,
}

impl FromStr for AssetUri {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        let fits = !text.is_empty() && text.len() <= Self::MAX_LENGTH;
        if !fits || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AssetError::Uri);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for AssetUri {
    type Error = AssetError;

    fn try_from(text: String) -> Result<Self, AssetError> {
        text.parse()
    }
}

impl From<AssetUri> for String {
    fn from(uri: AssetUri) -> Self {
        uri.0
    }
}

impl fmt::Display for AssetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a dag waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetCondition {
    /// This asset changed.
    Asset(AssetUri),
    /// One of these holds.
    Any(Vec<AssetCondition>),
    /// All of these hold.
    All(Vec<AssetCondition>),
}

impl AssetCondition {
    /// Reads a condition. A list without a word is `all`, as in Airflow.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub fn read(value: &Value) -> Result<Self, AssetError> {
        let condition = Self::read_at(value, 0)?;
        if condition.uris().len() > MAX_ASSETS { Err(AssetError::TooLarge) } else { Ok(condition) }
    }

    fn read_at(value: &Value, depth: usize) -> Result<Self, AssetError> {
        if depth > MAX_DEPTH {
            return Err(AssetError::TooLarge);
        }
        let list = |items: &Value| {
            let items = items.as_array().ok_or(AssetError::Form)?;
            if items.is_empty() {
                return Err(AssetError::Empty);
            }
            items.iter().map(|item| Self::read_at(item, depth + 1)).collect::<Result<Vec<_>, _>>()
        };
        match value {
            Value::String(uri) => Ok(Self::Asset(uri.parse()?)),
            Value::Array(_) => Ok(Self::All(list(value)?)),
            Value::Object(object) => match object.iter().next() {
                Some((word, items)) if object.len() == 1 && word == "any" => Ok(Self::Any(list(items)?)),
                Some((word, items)) if object.len() == 1 && word == "all" => Ok(Self::All(list(items)?)),
                _ => Err(AssetError::Form),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Err(AssetError::Form),
        }
    }

    /// The condition as it is written.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Asset(uri) => uri.as_str().into(),
            Self::Any(conditions) => json!({ "any": conditions.iter().map(Self::to_json).collect::<Vec<_>>() }),
            Self::All(conditions) => json!({ "all": conditions.iter().map(Self::to_json).collect::<Vec<_>>() }),
        }
    }

    /// The assets that it names, each once.
    #[must_use]
    pub fn uris(&self) -> BTreeSet<&AssetUri> {
        match self {
            Self::Asset(uri) => [uri].into(),
            Self::Any(conditions) | Self::All(conditions) => conditions.iter().flat_map(Self::uris).collect(),
        }
    }

    /// Whether it holds when the assets that `changed` tells have changed.
    pub fn holds(&self, changed: &impl Fn(&AssetUri) -> bool) -> bool {
        match self {
            Self::Asset(uri) => changed(uri),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(changed)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(changed)),
        }
    }
}

/// As a part of a sentence: `s3://a and (s3://b or s3://c)`.
impl fmt::Display for AssetCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (conditions, word) = match self {
            Self::Asset(uri) => return write!(f, "{uri}"),
            Self::Any(conditions) => (conditions, " or "),
            Self::All(conditions) => (conditions, " and "),
        };
        for (index, condition) in conditions.iter().enumerate() {
            if index > 0 {
                f.write_str(word)?;
            }
            match condition {
                Self::Asset(uri) => write!(f, "{uri}")?,
                Self::Any(_) | Self::All(_) if conditions.len() == 1 => write!(f, "{condition}")?,
                Self::Any(_) | Self::All(_) => write!(f, "({condition})")?,
            }
        }
        Ok(())
    }
}

/// An asset that a task produces: when the task succeeds, the asset has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ProducedForm", into = "ProducedForm")]
pub struct Produced {
    /// The asset.
    pub asset: AssetUri,
    /// The XCom of the task that becomes the event's `extra`.
    pub extra: Option<cofferdam_ids::XComKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "an asset is a URI, or an object with 'asset' and 'extra'")]
enum ProducedForm {
    Uri(AssetUri),
    Full(ProducedFields),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProducedFields {
    asset: AssetUri,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra: Option<cofferdam_ids::XComKey>,
}

impl From<ProducedForm> for Produced {
    fn from(form: ProducedForm) -> Self {
        match form {
            ProducedForm::Uri(asset) => Self { asset, extra: None },
            ProducedForm::Full(ProducedFields { asset, extra }) => Self { asset, extra },
        }
    }
}

impl From<Produced> for ProducedForm {
    fn from(produced: Produced) -> Self {
        match produced.extra {
            None => Self::Uri(produced.asset),
            extra => Self::Full(ProducedFields { asset: produced.asset, extra }),
        }
    }
}

#[cfg(test)]
mod tests;
