//! The input of a task, with places that are filled in when it runs.

use super::MappedLength;
use crate::definition::suggest::closest;
use crate::definition::{TextPlace, join};
use crate::template::{Fault, Scope, Template, TemplateError, is_template};
use cofferdam_ids::{TaskId, XComKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The input of a task: JSON in which an object of one of these forms stands for a value that is known only later.
///
/// - `{"$from": "fetch"}`: what the task `fetch` returned. With `"path": "/rows/0"`, the part of it at that JSON Pointer;
///   with `"key": "count"`, the XCom of that key instead of the result.
/// - `{"$conf": "/station"}`: the part of the run's `conf` (over the dag's `params`) at that JSON Pointer; `""` for all.
/// - `{"$param": "station"}`: the same for one of the dag's `params`, by its name.
/// - `{"$item": "station"}`: for what is mapped, its item of what it is mapped over under that name; with `"path"` as above.
/// - each with `"default": …`: the value to take when there is none.
/// - a text with `{{` or `{%`: a [`Template`], which makes a text.
/// - `{"$expr": "params.limit * 2"}`: an expression of the same language, which makes any value.
/// - `{"$literal": …}`: the value as it is, also when it looks like one of these forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct InputTemplate {
    source: Value,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(Value),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    From { task: TaskId, key: XComKey, path: String, default: Option<Value> },
    Conf { path: String, default: Option<Value> },
    Param { name: String, path: String, default: Option<Value> },
    Item { key: String, path: String, default: Option<Value> },
    Template(Template),
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at {pointer:?})")]
pub struct InputError {
    /// Where in the template: a JSON Pointer.
    pub pointer: String,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
    /// Where in the text that `pointer` leads to, when that is a template.
    pub place: Option<TextPlace>,
    /// Whether it is about a name in a template.
    pub about_name: bool,
}

/// A place of a template that takes what another task returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where in the template: a JSON Pointer.
    pub pointer: String,
    /// Which task.
    pub task: TaskId,
    /// Which of its XComs.
    pub key: XComKey,
    /// Where in the text that `pointer` leads to, when that is a template.
    pub place: Option<TextPlace>,
}

/// A place of a template that is filled in when the task runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot<'a> {
    /// Where in the template: a JSON Pointer.
    pub pointer: String,
    /// What it is filled with.
    pub source: SlotSource<'a>,
    /// What is taken when there is nothing.
    pub default: Option<&'a Value>,
}

impl Slot<'_> {
    /// Which part of the run's conf it takes, if it takes one.
    pub(crate) const fn conf_path(&self) -> Option<&str> {
        match self.source {
            SlotSource::Conf { path } => Some(path),
            SlotSource::XCom { .. } | SlotSource::Item { .. } => None,
        }
    }
}

/// What a place of a template is filled with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SlotSource<'a> {
    /// A part of what another task left.
    XCom { task: &'a TaskId, key: &'a XComKey, path: &'a str },
    /// A part of the run's conf, laid over the dag's params.
    Conf { path: &'a str },
    /// A part of the item of that name.
    Item { key: &'a str, path: &'a str },
}

/// Why an input cannot be filled in. The task fails with `invalid_input`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The other task has no such XCom: it was skipped, failed, or did not set it.
    #[error("input{pointer}: the task '{task}' left no XCom '{key}'; give a \"default\" if that may happen")]
    NoXCom {
        /// Where in the input.
        pointer: String,
        /// The other task.
        task: TaskId,
        /// The key.
        key: XComKey,
    },
    /// What the other task returned has nothing at that path.
    #[error("input{pointer}: the XCom '{key}' of task '{task}' has nothing at {path:?}")]
    NoPath {
        /// Where in the input.
        pointer: String,
        /// The other task.
        task: TaskId,
        /// The key.
        key: XComKey,
        /// The path.
        path: String,
    },
    /// The run's conf has nothing at that path.
    #[error("input{pointer}: the run's conf has nothing at {path:?}")]
    NoConf {
        /// Where in the input.
        pointer: String,
        /// The path.
        path: String,
    },
    /// There is no such item, or nothing at that path of it.
    #[error("input{pointer}: the item '{key}' has nothing at {path:?}")]
    NoItem {
        /// Where in the input.
        pointer: String,
        /// The name of the item.
        key: String,
        /// The path.
        path: String,
    },
    /// A template cannot be rendered.
    #[error("{part}{pointer}: {fault}")]
    Template {
        /// `input`, or nothing for the arguments.
        part: &'static str,
        /// Where in that.
        pointer: String,
        /// Why.
        fault: Fault,
    },
}

impl RenderError {
    /// The same, of the arguments of a task.
    pub(super) fn in_arguments(self) -> Self {
        match self {
            Self::Template { part: _, pointer, fault } => Self::Template { part: "", pointer, fault },
            other => other,
        }
    }
}

const FORMS: [&str; 6] = ["$from", "$conf", "$param", "$item", "$expr", "$literal"];
/// Deeper JSON than serde_json itself reads cannot come from a file.
const MAX_DEPTH: usize = 128;

impl Default for InputTemplate {
    fn default() -> Self {
        Self { source: Value::Object(Map::new()), root: Node::Object(Vec::new()) }
    }
}

impl TryFrom<Value> for InputTemplate {
    type Error = InputError;

    fn try_from(value: Value) -> Result<Self, InputError> {
        Self::parse(&value).map_err(|mut errors| errors.swap_remove(0))
    }
}

impl From<InputTemplate> for Value {
    fn from(template: InputTemplate) -> Self {
        template.source
    }
}

impl InputTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// Everything in it that looks like one of the forms and is not; never an empty list.
    pub fn parse(value: &Value) -> Result<Self, Vec<InputError>> {
        let mut errors = Vec::new();
        let root = node(value, "", 0, &mut errors);
        if errors.is_empty() { Ok(Self { source: value.clone(), root }) } else { Err(errors) }
    }

    /// The XComs that it takes, each once. The tasks are those that the template's task waits for.
    #[must_use]
    pub fn references(&self) -> Vec<(TaskId, XComKey)> {
        let mut found: Vec<_> = self.places().into_iter().map(|place| (place.task, place.key)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The places that take XComs.
    #[must_use]
    pub fn places(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut |pointer, node| match node {
            Node::From { task, key, .. } => {
                found.push(Reference { pointer: pointer.to_owned(), task: task.clone(), key: key.clone(), place: None });
            }
            Node::Template(template) => found.extend(template.uses().xcoms.iter().map(|used| Reference {
                pointer: pointer.to_owned(),
                task: used.what.0.clone(),
                key: used.what.1.clone(),
                place: Some(used.place),
            })),
            Node::Literal(_) | Node::List(_) | Node::Object(_) | Node::Conf { .. } | Node::Param { .. } | Node::Item { .. } => {}
        });
        found
    }

    /// The items that it takes, with their places; no name where a template takes all of them.
    pub(crate) fn items(&self) -> Vec<(String, Option<TextPlace>, Option<&str>)> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut |pointer, node| match node {
            Node::Item { key, .. } => found.push((pointer.to_owned(), None, Some(key.as_str()))),
            Node::Template(template) => {
                let used = template.uses().items.iter();
                found.extend(used.map(|used| (pointer.to_owned(), Some(used.place), used.what.as_deref())));
            }
            _ => {}
        });
        found
    }

    /// The templates in it, with their places.
    #[must_use]
    pub fn templates(&self) -> Vec<(String, &Template)> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut |pointer, node| {
            if let Node::Template(template) = node {
                found.push((pointer.to_owned(), template));
            }
        });
        found
    }

    /// Whether something is filled in when the task runs.
    #[must_use]
    pub fn is_filled_in(&self) -> bool {
        let mut filled = false;
        walk(&self.root, "", &mut |_, node| {
            filled |= !matches!(node, Node::Literal(_) | Node::List(_) | Node::Object(_));
        });
        filled
    }

    /// The parameters that it takes without giving a default, with their places.
    pub(crate) fn params(&self) -> impl Iterator<Item = (String, Option<TextPlace>, &str)> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut |pointer, node| match node {
            Node::Param { name, default: None, .. } => found.push((pointer.to_owned(), None, name.as_str())),
            Node::Template(template) => {
                found
                    .extend(template.uses().params.iter().map(|used| (pointer.to_owned(), Some(used.place), used.what.as_str())));
            }
            _ => {}
        });
        found.into_iter()
    }

    /// The input as far as it is known before the run, with a [numbered hole](crate::wit::numbered_hole) for each of the places
    /// that come with it, and a [`hole`](crate::wit::hole) for each template.
    pub(crate) fn known(&self) -> (Value, Vec<Slot<'_>>) {
        let mut slots = Vec::new();
        let known = known(&self.root, "", &mut slots);
        (known, slots)
    }

    /// Where the template has what is at this place of [`InputTemplate::known`]: a literal is one step further down.
    pub(crate) fn place_of(&self, pointer: &str) -> String {
        let mut place = String::new();
        let mut steps = pointer.split('/').skip(1);
        loop {
            if self.source.pointer(&place).is_some_and(|value| value.get("$literal").is_some()) {
                place.push_str("/$literal");
                return steps.fold(place, |place, step| format!("{place}/{step}"));
            }
            match steps.next() {
                Some(step) => {
                    place.push('/');
                    place.push_str(step);
                }
                None => return place,
            }
        }
    }

    /// How many items it has, when a task is mapped over it.
    pub(crate) fn mapped_length(&self) -> MappedLength {
        match &self.root {
            Node::List(items) => MappedLength::Known(items.len()),
            Node::Object(fields) => MappedLength::Known(fields.len()),
            Node::Literal(Value::Array(items)) => MappedLength::Known(items.len()),
            Node::Literal(Value::Object(fields)) => MappedLength::Known(fields.len()),
            Node::Literal(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => MappedLength::Never,
            Node::Template(template) if template.makes_text() => MappedLength::Never,
            Node::From { .. } | Node::Conf { .. } | Node::Param { .. } | Node::Item { .. } | Node::Template(_) => {
                MappedLength::Later
            }
        }
    }

    /// Fills the template in.
    ///
    /// # Errors
    /// When something is not there and has no default. The first such place is told.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, RenderError> {
        fill(&self.root, "", scope)
    }
}

fn walk<'a>(node: &'a Node, pointer: &str, visit: &mut impl FnMut(&str, &'a Node)) {
    visit(pointer, node);
    match node {
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &join(pointer, index), visit);
            }
        }
        Node::Object(fields) => {
            for (key, field) in fields {
                walk(field, &join(pointer, key), visit);
            }
        }
        Node::Literal(_) | Node::From { .. } | Node::Conf { .. } | Node::Param { .. } | Node::Item { .. } | Node::Template(_) => {
        }
    }
}

fn known<'a>(node: &'a Node, pointer: &str, slots: &mut Vec<Slot<'a>>) -> Value {
    let (source, default) = match node {
        Node::Literal(value) => return value.clone(),
        Node::List(items) => {
            return items.iter().enumerate().map(|(index, item)| known(item, &join(pointer, index), slots)).collect();
        }
        Node::Object(fields) => {
            return fields.iter().map(|(key, field)| (key.clone(), known(field, &join(pointer, key), slots))).collect();
        }
        Node::From { task, key, path, default } => (SlotSource::XCom { task, key, path }, default),
        Node::Conf { path, default } | Node::Param { path, default, .. } => (SlotSource::Conf { path }, default),
        Node::Item { key, path, default } => (SlotSource::Item { key, path }, default),
        Node::Template(_) => return crate::wit::hole(),
    };
    let number = slots.len() as u64;
    slots.push(Slot { pointer: pointer.to_owned(), source, default: default.as_ref() });
    crate::wit::numbered_hole(number)
}

fn fill(node: &Node, pointer: &str, scope: &Scope<'_>) -> Result<Value, RenderError> {
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::List(items) => items.iter().enumerate().map(|(index, item)| fill(item, &join(pointer, index), scope)).collect(),
        Node::Object(fields) => fields
            .iter()
            .map(|(key, field)| Ok((key.clone(), fill(field, &join(pointer, key), scope)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Node::From { task, key, path, default } => {
            let found = (scope.xcom)(task, key);
            if found.is_none() && default.is_none() {
                return Err(RenderError::NoXCom { pointer: pointer.to_owned(), task: task.clone(), key: key.clone() });
            }
            let part =
                found.and_then(|mut whole| if path.is_empty() { Some(whole) } else { whole.pointer_mut(path).map(Value::take) });
            part.or_else(|| default.clone()).ok_or_else(|| RenderError::NoPath {
                pointer: pointer.to_owned(),
                task: task.clone(),
                key: key.clone(),
                path: path.clone(),
            })
        }
        Node::Template(template) => {
            template.render(scope).map_err(|fault| RenderError::Template { part: "input", pointer: pointer.to_owned(), fault })
        }
        Node::Item { key, path, default } => {
            let item = scope.item.and_then(|item| item.get(key)?.pointer(path)).or(default.as_ref());
            item.cloned().ok_or_else(|| RenderError::NoItem { pointer: pointer.to_owned(), key: key.clone(), path: path.clone() })
        }
        Node::Conf { path, default } | Node::Param { path, default, .. } => scope
            .run
            .conf
            .pointer(path)
            .or(default.as_ref())
            .cloned()
            .ok_or_else(|| RenderError::NoConf { pointer: pointer.to_owned(), path: path.clone() }),
    }
}

fn node(value: &Value, pointer: &str, depth: usize, errors: &mut Vec<InputError>) -> Node {
    if depth > MAX_DEPTH {
        errors.push(error(pointer, format!("an input is at most {MAX_DEPTH} levels deep"), None));
        return Node::Literal(Value::Null);
    }
    match value {
        Value::String(text) if is_template(text) => template(Template::text(text), pointer, errors),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Node::Literal(value.clone()),
        Value::Array(items) => Node::List(
            items.iter().enumerate().map(|(index, item)| node(item, &join(pointer, index), depth + 1, errors)).collect(),
        ),
        Value::Object(fields) => match fields.keys().find(|key| key.starts_with('$')) {
            Some(form) => placeholder(form, fields, pointer, errors).unwrap_or(Node::Literal(Value::Null)),
            None => Node::Object(
                fields.iter().map(|(key, field)| (key.clone(), node(field, &join(pointer, key), depth + 1, errors))).collect(),
            ),
        },
    }
}

fn placeholder(form: &str, fields: &Map<String, Value>, pointer: &str, errors: &mut Vec<InputError>) -> Option<Node> {
    let before = errors.len();
    let allowed: &[&str] = match form {
        "$from" => &["$from", "path", "key", "default"],
        "$conf" => &["$conf", "default"],
        "$param" => &["$param", "path", "default"],
        "$item" => &["$item", "path", "default"],
        "$expr" => &["$expr"],
        "$literal" => &["$literal"],
        _ => {
            let help = match closest(form, FORMS) {
                Some(known) => format!("did you mean '{known}'?"),
                None => format!("the forms are {}; use $literal for a value that has such a key", FORMS.join(", ")),
            };
            errors.push(error(&join(pointer, form), format!("'{form}' is not known"), Some(help)));
            return None;
        }
    };
    for key in fields.keys().filter(|key| !allowed.contains(&key.as_str())) {
        let help = match closest(key, allowed.iter().copied()) {
            Some(known) => format!("did you mean '{known}'?"),
            None => format!("beside {form} there can be: {}", allowed[1..].join(", ")),
        };
        errors.push(error(&join(pointer, key), format!("'{key}' cannot be beside '{form}'"), Some(help)));
    }
    let value = fields.get(form)?;
    if form == "$literal" {
        return Some(Node::Literal(value.clone()));
    }
    let at = join(pointer, form);
    let Some(text) = value.as_str() else {
        errors.push(error(&at, format!("'{form}' takes a text"), None));
        return None;
    };
    if form == "$expr" {
        return Some(template(Template::expression(text), &at, errors));
    }
    let default = fields.get("default").cloned();
    let path = match fields.get("path") {
        None => Some(String::new()),
        Some(path) => path_of(path, &join(pointer, "path"), errors),
    };
    let parsed = match form {
        "$from" => {
            let task = TaskId::new(text).map_err(|why| errors.push(error(&at, why.to_string(), None))).ok();
            let key = match fields.get("key") {
                None => Some(XComKey::return_value()),
                Some(key) => {
                    let name = key.as_str().unwrap_or_default();
                    let at = join(pointer, "key");
                    XComKey::new(name).map_err(|why| errors.push(error(&at, why.to_string(), None))).ok()
                }
            };
            Node::From { task: task?, key: key?, path: path?, default }
        }
        "$conf" => Node::Conf { path: path_of(value, &at, errors)?, default },
        "$item" => Node::Item { key: text.to_owned(), path: path?, default },
        _ => {
            let name = text.to_owned();
            let path = join("", &name) + &path?;
            Node::Param { name, path, default }
        }
    };
    (errors.len() == before).then_some(parsed)
}

fn path_of(value: &Value, at: &str, errors: &mut Vec<InputError>) -> Option<String> {
    match value.as_str() {
        Some(path) if path.is_empty() || path.starts_with('/') => Some(path.to_owned()),
        Some(path) => {
            let help = format!("write '/{path}'");
            errors.push(error(at, "a JSON Pointer begins with '/'".to_owned(), Some(help)));
            None
        }
        None => {
            errors.push(error(at, "a JSON Pointer is a text".to_owned(), None));
            None
        }
    }
}

fn template(read: Result<Template, Vec<TemplateError>>, pointer: &str, errors: &mut Vec<InputError>) -> Node {
    match read {
        Ok(template) => Node::Template(template),
        Err(wrong) => {
            errors.extend(wrong.into_iter().map(|wrong| InputError {
                pointer: pointer.to_owned(),
                message: wrong.message,
                help: wrong.help,
                place: Some(wrong.place),
                about_name: wrong.about_name,
            }));
            Node::Literal(Value::Null)
        }
    }
}

fn error(pointer: &str, message: String, help: Option<String>) -> InputError {
    InputError { pointer: pointer.to_owned(), message, help, place: None, about_name: false }
}
