//! A whole and its parts, as a bar.

use crate::core::format;
use leptos::prelude::*;

/// A part: how many, the state whose colour it has, and what is said of it.
pub type Part = (u64, &'static str, &'static str);

/// The parts that there are, in words.
#[must_use]
pub fn told(parts: &[Part]) -> String {
    let there = parts.iter().filter(|(count, _, _)| *count > 0);
    there.map(|(count, _, word)| format!("{} {word}", format::grouped(*count))).collect::<Vec<_>>().join(", ")
}

/// See the module.
#[component]
pub fn Share(
    /// The parts.
    parts: Vec<Part>,
    /// How many fill the bar.
    all: u64,
    /// The same, in words.
    label: String,
) -> impl IntoView {
    let all = all.max(1) as f64;
    view! {
        <div class="share" role="img" aria-label=label>
            {parts.into_iter().filter(|(count, _, _)| *count > 0).map(|(count, state, _)| view! { <i data-state=state style=format!("width:{:.2}%", count as f64 / all * 100.0)></i> }).collect_view()}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_told() {
        let parts = [(4_000, "success", "succeeded"), (0, "failed", "failed"), (2, "running", "running")];
        assert_eq!(told(&parts), "4\u{202f}000 succeeded, 2 running");
    }
}
