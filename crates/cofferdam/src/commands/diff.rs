//! `dag diff`, and what `dag apply` tells of what changed.

use super::session::Session;
use super::{lint, program};
use crate::failure::{Exit, Failure, Severity};
use crate::output::print_finding;
use crate::output::style::{Tone, paint};
use cofferdam_client::api::{DagChanges, FieldChange};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Serialize)]
struct Compared {
    file: String,
    is_valid: bool,
    changes: Option<DagChanges>,
}

/// Shows what differs between definitions and the versions of their dags that hold now. A definition with mistakes is compared as
/// far as it can be, and is a failure.
pub async fn diff(session: &Session, files: &[PathBuf]) -> Result<(), Failure> {
    let client = session.client().await?;
    let mut results = Vec::new();
    for document in program::read_all(files, session).await? {
        let (compiled, found) = lint::compile(session, &client, &document).await?;
        found.iter().filter(|finding| finding.severity == Severity::Error).for_each(print_finding);
        let dag = document.value.get("dag_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !session.output.json {
            session.output.line(&compiled.changes.as_ref().map_or_else(String::new, |changes| headed(&dag, changes)))?;
        }
        results.push(Compared { file: document.name, is_valid: compiled.is_valid, changes: compiled.changes });
    }
    if session.output.json {
        session.output.say(&results, |_| String::new())?;
    }
    match results.iter().filter(|result| !result.is_valid).count() {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "the definition has errors")),
    }
}

fn headed(dag: &str, changes: &DagChanges) -> String {
    match changes.version_number {
        None => format!("{dag}: there is no such dag yet\n{}", in_words(changes)),
        Some(number) if changes.is_empty() => format!("{dag}: nothing differs from version {number}"),
        Some(number) => format!("{dag}: compared with version {number}\n{}", in_words(changes)),
    }
}

/// The changes, a line for each.
pub fn in_words(changes: &DagChanges) -> String {
    let mut lines = Vec::new();
    changes.fields.iter().for_each(|field| tell_field(field, 2, &mut lines));
    lines.extend(changes.added_tasks.iter().map(|task| paint(Tone::Good, &format!("+ task {task}"))));
    lines.extend(changes.removed_tasks.iter().map(|task| paint(Tone::Bad, &format!("- task {task}"))));
    for task in &changes.changed_tasks {
        lines.push(paint(Tone::Warn, &format!("~ task {}", task.task_id)));
        task.fields.iter().for_each(|field| tell_field(field, 4, &mut lines));
    }
    let edge = |sign: &str, edge: &cofferdam_client::api::DagEdge| format!("{sign} edge {} → {}", edge.upstream, edge.downstream);
    lines.extend(changes.added_edges.iter().map(|added| paint(Tone::Good, &edge("+", added))));
    lines.extend(changes.removed_edges.iter().map(|removed| paint(Tone::Bad, &edge("-", removed))));
    for task in &changes.repinned_tasks {
        let short = |digest: &cofferdam_ids::Digest| digest.as_str().chars().take(12).collect::<String>();
        let text =
            format!("~ task {}: its component is sha256:{}… now, was {}…", task.task_id, short(&task.after), short(&task.before));
        lines.push(paint(Tone::Warn, &text));
    }
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn tell_field(field: &FieldChange, indent: usize, lines: &mut Vec<String>) {
    let name = field.pointer.trim_start_matches('/').replace('/', ".");
    let space = " ".repeat(indent - 2);
    match (&field.before, &field.after) {
        (Some(Value::String(before)), Some(Value::String(after))) if before.contains('\n') || after.contains('\n') => {
            lines.push(paint(Tone::Warn, &format!("{space}~ {name}")));
            for line in changed_lines(before, after) {
                let tone = if line.starts_with('+') { Tone::Good } else { Tone::Bad };
                lines.push(paint(tone, &format!("{space}    {line}")));
            }
        }
        (Some(before), Some(after)) => {
            lines.push(paint(Tone::Warn, &format!("{space}~ {name}: {} → {}", short(before), short(after))));
        }
        (None, Some(after)) => lines.push(paint(Tone::Good, &format!("{space}+ {name}: {}", short(after)))),
        (Some(before), None) => lines.push(paint(Tone::Bad, &format!("{space}- {name}: {}", short(before)))),
        (None, None) => {}
    }
}

/// A value on one line.
fn short(value: &Value) -> String {
    const MOST: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The lines that only one of two texts has, in order: the longest lines in common stay out.
fn changed_lines(before: &str, after: &str) -> Vec<String> {
    const MOST: usize = 2_000;
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old.len() > MOST || new.len() > MOST {
        return vec![format!("- {} lines", old.len()), format!("+ {} lines", new.len())];
    }
    // How many lines the rests from here on have in common.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_client::api::{DagEdge, TaskChange};
    use serde_json::json;

    #[test]
    fn changes_are_told_line_by_line() {
        let field = |pointer: &str, before: Option<Value>, after: Option<Value>| FieldChange {
            pointer: pointer.to_owned(),
            before,
            after,
        };
        let changes = DagChanges {
            version_number: Some(3),
            fields: vec![field("/schedule", Some(json!("@daily")), None), field("/params/n", Some(json!(1)), Some(json!(2)))],
            added_tasks: vec!["b".parse().unwrap()],
            removed_tasks: vec!["c".parse().unwrap()],
            changed_tasks: vec![TaskChange {
                task_id: "a".parse().unwrap(),
                fields: vec![
                    field("/retries", None, Some(json!(2))),
                    field("/script/source", Some(json!("one\ntwo\nthree\n")), Some(json!("one\n2\nthree\nfour\n"))),
                ],
            }],
            added_edges: vec![DagEdge { upstream: "a".parse().unwrap(), downstream: "b".parse().unwrap() }],
            ..DagChanges::default()
        };
        let told = console::strip_ansi_codes(&headed("d", &changes)).into_owned();
        assert_eq!(
            told,
            "d: compared with version 3\n  - schedule: \"@daily\"\n  ~ params.n: 1 → 2\n  + task b\n  - task c\n  ~ task a\n    + retries: 2\n    ~ script.source\n        - two\n        + 2\n        + four\n  + edge a → b"
        );
    }
}
