//! A switch between on and off.

use leptos::prelude::*;

/// See the module. It shows what the server has; `on_change` asks for the other.
#[component]
pub fn Switch(
    /// Whether it is on.
    #[prop(into)]
    on: Signal<bool>,
    /// Whether a change is under way, or not allowed.
    #[prop(into)]
    disabled: Signal<bool>,
    /// What it switches.
    #[prop(into)]
    label: Signal<String>,
    /// Called with what the person wants.
    #[prop(into)]
    on_change: Callback<bool>,
    /// The text beside it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <button type="button" class="switch" role="switch" aria-checked=move || on.get().to_string() aria-label=move || label.get() title=move || label.get()
            disabled=move || disabled.get() on:click=move |_| on_change.run(!on.get_untracked())>
            <span class="track" aria-hidden="true"></span>
            {children.map(|children| children())}
        </button>
    }
}
