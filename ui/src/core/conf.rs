//! The conf of a run, as it is typed.

use serde_json::{Map, Value};

/// Reads what was typed as a run's conf. An empty text is an empty conf.
///
/// # Errors
/// When it is no JSON object, in words.
pub fn read(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("The conf is a JSON object: { \"name\": value }.".to_owned()),
        Err(error) => Err(format!("This is not JSON: {error}.")),
    }
}
