//! JSON to the values of a type and back.

use crate::json_schema::accepts;
use crate::types::{Json, Kinds, Types};
use arbitrary::{Result, Unstructured};
use cofferdam_domain::wit::{Field, WitFunction};
use cofferdam_sandbox::fuzzing::{RoundTrip, round_trip};
use serde_json::{Value, json};

/// Makes a type and JSON for it, and sends the JSON through the runtime's values. JSON that fits is read; what comes back
/// is read to the same, and is as the type's schema says; where JSON does not fit, the place that is told exists.
pub fn json_value(bytes: &[u8]) {
    // Too few bytes make nothing to try.
    let _ = attempt(&mut Unstructured::new(bytes));
}

fn attempt(u: &mut Unstructured<'_>) -> Result<()> {
    let ty = Types::new(Kinds { all: true, depth: 6 }).next(u)?;
    let mut made = Json::new();
    let value = made.of(&ty, u)?;
    let input = json!({ "x": value });
    let function = WitFunction {
        interface: None,
        name: "f".to_owned(),
        params: vec![Field { name: "x".to_owned(), ty: ty.clone(), docs: None }],
        result: None,
        docs: None,
        refused: None,
    };
    let checked = function.check(&input);
    match round_trip(&function, &input) {
        RoundTrip::Same(back) => {
            assert_eq!(checked, Ok(()), "what is read passes the check");
            let back = back.into_iter().next().expect("one for each parameter");
            assert!(accepts(&ty.schema(), &back), "{ty}: {back} is not as its schema says: {}", ty.schema());
            let again = round_trip(&function, &json!({ "x": back }));
            let RoundTrip::Same(again) = again else { panic!("{ty}: {back} came out and does not go in: {again:?}") };
            assert!(made.fractions_in_any || again == [back.clone()], "{ty}: {back} becomes {again:?}");
        }
        RoundTrip::Different(_) if made.fractions_in_any => {}
        RoundTrip::Different(values) => panic!("{ty}: {value} is read, written and read as another value: {values}"),
        RoundTrip::Unkept(problem) => {
            assert_eq!(checked, Ok(()));
            assert!(problem.contains("U+0000") || problem.contains("nested"), "{ty}: {value}: {problem}");
        }
        RoundTrip::Misfit(mismatch) => {
            assert!(!made.fits || marks_unknown(&value), "{ty}: {value} fits, but: {mismatch}");
            assert!(exists(&input, &mismatch.pointer), "{ty}: {value} has no place {:?}", mismatch.pointer);
        }
    }
    Ok(())
}

/// Whether a place exists, or is a key that could be in an object that exists.
fn exists(input: &Value, pointer: &str) -> bool {
    let parent = || pointer.rsplit_once('/').and_then(|(parent, _)| input.pointer(parent));
    input.pointer(pointer).is_some() || parent().is_some_and(Value::is_object)
}

/// Whether the mark of a value that is not known yet is somewhere inside: no input of a run can hold it.
fn marks_unknown(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(marks_unknown),
        Value::Object(fields) => fields.contains_key("\0") || fields.values().any(marks_unknown),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_exists_or_could() {
        let input = json!({ "x": { "a": [1] } });
        assert!(exists(&input, "") && exists(&input, "/x/a/0") && exists(&input, "/x/b"));
        assert!(!exists(&input, "/x/a/1") && !exists(&input, "/y/b"));
    }
}
