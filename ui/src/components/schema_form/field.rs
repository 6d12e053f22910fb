//! What was typed into a form, and the JSON that it makes.

use super::shape::Shape;
use leptos::prelude::*;
use serde_json::{Map, Number, Value, json};

/// A field with what was typed into it. Cloning it gives the same field.
#[derive(Clone)]
pub enum Field {
    /// A check box.
    Bool(ArcRwSignal<bool>),
    /// A line of text.
    Line(Line, ArcRwSignal<String>),
    /// A choice of words.
    Enum(Vec<String>, ArcRwSignal<String>),
    /// A check box for each word.
    Flags(Vec<(String, ArcRwSignal<bool>)>),
    /// Fields that can be added and taken away, each with a key that stays.
    List(Box<Shape>, ArcRwSignal<Vec<(u32, Field)>>),
    /// Fields in a fixed order.
    Tuple(Vec<Field>),
    /// Fields with names, and what each is for.
    Record(Vec<(String, Option<String>, Field)>),
    /// A choice of cases, each with its field.
    Choice(Vec<(String, Option<Field>)>, ArcRwSignal<usize>),
    /// A check box that shows the field.
    Optional(Box<Field>, ArcRwSignal<bool>, bool),
    /// Nothing to type.
    Null,
}

/// How a line of text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// As it is.
    Text,
    /// As base64, which the server checks.
    Bytes,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// JSON.
    Json,
}

impl Field {
    /// An empty field.
    #[must_use]
    pub fn new(shape: &Shape) -> Self {
        let line = |line| Self::Line(line, ArcRwSignal::new(String::new()));
        match shape {
            Shape::Bool => Self::Bool(ArcRwSignal::new(false)),
            Shape::Integer => line(Line::Integer),
            Shape::Number => line(Line::Number),
            Shape::Text => line(Line::Text),
            Shape::Bytes => line(Line::Bytes),
            Shape::Json => Self::Line(Line::Json, ArcRwSignal::new("{}".to_owned())),
            Shape::Enum(words) => Self::Enum(words.clone(), ArcRwSignal::new(words.first().cloned().unwrap_or_default())),
            Shape::Flags(words) => Self::Flags(words.iter().map(|word| (word.clone(), ArcRwSignal::new(false))).collect()),
            Shape::List(item) => Self::List(item.clone(), ArcRwSignal::new(Vec::new())),
            Shape::Tuple(items) => Self::Tuple(items.iter().map(Self::new).collect()),
            Shape::Record(parts) => {
                Self::Record(parts.iter().map(|part| (part.name.clone(), part.help.clone(), Self::new(&part.shape))).collect())
            }
            Shape::Choice(cases) => {
                let cases = cases.iter().map(|(name, shape)| (name.clone(), shape.as_ref().map(Self::new)));
                Self::Choice(cases.collect(), ArcRwSignal::new(0))
            }
            Shape::Optional(inner, wrapped) => Self::Optional(Box::new(Self::new(inner)), ArcRwSignal::new(false), *wrapped),
            Shape::Null => Self::Null,
        }
    }

    /// Fills the field with a value. What does not fit is left as it is.
    pub fn fill(&self, value: &Value) {
        match self {
            Self::Bool(on) => on.set(value.as_bool().unwrap_or_default()),
            Self::Line(Line::Json, text) => text.set(serde_json::to_string_pretty(value).unwrap_or_default()),
            Self::Line(_, text) => text.set(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            Self::Enum(words, word) => {
                if let Some(wanted) = value.as_str().filter(|wanted| words.iter().any(|word| word == wanted)) {
                    word.set(wanted.to_owned());
                }
            }
            Self::Flags(flags) => {
                let given = value.as_array().map(Vec::as_slice).unwrap_or_default();
                flags.iter().for_each(|(word, on)| on.set(given.iter().any(|it| it == word)));
            }
            Self::List(shape, items) => {
                let filled = |(key, value): (usize, &Value)| {
                    let field = Self::new(shape);
                    field.fill(value);
                    (key as u32, field)
                };
                items.set(value.as_array().map(|all| all.iter().enumerate().map(filled).collect()).unwrap_or_default());
            }
            Self::Tuple(items) => {
                let given = value.as_array().map(Vec::as_slice).unwrap_or_default();
                items.iter().zip(given).for_each(|(item, value)| item.fill(value));
            }
            Self::Record(fields) => {
                for (name, _, field) in fields {
                    if let Some(value) = value.get(name) {
                        field.fill(value);
                    }
                }
            }
            Self::Choice(cases, chosen) => {
                for (at, (name, field)) in cases.iter().enumerate() {
                    match (field, value.get(name)) {
                        (Some(field), Some(value)) => {
                            chosen.set(at);
                            field.fill(value);
                        }
                        (None, _) if value == name => chosen.set(at),
                        _ => {}
                    }
                }
            }
            Self::Optional(inner, given, wrapped) => {
                given.set(!value.is_null());
                let inside = if *wrapped { value.get("some") } else { Some(value).filter(|value| !value.is_null()) };
                if let Some(value) = inside {
                    inner.fill(value);
                }
            }
            Self::Null => {}
        }
    }

    /// The JSON of what was typed, or what is missing and where.
    ///
    /// # Errors
    /// When a line cannot be read as what it is for.
    pub fn read(&self) -> Result<Value, String> {
        self.read_at("")
    }

    fn read_at(&self, at: &str) -> Result<Value, String> {
        let below = |step: &str| if at.is_empty() { step.to_owned() } else { format!("{at} / {step}") };
        let each = |items: &mut dyn Iterator<Item = &Self>| {
            let items = items.enumerate().map(|(index, item)| item.read_at(&below(&(index + 1).to_string())));
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        };
        let one = |key: &str, value: Value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
        match self {
            Self::Bool(value) => Ok(Value::Bool(value.get())),
            Self::Line(line, text) => {
                let read = line.read(&text.get());
                read.map_err(|wanted| if at.is_empty() { wanted.to_owned() } else { format!("{at}: {wanted}") })
            }
            Self::Enum(_, word) => Ok(Value::String(word.get())),
            Self::Flags(flags) => Ok(flags.iter().filter(|(_, set)| set.get()).map(|(word, _)| word.as_str()).collect()),
            Self::List(_, items) => each(&mut items.get().iter().map(|(_, item)| item)),
            Self::Tuple(items) => each(&mut items.iter()),
            Self::Record(fields) => {
                let fields = fields.iter().map(|(name, _, field)| Ok((name.clone(), field.read_at(&below(name))?)));
                fields.collect::<Result<Map<_, _>, String>>().map(Value::Object)
            }
            Self::Choice(cases, chosen) => match cases.get(chosen.get()) {
                Some((name, Some(field))) => Ok(one(name, field.read_at(&below(name))?)),
                Some((name, None)) => Ok(Value::String(name.clone())),
                None => Err(format!("{at}: choose a case")),
            },
            Self::Optional(inner, given, wrapped) => match (given.get(), wrapped) {
                (false, _) => Ok(Value::Null),
                (true, false) => inner.read_at(at),
                (true, true) => Ok(one("some", inner.read_at(at)?)),
            },
            Self::Null => Ok(Value::Null),
        }
    }
}

impl Line {
    fn read(self, text: &str) -> Result<Value, &'static str> {
        match self {
            Self::Text | Self::Bytes => Ok(Value::String(text.to_owned())),
            Self::Integer => whole(text.trim()).ok_or("type a whole number"),
            Self::Number => match text.trim() {
                word @ ("NaN" | "Infinity" | "-Infinity") => Ok(json!(word)),
                text => text.parse().ok().and_then(Number::from_f64).map(Value::Number).ok_or("type a number"),
            },
            Self::Json => serde_json::from_str(text).map_err(|_| "type JSON"),
        }
    }
}

/// A whole number as JSON: beyond 2^53 as text, as the server writes it.
fn whole(text: &str) -> Option<Value> {
    let number: i128 = text.parse().ok()?;
    match i64::try_from(number) {
        Ok(small) if small.unsigned_abs() <= 1 << 53 => Some(Value::from(small)),
        _ => Some(Value::String(number.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_what_they_are_for() {
        assert_eq!(Line::Integer.read(" 12 "), Ok(json!(12)));
        assert_eq!(Line::Integer.read("18446744073709551615"), Ok(json!("18446744073709551615")));
        assert_eq!(Line::Integer.read("1.5"), Err("type a whole number"));
        assert_eq!(Line::Number.read("-Infinity"), Ok(json!("-Infinity")));
        assert_eq!(Line::Number.read("1e3"), Ok(json!(1000.0)));
        assert_eq!(Line::Number.read("warm"), Err("type a number"));
        assert_eq!(Line::Json.read("[1]"), Ok(json!([1])));
        assert_eq!(Line::Text.read(" a "), Ok(json!(" a ")));
    }

    #[test]
    fn a_field_that_was_filled_reads_the_same() {
        let shape = Shape::Record(
            [
                ("on", Shape::Bool),
                ("word", Shape::Enum(vec!["a".to_owned(), "b".to_owned()])),
                ("list", Shape::List(Box::new(Shape::Integer))),
                ("maybe", Shape::Optional(Box::new(Shape::Text), false)),
                ("any", Shape::Json),
                ("case", Shape::Choice(vec![("none".to_owned(), None), ("size".to_owned(), Some(Shape::Number))])),
            ]
            .into_iter()
            .map(|(name, shape)| super::super::shape::Part { name: name.to_owned(), shape, help: None })
            .collect(),
        );
        let value =
            json!({ "on": true, "word": "b", "list": [1, 2], "maybe": null, "any": { "x": [1] }, "case": { "size": 1.5 } });
        let field = Field::new(&shape);
        field.fill(&value);
        assert_eq!(field.read(), Ok(value));
    }
}
