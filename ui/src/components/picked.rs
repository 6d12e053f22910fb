//! Rows that are picked, for what is done to several at once.

use crate::components::menu::{Item, Menu};
use leptos::prelude::*;

/// What is picked in a list.
pub struct Picked<T: Send + Sync + 'static>(RwSignal<Vec<T>>);

impl<T: Send + Sync + 'static> Clone for Picked<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for Picked<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Picked<T> {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(RwSignal::new(Vec::new()))
    }

    /// All that is picked, in the order in which it was.
    #[must_use]
    pub fn all(self) -> Vec<T> {
        self.0.get_untracked()
    }

    /// Picks nothing any more.
    pub fn clear(self) {
        self.0.set(Vec::new());
    }

    /// Whether something is picked. Tracked.
    fn has(self, key: &T) -> bool {
        self.0.with(|all| all.contains(key))
    }

    /// Picks some, or gives them up.
    fn set(self, keys: &[T], on: bool) {
        self.0.update(|all| {
            all.retain(|other| !keys.contains(other));
            if on {
                all.extend_from_slice(keys);
            }
        });
    }
}

/// The box that picks a row.
#[component]
pub fn Tick<T: Clone + PartialEq + Send + Sync + 'static>(
    /// What is picked.
    picked: Picked<T>,
    /// The row.
    key: T,
    /// What it is called.
    name: String,
) -> impl IntoView {
    let own = key.clone();
    view! { <input type="checkbox" aria-label=format!("Select {name}") prop:checked=move || picked.has(&own) on:change=move |event| picked.set(std::slice::from_ref(&key), event_target_checked(&event))/> }
}

/// The box that picks all rows of a page.
#[component]
pub fn TickAll<T: Clone + PartialEq + Send + Sync + 'static>(
    /// What is picked.
    picked: Picked<T>,
    /// The rows.
    #[prop(into)]
    page: Signal<Vec<T>>,
) -> impl IntoView {
    let all = Memo::new(move |_| page.with(|page| !page.is_empty() && page.iter().all(|key| picked.has(key))));
    view! { <input type="checkbox" aria-label="Select all of this page" prop:checked=move || all.get() on:change=move |event| page.with_untracked(|page| picked.set(page, event_target_checked(&event)))/> }
}

/// How many are picked, and what can be done to them.
#[component]
pub fn PickedBar<T: Clone + PartialEq + Send + Sync + 'static>(
    /// What is picked.
    picked: Picked<T>,
    /// How many there may be.
    most: usize,
    /// Whether the person may do any of it.
    #[prop(into)]
    may: Signal<bool>,
    /// What can be done.
    #[prop(into)]
    items: Signal<Vec<Item>>,
) -> impl IntoView {
    let count = Memo::new(move |_| picked.0.with(Vec::len));
    let too_many = Memo::new(move |_| count.get() > most);
    let some = Memo::new(move |_| count.get() > 0);
    view! {
        <Show when=move || some.get()>
            <span class="small" aria-live="polite"><strong class="num">{count}</strong>" selected"</span>
            <Menu label="Act on them" icon="bolt" small=true disabled=Signal::derive(move || !may.get() || too_many.get()) items/>
            <button type="button" class="btn quiet small" on:click=move |_| picked.clear()>"Select none"</button>
            <Show when=move || too_many.get()><span class="small muted">{format!("At most {most} at once.")}</span></Show>
        </Show>
    }
}
