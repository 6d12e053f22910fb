//! Tables: the heads of their columns, by which rows can be put in order, and the frame around them.

use crate::components::icon::Icon;
use crate::components::pager::Pages;
use crate::core::address::{Address, Paging};
use leptos::prelude::*;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    label: &'static str,
    order: &'static str,
    class: &'static str,
    is_unseen: bool,
    is_latest_first: bool,
}

impl Column {
    /// The same, of numbers.
    #[must_use]
    pub const fn num(self) -> Self {
        Self { class: "num", ..self }
    }

    /// The same, no wider than what is in it, with a head that is only read out.
    #[must_use]
    pub const fn tight(self) -> Self {
        Self { class: "tight", is_unseen: true, ..self }
    }

    /// The same, of moments: a first click puts the latest at the top.
    #[must_use]
    pub const fn latest(self) -> Self {
        Self { is_latest_first: true, ..self }
    }

    /// Whether a list in this order is in that of the column, and if it is, whether backwards.
    fn sorted(self, order: &str) -> Option<bool> {
        match order.strip_prefix('-') {
            Some(name) if name == self.order => Some(true),
            None if order == self.order => Some(false),
            _ => None,
        }
    }

    /// The order after a click on its head: a second click turns it round.
    fn next(self, now: &str) -> String {
        let backwards = self.sorted(now).map_or(self.is_latest_first, |backwards| !backwards);
        format!("{}{}", if backwards { "-" } else { "" }, self.order)
    }
}

/// A column by which rows are put in order: the name of the order is that of the API or of the page.
#[must_use]
pub const fn ordered(label: &'static str, order: &'static str) -> Column {
    Column { order, ..plain(label) }
}

/// A column that is only shown.
#[must_use]
pub const fn plain(label: &'static str) -> Column {
    Column { label, order: "", class: "", is_unseen: false, is_latest_first: false }
}

/// The names of the columns for the style sheet, which puts them at the cells where the screen is too narrow for a row. `before` columns
/// come before them.
fn named(columns: &[Column], before: usize) -> String {
    let seen = columns.iter().enumerate().filter(|(_, column)| !column.is_unseen);
    seen.map(|(at, column)| format!("--column-{}:'{}';", at + before + 1, column.label)).collect()
}

/// A table with its heads. An order is the name of its column, with a minus before it when the last comes first.
#[component]
pub fn Table(
    /// What it is called.
    #[prop(into)]
    label: String,
    /// The columns.
    columns: &'static [Column],
    /// The order that the rows have.
    #[prop(optional, into)]
    order: Signal<String>,
    /// Called with another one.
    #[prop(optional, into)]
    go: Option<Callback<String>>,
    /// What stands at the head of a column of boxes to tick, before the others.
    #[prop(default = None)]
    tick: Option<ViewFn>,
    /// Whether a column of buttons follows.
    #[prop(optional)]
    actions: bool,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let head = move |column: &'static Column| {
        if column.order.is_empty() {
            let unseen = if column.is_unseen { "visually-hidden" } else { "" };
            return view! { <th scope="col" class=column.class><span class=unseen>{column.label}</span></th> }.into_any();
        }
        let backwards = move || order.with(|order| column.sorted(order));
        let click = move |_| go.into_iter().for_each(|go| go.run(order.with_untracked(|order| column.next(order))));
        view! {
            <th scope="col" class=column.class aria-sort=move || backwards().map(|backwards| if backwards { "descending" } else { "ascending" })>
                <button type="button" class="sort" on:click=click>
                    {column.label}
                    <Icon class="s" name=Signal::derive(move || match backwards() { Some(false) => "up", Some(true) => "down-small", None => "up-down" })/>
                </button>
            </th>
        }
        .into_any()
    };
    let named = named(columns, usize::from(tick.is_some()));
    view! {
        <div class="table-wrap" tabindex="0" role="region" aria-label=label>
            <table class=format!("table stacks {class}") style=named>
                <thead><tr>
                    {tick.map(|tick| view! { <th scope="col" class="tight">{tick.run()}</th> })}
                    {columns.iter().map(head).collect_view()}
                    {actions.then(|| view! { <th scope="col" class="tight"><span class="visually-hidden">"Actions"</span></th> })}
                </tr></thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

/// A page of a list, whose order and part stand in the address, with the ways to the others.
#[component]
pub fn Listed(
    /// What the page shows.
    address: Address,
    /// The part that is shown.
    paging: Paging,
    /// How many items there are.
    #[prop(into)]
    total: Signal<u64>,
    /// What one item is called, and several.
    names: (&'static str, &'static str),
    /// The columns.
    columns: &'static [Column],
    /// The order that the rows have when the address names none.
    #[prop(optional)]
    usual: &'static str,
    /// What stands at the head of a column of boxes to tick.
    #[prop(default = None)]
    tick: Option<ViewFn>,
    /// Whether a column of buttons follows.
    #[prop(optional)]
    actions: bool,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let order =
        Signal::derive(move || Some(address.get("order")).filter(|order| !order.is_empty()).unwrap_or_else(|| usual.to_owned()));
    let go = Callback::new(move |order: String| address.narrow("order", if order == usual { String::new() } else { order }));
    view! {
        <Table label=format!("List of {}", names.1) columns order go tick actions>{children()}</Table>
        <Pages paging total names/>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_know_the_names_of_their_columns() {
        let columns = [plain("Active").tight(), plain("Dag"), ordered("Next run", "next_run")];
        assert_eq!(named(&columns, 0), "--column-2:'Dag';--column-3:'Next run';");
        assert_eq!(named(&columns[1..], 1), "--column-2:'Dag';--column-3:'Next run';");
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let name = ordered("Name", "name");
        assert_eq!(["", "name", "-name", "-size"].map(|now| name.next(now)), ["name", "-name", "name", "name"]);
        assert_eq!(["", "-name", "name"].map(|now| name.latest().next(now)), ["-name", "name", "-name"]);
    }
}
