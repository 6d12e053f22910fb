//! Looks at an input of which a part is known: what does not fit, and what is expected of the rest.

use super::decode::{Build, HOLE, Mismatch, Scalar};
use super::{Field, WitFunction, WitType};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A [`hole`](super::hole) with a number, by which [`WitFunction::look_at`] tells what is expected in its place.
#[must_use]
pub fn numbered_hole(number: u64) -> Value {
    Value::Object(Map::from_iter([(HOLE.to_owned(), Value::from(number))]))
}

/// What looking at an input found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What does not fit.
    pub mismatches: Vec<Mismatch>,
    /// The type that is expected in the place of each numbered hole. A hole in a place that cannot be has none.
    pub expected: BTreeMap<u64, WitType>,
}

/// Mistakes that are told of one input.
const MOST: usize = 50;

struct Look<'a>(&'a mut BTreeMap<u64, WitType>);

impl Build for Look<'_> {
    type Value = ();

    fn scalar(&mut self, _: Scalar<'_>) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn list(&mut self, _: Vec<()>) {}
    fn fixed_list(&mut self, _: Vec<()>) {}
    fn map(&mut self, _: Vec<((), ())>) {}
    fn record(&mut self, _: &[Field], _: Vec<()>) {}
    fn tuple(&mut self, _: Vec<()>) {}
    fn variant(&mut self, _: &str, _: Option<()>) {}
    fn enumeration(&mut self, _: &str) {}
    fn flags(&mut self, _: Vec<&str>) {}
    fn option(&mut self, _: Option<()>) {}
    fn result(&mut self, _: Result<Option<()>, Option<()>>) {}
    fn unknown(&mut self, number: Option<u64>, expected: &WitType) -> Option<()> {
        if let Some(number) = number {
            self.0.insert(number, expected.clone());
        }
        Some(())
    }
    fn is_closed(&self) -> bool {
        true
    }
}

impl WitFunction {
    /// Everything in an input that does not fit, and what is expected in the place of each numbered hole.
    #[must_use]
    pub fn look_at(&self, input: &Value) -> Looked {
        let mut looked = Looked::default();
        let mut input = input.clone();
        while looked.mismatches.len() < MOST {
            let Err(mismatch) = self.decode(&input, &mut Look(&mut looked.expected)) else { break };
            let passed = pass_over(&mut input, &mismatch.pointer);
            // A key that cannot be is found once more, in the place of its value.
            if !looked.mismatches.iter().any(|told| told.pointer == mismatch.pointer) {
                looked.mismatches.push(mismatch);
            }
            if !passed {
                break;
            }
        }
        looked
    }
}

impl WitType {
    /// Everything in a value that does not fit, and what is expected in the place of each numbered hole.
    #[must_use]
    pub fn look_at(&self, value: &Value) -> Looked {
        // A function that takes it, so that a place around it is there for whatever stands in its own.
        let params = vec![Field { name: "it".to_owned(), ty: self.clone(), docs: None }];
        let (name, docs, refused) = (String::new(), None, None);
        let taking = WitFunction { interface: None, name, params, result: None, docs, refused };
        let input = Value::Object(Map::from_iter([("it".to_owned(), value.clone())]));
        let mut looked = taking.look_at(&input);
        for mismatch in &mut looked.mismatches {
            mismatch.pointer = mismatch.pointer.strip_prefix("/it").unwrap_or_default().to_owned();
        }
        looked
    }
}

/// Puts something in the place of what does not fit that does, so that the rest can be looked at.
fn pass_over(input: &mut Value, pointer: &str) -> bool {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
    let key = key.replace("~1", "/").replace("~0", "~");
    let hole = super::hole();
    match input.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            // A hole that is not taken stands at a key that cannot be.
            if fields.insert(key.clone(), hole.clone()) == Some(hole) {
                fields.remove(&key);
            }
            true
        }
        Some(Value::Array(items)) => match key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
            Some(item) if *item != hole => {
                *item = hole;
                true
            }
            Some(_) | None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{boxed, field, named};
    use super::*;
    use serde_json::json;

    #[test]
    fn all_that_does_not_fit_is_told_and_what_is_expected_of_the_rest() {
        let row = WitType::Record { named: named("row"), fields: vec![field("id", WitType::U8), field("name", WitType::String)] };
        let function = WitFunction {
            interface: None,
            name: "f".to_owned(),
            params: vec![field("rows", WitType::List(boxed(row))), field("most", WitType::U16), field("on", WitType::Bool)],
            result: None,
            docs: None,
            refused: None,
        };
        let input =
            json!({ "rows": [{ "id": 300, "name": numbered_hole(4) }, numbered_hole(5)], "mst": 1, "on": numbered_hole(6) });
        let looked = function.look_at(&input);
        let told: Vec<_> = looked.mismatches.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "at /rows/0/id: expected an integer from 0 to 255 (u8), found 300",
                "at /most: expected an integer from 0 to 65535 (u16), found nothing",
                r#"at /mst: expected the key "most", found the key "mst""#,
            ]
        );
        let expected: Vec<_> = looked.expected.iter().map(|(number, ty)| (*number, ty.to_string())).collect();
        assert_eq!(expected, [(4, "string".to_owned()), (5, "row".to_owned()), (6, "bool".to_owned())]);
        let whole = function.look_at(&numbered_hole(1));
        assert_eq!(whole.expected[&1], function.input());
    }
}
