//! A button that copies a text.

use crate::components::icon::Icon;
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::JsValue;

/// See the module. There is none where the browser gives pages no clipboard: when this one comes over plain HTTP from another machine.
#[component]
pub fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: Signal<String>,
    /// What it is, for those who cannot see.
    #[prop(optional)]
    label: &'static str,
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
    let has_clipboard = js_sys::Reflect::has(&window().navigator(), &JsValue::from_str("clipboard")).unwrap_or(false);
    has_clipboard.then(|| {
        view! {
            <button type="button" class="btn small copy" aria-label=(!label.is_empty()).then(|| format!("Copy: {label}")) on:click=copy>
                <Icon name="copy" class="s"/>{move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
        }
    })
}
