use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
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

/// A moment that somebody asks for: with its offset, or in UTC without one, since Airflow's clients send times of Python as they are.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let with_offset = || DateTime::parse_from_rfc3339(&text).ok().map(|moment| moment.to_utc());
    let without =
        || NaiveDateTime::parse_from_str(&text.replace(' ', "T"), "%Y-%m-%dT%H:%M:%S%.f").ok().map(|moment| moment.and_utc());
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|moment| moment.and_utc());
    with_offset().or_else(without).or_else(day).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!("'{text}' is no moment: write for example 2026-11-21T06:00:00Z, or 2026-11-21"))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(deserialize_with = "moment")]
        when: Option<DateTime<Utc>>,
    }

    #[test]
    fn moments_may_be_without_an_offset() {
        let read = |text: &str| serde_json::from_value::<Asked>(serde_json::json!({ "when": text })).map(|asked| asked.when);
        let six = DateTime::parse_from_rfc3339("2026-11-21T06:00:00Z").unwrap().to_utc();
        for text in ["2026-11-21T06:00:00Z", "2026-11-21T07:00:00+01:00", "2026-11-21T06:00:00", "2026-11-21 06:00:00.000000"] {
            assert_eq!(read(text).unwrap(), Some(six), "{text}");
        }
        assert_eq!(read("2026-11-21").unwrap(), Some(six - chrono::TimeDelta::hours(6)));
        assert!(read("soon").unwrap_err().to_string().starts_with("'soon' is no moment"));
    }
}
