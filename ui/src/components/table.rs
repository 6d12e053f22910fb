//! The head of a table whose rows can be put in order.

use crate::components::icon::Icon;
use leptos::prelude::*;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What stands at its head.
    pub label: &'static str,
    /// The name of the order by it; empty where there is none.
    pub order: &'static str,
    /// Its class.
    pub class: &'static str,
}

/// Part of the class of a column whose head is only read out.
const UNSEEN: &str = "unseen";

/// A column by which rows are put in order.
#[must_use]
pub const fn ordered(label: &'static str, order: &'static str) -> Column {
    Column { label, order, class: "" }
}

/// A column that is only shown.
#[must_use]
pub const fn plain(label: &'static str) -> Column {
    Column { label, order: "", class: "" }
}

/// The order after a click on the head of a column: a second click turns it round.
fn next(now: &str, order: &str) -> String {
    if now == order { format!("-{order}") } else { order.to_owned() }
}

/// Whether a list in this order is in that of a column, and if it is, whether backwards.
#[must_use]
pub fn sorted(order: &str, column: &str) -> Option<bool> {
    match order.strip_prefix('-') {
        Some(name) if name == column => Some(true),
        None if order == column => Some(false),
        _ => None,
    }
}

/// What assistive technology is told of a column that is sorted backwards, or not.
#[must_use]
pub const fn aria_sort(backwards: bool) -> &'static str {
    if backwards { "descending" } else { "ascending" }
}

/// See the module. An order is the name of its column, with a minus before it when the last comes first.
#[component]
pub fn Head(
    /// The columns.
    columns: &'static [Column],
    /// The order that the rows have.
    #[prop(into)]
    order: Signal<String>,
    /// Called with another one.
    #[prop(into)]
    go: Callback<String>,
    /// Whether a column of buttons follows.
    #[prop(optional)]
    actions: bool,
) -> impl IntoView {
    view! {
        <thead><tr>
            {columns.iter().map(|column| {
                if column.order.is_empty() {
                    let unseen = if column.class.contains(UNSEEN) { "visually-hidden" } else { "" };
                    return view! { <th scope="col" class=column.class><span class=unseen>{column.label}</span></th> }.into_any();
                }
                let backwards = move || order.with(|order| sorted(order, column.order));
                view! {
                    <th scope="col" class=column.class aria-sort=move || backwards().map(aria_sort)>
                        <button type="button" class="sort" on:click=move |_| go.run(order.with_untracked(|order| next(order, column.order)))>
                            {column.label}
                            <Icon class="s" name=Signal::derive(move || match backwards() { Some(false) => "up", Some(true) => "down-small", None => "up-down" })/>
                        </button>
                    </th>
                }.into_any()
            }).collect_view()}
            {actions.then(|| view! { <th scope="col" class="tight"><span class="visually-hidden">"Actions"</span></th> })}
        </tr></thead>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_click_turns_the_order_round() {
        assert_eq!(next("", "name"), "name");
        assert_eq!(next("name", "name"), "-name");
        assert_eq!(next("-name", "name"), "name");
        assert_eq!(next("-size", "name"), "name");
    }
}
