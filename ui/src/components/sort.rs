//! The head of a column by which a list can be sorted.

use crate::components::icon::Icon;
use crate::components::table::{aria_sort, sorted};
use leptos::prelude::*;

/// See the module. `order` is the field, with `-` before it for the latest or largest first.
#[component]
pub fn SortHead(
    /// What it says.
    label: &'static str,
    /// The field, as the API names it.
    field: &'static str,
    /// The order of the list.
    #[prop(into)]
    order: Signal<String>,
    /// Called with another order.
    #[prop(into)]
    on_sort: Callback<String>,
    /// A column of numbers.
    #[prop(optional)]
    num: bool,
) -> impl IntoView {
    let now = Memo::new(move |_| order.with(|order| sorted(order, field)));
    let next = move || if now.get_untracked() == Some(true) { field.to_owned() } else { format!("-{field}") };
    view! {
        <th scope="col" class:num=num aria-sort=move || now.get().map(aria_sort)>
            <button type="button" class="sort" on:click=move |_| on_sort.run(next())>
                {label}{move || now.get().map(|down| view! { <Icon name=if down { "sort-down" } else { "sort-up" } class="s"/> })}
            </button>
        </th>
    }
}
