use serde::{Deserialize, Deserializer, Serialize};

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct Page {
    /// The most items to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many items to pass over.
    pub offset: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 100, offset: 0 }
    }
}

/// Which part of a list is asked for, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct OrderedPage {
    /// The most items to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many items to pass over.
    pub offset: u32,
    /// The field that the list is ordered by, with `-` before it for the other direction. What is equal there comes by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for OrderedPage {
    fn default() -> Self {
        Self { limit: 100, offset: 0, order_by: None }
    }
}

impl Page {
    /// The most items in one answer.
    pub const MAX_LIMIT: u32 = 1000;
}

/// A flag in a query: `true` or `false`, in whatever case, since Python writes `True`.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(serde::de::Error::custom(format!("'{text}' is neither 'true' nor 'false'"))),
    }
}
