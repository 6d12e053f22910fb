//! A dialog over the page. The browser keeps the focus inside, and Escape closes it.

use crate::components::icon::Icon;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// Whether the dialog about `target` is open: as long as there is one.
pub fn opens_with<T: Clone + Send + Sync + 'static>(target: RwSignal<Option<T>>) -> RwSignal<bool> {
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(target.with(Option::is_some)));
    Effect::new(move |_| {
        if !open.get() && target.with_untracked(Option::is_some) {
            target.set(None);
        }
    });
    open
}

/// See the module. Its content is made anew each time it opens.
#[component]
pub fn Dialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Its heading.
    #[prop(into)]
    title: Signal<String>,
    /// For a question.
    #[prop(optional)]
    narrow: bool,
    /// What it shows, its foot included.
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                drop(dialog.show_modal());
                // The content comes after this, and with it the field that wants the focus.
                request_animation_frame(move || {
                    let wanted = dialog.query_selector("[autofocus]").ok().flatten();
                    if let Some(field) = wanted.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
                        drop(field.focus());
                    }
                });
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let on_backdrop = move |event: leptos::ev::MouseEvent| {
        let on_itself = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlDialogElement>().ok()).is_some();
        if on_itself {
            open.set(false);
        }
    };
    view! {
        <dialog node_ref=node aria-label=move || title.get() on:close=move |_| open.set(false) on:mousedown=on_backdrop>
            <Show when=move || open.get()>
                <div class="dialog" class:narrow=narrow>
                    <header>
                        <h2>{title}</h2>
                        <button type="button" class="btn quiet icon-only" aria-label="Close" on:click=move |_| open.set(false)><Icon name="close"/></button>
                    </header>
                    {children()}
                </div>
            </Show>
        </dialog>
    }
}
