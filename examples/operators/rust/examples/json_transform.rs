//! `std/json-transform`: takes a value through steps.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "json-transform-operator", generate_all });
}

#[path = "support/shared.rs"]
mod shared;

use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::json_transform::{self as wit, Guest, Json};
use cofferdam_operators::transform::{Step, transform};
use shared::{document, fatal, json};

struct Operator;

impl Guest for Operator {
    fn transform(value: Json, steps: Vec<wit::Step>) -> Result<Json, TaskError> {
        let steps = steps.into_iter().map(step).collect::<Result<_, _>>()?;
        transform(document(value)?, steps).map(|value| json(&value)).map_err(fatal)
    }
}

fn step(step: wit::Step) -> Result<Step, TaskError> {
    Ok(match step {
        wit::Step::Get(pointer) => Step::Get(pointer),
        wit::Step::Each(pointer) => Step::Each(pointer),
        wit::Step::Pick(names) => Step::Pick(names),
        wit::Step::Omit(names) => Step::Omit(names),
        wit::Step::Rename(names) => Step::Rename(names),
        wit::Step::Keep(filter) => Step::Keep(filter.at, shared::condition(filter.condition)?),
        wit::Step::Sort(pointer) => Step::Sort(pointer),
        wit::Step::Reverse => Step::Reverse,
        wit::Step::First(count) => Step::First(count),
        wit::Step::Flatten => Step::Flatten,
        wit::Step::Count => Step::Count,
        wit::Step::Sum => Step::Sum,
        wit::Step::Keys => Step::Keys,
        wit::Step::Values => Step::Values,
    })
}

bindings::export!(Operator with_types_in bindings);
