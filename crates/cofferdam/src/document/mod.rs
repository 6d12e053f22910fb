//! A document that a person wrote, JSON or YAML, and where in it each value stands.

use crate::failure::{Exit, Failure, Finding, Severity, Shown};
use cofferdam_domain::definition::{Source, SyntaxError, TextPlace};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A document with its values and their places.
#[derive(Debug)]
pub struct Document {
    /// The name of the file, for messages.
    pub name: String,
    /// What it says.
    pub value: Value,
    source: Arc<Source>,
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
        Self::parse(&path.display().to_string(), &read_text(path)?)
    }

    /// Reads a text. JSON is YAML too.
    ///
    /// # Errors
    /// When it is not YAML; the finding has the line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let (value, source) = Source::read(text).map_err(|error| syntax(name, text, error))?;
        Ok(Self { name: name.to_owned(), value, source: Arc::new(source) })
    }

    /// A definition that a program wrote down. The lines are those of what stands in it, by JSON Pointers.
    #[must_use]
    pub fn written(name: &str, text: &str, value: Value, lines: &BTreeMap<String, usize>) -> Self {
        Self { name: name.to_owned(), value, source: Arc::new(Source::of_program(text, lines)) }
    }

    /// Completes a finding with its places.
    #[must_use]
    pub fn locate(&self, mut finding: Finding) -> Finding {
        let is_key = matches!(finding.code.as_str(), "unknown_field" | "unused_param");
        let within = finding.within.map(|within| TextPlace { line: within.line, column: within.column });
        finding.file = Some(self.name.clone());
        let Some(primary) = self.source.place(&finding.pointer, within, is_key) else { return finding };
        stand(&mut finding, &self.source, &primary);
        for label in &mut finding.labels {
            if let Some(range) = self.source.value(&label.pointer) {
                label.line = Some(self.source.span(&range).line);
                label.range = Some(range);
            }
        }
        if let Some(suggestion) = &mut finding.suggestion {
            suggestion.range =
                if suggestion.is_key { self.source.key(&suggestion.pointer) } else { self.source.value(&suggestion.pointer) };
        }
        finding.shown = Some(Shown { source: Arc::clone(&self.source), primary });
        finding
    }
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Usage };
        Failure::new(exit, "the file cannot be read").at(path.display().to_string()).because(&error)
    })
}

/// Notes where a finding stands.
fn stand(finding: &mut Finding, source: &Source, range: &Range<usize>) {
    let span = source.span(range);
    (finding.line, finding.column) = (Some(span.line), Some(span.column));
    (finding.end_line, finding.end_column) = (Some(span.end_line), Some(span.end_column));
}

fn syntax(name: &str, text: &str, error: SyntaxError) -> Failure {
    let mut failure = Failure::usage("the document is not valid YAML").at(name);
    let mut finding = Finding::new(Severity::Error, "syntax", "", error.message);
    finding.file = Some(name.to_owned());
    if let (Some(line), Some(column)) = (error.line, error.column) {
        let source = Source::of(text);
        let at = source.offset(line, column);
        stand(&mut finding, &source, &(at..at));
        finding.shown = Some(Shown { source: Arc::new(source), primary: at..at });
    }
    failure.findings.push(finding);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Within;

    #[test]
    fn a_finding_gets_its_place() {
        let text = "dag_id: weather\ntasks:\n  - task_id: a\n    retriez: 3\n    script: {language: python, source: x}\n";
        let document = Document::parse("dag.yaml", text).unwrap();
        let place = |code: &str, pointer: &str| document.locate(Finding::new(Severity::Error, code, pointer, "no")).place();
        assert_eq!(place("unknown_field", "/tasks/0/retriez"), "dag.yaml:4:5");
        assert_eq!(place("out_of_range", "/tasks/0/retriez"), "dag.yaml:4:14");
        let mut within = Finding::new(Severity::Error, "invalid_script", "/tasks/0/script/source", "no");
        within.within = Some(Within { line: 3, column: 1 });
        assert_eq!(document.locate(within).place(), "dag.yaml:5:40", "it is no block, so its lines are not the document's");
    }

    #[test]
    fn a_syntax_error_has_line_and_column() {
        let failure = Document::parse("dag.yaml", "dag_id: x\ndag_id: y\n").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.findings[0].line, Some(2), "{:?}", failure.findings);
        assert!(failure.findings[0].shown.is_some());
    }
}
