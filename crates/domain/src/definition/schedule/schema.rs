//! The part of the dag's JSON Schema that is about schedules and assets.

use super::EndState;
use crate::asset::AssetUri;
use crate::definition::schema::{described, form, name};
use crate::definition::validate::MAX_PRODUCED;
use cofferdam_ids::{DagId, XComKey};
use serde_json::{Value, json};

pub(in crate::definition) fn schedule() -> Value {
    let states: Vec<&str> = EndState::ALL.iter().map(|state| state.as_str()).collect();
    json!({
        "anyOf": [
            { "type": "string", "minLength": 1, "examples": ["0 6 * * *", "@daily", "every 15m"] },
            form("cron", "A schedule with a time zone of its own.", json!({
                "cron": { "type": "string", "minLength": 1 },
                "timezone": { "type": "string", "description": "A name of the IANA database." },
            })),
            form("once", "One run.", json!({ "once": { "$ref": "#/$defs/moment" } })),
            form("assets", "Runs when assets have changed.", json!({ "assets": { "$ref": "#/$defs/asset_condition" } })),
            form("dag", "Runs when a run of another dag has ended.", json!({
                "dag": form("dag_id", "The end of a run.", json!({
                    "dag_id": described(name(DagId::CHARACTERS, DagId::MAX_LENGTH), "The other dag."),
                    "state": { "enum": states, "default": EndState::default().as_str(), "description": "How its run ends." },
                })),
            })),
        ],
    })
}

pub(in crate::definition) fn asset() -> Value {
    json!({
        "type": "string",
        "pattern": "^[^ \\t\\r\\n]+$",
        "maxLength": AssetUri::MAX_LENGTH,
        "description": "An asset, named by a URI.",
        "examples": ["s3://warehouse/orders"],
    })
}

pub(in crate::definition) fn asset_condition() -> Value {
    let list = json!({ "type": "array", "items": { "$ref": "#/$defs/asset_condition" }, "minItems": 1 });
    json!({
        "anyOf": [
            { "$ref": "#/$defs/asset" },
            described(list.clone(), "All of these have changed."),
            form("all", "All of these hold.", json!({ "all": list })),
            form("any", "One of these holds.", json!({ "any": list })),
        ],
    })
}

/// The assets of a task.
pub(in crate::definition) fn produces() -> Value {
    json!({
        "type": "array",
        "items": {
            "anyOf": [
                { "$ref": "#/$defs/asset" },
                form("asset", "An asset, with what its event says.", json!({
                    "asset": { "$ref": "#/$defs/asset" },
                    "extra": described(name(XComKey::CHARACTERS, XComKey::MAX_LENGTH), "The XCom of the task that the event carries."),
                })),
            ],
        },
        "maxItems": MAX_PRODUCED,
        "description": "The assets that have changed when it succeeds.",
    })
}
