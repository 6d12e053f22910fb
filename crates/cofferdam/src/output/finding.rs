//! A finding with the lines of the document that it is about, as compilers show them.

use crate::failure::{Finding, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

/// The finding as text; `None` when its place in a document is not known.
#[must_use]
pub fn render(finding: &Finding, colours: bool) -> Option<String> {
    let shown = finding.shown.as_ref()?;
    let text = shown.source.text();
    let file = finding.file.as_deref().unwrap_or("<input>");
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let said = finding.labels.iter().find(|label| label.range.as_ref() == Some(&shown.primary));
    let mut primary = AnnotationKind::Primary.span(shown.primary.clone());
    if let Some(said) = said {
        primary = primary.label(said.message.as_str());
    }
    let others = finding.labels.iter().filter(|label| said.is_none_or(|said| said.pointer != label.pointer));
    let others =
        others.filter_map(|label| Some(AnnotationKind::Context.span(label.range.clone()?).label(label.message.as_str())));
    let snippet = Snippet::source(text).path(file).fold(true).annotation(primary).annotations(others);
    let mut groups = vec![level.primary_title(finding.message.as_str()).id(finding.code.as_str()).element(snippet)];
    let patch = finding.suggestion.as_ref().and_then(|suggestion| {
        let range = suggestion.range.clone()?;
        Some(Patch::new(range.clone(), written(text.get(range)?, &suggestion.replacement)))
    });
    match (&finding.help, patch) {
        (Some(help), Some(patch)) => {
            let snippet: Snippet<'_, Patch<'_>> = Snippet::source(text).path(file).fold(true).patch(patch);
            groups.push(Level::HELP.secondary_title(help.as_str()).element(snippet));
        }
        (Some(help), None) => {
            if let Some(group) = groups.pop() {
                groups.push(Group::element(group, Level::HELP.message(help.as_str())));
            }
        }
        (None, _) => {}
    }
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    Some(renderer.render(&groups))
}

/// A replacement in the quotes of what it replaces.
fn written(before: &str, replacement: &str) -> String {
    match before.chars().next() {
        Some(quote @ ('"' | '\'')) => format!("{quote}{replacement}{quote}"),
        _ => replacement.to_owned(),
    }
}
