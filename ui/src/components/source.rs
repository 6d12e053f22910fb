//! Lines of a file, with the stretch of them that something is said about.

use cofferdam_api_types::{SourceLine, TextSpan};
use leptos::prelude::*;

/// See the module.
#[component]
pub fn SourceLines(
    /// The lines.
    lines: Vec<SourceLine>,
    /// What is marked in them.
    span: Option<TextSpan>,
) -> impl IntoView {
    let rows = lines.into_iter().map(|line| {
        let [before, marked, after] = parts(&line, span);
        let is_there = span.is_some_and(|span| (span.line..=span.end_line).contains(&line.line));
        view! {
            <tr class:at=is_there>
                <td class="no">{line.line}</td>
                <td class="tx">{before}{(!marked.is_empty()).then(|| view! { <mark>{marked}</mark> })}{after}</td>
            </tr>
        }
    });
    view! { <div class="source" tabindex="0" role="region" aria-label="Lines of the file"><table role="presentation"><tbody>{rows.collect_view()}</tbody></table></div> }
}

/// A line in what stands before the stretch, in it, and behind it. Columns count from 1, in characters; the end is the first behind.
fn parts(line: &SourceLine, span: Option<TextSpan>) -> [String; 3] {
    let Some(span) = span.filter(|span| (span.line..=span.end_line).contains(&line.line)) else {
        return [line.text.clone(), String::new(), String::new()];
    };
    // What a line begins with is no part of what is said of several lines.
    let indent = line.text.chars().take_while(|c| c.is_whitespace()).count();
    let from = if line.line == span.line { span.column.saturating_sub(1) as usize } else { indent };
    let to = if line.line == span.end_line { span.end_column.saturating_sub(1) as usize } else { usize::MAX };
    let before: String = line.text.chars().take(from).collect();
    let marked: String = line.text.chars().take(to).skip(from).collect();
    let after = line.text.chars().skip(from.max(to)).collect();
    [before, marked, after]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: u32, text: &str, span: (u32, u32, u32, u32)) -> [String; 3] {
        let (from, column, end_line, end_column) = span;
        let span = TextSpan { line: from, column, end_line, end_column };
        parts(&SourceLine { line, text: text.to_owned() }, Some(span))
    }

    #[test]
    fn a_stretch_is_marked_by_characters() {
        assert_eq!(of(5, "    é_retires: 2", (5, 5, 5, 14)), ["    ", "é_retires", ": 2"]);
        assert_eq!(of(4, "  - task_id: only", (5, 5, 5, 12)), ["  - task_id: only", "", ""]);
        assert_eq!(of(5, "cut off", (5, 5, 5, 300)), ["cut ", "off", ""]);
        assert_eq!(of(5, "short", (5, 300, 5, 310)), ["short", "", ""]);
        assert_eq!(of(5, "here", (5, 3, 5, 3)), ["he", "", "re"]);
    }

    #[test]
    fn several_lines_are_marked_without_their_indents() {
        let span = (3, 3, 5, 4);
        assert_eq!(of(3, "a: {b,", span), ["a:", " {b,", ""]);
        assert_eq!(of(4, "    c,", span), ["    ", "c,", ""]);
        assert_eq!(of(5, "  d}", span), ["  ", "d", "}"]);
    }
}
