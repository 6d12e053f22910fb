//! The head of a page, and keys that work on every page.

use crate::components::icon::Icon;
use leptos::{ev, prelude::*};
use leptos_meta::Title;
use leptos_router::components::A;
use wasm_bindgen::JsCast;

/// The way to a page, its heading, what can be done, and what hangs below (facts, tabs).
#[component]
pub fn PageHead(
    /// The pages above this one: address and name.
    #[prop(optional)]
    crumbs: Vec<(String, String)>,
    /// The heading.
    #[prop(into)]
    title: Signal<String>,
    /// Stands beside the heading.
    #[prop(optional, into)]
    beside: ViewFn,
    /// What can be done here.
    #[prop(optional, into)]
    actions: ViewFn,
    /// Facts and tabs.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let flat = children.is_none();
    view! {
        <Title text=move || title.get()/>
        <header class="page-head" class:flat=flat>
            {(!crumbs.is_empty()).then(|| view! {
                <nav class="crumbs" aria-label="Path">
                    {crumbs.into_iter().map(|(href, name)| view! { <A href=href>{name}</A><Icon name="chevron"/> }).collect_view()}
                </nav>
            })}
            <div class="title-row">
                <h1>{title}</h1>
                {move || beside.run()}
                <div class="actions">{move || actions.run()}</div>
            </div>
            {children.map(|children| children())}
        </header>
    }
}

/// Whether the person is typing into something.
fn is_typing(event: &ev::KeyboardEvent) -> bool {
    event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok()).is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || element.is_content_editable()
    })
}

/// Calls `act` when `key` is pressed outside a field, without modifiers, until the calling component goes away.
pub fn on_shortcut(key: &'static str, act: impl Fn() + 'static) {
    let handle = window_event_listener(ev::keydown, move |event| {
        let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
        let in_dialog = document().query_selector("dialog[open]").ok().flatten().is_some();
        if plain && event.key() == key && !is_typing(&event) && !in_dialog {
            event.prevent_default();
            act();
        }
    });
    on_cleanup(move || handle.remove());
}

/// A field that searches as one types; `/` goes to it.
#[component]
pub fn Search(
    /// What is searched for.
    #[prop(into)]
    value: Signal<String>,
    /// Called with every change.
    #[prop(into)]
    on_input: Callback<String>,
    /// What it searches.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let node = NodeRef::<leptos::html::Input>::new();
    on_shortcut("/", move || {
        if let Some(input) = node.get_untracked() {
            let _ = input.focus();
            input.select();
        }
    });
    view! {
        <div class="search" role="search">
            <Icon name="search"/>
            <input class="input" type="search" node_ref=node placeholder=label.clone() aria-label=label autocomplete="off" spellcheck="false" prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:keydown=move |event| if event.key() == "Escape" && !value.get_untracked().is_empty() { on_input.run(String::new()) }/>
            <kbd aria-hidden="true">"/"</kbd>
        </div>
    }
}
