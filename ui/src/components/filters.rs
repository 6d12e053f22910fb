//! What narrows a list: choices and fields whose values stand in the address.

use crate::components::icon::Icon;
use crate::core::address::Address;
use leptos::prelude::*;

/// A value, and what it is called.
pub type Choice = (&'static str, &'static str);

/// Choices side by side. The first one, which is usual, has no value.
#[component]
pub fn Segments(
    /// What the page shows.
    address: Address,
    /// The name of the value.
    name: &'static str,
    /// What is chosen.
    label: &'static str,
    /// The choices.
    choices: &'static [Choice],
) -> impl IntoView {
    let now = address.signal(name);
    view! {
        <div class="segmented" role="group" aria-label=label>
            {choices.iter().map(|&(value, word)| view! {
                <button type="button" aria-pressed=move || now.with(|now| now == value).to_string() on:click=move |_| address.narrow(name, value)>{word}</button>
            }).collect_view()}
        </div>
    }
}

/// Choices in a list that opens.
#[component]
pub fn Choices(
    /// What the page shows.
    address: Address,
    /// The name of the value.
    name: &'static str,
    /// What is chosen.
    label: &'static str,
    /// The choices.
    choices: Vec<Choice>,
) -> impl IntoView {
    let now = address.signal(name);
    view! {
        <select class="select small" aria-label=label on:change=move |event| address.narrow(name, event_target_value(&event))>
            {choices.into_iter().map(|(value, word)| view! { <option value=value selected=move || now.with(|now| now == value)>{word}</option> }).collect_view()}
        </select>
    }
}

/// A day.
#[component]
pub fn Day(
    /// What the page shows.
    address: Address,
    /// The name of the value.
    name: &'static str,
    /// What stands before it.
    word: &'static str,
    /// What it is, in full.
    label: &'static str,
) -> impl IntoView {
    let now = address.signal(name);
    view! {
        <label class="row small"><span class="muted">{word}</span>
            <input type="date" class="input small date" aria-label=label prop:value=move || now.get() on:change=move |event| address.narrow(name, event_target_value(&event))/>
        </label>
    }
}

/// A value that was chosen elsewhere, with the way to be rid of it.
#[component]
pub fn Tag(
    /// What the page shows.
    address: Address,
    /// The name of the value.
    name: &'static str,
) -> impl IntoView {
    let now = address.signal(name);
    move || {
        Some(now.get()).filter(|value| !value.is_empty()).map(|value| {
            let label = format!("Remove the filter {value}");
            view! { <button type="button" class="tag on" aria-label=label on:click=move |_| address.narrow(name, "")>{value}<Icon name="close" class="s"/></button> }
        })
    }
}
