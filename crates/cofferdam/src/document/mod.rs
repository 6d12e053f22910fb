//! A document that a person wrote, JSON or YAML, and where in it each value stands.

mod positions;

pub use positions::Position;

use crate::failure::{Exit, Failure, Finding, Severity, Within};
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
    text: String,
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
        Ok(Self { name: name.to_owned(), value, positions: positions::positions(text), text: text.to_owned() })
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

    /// A place in a text that stands as it is: a literal block (`|`). Other texts have other lines than the document.
    fn within(&self, start: Position, within: &Within) -> Option<Position> {
        let above = self.text.lines().take(start.line.checked_sub(1)?);
        // The position is that of the first character; empty lines may lie between it and the sign of the block.
        let (index, header) = above.enumerate().filter(|(_, line)| !line.trim().is_empty()).last()?;
        let sign = header.split(" #").next()?.split_whitespace().last()?;
        let marks = sign.strip_prefix('|')?;
        if !marks.chars().all(|mark| matches!(mark, '+' | '-' | '1'..='9')) {
            return None;
        }
        let (line, column) = (usize::try_from(within.line).ok()?, usize::try_from(within.column).ok()?);
        Some(Position { line: index + 1 + line, column: start.column - 1 + column })
    }

    /// Completes a finding with its place.
    #[must_use]
    pub fn locate(&self, mut finding: Finding) -> Finding {
        finding.file = Some(self.name.clone());
        if let Some(mut position) = self.position(&finding.pointer) {
            if let Some(within) = &finding.within {
                position = self.within(position, within).unwrap_or(position);
            }
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
        within: None,
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
    fn a_line_of_a_script_has_its_place_in_the_document() {
        let text = "tasks:\n  - task_id: a\n    script:\n      language: python\n      source: |\n\n        def main(input)\n          return 1\n";
        let document = Document::parse("dag.yaml", text).unwrap();
        let finding = |line, column| Finding {
            severity: Severity::Error,
            code: "invalid_script".to_owned(),
            message: "expected ':'".to_owned(),
            help: None,
            file: None,
            line: None,
            column: None,
            pointer: "/tasks/0/script/source".to_owned(),
            within: Some(Within { line, column }),
        };
        assert_eq!(document.locate(finding(2, 16)).place(), "dag.yaml:7:24");
        let folded = Document::parse("dag.yaml", &text.replace("source: |", "source: >")).unwrap();
        assert_eq!(folded.locate(finding(2, 16)).place(), "dag.yaml:7:9");
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
