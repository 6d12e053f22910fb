//! What could be written where the cursor is in a dag's definition: the members and values that its JSON Schema knows, and the names
//! of what is there on the server and in the text.

mod names;
mod place;
mod schema;

pub use names::{Names, component_of};
pub use place::{Place, Slot, Style, place};

use serde::Serialize;
use serde_json::Value;

/// Something that could be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// How it is listed, and what is matched with what is typed.
    pub label: String,
    /// A word on it.
    pub detail: String,
    /// What it means.
    pub info: String,
    /// What is written.
    pub insert: String,
    /// Whether to ask again behind it.
    pub more: bool,
    /// Higher first.
    pub boost: i32,
}

/// What could be written at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Choices {
    /// How much of the text before the cursor it replaces, in units of UTF-16.
    pub back: usize,
    /// The choices.
    pub options: Vec<Choice>,
}

/// What could be written at a place of a text.
#[must_use]
pub fn complete(place: &Place, schema: &Value, names: &Names) -> Choices {
    let mut options = Vec::new();
    let nodes = schema::at(schema, &place.path);
    if matches!(place.slot, Slot::Key | Slot::Fresh) {
        options.extend(schema::members(schema, &nodes).into_iter().filter(|it| is_missing(&it.name, place)).map(|it| {
            let shape = it.shape();
            Choice {
                insert: key_text(&it.name, shape, place),
                more: !place.named && shape != schema::Shape::Text,
                boost: if it.required { 2 } else { 0 },
                detail: if it.required { format!("{}, required", it.word()) } else { it.word().to_owned() },
                info: it.description,
                label: it.name,
            }
        }));
    }
    if matches!(place.slot, Slot::Value | Slot::Fresh) {
        let known = names.of(place).into_iter().map(|(name, detail)| (Value::String(name), detail.to_owned(), 1));
        let told = schema::values(&nodes).into_iter().map(|(value, detail)| (value, detail.to_owned(), 0));
        let mut seen = Vec::new();
        for (value, detail, boost) in known.chain(told) {
            if seen.contains(&value) {
                continue;
            }
            let label = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            options.push(Choice { insert: value_text(&value, place), detail, label, boost, ..Choice::default() });
            seen.push(value);
        }
    }
    Choices { back: place.typed.encode_utf16().count(), options }
}

/// Whether an object does not have a member yet. The one that is being changed can keep its name.
fn is_missing(name: &str, place: &Place) -> bool {
    place.typed == name || place.siblings.iter().all(|(there, _)| there != name)
}

/// A member as it is written, up to its value.
fn key_text(name: &str, shape: schema::Shape, place: &Place) -> String {
    if place.quoted || place.named {
        return name.to_owned();
    }
    match place.style {
        Style::Json => format!("\"{name}\": "),
        Style::Flow => format!("{name}: "),
        Style::Block(column) => {
            let below = " ".repeat(column + 2);
            match shape {
                schema::Shape::Object => format!("{name}:\n{below}"),
                schema::Shape::List => format!("{name}:\n{below}- "),
                _ => format!("{name}: "),
            }
        }
    }
}

/// A value as it is written.
fn value_text(value: &Value, place: &Place) -> String {
    match (value, place.style) {
        (Value::String(text), _) if place.quoted => text.clone(),
        (_, Style::Json) => value.to_string(),
        // A comma or a bracket would end it there.
        (Value::String(text), Style::Flow) if text.contains([',', '[', ']', '{', '}']) => value.to_string(),
        _ => crate::core::yaml::to_yaml(value).trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas/dag-1.schema.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn names() -> Names {
        Names {
            components: vec!["weather/clean".into(), "weather/fetch".into()],
            functions: vec!["clean".into()],
            pools: vec!["default_pool".into(), "gpu".into()],
            dags: vec!["other".into()],
            ..Names::default()
        }
    }

    fn at(text: &str) -> Choices {
        let (before, after) = text.split_once('^').unwrap();
        let place = place(before, after).unwrap_or_else(|| panic!("no place in {text}"));
        complete(&place, &schema(), &names().with_text(&text.replace('^', "")))
    }

    fn labels(text: &str) -> Vec<String> {
        at(text).options.into_iter().map(|it| it.label).collect()
    }

    fn insert(text: &str, label: &str) -> String {
        at(text).options.into_iter().find(|it| it.label == label).unwrap_or_else(|| panic!("no {label} in {text}")).insert
    }

    #[test]
    fn members_are_those_of_the_schema_that_are_missing() {
        let all = labels("dag_id: a\n^");
        assert!(all.contains(&"tasks".to_owned()) && all.contains(&"schedule".to_owned()));
        assert!(!all.contains(&"dag_id".to_owned()) && !all.contains(&"task_id".to_owned()));
        let task = labels("tasks:\n  - task_id: a\n    ^\n    pool: x");
        assert!(task.contains(&"component".to_owned()) && task.contains(&"retries".to_owned()));
        assert!(!task.contains(&"pool".to_owned()) && !task.contains(&"task_id".to_owned()));
        assert!(labels("tasks:\n  - grant:\n      http:\n        - ^").contains(&"host".to_owned()));
        assert!(labels("{\"tasks\": [{^").contains(&"component".to_owned()));
        assert!(labels("tasks:\n  - input: {x: {^").contains(&"$from".to_owned()));
        let first = at("^").options.into_iter().find(|it| it.label == "dag_id").unwrap();
        assert_eq!((first.detail.as_str(), first.boost), ("text, required", 2));
        assert!(first.info.contains("unique in its tenant"));
    }

    #[test]
    fn values_are_those_of_the_schema_and_of_the_server() {
        assert_eq!(labels("overlap: ^"), ["allow", "skip", "queue", "cancel_previous"]);
        assert_eq!(labels("catchup: ^"), ["true", "false"]);
        assert!(labels("tasks:\n  - trigger_rule: ^").contains(&"all_done".to_owned()));
        assert_eq!(labels("tasks:\n  - component: ^")[..2], ["weather/clean", "weather/fetch"]);
        assert_eq!(labels("tasks:\n  - component: weather/clean\n    function: ^")[..1], ["clean"]);
        assert_eq!(labels("defaults: {pool: ^")[..2], ["default_pool", "gpu"]);
        assert_eq!(labels("tasks:\n  - run_dag:\n      dag_id: ^"), ["other"]);
        assert!(labels("dag_id: ^").is_empty());
    }

    #[test]
    fn tasks_and_parameters_are_those_of_the_text() {
        let text = "params:\n  station: berlin\ntasks:\n  - task_id: one\n  - task_id: two\n    depends_on: [^]\n";
        assert_eq!(labels(text), ["one"]);
        assert_eq!(labels("tasks:\n  - task_id: one\n  - task_id: two\n    input: {x: {$from: ^}}\n"), ["one", "two"]);
        assert_eq!(labels("params:\n  station: berlin\ntasks:\n  - input: {x: {$param: ^}}\n"), ["station"]);
        assert_eq!(labels("{\"params\": {\"station\": 1}, \"tasks\": [{\"input\": {\"$param\": \"^\"}}]}"), ["station"]);
    }

    #[test]
    fn what_is_written_fits_the_place() {
        assert_eq!(insert("^", "tasks"), "tasks:\n  - ");
        assert_eq!(insert("^", "defaults"), "defaults:\n  ");
        assert_eq!(insert("^", "timezone"), "timezone: ");
        assert_eq!(insert("tasks:\n  - task_id: a\n    ^", "grant"), "grant:\n      ");
        assert_eq!(insert("{^}", "tasks"), "\"tasks\": ");
        assert_eq!(insert("{\"^\"}", "tasks"), "tasks");
        assert_eq!(insert("{\"overlap\": ^}", "skip"), "\"skip\"");
        assert_eq!(insert("{\"overlap\": \"^\"}", "skip"), "skip");
        assert_eq!(insert("schedule: ^", "@daily"), "\"@daily\"");
        assert_eq!(insert("dag^_id: x", "dag_id"), "dag_id");
        assert_eq!(at("overlap: ca^").back, 2);
    }
}
