//! Reads a JSON Schema as far as completion needs it.

use super::place::Step;
use serde_json::Value;

/// References lead no deeper than this.
const DEPTH: u8 = 12;

/// What a value is like, as far as it decides how it is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any text, number or value.
    Text,
    /// One of a few values.
    Choice,
    /// An object.
    Object,
    /// A list.
    List,
}

/// A member of an object.
pub struct Member<'a> {
    pub name: String,
    pub description: String,
    pub required: bool,
    nodes: Vec<&'a Value>,
}

impl Member<'_> {
    /// What its value is like, in a word.
    pub fn word(&self) -> &'static str {
        let is = |kind: &str| self.nodes.iter().any(|node| types(node).any(|it| it == kind));
        match self.shape() {
            Shape::Object => "object",
            Shape::List => "list",
            _ if is("string") => "text",
            _ if is("integer") || is("number") => "number",
            _ if is("boolean") => "true or false",
            Shape::Choice => "choice",
            Shape::Text => "value",
        }
    }

    /// What its value is like. A value that may be a text is begun as one.
    pub fn shape(&self) -> Shape {
        let is = |kind: &str| self.nodes.iter().any(|node| types(node).any(|it| it == kind));
        let (object, list) = (is("object"), is("array"));
        if self.nodes.iter().any(|node| node.get("enum").is_some()) || is("boolean") && !object {
            return Shape::Choice;
        }
        match () {
            () if ["string", "number", "integer"].into_iter().any(is) => {
                if self.nodes.iter().any(|node| node.get("examples").is_some()) { Shape::Choice } else { Shape::Text }
            }
            () if list && !object => Shape::List,
            () if object => Shape::Object,
            () => Shape::Text,
        }
    }
}

fn types(node: &Value) -> impl Iterator<Item = &str> {
    let one = node.get("type").and_then(Value::as_str);
    let many = node.get("type").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}

/// A schema with everything that it refers to and is put together from.
fn spread<'a>(root: &'a Value, node: &'a Value, depth: u8, out: &mut Vec<&'a Value>) {
    if depth == 0 {
        return;
    }
    out.push(node);
    if let Some(target) =
        node.get("$ref").and_then(Value::as_str).and_then(|path| root.pointer(path.strip_prefix('#').unwrap_or(path)))
    {
        spread(root, target, depth - 1, out);
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for part in node.get(word).and_then(Value::as_array).into_iter().flatten() {
            spread(root, part, depth - 1, out);
        }
    }
}

/// The schemas of the value at the end of a way.
pub fn at<'a>(root: &'a Value, way: &[Step]) -> Vec<&'a Value> {
    let mut nodes = Vec::new();
    spread(root, root, DEPTH, &mut nodes);
    for step in way {
        // A member that is named means more than what other objects may have.
        let inside = |word: &str| -> Vec<&'a Value> {
            nodes
                .iter()
                .filter_map(|node| node.get(word))
                .filter_map(|found| match (step, word) {
                    (Step::Key(name), "properties") => found.get(name),
                    _ => Some(found),
                })
                .filter(|found| found.is_object())
                .collect()
        };
        let found = match step {
            Step::Item => inside("items"),
            Step::Key(_) => {
                Some(inside("properties")).filter(|it| !it.is_empty()).unwrap_or_else(|| inside("additionalProperties"))
            }
        };
        let mut next = Vec::new();
        for node in found {
            spread(root, node, DEPTH, &mut next);
        }
        nodes = next;
    }
    nodes
}

/// The members that objects of these schemas have, each once.
pub fn members<'a>(root: &'a Value, nodes: &[&'a Value]) -> Vec<Member<'a>> {
    let mut all: Vec<Member<'a>> = Vec::new();
    for node in nodes {
        let required = node.get("required").and_then(Value::as_array);
        for (name, schema) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if all.iter().any(|it| it.name == *name) {
                continue;
            }
            let mut nodes = Vec::new();
            spread(root, schema, DEPTH, &mut nodes);
            let description = nodes.iter().find_map(|node| node.get("description")?.as_str()).unwrap_or_default();
            let required = required.is_some_and(|list| list.iter().any(|it| it == name));
            all.push(Member { name: name.clone(), description: description.to_owned(), required, nodes });
        }
    }
    all
}

/// The values that these schemas name, with a word on each.
pub fn values(nodes: &[&Value]) -> Vec<(Value, &'static str)> {
    let mut all = Vec::new();
    for node in nodes {
        let usual = node.get("default");
        let list = |word: &str| node.get(word).and_then(Value::as_array).into_iter().flatten().cloned();
        let named = list("enum").chain(node.get("const").cloned());
        all.extend(named.map(|value| if usual == Some(&value) { (value, "when not given") } else { (value, "") }));
        if types(node).any(|it| it == "boolean") {
            all.extend([true, false].map(|it| {
                let value = Value::Bool(it);
                if usual == Some(&value) { (value, "when not given") } else { (value, "") }
            }));
        } else if node.get("enum").is_none() {
            all.extend(usual.filter(|it| !it.is_object() && !it.is_array()).map(|it| (it.clone(), "when not given")));
        }
        all.extend(list("examples").filter(|it| !it.is_object() && !it.is_array()).map(|it| (it, "example")));
    }
    all
}
