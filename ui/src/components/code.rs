//! Text in a fixed-width font with colours, and a button that copies it.

use crate::components::icon::Icon;
use crate::core::highlight::{Language, tokens};
use leptos::prelude::*;
use std::time::Duration;

/// Beyond this many bytes the colours are left out: they would cost more than they tell.
const COLOUR_LIMIT: usize = 200_000;

/// See the module.
#[component]
pub fn Code(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// Its language.
    #[prop(into)]
    language: Signal<Language>,
    /// What it is, for those who cannot see.
    #[prop(into)]
    label: String,
    /// Draws a frame around it.
    #[prop(optional)]
    boxed: bool,
    /// The greatest height, in CSS.
    #[prop(optional)]
    height: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        drop(window().navigator().clipboard().write_text(&text.get_untracked()));
        copied.set(true);
        let uncopy = move || {
            let _ = copied.try_set(false);
        };
        set_timeout(uncopy, Duration::from_secs(2));
    };
    let spans = move || {
        let text = text.get();
        let language = if text.len() > COLOUR_LIMIT { Language::Text } else { language.get() };
        tokens(&text, language).into_iter().map(|(token, text)| view! { <span class=token.class()>{text}</span> }).collect_view()
    };
    view! {
        <div class="code" class:boxed=boxed style=format!("--code-height:{}", if height.is_empty() { "none" } else { height })>
            <pre tabindex="0" role="region" aria-label=label><code>{spans}</code></pre>
            <button type="button" class="btn small copy" on:click=copy>
                <Icon name="copy" class="s"/>{move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
        </div>
    }
}
