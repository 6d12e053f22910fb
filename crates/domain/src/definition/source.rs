//! The text of a definition, YAML or JSON, and where in it each value stands.

use super::diagnostic::{Diagnostic, TextPlace};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span as Parsed};
use std::collections::BTreeMap;
use std::ops::Range;

/// A text and the places of its values.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    places: BTreeMap<String, Place>,
}

/// Where a value stands, and the key before it.
#[derive(Clone, Debug)]
struct Place {
    value: Range<usize>,
    key: Option<Range<usize>>,
    /// Whether it is a literal block: its lines are those of the text.
    is_block: bool,
}

/// A stretch of a text. Lines and columns count from 1, columns in characters; the end is the first place behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The line of its first character.
    pub line: u32,
    /// The column of its first character.
    pub column: u32,
    /// The line in which it ends.
    pub end_line: u32,
    /// The column before which it ends.
    pub end_column: u32,
}

/// A text that is neither YAML nor JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// The line, from 1, where it is known.
    pub line: Option<u32>,
    /// The column, from 1, where it is known.
    pub column: Option<u32>,
}

enum Frame {
    Sequence { pointer: String, next: usize },
    Mapping { pointer: String, key: Option<(String, Range<usize>)> },
}

impl Source {
    /// Reads a text. JSON is YAML too.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(text: &str) -> Result<(Value, Self), SyntaxError> {
        // As YAML 1.2 and editors have it: `no`, `on` and `y` are texts.
        let options = serde_saphyr::options! { strict_booleans: true };
        let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error))?;
        Ok((value, Self::of(text)))
    }

    /// The places in a text that has been read. What follows a mistake has none.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), places: places(text) }
    }

    /// The text of a program that wrote a definition down, and the lines, from 1, of what stands in the definition.
    #[must_use]
    pub fn of_program(text: &str, lines: &BTreeMap<String, usize>) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let place = |line: usize| {
            let start = *starts.get(line.checked_sub(1)?)?;
            let written = text[start..].split('\n').next().unwrap_or_default();
            let indent = written.len() - written.trim_start().len();
            Some(Place { value: start + indent..start + written.trim_end().len(), key: None, is_block: false })
        };
        let places = lines.iter().filter_map(|(pointer, line)| Some((pointer.clone(), place(*line)?))).collect();
        Self { text: text.to_owned(), places }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the value at a JSON Pointer; where there is none, those of the nearest value around it that is there. Of a
    /// value over several lines it is the key before it, or else the first line.
    #[must_use]
    pub fn value(&self, pointer: &str) -> Option<Range<usize>> {
        let mut nearest = pointer;
        loop {
            if let Some(place) = self.places.get(nearest) {
                let one_line = !self.text.get(place.value.clone()).unwrap_or_default().contains('\n');
                return Some(match &place.key {
                    Some(key) if !one_line || (nearest != pointer && place.value.len() > 80) => key.clone(),
                    _ => self.first_line(place.value.clone()),
                });
            }
            nearest = &nearest[..nearest.rfind('/')?];
        }
    }

    /// The bytes of the key at a JSON Pointer, if a key stands there.
    #[must_use]
    pub fn key(&self, pointer: &str) -> Option<Range<usize>> {
        self.places.get(pointer)?.key.clone()
    }

    /// The bytes that a diagnostic is about.
    #[must_use]
    pub fn place_of(&self, diagnostic: &Diagnostic) -> Option<Range<usize>> {
        self.place(&diagnostic.pointer, diagnostic.place, diagnostic.is_about_key())
    }

    /// The bytes of the value at a JSON Pointer, of a place in the text that it is, or of the key before it.
    #[must_use]
    pub fn place(&self, pointer: &str, within: Option<TextPlace>, is_key: bool) -> Option<Range<usize>> {
        let within = within.and_then(|place| self.within(pointer, place));
        let key = || if is_key { self.key(pointer) } else { None };
        within.or_else(key).or_else(|| self.value(pointer))
    }

    /// A place in a text that stands as it is: a literal block (`|`). Other texts have other lines than the document.
    fn within(&self, pointer: &str, within: TextPlace) -> Option<Range<usize>> {
        let place = self.places.get(pointer).filter(|place| place.is_block)?;
        let block = self.text.get(place.value.clone())?;
        // The block begins with its first character that is no indentation; its first lines may be empty.
        let indent = place.value.start - self.text[..place.value.start].rfind('\n').map_or(0, |newline| newline + 1);
        let header = self.text[..place.value.start].trim_end();
        let empty = self.text[header.len()..place.value.start].matches('\n').count().saturating_sub(1);
        let mut start = place.value.start - indent;
        for (number, line) in (u32::try_from(empty).ok()? + 1..).zip(self.text[start..start + indent + block.len()].split('\n')) {
            if number == within.line {
                let column = usize::try_from(within.column).ok()?.checked_sub(1)?;
                let skipped: usize = line.chars().take(indent + column).map(char::len_utf8).sum();
                let end = start + line.trim_end().len();
                let from = (start + skipped).min(end);
                return Some(from..self.text[from..end].chars().next().map_or(from, |first| from + first.len_utf8()).max(from));
            }
            start += line.len() + 1;
        }
        None
    }

    fn first_line(&self, range: Range<usize>) -> Range<usize> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let line = text.split('\n').next().unwrap_or_default().trim_end();
        range.start..range.start + line.len()
    }

    /// Lines and columns of a stretch of bytes.
    #[must_use]
    pub fn span(&self, range: &Range<usize>) -> Span {
        let place = |at: usize| {
            let before = self.text.get(..at).unwrap_or(&self.text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
        };
        let ((line, column), (end_line, end_column)) = (place(range.start), place(range.end));
        Span { line, column, end_line, end_column }
    }

    /// The byte at a line and column, counted from 1; the end of the text when there is no such place.
    #[must_use]
    pub fn offset(&self, line: u32, column: u32) -> usize {
        let mut start = 0;
        for (number, text) in (1..).zip(self.text.split('\n')) {
            if number == line {
                let skipped: usize = text.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
                return start + skipped;
            }
            start += text.len() + 1;
        }
        self.text.len()
    }
}

fn places(text: &str) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::<String, Place>::new();
    let mut frames: Vec<Frame> = Vec::new();
    let offset = |marker: &Marker| marker.byte_offset().unwrap_or_default().min(text.len());
    let range = |span: &Parsed| offset(&span.start)..offset(&span.end).max(offset(&span.start));
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::DocumentEnd => break,
            Event::SequenceEnd | Event::MappingEnd => {
                let pointer = match frames.pop() {
                    Some(Frame::Sequence { pointer, .. } | Frame::Mapping { pointer, .. }) => pointer,
                    None => break,
                };
                if let Some(place) = places.get_mut(&pointer) {
                    let end = offset(&span.end).max(place.value.start);
                    // A block ends where the next thing begins: what is between is not its own.
                    place.value.end = place.value.start + text[place.value.start..end].trim_end().len();
                }
            }
            Event::Scalar(value, style, ..) => {
                // A scalar where a mapping expects a key is that key; anything else is a value.
                if let Some(Frame::Mapping { key: key @ None, .. }) = frames.last_mut() {
                    *key = Some((value.into_owned(), range(&span)));
                } else {
                    note(&mut places, &mut frames, range(&span), style == ScalarStyle::Literal);
                }
            }
            Event::Alias(_) => {
                note(&mut places, &mut frames, range(&span), false);
            }
            Event::SequenceStart(..) => {
                let pointer = note(&mut places, &mut frames, range(&span), false);
                frames.push(Frame::Sequence { pointer, next: 0 });
            }
            Event::MappingStart(..) => {
                let pointer = note(&mut places, &mut frames, range(&span), false);
                frames.push(Frame::Mapping { pointer, key: None });
            }
            _ => {}
        }
    }
    places
}

/// Notes where a value stands, and returns its pointer.
fn note(places: &mut BTreeMap<String, Place>, frames: &mut [Frame], value: Range<usize>, is_block: bool) -> String {
    let (pointer, key) = match frames.last_mut() {
        None => (String::new(), None),
        Some(Frame::Sequence { pointer, next }) => {
            *next += 1;
            (format!("{pointer}/{}", *next - 1), None)
        }
        Some(Frame::Mapping { pointer, key }) => {
            let (name, key) = key.take().unwrap_or_default();
            (super::join(pointer, name), Some(key))
        }
    };
    places.insert(pointer.clone(), Place { value, key, is_block });
    pointer
}

fn syntax(error: &serde_saphyr::Error) -> SyntaxError {
    let error = error.without_snippet();
    let location = error.location();
    let message = error.to_string();
    let message = message.split_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned();
    SyntaxError {
        message,
        line: location.and_then(|location| location.line().try_into().ok()),
        column: location.and_then(|location| location.column().try_into().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::DiagnosticCode;
    use super::*;

    const DAG: &str = "\
# The weather, größer.
dag_id: weather
tasks:
  - task_id: fetch
    component: weather/fetch
    params: {a/b: 1, \"~\": [x, \"yé\"], z: 3}
  - task_id: clean   # after fetch
    upstream:
      - fetch
";

    fn source(text: &str) -> Source {
        Source::read(text).unwrap().1
    }

    /// What stands at a pointer, with its line and column.
    fn at<'a>(source: &'a Source, pointer: &str) -> (&'a str, u32, u32) {
        let range = source.value(pointer).unwrap();
        let span = source.span(&range);
        (&source.text()[range], span.line, span.column)
    }

    #[test]
    fn pointers_lead_to_what_stands_there() {
        let dag = source(DAG);
        assert_eq!(at(&dag, "/dag_id"), ("weather", 2, 9));
        assert_eq!(at(&dag, "/tasks"), ("tasks", 3, 1));
        assert_eq!(at(&dag, "/tasks/0"), ("task_id: fetch", 4, 5));
        assert_eq!(at(&dag, "/tasks/0/params"), ("{a/b: 1, \"~\": [x, \"yé\"], z: 3}", 6, 13));
        assert_eq!(at(&dag, "/tasks/0/params/a~1b"), ("1", 6, 19));
        assert_eq!(at(&dag, "/tasks/0/params/~0/1"), ("\"yé\"", 6, 31));
        assert_eq!(at(&dag, "/tasks/0/params/z"), ("3", 6, 41));
        assert_eq!(at(&dag, "/tasks/1/task_id"), ("clean", 7, 14));
        assert_eq!(at(&dag, "/tasks/1/upstream/0"), ("fetch", 9, 9));
        assert_eq!(&dag.text()[dag.key("/tasks/1/upstream").unwrap()], "upstream");
    }

    #[test]
    fn a_pointer_to_what_is_missing_leads_to_what_should_hold_it() {
        let dag = source(DAG);
        assert_eq!(at(&dag, "/tasks/1/component"), ("task_id: clean   # after fetch", 7, 5));
        assert_eq!(at(&dag, "/tasks/0/params/q"), ("{a/b: 1, \"~\": [x, \"yé\"], z: 3}", 6, 13));
        assert_eq!(at(&dag, "/schedule/cron").1, 2);
    }

    #[test]
    fn json_has_places_too() {
        let dag = source("{\n  \"dag_id\": \"x\",\n  \"tasks\": [\n    {\"task_id\": 7}\n  ]\n}");
        assert_eq!(at(&dag, "/tasks/0/task_id"), ("7", 4, 17));
        assert_eq!(at(&dag, "/dag_id"), ("\"x\"", 2, 13));
    }

    #[test]
    fn anchors_and_aliases_keep_the_place_of_use() {
        let (value, source) = Source::read("base: &b {k: 1}\nother: *b\nlast: 2\n").unwrap();
        assert_eq!(value["other"]["k"], 1);
        assert_eq!((at(&source, "/other/k").1, at(&source, "/other/k").2), (2, 8));
        assert_eq!(at(&source, "/last"), ("2", 3, 7));
    }

    #[test]
    fn a_line_of_a_script_has_its_place_in_the_document() {
        let text = "tasks:\n  - task_id: a\n    script:\n      language: python\n      source: |\n\n        def main(input)\n          return 1\nlast: 1\n";
        let place = |text: &str, line, column| {
            let source = source(text);
            let problem = Diagnostic::error(DiagnosticCode::InvalidScript, "/tasks/0/script/source", "expected ':'");
            let range = source.place_of(&problem.place(TextPlace { line, column })).unwrap();
            let span = source.span(&range);
            (source.text()[range].to_owned(), span.line, span.column)
        };
        assert_eq!(place(text, 2, 15), (")".to_owned(), 7, 23));
        assert_eq!(place(text, 2, 16), (String::new(), 7, 24));
        assert_eq!(place(text, 3, 3), ("r".to_owned(), 8, 11));
        let folded = text.replace("source: |", "source: >");
        assert_eq!(place(&folded, 2, 15), ("source".to_owned(), 5, 7));
    }

    #[test]
    fn a_syntax_error_has_line_and_column() {
        let error = Source::read("dag_id: x\ntasks: [a, b\nschedule: y\n").unwrap_err();
        assert!(error.line.is_some_and(|line| line >= 2) && error.column.is_some(), "{error:?}");
        assert!(!error.message.is_empty() && !error.message.contains("line"), "{error:?}");
        assert_eq!(Source::read("dag_id: x\ndag_id: y\n").unwrap_err().line, Some(2));
    }

    #[test]
    fn lines_and_columns_lead_back_to_bytes() {
        let dag = source(DAG);
        for pointer in ["/dag_id", "/tasks/0/params/~0/1", "/tasks/0/params/z"] {
            let range = dag.value(pointer).unwrap();
            let span = dag.span(&range);
            assert_eq!(
                (dag.offset(span.line, span.column), dag.offset(span.end_line, span.end_column)),
                (range.start, range.end)
            );
        }
    }
}
