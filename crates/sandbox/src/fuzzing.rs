//! Doors for fuzzers to what is otherwise private: see `tests/fuzz`. Nothing else uses them.

use crate::capabilities::http;
use crate::typed::{Values, encode};
use cofferdam_domain::grant::Scheme;
use cofferdam_domain::wit::{Mismatch, WitFunction};
use serde_json::{Map, Value};

/// What became of an input on its way through the runtime's values.
#[derive(Debug)]
pub enum RoundTrip {
    /// It was read, written, and read again to the same values; one document for each parameter.
    Same(Vec<Value>),
    /// It was read again to other values, which are told.
    Different(String),
    /// It was read, and the values cannot be written as JSON that is kept.
    Unkept(String),
    /// It does not fit.
    Misfit(Mismatch),
}

/// Reads a function's arguments, writes them, and reads them again.
#[must_use]
pub fn round_trip(function: &WitFunction, input: &Value) -> RoundTrip {
    let values = match function.decode(input, &mut Values { is_open: false }) {
        Ok(values) => values,
        Err(mismatch) => return RoundTrip::Misfit(mismatch),
    };
    let written = function.params.iter().zip(&values).map(|(param, value)| encode(&param.ty, value));
    let written = match written.collect::<Result<Vec<_>, _>>() {
        Ok(written) => written,
        Err(fault) => return RoundTrip::Unkept(fault.to_string()),
    };
    let names = function.params.iter().map(|param| param.name.clone());
    let again = Value::Object(names.zip(written.iter().cloned()).collect::<Map<_, _>>());
    match function.decode(&again, &mut Values { is_open: false }) {
        Ok(again) if again == values => RoundTrip::Same(written),
        Ok(again) => RoundTrip::Different(format!("{values:?} became {again:?}")),
        Err(mismatch) => RoundTrip::Different(format!("{values:?} became {again}: {mismatch}")),
    }
}

/// Scheme, host and port that a request goes to; `None` when it is refused for its form.
#[must_use]
pub fn destination(uri: &::http::Uri) -> Option<(Scheme, String, u16)> {
    http::destination(uri).ok().map(|target| (target.scheme, target.host, target.port))
}
