//! `std/branch`: hands a value on when it is as wanted, and is skipped otherwise; or returns which tasks a branch chooses.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "branch-operator", generate_all });
}

#[path = "support/shared.rs"]
mod shared;

use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::branch::{Condition, Guest, Json};
use shared::{document, json};

struct Operator;

impl Guest for Operator {
    fn choose(
        value: Json,
        at: Option<String>,
        condition: Condition,
        then: Option<Json>,
        otherwise: Option<Json>,
    ) -> Result<Json, TaskError> {
        let document = document(value)?;
        let holds = shared::condition(condition)?.holds(&document, at.as_deref().unwrap_or_default());
        match (holds, then, otherwise) {
            (true, None, _) => Ok(json(&document)),
            (true, Some(chosen), _) | (false, _, Some(chosen)) => Ok(chosen),
            (false, _, None) => Err(TaskError::Skip("the value is not what this branch wants".to_owned())),
        }
    }
}

bindings::export!(Operator with_types_in bindings);
