//! What became of a try, for people and for programs.

use super::host::{Progress, Said};
use crate::commands::follow::plain;
use crate::failure::{Exit, Failure};
use crate::output::style::{Tone, paint};
use crate::output::{Table, table};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_ids::Digest;
use cofferdam_sandbox::inspect::Inspection;
use cofferdam_sandbox::{Level, LogLine, Stream, TryReport};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What became of a try.
#[derive(Debug, Serialize)]
pub struct Report {
    file: String,
    digest: Digest,
    /// `success`, `failure`, `skip`, `reschedule` or `defer`.
    ending: &'static str,
    reason: Option<Reason>,
    message: Option<String>,
    /// Milliseconds after which the task asked to be run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    /// The event that the task asked to be woken by.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    output: Option<Value>,
    xcoms: BTreeMap<String, Value>,
    artifacts: Vec<Artifact>,
    stdout: String,
    stderr: String,
    log: Vec<LogLine>,
    progress: Option<Progress>,
    receipt: Receipt,
    dropped_output_bytes: u64,
    dropped_log_bytes: u64,
}

impl Report {
    /// Puts together what the sandbox and the task said.
    pub fn new(file: String, inspection: &Inspection, done: TryReport, said: Said) -> Self {
        let TryReport { ending, receipt, xcoms, artifacts, dropped_output_bytes, dropped_log_bytes } = done;
        // What is kept was checked to be JSON.
        let json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let text = |stream| {
            let lines = said.lines.iter().filter(|line| line.stream == stream);
            lines.map(|line| format!("{}\n", line.message)).collect::<String>()
        };
        let mut report = Self {
            file,
            digest: inspection.digest.clone(),
            ending: "success",
            reason: None,
            message: None,
            after_ms: None,
            event: None,
            output: None,
            xcoms: xcoms.iter().map(|(key, value)| (key.to_string(), json(value))).collect(),
            artifacts: artifacts.into_iter().map(|written| written.artifact).collect(),
            stdout: text(Stream::Stdout),
            stderr: text(Stream::Stderr),
            log: said.lines.iter().filter(|line| line.stream == Stream::Log).cloned().collect(),
            progress: said.progress,
            receipt,
            dropped_output_bytes,
            dropped_log_bytes,
        };
        match ending {
            Ending::Success { output } => report.output = Some(json(&output)),
            Ending::Failure { reason, message } => {
                (report.ending, report.reason, report.message) = ("failure", Some(reason), Some(message));
            }
            Ending::Skip { message } => {
                (report.ending, report.reason, report.message) = ("skip", Some(Reason::SkippedByTask), Some(message));
            }
            Ending::Reschedule { after_ms } => (report.ending, report.after_ms) = ("reschedule", Some(after_ms)),
            Ending::Defer { event, timeout_ms } => {
                (report.ending, report.event, report.after_ms) = ("defer", Some(event), Some(timeout_ms));
            }
        }
        report
    }

    /// Nothing for a success with the expected output, when there is one; else what the exit code is.
    pub fn outcome(&self, expected: Option<&Value>) -> Result<(), Failure> {
        let after = self.after_ms.unwrap_or_default();
        Err(match self.ending {
            "success" => match (expected, &self.output) {
                (Some(expected), Some(output)) if !same(expected, output) => {
                    Failure::new(Exit::Failed, format!("the output is not {expected}"))
                }
                _ => return Ok(()),
            },
            "skip" => Failure::new(Exit::Skipped, "the task asked to be skipped"),
            "reschedule" => Failure::new(Exit::Rescheduled, format!("the task asked to be run again after {after} ms")),
            "defer" => {
                let event = self.event.as_deref().unwrap_or_default();
                Failure::new(Exit::Deferred, format!("the task asked to wait for the event '{event}', {after} ms at the most"))
            }
            _ => {
                let reason = self.reason.unwrap_or(Reason::Internal);
                Failure::new(Exit::Failed, format!("the task failed: {reason}"))
                    .remedy(format!("docs/errors/reasons.md says what {reason} means"))
            }
        })
    }

    /// As a person reads it.
    pub fn in_words(&self) -> String {
        let tone = match self.ending {
            "success" => Tone::Good,
            "failure" => Tone::Bad,
            _ => Tone::Warn,
        };
        let mut properties = vec![("ending", paint(tone, self.ending))];
        properties.extend(self.reason.map(|reason| ("reason", reason.to_string())));
        properties.extend(self.message.as_ref().map(|message| ("message", plain(message))));
        properties.extend(self.event.as_ref().map(|event| ("event", plain(event))));
        properties.extend(self.after_ms.map(|ms| ("after", format!("{ms} ms"))));
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
        properties.extend(self.output.as_ref().map(|output| ("output", pretty(output))));
        properties.extend(self.xcoms.iter().map(|(key, value)| ("xcom", format!("{key} = {}", pretty(value)))));
        let artifact =
            |artifact: &Artifact| format!("{} ({}, {})", artifact.name, artifact.content_type, table::bytes(artifact.size_bytes));
        properties.extend(self.artifacts.iter().map(|written| ("artifact", artifact(written))));
        let progress = |progress: &Progress| format!("{:.0} % {}", progress.fraction * 100.0, plain(&progress.message));
        properties.extend(self.progress.as_ref().map(|told| ("progress", progress(told))));
        let receipt = &self.receipt;
        properties.push(("took", format!("{}, {} of CPU", table::micros(receipt.wall_us), table::micros(receipt.cpu_us))));
        properties.push(("fuel", table::number(receipt.fuel)));
        properties.push(("memory", table::bytes(receipt.peak_memory_bytes)));
        properties.push(("bytes", format!("{} in, {} out", receipt.input_bytes, receipt.output_bytes)));
        // Lines after the first begin below the first.
        let margin = properties.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        let below = format!("\n{:margin$}", "");
        for (_, value) in &mut properties {
            *value = value.replace('\n', &below);
        }
        let mut text = Table::properties(properties).to_string();
        for (name, stream, dropped) in [
            ("stdout", plain(&self.stdout), 0),
            ("stderr", plain(&self.stderr), self.dropped_output_bytes),
            ("log", self.log_text(), self.dropped_log_bytes),
        ] {
            if !stream.is_empty() {
                text += &format!("\n\n{}\n{}", paint(Tone::Dim, name), stream.trim_end_matches('\n'));
            }
            if dropped > 0 {
                text += &paint(Tone::Warn, &format!("\n({} more were dropped)", table::bytes(dropped)));
            }
        }
        text
    }

    fn log_text(&self) -> String {
        let line = |line: &LogLine| {
            let fields: String = line.fields.iter().map(|(name, value)| format!(" {}={}", plain(name), plain(value))).collect();
            format!("{} {}{}\n", level(line.level), plain(&line.message), paint(Tone::Dim, &fields))
        };
        self.log.iter().map(line).collect()
    }
}

fn level(level: Level) -> String {
    match level {
        Level::Trace => paint(Tone::Dim, "TRACE"),
        Level::Debug => paint(Tone::Dim, "DEBUG"),
        Level::Info => paint(Tone::Good, "INFO "),
        Level::Warn => paint(Tone::Warn, "WARN "),
        Level::Error => paint(Tone::Bad, "ERROR"),
    }
}

/// Whether two values are the same; 3 and 3.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(same(&json!({"a": [3, null]}), &json!({"a": [3.0, null]})));
        assert!(!same(&json!({"a": 3}), &json!({"a": 3, "b": 1})));
        assert!(!same(&json!(3), &json!("3")));
    }
}
