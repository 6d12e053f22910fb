//! Text in a fixed-width font with colours, and a button that copies it.

use crate::components::copy::CopyButton;
use crate::core::highlight::{Language, tokens};
use leptos::prelude::*;

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
    let spans = move || {
        let text = text.get();
        let language = if text.len() > COLOUR_LIMIT { Language::Text } else { language.get() };
        tokens(&text, language).into_iter().map(|(token, text)| view! { <span class=token.class()>{text}</span> }).collect_view()
    };
    view! {
        <div class="code" class:boxed=boxed style=format!("--code-height:{}", if height.is_empty() { "none" } else { height })>
            <pre tabindex="0" role="region" aria-label=label><code>{spans}</code></pre>
            <CopyButton text/>
        </div>
    }
}
