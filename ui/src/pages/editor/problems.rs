//! What is wrong with the text: beside it, and as a list.

use super::Check;
use crate::components::code_editor::{Fix, Mark, Pad};
use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use cofferdam_api_types::{Diagnostic, DiagnosticLabel, DiagnosticSuggestion, Severity, TextSpan};
use leptos::prelude::*;

/// Where something stands of which the place is not known: at the beginning.
const BEGINNING: TextSpan = TextSpan { line: 1, column: 1, end_line: 1, end_column: 1 };

/// What a button says that writes a suggestion.
fn fix_name(fix: &DiagnosticSuggestion) -> String {
    format!("Write {}", fix.replacement)
}

/// What is shown at the text: each problem at its place, and what is said of other places there.
#[must_use]
pub fn marks(diagnostics: &[Diagnostic]) -> Vec<Mark> {
    let mut all = Vec::new();
    for it in diagnostics {
        all.push(Mark {
            severity: if it.severity == Severity::Error { "error" } else { "warning" },
            message: it.message.clone(),
            notes: it.labels.iter().map(note).collect(),
            help: it.help.clone(),
            code: it.code.clone(),
            span: it.span.unwrap_or(BEGINNING),
            fix: it
                .suggestion
                .as_ref()
                .and_then(|fix| Some(Fix { name: fix_name(fix), insert: fix.replacement.clone(), span: fix.span? })),
        });
        all.extend(it.labels.iter().filter(|label| label.span != it.span).filter_map(|label| {
            let (message, span) = (label.message.clone(), label.span?);
            Some(Mark {
                severity: "info",
                message,
                notes: vec![it.message.clone()],
                help: None,
                code: String::new(),
                span,
                fix: None,
            })
        }));
    }
    all
}

/// What is said of a place, with its line.
fn note(label: &DiagnosticLabel) -> String {
    match label.span {
        Some(span) => format!("line {}: {}", span.line, label.message),
        None => format!("{}: {}", label.pointer, label.message),
    }
}

/// All that is wrong, the errors first. A place leads to the text.
#[component]
pub fn Problems(check: Check, pad: Pad) -> impl IntoView {
    let found =
        Memo::new(move |_| check.answer.with(|answer| answer.as_ref().map(|it| it.diagnostics.clone()).unwrap_or_default()));
    view! {
        <div class="problems" role="region" aria-label="Problems" tabindex="0">
            {move || check.failure.get().map(|failure| view! { <FailureNotice failure/> })}
            <ul>{move || found.get().into_iter().map(|it| view! { <Problem it pad/> }).collect_view()}</ul>
        </div>
    }
}

#[component]
fn Problem(it: Diagnostic, pad: Pad) -> impl IntoView {
    let (state, icon, word) = match it.severity {
        Severity::Error => ("failed", "x-circle", "Error"),
        Severity::Warning => ("up_for_retry", "warning", "Warning"),
    };
    let go = move |span: TextSpan| move |_| pad.go(span.line, span.column);
    let place = it.span.map_or_else(|| it.pointer.clone(), |span| format!("{}:{}", span.line, span.column));
    let fix = it.suggestion.clone().filter(|fix| fix.span.is_some());
    view! {
        <li data-state=state>
            <Icon name=icon/>
            <div class="grow">
                <button type="button" class="what" on:click=go(it.span.unwrap_or(BEGINNING))>
                    <span class="visually-hidden">{word}": "</span>{it.message.clone()}
                </button>
                {it.labels.iter().map(|label| {
                    let text = note(label);
                    match label.span {
                        Some(span) => view! { <button type="button" class="small muted note" on:click=go(span)>{text}</button> }.into_any(),
                        None => view! { <p class="small muted">{text}</p> }.into_any(),
                    }
                }).collect_view()}
                {it.help.clone().map(|help| view! { <p class="small muted">{help}</p> })}
            </div>
            {fix.map(|fix| view! {
                <button type="button" class="btn small" on:click={
                    let fix = fix.clone();
                    move |_| if let Some(text) = fix.span.and_then(|span| pad.text.with_untracked(|text| replaced(text, span, &fix.replacement))) { pad.replace(&text) }
                }>{fix_name(&fix)}</button>
            })}
            <code class="faint">{it.code.clone()}</code>
            <span class="small num faint">{place}</span>
        </li>
    }
}

/// The text with something else in place of a stretch. What had quotes keeps them.
fn replaced(text: &str, span: TextSpan, by: &str) -> Option<String> {
    let (from, to) = (byte(text, span.line, span.column)?, byte(text, span.end_line, span.end_column)?);
    let quote = text.get(from..to)?.chars().next().filter(|c| matches!(c, '"' | '\'')).map(String::from).unwrap_or_default();
    Some(format!("{}{quote}{by}{quote}{}", text.get(..from)?, text.get(to..)?))
}

/// A line and column, in characters from 1, as a place among the bytes.
fn byte(text: &str, line: u32, column: u32) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)? as usize).map(str::len).sum();
    let rest = text.get(start..)?;
    Some(start + rest.char_indices().nth(column.checked_sub(1)? as usize).map_or(rest.len(), |(at, _)| at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(line: u32, column: u32, end_column: u32) -> TextSpan {
        TextSpan { line, column, end_line: line, end_column }
    }

    fn mistake() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: "type_mismatch".to_owned(),
            pointer: "/tasks/1/input".to_owned(),
            message: "the types do not fit".to_owned(),
            help: None,
            span: Some(span(3, 5, 9)),
            place: None,
            labels: vec![
                DiagnosticLabel {
                    pointer: "/tasks/1/input".to_owned(),
                    message: "takes u8".to_owned(),
                    span: Some(span(3, 5, 9)),
                },
                DiagnosticLabel { pointer: "/tasks/0".to_owned(), message: "gives string".to_owned(), span: Some(span(1, 1, 4)) },
            ],
            suggestion: None,
            source: Vec::new(),
        }
    }

    #[test]
    fn both_ends_of_an_edge_are_marked() {
        let marks = marks(&[mistake()]);
        assert_eq!(marks.len(), 2);
        assert_eq!(
            (marks[0].severity, &marks[0].notes[..]),
            ("error", &["line 3: takes u8".to_owned(), "line 1: gives string".to_owned()][..])
        );
        assert_eq!((marks[1].severity, marks[1].message.as_str(), marks[1].span), ("info", "gives string", span(1, 1, 4)));
    }

    #[test]
    fn a_suggestion_takes_the_place_of_what_is_there() {
        assert_eq!(replaced("é: a\nponl: x\n", span(2, 1, 5), "pool").as_deref(), Some("é: a\npool: x\n"));
        assert_eq!(replaced("é: a", span(1, 4, 5), "b").as_deref(), Some("é: b"));
        assert_eq!(replaced("{\"a\": \"x\"}", span(1, 7, 10), "y").as_deref(), Some("{\"a\": \"y\"}"));
        assert_eq!(replaced("a", span(0, 1, 1), "b"), None);
    }
}
