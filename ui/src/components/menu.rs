//! A button that opens a short list of commands.

use crate::components::icon::Icon;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

/// A command of a menu.
#[derive(Clone)]
pub struct Item {
    /// What it says.
    pub label: String,
    /// Its icon.
    pub icon: &'static str,
    /// Whether it cannot be undone.
    pub danger: bool,
    /// What it does.
    pub act: Callback<()>,
}

impl Item {
    /// A command.
    pub fn new(label: impl Into<String>, icon: &'static str, act: impl Fn() + Send + Sync + 'static) -> Self {
        Self { label: label.into(), icon, danger: false, act: Callback::new(move |()| act()) }
    }

    /// The same, marked as one that cannot be undone.
    #[must_use]
    pub fn dangerous(self) -> Self {
        Self { danger: true, ..self }
    }
}

/// See the module. Arrow keys move in the list, Escape closes it.
#[component]
pub fn Menu(
    /// What the button says.
    #[prop(into)]
    label: String,
    /// Its icon.
    icon: &'static str,
    /// Whether it can be used.
    #[prop(into)]
    disabled: Signal<bool>,
    /// A smaller button.
    #[prop(optional)]
    small: bool,
    /// The commands.
    #[prop(into)]
    items: Signal<Vec<Item>>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let frame = NodeRef::<html::Div>::new();
    let button = NodeRef::<html::Button>::new();
    let focus = move |step: i32| {
        let Some(frame) = frame.try_get_untracked().flatten() else { return };
        let Ok(all) = frame.query_selector_all("[role=menuitem]") else { return };
        let all: Vec<web_sys::HtmlElement> =
            (0..all.length()).filter_map(|i| all.item(i)?.dyn_into::<web_sys::HtmlElement>().ok()).collect();
        let active = document().active_element();
        let now = all.iter().position(|item| active.as_ref().is_some_and(|active| active == item.as_ref() as &web_sys::Element));
        let count = all.len() as i32;
        let next = now.map_or(0, |now| (now as i32 + step).rem_euclid(count.max(1)));
        if let Some(item) = all.get(next as usize) {
            let _ = item.focus();
        }
    };
    let close = move || {
        open.try_set(false);
        if let Some(button) = button.try_get_untracked().flatten() {
            let _ = button.focus();
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let is_open = open.get_untracked();
        match event.key().as_str() {
            "Escape" if is_open => close(),
            "ArrowDown" if is_open => focus(1),
            "ArrowUp" if is_open => focus(-1),
            "ArrowDown" => {
                open.set(true);
                request_animation_frame(move || focus(1));
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let on_leave = move |event: ev::FocusEvent| {
        let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
        // The focus also leaves when the menu goes, and then there is nothing to close.
        let inside = frame.try_get_untracked().flatten().is_some_and(|frame| frame.contains(to.as_ref()));
        if !inside {
            open.try_set(false);
        }
    };
    let toggle = move |_| {
        open.update(|open| *open = !*open);
        if open.get_untracked() {
            request_animation_frame(move || focus(1));
        }
    };
    view! {
        <div class="menu" node_ref=frame on:keydown=on_key on:focusout=on_leave>
            <button type="button" class="btn" class:small=small node_ref=button aria-haspopup="menu" aria-expanded=move || open.get().to_string() disabled=move || disabled.get() on:click=toggle>
                <Icon name=icon class="s"/>{label}<Icon name="caret" class="s"/>
            </button>
            <Show when=move || open.get()>
                <div class="menu-list" role="menu">
                    {move || items.get().into_iter().map(|item| {
                        let act = item.act;
                        view! {
                            <button type="button" role="menuitem" tabindex="-1" class:danger=item.danger on:click=move |_| { close(); act.run(()); }>
                                <Icon name=item.icon class="s"/>{item.label}
                            </button>
                        }
                    }).collect_view()}
                </div>
            </Show>
        </div>
    }
}
