//! A mapped task, compiled: from lists to the input of each instance.

use super::{InputError, InputTemplate, MappedGroup, RenderError};
use crate::definition::{ExpandDefinition, ExpandMode, MAX_GROUP_INSTANCES, MAX_MAPPED, TaskDefinition};
use crate::template::{Scope, Template};
use cofferdam_ids::{TaskId, XComKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a task is mapped over. See [`ExpandDefinition`](crate::definition::ExpandDefinition).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expansion {
    /// Where the values of each key come from.
    pub over: BTreeMap<String, InputTemplate>,
    /// How they go together.
    pub mode: ExpandMode,
    /// The object in the input that has the keys: a JSON Pointer. A script's input lies inside of that of its interpreter.
    #[serde(default)]
    pub within: String,
}

/// How many items a source of values has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MappedLength {
    /// So many, whatever the run brings.
    Known(usize),
    /// Only the run tells.
    Later,
    /// It is no list and no object.
    Never,
}

/// The values that the instances of a mapped task get.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedValues {
    mode: ExpandMode,
    keys: Vec<(String, Vec<Value>)>,
    within: String,
    len: usize,
}

/// Why a task cannot be mapped. It fails with `invalid_input`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A source cannot be filled in.
    #[error("{}", placed(key, source))]
    Source {
        /// The mapped key.
        key: String,
        /// Why.
        source: RenderError,
    },
    /// A source is neither a list nor an object.
    #[error("expand/over/{key}: a task is mapped over a list or an object, not {kind}")]
    NoList {
        /// The mapped key.
        key: String,
        /// What it is.
        kind: &'static str,
    },
    /// The lists of a zip are not equally long.
    #[error(
        "expand/over: with zip all lists are equally long, but '{first}' has {first_len} values and '{other}' has {other_len}"
    )]
    Uneven {
        /// One key.
        first: String,
        /// How many values it has.
        first_len: usize,
        /// Another.
        other: String,
        /// How many that has.
        other_len: usize,
    },
    /// There are too many.
    #[error("expand/over: a mapped task has at most {MAX_MAPPED} instances; these lists make {len}")]
    TooMany {
        /// How many there would be.
        len: usize,
    },
    /// The tasks of a group have too many together.
    #[error(
        "expand/over: the tasks of a mapped group have at most {MAX_GROUP_INSTANCES} instances together; {len} items for {tasks} tasks \
         make more"
    )]
    TooManyTogether {
        /// How many items there are.
        len: usize,
        /// How many tasks.
        tasks: usize,
    },
}

/// The message of a template's error, at its place in `expand`.
fn placed(key: &str, error: &RenderError) -> String {
    let message = error.to_string();
    format!("expand/over/{key}{}", message.strip_prefix("input").unwrap_or(&message))
}

/// The compiled form of a task's `expand`.
pub(super) fn compile(task: &TaskDefinition) -> Result<Option<Expansion>, Vec<InputError>> {
    let Some(expand) = &task.expand else { return Ok(None) };
    Ok(Some(Expansion { within: within(task), ..of(expand)? }))
}

/// The object in the input of a compiled task that the task calls its input: a JSON Pointer.
pub(super) fn within(task: &TaskDefinition) -> String {
    if task.script.is_some() { "/input".to_owned() } else { String::new() }
}

/// The compiled form of a group's `expand`.
pub(super) fn of(expand: &ExpandDefinition) -> Result<Expansion, Vec<InputError>> {
    let mut over = BTreeMap::new();
    for (key, source) in &expand.over {
        over.insert(key.clone(), InputTemplate::parse(source)?);
    }
    Ok(Expansion { over, mode: expand.mode, within: String::new() })
}

impl Expansion {
    /// The templates in its lists.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.over.values().flat_map(|list| list.templates().into_iter().map(|(_, template)| template))
    }

    /// Whether it takes values from other tasks.
    #[must_use]
    pub fn needs_upstream(&self) -> bool {
        self.over.values().any(|template| !template.places().is_empty())
    }

    /// The XComs that it takes, each once.
    #[must_use]
    pub fn references(&self) -> Vec<(TaskId, XComKey)> {
        let mut found: Vec<_> = self.over.values().flat_map(InputTemplate::references).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The values of all instances.
    ///
    /// # Errors
    /// When a source is not there, is no list or object, or when the lists do not go together.
    pub fn values(&self, scope: &Scope<'_>) -> Result<MappedValues, ExpandError> {
        let mut keys = Vec::with_capacity(self.over.len());
        for (key, template) in &self.over {
            let source = template.render(scope).map_err(|source| ExpandError::Source { key: key.clone(), source })?;
            let items = items(source).map_err(|kind| ExpandError::NoList { key: key.clone(), kind })?;
            keys.push((key.clone(), items));
        }
        let len = match self.mode {
            ExpandMode::Product => keys.iter().fold(1_usize, |product, (_, items)| product.saturating_mul(items.len())),
            ExpandMode::Zip => {
                let first_len = keys.first().map_or(0, |(_, items)| items.len());
                if let Some((other, items)) = keys.iter().find(|(_, items)| items.len() != first_len) {
                    return Err(ExpandError::Uneven {
                        first: keys[0].0.clone(),
                        first_len,
                        other: other.clone(),
                        other_len: items.len(),
                    });
                }
                first_len
            }
        };
        if len > MAX_MAPPED {
            return Err(ExpandError::TooMany { len });
        }
        Ok(MappedValues { mode: self.mode, keys, within: self.within.clone(), len })
    }
}

impl MappedGroup {
    /// The values of all instances.
    ///
    /// # Errors
    /// As of [`Expansion::values`], and when the tasks would have too many instances together.
    pub fn values(&self, scope: &Scope<'_>) -> Result<MappedValues, ExpandError> {
        let values = self.expand.values(scope)?;
        let (len, tasks) = (values.len(), self.members.len());
        if len.saturating_mul(tasks) > MAX_GROUP_INSTANCES {
            return Err(ExpandError::TooManyTogether { len, tasks });
        }
        Ok(values)
    }
}

/// The items of a list; of an object, its entries as pairs.
fn items(source: Value) -> Result<Vec<Value>, &'static str> {
    match source {
        Value::Array(items) => Ok(items),
        Value::Object(fields) => {
            Ok(fields.into_iter().map(|(key, value)| Value::Array(vec![Value::String(key), value])).collect())
        }
        Value::Null => Err("null"),
        Value::Bool(_) => Err("a boolean"),
        Value::Number(_) => Err("a number"),
        Value::String(_) => Err("a string"),
    }
}

impl MappedValues {
    /// How many instances there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is an instance of that index.
    #[must_use]
    pub fn has(&self, map_index: i32) -> bool {
        usize::try_from(map_index).is_ok_and(|index| index < self.len)
    }

    /// The item of an instance, an object with a field for each mapped key. `None` when there is no instance of that index.
    #[must_use]
    pub fn item(&self, map_index: i32) -> Option<Value> {
        let mut index = usize::try_from(map_index).ok().filter(|index| *index < self.len)?;
        let mut fields = Map::new();
        // The last key changes fastest, as the digits of a number do.
        for (key, items) in self.keys.iter().rev() {
            let at = match self.mode {
                ExpandMode::Zip => index,
                ExpandMode::Product => {
                    let at = index % items.len();
                    index /= items.len();
                    at
                }
            };
            fields.insert(key.clone(), items[at].clone());
        }
        Some(Value::Object(fields))
    }

    /// Sets the mapped keys of an instance's input to those of its item. Returns whether the input can take them.
    #[must_use]
    pub fn set(&self, item: &Value, input: &mut Value) -> bool {
        let (Some(within), Value::Object(item)) = (input.pointer_mut(&self.within), item) else { return false };
        if !within.is_object() {
            *within = Value::Object(Map::new());
        }
        let Some(fields) = within.as_object_mut() else { return false };
        fields.extend(item.iter().map(|(key, value)| (key.clone(), value.clone())));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn expansion(mode: ExpandMode, over: Value) -> Expansion {
        let over = over.as_object().unwrap().iter();
        let over = over.map(|(key, source)| (key.clone(), InputTemplate::parse(source).unwrap())).collect();
        Expansion { over, mode, within: String::new() }
    }

    fn values(expansion: &Expansion) -> Result<MappedValues, ExpandError> {
        let left = |task: &TaskId, _: &XComKey| match task.as_str() {
            "list" => Some(json!([1, 2, 3])),
            "text" => Some(json!("words")),
            _ => None,
        };
        expansion.values(&Scope::bare(&json!({ "cities": ["Rome"], "none": [] }), &left))
    }

    #[test]
    fn the_name_of_an_instance_is_made_of_the_input_of_its_task() {
        use crate::definition::parse;
        use crate::job::Entry;
        use crate::plan::{Component, DagPlan};
        let settings = json!({ "task_id": "each", "expand": { "over": { "n": [1] } }, "map_index_template": " {{ input.n }} " });
        let with = |more: Value| {
            let mut task = settings.clone();
            task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let dag = parse(json!({ "dag_id": "d", "tasks": [task] })).unwrap();
            let digest = cofferdam_ids::Digest::new("a".repeat(64)).unwrap();
            let component = Component { digest, entry: Some(Entry::Task), functions: vec![], run: None };
            DagPlan::compile(&dag, |_| Ok(component.clone())).unwrap()
        };
        let scope = Scope::bare(&Value::Null, &|_, _| None);
        let name = |plan: &DagPlan, input: Value| plan.tasks[0].instance_name(&scope, &input);
        let component = with(json!({ "component": "c" }));
        assert_eq!(name(&component, json!({ "n": "one" })).as_deref(), Some("one"));
        assert_eq!(name(&component, json!({ "n": "x".repeat(300) })).map(|name| name.len()), Some(250));
        assert_eq!(name(&component, json!({})), None);
        // An interpreter has it beside the script.
        let script = with(json!({ "script": { "language": "python", "source": "x" } }));
        assert_eq!(name(&script, json!({ "source": "x", "input": { "n": "two" } })).as_deref(), Some("two"));
    }

    fn inputs(expansion: &Expansion) -> Vec<Value> {
        let values = values(expansion).unwrap();
        (0..i32::try_from(values.len()).unwrap())
            .map(|index| {
                let mut input = json!({ "x": "replaced", "kept": true });
                assert!(values.set(&values.item(index).unwrap(), &mut input));
                assert_eq!(input["kept"], json!(true));
                input.as_object_mut().unwrap().remove("kept");
                input
            })
            .collect()
    }

    #[test]
    fn a_product_combines_each_with_each_and_the_last_key_changes_fastest() {
        let two = expansion(ExpandMode::Product, json!({ "y": ["a", "b"], "x": { "$from": "list" } }));
        let expected = json!([
            { "x": 1, "y": "a" }, { "x": 1, "y": "b" }, { "x": 2, "y": "a" },
            { "x": 2, "y": "b" }, { "x": 3, "y": "a" }, { "x": 3, "y": "b" },
        ]);
        assert_eq!(json!(inputs(&two)), expected);
    }

    #[test]
    fn a_zip_goes_through_all_lists_at_once() {
        let two = expansion(ExpandMode::Zip, json!({ "x": { "$from": "list" }, "y": ["a", "b", "c"] }));
        assert_eq!(json!(inputs(&two)), json!([{ "x": 1, "y": "a" }, { "x": 2, "y": "b" }, { "x": 3, "y": "c" }]));
    }

    #[test]
    fn an_object_is_mapped_over_as_pairs() {
        let object = expansion(ExpandMode::Product, json!({ "x": { "b": 2, "a": 1 } }));
        assert_eq!(json!(inputs(&object)), json!([{ "x": ["a", 1] }, { "x": ["b", 2] }]));
    }

    #[test]
    fn the_conf_can_be_mapped_over_and_be_empty() {
        let conf = expansion(ExpandMode::Product, json!({ "x": { "$conf": "/cities" } }));
        assert_eq!(json!(inputs(&conf)), json!([{ "x": "Rome" }]));
        let none = expansion(ExpandMode::Product, json!({ "x": { "$conf": "/none" }, "y": [1, 2] }));
        assert!(values(&none).unwrap().is_empty());
        assert_eq!(values(&none).unwrap().item(0), None);
    }

    #[test]
    fn an_expression_can_be_mapped_over() {
        let computed = expansion(ExpandMode::Product, json!({ "x": { "$expr": "ti.xcom_pull('list')[1:]" } }));
        assert_eq!(json!(inputs(&computed)), json!([{ "x": 2 }, { "x": 3 }]));
    }

    #[test]
    fn a_scripts_input_lies_inside_that_of_its_interpreter() {
        let script = Expansion { within: "/input".to_owned(), ..expansion(ExpandMode::Product, json!({ "x": [7] })) };
        let mut input = json!({ "source": "…", "input": {} });
        let values = values(&script).unwrap();
        assert!(values.set(&values.item(0).unwrap(), &mut input));
        assert_eq!(input, json!({ "source": "…", "input": { "x": 7 } }));
    }

    #[test]
    fn what_cannot_be_mapped_is_told_with_its_place() {
        let error = |mode, over| values(&expansion(mode, over)).unwrap_err().to_string();
        assert_eq!(
            error(ExpandMode::Product, json!({ "x": { "$from": "text" } })),
            "expand/over/x: a task is mapped over a list or an object, not a string"
        );
        assert_eq!(
            error(ExpandMode::Product, json!({ "x": { "$from": "gone" } })),
            "expand/over/x: the task 'gone' left no XCom 'return_value'; give a \"default\" if that may happen"
        );
        assert_eq!(
            error(ExpandMode::Zip, json!({ "x": { "$from": "list" }, "y": [1] })),
            "expand/over: with zip all lists are equally long, but 'x' has 3 values and 'y' has 1"
        );
        let long = json!((0..200).collect::<Vec<_>>());
        assert_eq!(
            error(ExpandMode::Product, json!({ "x": long, "y": long })),
            "expand/over: a mapped task has at most 10000 instances; these lists make 40000"
        );
    }

    proptest! {
        /// Every combination comes once, in the order of an odometer.
        #[test]
        fn a_product_has_every_combination_once(lengths in proptest::collection::vec(1..6_usize, 1..5)) {
            let over: Map<String, Value> =
                lengths.iter().enumerate().map(|(key, len)| (format!("k{key}"), json!((0..*len).collect::<Vec<_>>()))).collect();
            let product = expansion(ExpandMode::Product, Value::Object(over));
            let values = values(&product).unwrap();
            prop_assert_eq!(values.len(), lengths.iter().product::<usize>());
            let mut before: Option<Vec<u64>> = None;
            for index in 0..i32::try_from(values.len()).unwrap() {
                let mut input = json!({});
                prop_assert!(values.set(&values.item(index).unwrap(), &mut input));
                let digits: Vec<u64> = (0..lengths.len()).map(|key| input[format!("k{key}")].as_u64().unwrap()).collect();
                prop_assert!(before.as_ref().is_none_or(|before| *before < digits), "{:?} then {:?}", before, digits);
                before = Some(digits);
            }
        }
    }
}
