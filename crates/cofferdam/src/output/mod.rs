//! What a command prints: tables for people, JSON for programs. Results go to standard output, all else to standard error.

pub mod finding;
pub mod progress;
pub mod style;
pub mod table;

use crate::config::Effective;
use crate::failure::{Failure, Finding, Severity};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

pub use table::Table;

/// Where and how a command prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Prints JSON.
    pub json: bool,
    /// Standard output is a terminal.
    pub terminal: bool,
    /// Standard error is a terminal: progress may be drawn there.
    pub progress: bool,
}

impl Output {
    /// What the configuration and the terminal ask for.
    #[must_use]
    pub fn new(effective: &Effective) -> Self {
        let json = effective.get("output").is_some_and(|value| value.text == "json");
        let terminal = io::stdout().is_terminal();
        Self { json, terminal, progress: io::stderr().is_terminal() && !json }
    }

    /// Prints a result: as JSON, or as the table that `table` makes of it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print<T: Serialize>(&self, value: &T, table: impl FnOnce(&T) -> Table) -> Result<(), Failure> {
        if self.json { self.print_json(value) } else { self.line(&table(value).to_string()) }
    }

    /// Prints a result: as JSON, or as the text that `text` makes of it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn say<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if self.json { self.print_json(value) } else { self.line(&text(value)) }
    }

    fn print_json<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = if self.terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let text = text.map_err(|error| Failure::usage("the result cannot be written as JSON").because(&error))?;
        self.line(&text)
    }

    /// Prints a line to standard output. A reader that has gone away (`| head`) is not an error.
    ///
    /// # Errors
    /// When standard output cannot be written.
    #[expect(clippy::unused_self, reason = "all printing goes through the output")]
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => other.map_err(|error| Failure::from(error).at("standard output")),
        }
    }

    /// Says something beside the result, to standard error.
    #[expect(clippy::unused_self, reason = "all printing goes through the output")]
    pub fn note(&self, text: &str) {
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}

/// Prints a finding to standard error: with the lines that it is about where they are known, else its place and what is wrong.
pub fn print_finding(finding: &Finding) {
    let colours = console::colors_enabled_stderr();
    if let Some(text) = finding::render(finding, colours) {
        writeln!(io::stderr().lock(), "{text}\n").ok();
        return;
    }
    let paint = style::on_stderr();
    let tone = match finding.severity {
        Severity::Error => style::Tone::Bad,
        Severity::Warning => style::Tone::Warn,
    };
    let text = finding.to_string();
    let rest = text.strip_prefix(&finding.place()).unwrap_or(&text);
    let (kind, message) = rest.trim_start_matches(": ").split_once("]: ").unwrap_or(("", rest));
    let kind = paint(tone, &format!("{kind}]:"));
    writeln!(io::stderr().lock(), "{}: {kind} {message}", paint(style::Tone::Strong, &finding.place())).ok();
}

/// Prints a failure to standard error: what, where, remedy.
pub fn print_failure(failure: &Failure, json: bool) {
    if json {
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "{}", failure.json()).ok();
        return;
    }
    let paint = style::on_stderr();
    failure.findings.iter().for_each(print_finding);
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "{} {}", paint(style::Tone::Bad, "error:"), failure.what).ok();
    if let Some(place) = &failure.place {
        writeln!(stderr, "  {} {place}", paint(style::Tone::Dim, "where:")).ok();
    }
    for cause in &failure.causes {
        writeln!(stderr, "  {} {cause}", paint(style::Tone::Dim, "cause:")).ok();
    }
    if let Some(remedy) = &failure.remedy {
        writeln!(stderr, "  {} {}", paint(style::Tone::Good, "remedy:"), remedy.replace('\n', "\n  ")).ok();
    }
}
