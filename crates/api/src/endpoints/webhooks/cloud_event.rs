//! What a request says: JSON, or an event of CloudEvents 1.0, structured or binary.

use http::HeaderMap;
use serde_json::{Map, Value, json};

/// The media type of a structured event.
const STRUCTURED: &str = "application/cloudevents+json";

/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// What a run is told, and what makes the event unique.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) conf: Map<String, Value>,
    pub(super) event_id: Option<String>,
}

/// A request that says nothing that a run can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotUnderstood {
    #[error("The body is not JSON: {0}.")]
    Json(String),
    #[error("The body must be a JSON object; send other data as a CloudEvent.")]
    NoObject,
    #[error("An event of CloudEvents 1.0 has '{0}'.")]
    Missing(&'static str),
    #[error("Batches of CloudEvents are not taken; send each event by itself.")]
    Batch,
}

/// Reads a request.
pub(super) fn read(headers: &HeaderMap, media_type: Option<&str>, body: &[u8]) -> Result<Said, NotUnderstood> {
    let json = || -> Result<Value, NotUnderstood> {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|error| NotUnderstood::Json(error.to_string()))
    };
    if media_type == Some("application/cloudevents-batch+json") {
        return Err(NotUnderstood::Batch);
    }
    if media_type == Some(STRUCTURED) {
        let Value::Object(mut event) = json()? else { return Err(NotUnderstood::NoObject) };
        let data = event.remove("data").or_else(|| event.remove("data_base64").map(|data| json!({ "base64": data })));
        return said(event, data.unwrap_or_default());
    }
    if headers.contains_key("ce-specversion") {
        let attributes = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("ce-")?;
            Some((name.to_owned(), Value::from(percent_decoded(value.to_str().ok()?))))
        });
        return said(attributes.collect(), json()?);
    }
    match json()? {
        Value::Object(conf) => Ok(Said { conf, event_id: None }),
        Value::Null => Ok(Said { conf: Map::new(), event_id: None }),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(NotUnderstood::NoObject),
    }
}

/// An event of these attributes: the run is told its data, and the attributes under `cloud_event`.
fn said(attributes: Map<String, Value>, data: Value) -> Result<Said, NotUnderstood> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(missing) = REQUIRED.into_iter().find(|name| text(name).is_none()) {
        return Err(NotUnderstood::Missing(missing));
    }
    if text("specversion") != Some("1.0") {
        return Err(NotUnderstood::Missing("specversion 1.0"));
    }
    // Source and id together are unique, says the specification.
    let event_id = format!("{} {}", text("source").unwrap_or_default(), text("id").unwrap_or_default());
    let mut conf = match data {
        Value::Object(data) => data,
        Value::Null => Map::new(),
        other => Map::from_iter([("data".to_owned(), other)]),
    };
    conf.insert("cloud_event".to_owned(), Value::Object(attributes));
    Ok(Said { conf, event_id: Some(event_id) })
}

/// Values of headers are percent-encoded where they are not plain ASCII.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(attributes: &[(&'static str, &'static str)]) -> HeaderMap {
        attributes.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn plain_json_becomes_the_conf() {
        let read = |body: &[u8]| read(&HeaderMap::new(), Some("application/json"), body);
        assert_eq!(read(br#"{"year": 2026}"#).unwrap().conf["year"], 2026);
        assert!(read(b"").unwrap().conf.is_empty());
        assert_eq!(read(b"[1]"), Err(NotUnderstood::NoObject));
        assert!(matches!(read(b"{"), Err(NotUnderstood::Json(_))));
    }

    #[test]
    fn structured_and_binary_events_say_the_same() {
        let body = br#"{"specversion":"1.0","id":"7","source":"/shop","type":"order.made","data":{"order":3}}"#;
        let structured = read(&HeaderMap::new(), Some(STRUCTURED), body).unwrap();
        let headers = binary(&[("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/shop"), ("ce-type", "order.made")]);
        let binary = read(&headers, Some("application/json"), br#"{"order":3}"#).unwrap();
        assert_eq!(structured, binary);
        assert_eq!(structured.event_id.as_deref(), Some("/shop 7"));
        assert_eq!((&structured.conf["order"], &structured.conf["cloud_event"]["type"]), (&json!(3), &json!("order.made")));
    }

    #[test]
    fn data_that_is_no_object_has_a_name() {
        let headers = binary(&[("ce-specversion", "1.0"), ("ce-id", "Euro%E2%82%AC"), ("ce-source", "s"), ("ce-type", "t")]);
        let said = read(&headers, None, b"[1,2]").unwrap();
        assert_eq!((&said.conf["data"], &said.conf["cloud_event"]["id"]), (&json!([1, 2]), &json!("Euro\u{20ac}")));
    }

    #[test]
    fn half_an_event_is_refused() {
        let body = br#"{"specversion":"1.0","id":"7","type":"t"}"#;
        assert_eq!(read(&HeaderMap::new(), Some(STRUCTURED), body), Err(NotUnderstood::Missing("source")));
        assert_eq!(read(&HeaderMap::new(), Some("application/cloudevents-batch+json"), b"[]"), Err(NotUnderstood::Batch));
    }
}
