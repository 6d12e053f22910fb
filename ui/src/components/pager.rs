//! The foot of a long list.

use crate::components::icon::Icon;
use crate::core::address::Paging;
use crate::core::format;
use leptos::prelude::*;

/// Says which part of a list is shown, with the ways to the others.
#[component]
pub fn Pager(
    /// How many items a page has.
    limit: u32,
    /// How many items come before this page.
    #[prop(into)]
    offset: Signal<u32>,
    /// How many items there are.
    #[prop(into)]
    total: Signal<u64>,
    /// What one item is called, and several.
    names: (&'static str, &'static str),
    /// Goes to the page with this offset.
    #[prop(into)]
    go: Callback<u32>,
) -> impl IntoView {
    let last = move || (u64::from(offset.get()) + u64::from(limit)).min(total.get());
    let text = move || match total.get() {
        total if total <= u64::from(limit) && offset.get() == 0 => format::plural(total, names.0, names.1),
        total => format!("{}–{} of {}", offset.get() + 1, last(), format::plural(total, names.0, names.1)),
    };
    // Not in the view: there, the sign for "greater" would end the tag.
    let is_last = move || last() >= total.get();
    let many = move || total.get() > u64::from(limit) || offset.get() > 0;
    view! {
        <div class="pager">
            <span aria-live="polite">{text}</span>
            <Show when=many>
                <span class="row">
                    <button type="button" class="btn small" disabled=move || offset.get() == 0 on:click=move |_| go.run(offset.get_untracked().saturating_sub(limit))>
                        <Icon name="chevron-left" class="s"/>"Previous"
                    </button>
                    <button type="button" class="btn small" disabled=is_last on:click=move |_| go.run(offset.get_untracked() + limit)>
                        "Next"<Icon name="chevron" class="s"/>
                    </button>
                </span>
            </Show>
        </div>
    }
}

/// The same, for a list whose page stands in the address.
#[component]
pub fn Pages(
    /// The part that is shown.
    paging: Paging,
    /// How many items there are.
    #[prop(into)]
    total: Signal<u64>,
    /// What one item is called, and several.
    names: (&'static str, &'static str),
) -> impl IntoView {
    view! { <Pager limit=paging.limit offset=paging.offset total names go=move |offset| paging.turn(offset)/> }
}
