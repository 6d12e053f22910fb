//! What differs between two texts, for reading.

use crate::components::feedback::Empty;
use crate::core::diff::{Line, Part, diff, folded};
use crate::core::format;
use crate::core::highlight::{Language, tokens};
use leptos::prelude::*;

/// Lines that are shown before and after each difference.
const CONTEXT: usize = 3;

/// See the module.
#[component]
pub fn DiffView(
    /// The text before.
    #[prop(into)]
    before: Signal<String>,
    /// The text after.
    #[prop(into)]
    after: Signal<String>,
    /// The language of both.
    #[prop(into)]
    language: Signal<Language>,
    /// What it is, for those who cannot see.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    let whole = RwSignal::new(false);
    let body = move || {
        let (before, after, language) = (before.get(), after.get(), language.get());
        let lines = diff(&before, &after);
        let gone = lines.iter().filter(|line| matches!(line, Line::Gone(..))).count();
        let new = lines.iter().filter(|line| matches!(line, Line::New(..))).count();
        if gone + new == 0 {
            return view! { <Empty icon="check-circle" title="Nothing differs"/> }.into_any();
        }
        let parts = if whole.get() { vec![Part::Shown(lines)] } else { folded(&lines, CONTEXT) };
        let rows = parts
            .into_iter()
            .map(|part| match part {
                Part::Shown(lines) => lines.iter().map(|line| row(line, language)).collect_view().into_any(),
                Part::Hidden(count) => view! {
                    <tr class="hidden-lines"><td colspan="4"><button type="button" class="link small" on:click=move |_| whole.set(true)>
                        {format!("{} the same: show all", format::plural(count as u64, "line is", "lines are"))}
                    </button></td></tr>
                }
                .into_any(),
            })
            .collect_view();
        view! {
            <p class="diff-sum small"><span class="new">{format!("+{new}")}</span>" "<span class="gone">{format!("−{gone}")}</span></p>
            <div class="diff" tabindex="0" role="region" aria-label=move || label.get()><table><tbody>{rows}</tbody></table></div>
        }
        .into_any()
    };
    view! { {body} }
}

fn row(line: &Line<'_>, language: Language) -> impl IntoView + use<> {
    let (class, sign, old, new, text) = match *line {
        Line::Same(old, new, text) => ("", "", Some(old), Some(new), text),
        Line::Gone(old, text) => ("gone", "−", Some(old), None, text),
        Line::New(new, text) => ("new", "+", None, Some(new), text),
    };
    let spans = tokens(text, language).into_iter().map(|(token, text)| view! { <span class=token.class()>{text}</span> });
    view! {
        <tr class=class>
            <td class="no">{old}</td><td class="no">{new}</td>
            <td class="sign">{sign}{(!sign.is_empty()).then(|| view! { <span class="visually-hidden">{if class == "gone" { "removed" } else { "added" }}</span> })}</td>
            <td class="tx">{spans.collect_view()}</td>
        </tr>
    }
}
