//! `std/csv-to-json`: reads a table.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "wit-bindgen exports functions by their names")]

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "csv-to-json-operator", generate_all });
}

use bindings::cofferdam::task::types::TaskError;
use bindings::exports::std::operators::csv_to_json::{Guest, Json};

struct Operator;

impl Guest for Operator {
    fn parse(text: String, delimiter: Option<char>, header: Option<bool>, numbers: Option<bool>) -> Result<Json, TaskError> {
        let table =
            cofferdam_operators::csv::parse(&text, delimiter.unwrap_or(','), header.unwrap_or(true), numbers.unwrap_or(true));
        table.map(|table| Json::Json(table.to_string())).map_err(|problem| TaskError::Fatal(problem.to_string()))
    }
}

bindings::export!(Operator with_types_in bindings);
