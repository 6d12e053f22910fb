//! What a component asks for, in one word for each capability, and when a person has to agree.

use serde_json::Value;
use std::collections::BTreeSet;

/// Capabilities that every task has and that lead nowhere beyond its own run: a component may ask for them as it likes.
const FREE: [&str; 7] = ["io", "exit", "stdio", "context", "log", "progress", "xcom"];

/// What the inspection of a component says that it asks for, in order and each once; without what every task has.
///
/// `inspection` is stored JSON: its `imports` have a `capability` each.
#[must_use]
pub fn permissions(inspection: &Value) -> BTreeSet<String> {
    let imports = inspection["imports"].as_array().into_iter().flatten();
    let words = imports.filter_map(|import| import["capability"].as_str());
    words.filter(|word| !FREE.contains(word)).map(str::to_owned).collect()
}

/// What a new version asks for beyond an approved one: if that is something, a person has to agree.
#[must_use]
pub fn asks_more(approved: &Value, new: &Value) -> Vec<String> {
    permissions(new).difference(&permissions(approved)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inspection(capabilities: &[&str]) -> Value {
        json!({ "imports": capabilities.iter().map(|word| json!({ "capability": word })).collect::<Vec<_>>() })
    }

    #[test]
    fn more_is_what_the_approved_version_did_not_ask_for() {
        let before = inspection(&["io", "clock", "clock"]);
        assert_eq!(asks_more(&before, &inspection(&["io", "clock", "log", "xcom"])), Vec::<String>::new());
        assert_eq!(asks_more(&before, &inspection(&["http", "clock", "config", "http"])), ["config", "http"]);
        assert_eq!(asks_more(&inspection(&["http"]), &before), ["clock"]);
        assert_eq!(asks_more(&json!({}), &json!({})), Vec::<String>::new());
        assert_eq!(permissions(&before).into_iter().collect::<Vec<_>>(), ["clock"]);
    }
}
