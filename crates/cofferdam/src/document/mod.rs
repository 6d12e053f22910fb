//! A document that a person wrote, JSON or YAML, and where in it each value stands.

mod positions;

pub use positions::Position;

use crate::failure::{Exit, Failure, Finding, Severity};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// A document with its values and their places.
#[derive(Debug)]
pub struct Document {
    /// The name of the file, for messages.
    pub name: String,
    /// What it says.
    pub value: Value,
    positions: BTreeMap<String, Position>,
}

impl Document {
    /// Reads a file, or standard input when the path is `-`.
    ///
    /// # Errors
    /// When it cannot be read or is neither YAML nor JSON.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::usage("standard input cannot be read").because(&error))?;
            return Self::parse("<stdin>", &text);
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Usage };
            Failure::new(exit, "the file cannot be read").at(&name).because(&error)
        })?;
        Self::parse(&name, &text)
    }

    /// Reads a text. JSON is YAML too.
    ///
    /// # Errors
    /// When it is not YAML; the finding has the line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let value: Value = serde_saphyr::from_str(text).map_err(|error| syntax(name, &error))?;
        Ok(Self { name: name.to_owned(), value, positions: positions::positions(text) })
    }

    /// Where the value at a JSON Pointer stands, or the nearest value around it that is there.
    #[must_use]
    pub fn position(&self, pointer: &str) -> Option<Position> {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.positions.get(pointer) {
                return Some(*position);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// Completes a finding with its place.
    #[must_use]
    pub fn locate(&self, mut finding: Finding) -> Finding {
        finding.file = Some(self.name.clone());
        if let Some(position) = self.position(&finding.pointer) {
            finding.line = Some(position.line);
            finding.column = Some(position.column);
        }
        finding
    }
}

fn syntax(name: &str, error: &serde_saphyr::Error) -> Failure {
    let error = error.without_snippet();
    let location = error.location();
    let message = error.to_string();
    let message = message.split_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned();
    let mut failure = Failure::usage("the document is not valid YAML").at(name);
    failure.findings.push(Finding {
        severity: Severity::Error,
        code: "syntax".to_owned(),
        message,
        help: None,
        file: Some(name.to_owned()),
        line: location.and_then(|location| location.line().try_into().ok()),
        column: location.and_then(|location| location.column().try_into().ok()),
        pointer: String::new(),
    });
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAG: &str = "\
# The weather.
dag_id: weather
tasks:
  - task_id: fetch
    component: weather/fetch
    params: {a/b: 1, \"~\": [x, y]}
  - task_id: clean   # after fetch
    upstream:
      - fetch
";

    fn at(document: &Document, pointer: &str) -> (usize, usize) {
        let position = document.position(pointer).unwrap();
        (position.line, position.column)
    }

    #[test]
    fn pointers_lead_to_lines() {
        let document = Document::parse("dag.yaml", DAG).unwrap();
        assert_eq!(at(&document, "/dag_id"), (2, 9));
        assert_eq!(at(&document, "/tasks"), (4, 3));
        assert_eq!(at(&document, "/tasks/0"), (4, 5));
        assert_eq!(at(&document, "/tasks/0/params/a~1b"), (6, 19));
        assert_eq!(at(&document, "/tasks/0/params/~0/1"), (6, 31));
        assert_eq!(at(&document, "/tasks/1/upstream/0"), (9, 9));
    }

    #[test]
    fn a_pointer_to_what_is_missing_leads_to_what_should_hold_it() {
        let document = Document::parse("dag.yaml", DAG).unwrap();
        assert_eq!(at(&document, "/tasks/1/component"), (7, 5));
        assert_eq!(at(&document, "/schedule/cron"), (2, 1));
    }

    #[test]
    fn json_has_positions_too() {
        let document =
            Document::parse("dag.json", "{\n  \"dag_id\": \"x\",\n  \"tasks\": [\n    {\"task_id\": 7}\n  ]\n}").unwrap();
        assert_eq!(at(&document, "/tasks/0/task_id"), (4, 17));
    }

    #[test]
    fn anchors_and_aliases_keep_the_place_of_use() {
        let document = Document::parse("dag.yaml", "base: &b {k: 1}\nother: *b\nlast: 2\n").unwrap();
        assert_eq!(document.value["other"]["k"], 1);
        assert_eq!(at(&document, "/other/k"), (2, 8));
        assert_eq!(at(&document, "/last"), (3, 7));
    }

    #[test]
    fn a_syntax_error_has_line_and_column() {
        let failure = Document::parse("dag.yaml", "dag_id: x\ntasks: [a, b\nschedule: y\n").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let finding = &failure.findings[0];
        assert!(finding.line.is_some_and(|line| line >= 2) && finding.column.is_some(), "{finding:?}");
        assert!(!finding.message.is_empty() && !finding.message.contains("line"), "{finding:?}");
    }

    #[test]
    fn duplicate_keys_are_refused_where_they_stand() {
        let failure = Document::parse("dag.yaml", "dag_id: x\ndag_id: y\n").unwrap_err();
        assert_eq!(failure.findings[0].line, Some(2), "{:?}", failure.findings);
    }
}
