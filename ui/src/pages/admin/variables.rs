//! The variables of the tenant.

use super::listing::{Actions, ListPage, Listing, Names, place};
use super::variable_form::VariableDialog;
use crate::components::edit::{Edited, Removal};
use crate::components::feedback::{Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::table::{Column, ordered, plain};
use crate::components::time::Ago;
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{Variable, VariableCollection};
use leptos::prelude::*;
use std::cmp::Ordering;

const NAMES: Names = Names { base: "/variables", one: "variable", many: "variables", title: "Variables", icon: "braces" };

const COLUMNS: &[Column] = &[ordered("Variable", "key"), plain("Value"), ordered("Changed", "changed")];

fn compare(column: &str, a: &Variable, b: &Variable) -> Ordering {
    match column {
        "changed" => a.updated_at.cmp(&b.updated_at),
        _ => a.key.cmp(&b.key),
    }
}

/// Characters of a value that a row shows as they are.
const SHORT: usize = 60;

/// See the module.
#[component]
pub fn VariableList() -> impl IntoView {
    let (place, go) = place(NAMES);
    let variables = query::<VariableCollection>(move || Some(place.get().request(NAMES.base))).refetch_on(|_| false);
    let edited = RwSignal::new(None::<Edited<Variable>>);
    let deleted = RwSignal::new(None::<String>);
    let done = Callback::new(move |()| variables.refetch());
    view! {
        <ListPage names=NAMES place go add=move |()| edited.set(Some(Edited::New))>
            {loaded(variables, Skeleton::Rows, move |list| {
                let part = Memo::new(move |_| {
                    list.with(|list| {
                        place.get().part(&list.variables, list.total_entries, texts, compare)
                    })
                });
                view! {
                    <Listing names=NAMES place go part key=|it: &Variable| it.key.to_string() columns=COLUMNS
                        row=move |item| view! { <Row item edited deleted/> }.into_any()
                        about="A variable is a value that tasks read by its key, when their grant names it. Add one here, or on the command line:"
                        command="cofferdam variable set region eu-north"/>
                }
            })}
        </ListPage>
        <VariableDialog edited done/>
        <Removal name=deleted kind="variable" consequence="Tasks that read it fail from then on. Its value cannot be brought back." path=paths::variable done/>
    }
}

/// What a search looks at.
fn texts(it: &Variable) -> Vec<&str> {
    vec![it.key.as_str(), it.description.as_deref().unwrap_or_default()]
}

#[component]
fn Row(item: Memo<Variable>, edited: RwSignal<Option<Edited<Variable>>>, deleted: RwSignal<Option<String>>) -> impl IntoView {
    let name = item.with_untracked(|it| it.key.to_string());
    let shown = Memo::new(move |_| item.with(|it| it.value.clone().filter(|_| !it.is_secret)));
    let goner = name.clone();
    view! {
        <tr>
            <td>
                <span class="name mono">{name.clone()}</span>
                {move || item.with(|it| it.description.clone()).map(|text| view! { <p class="small muted description">{text}</p> })}
            </td>
            <td class="value">{move || match shown.get() {
                None => view! { <span class="tag"><Icon name="key" class="s"/>"Secret"</span> }.into_any(),
                Some(text) if text.is_empty() => view! { <span class="faint">"Empty"</span> }.into_any(),
                Some(text) if is_short(&text) => view! { <code>{text}</code> }.into_any(),
                Some(text) => {
                    let line = text.lines().next().unwrap_or_default().chars().take(SHORT).collect::<String>();
                    view! { <details><summary><code>{line}"…"</code></summary><pre tabindex="0">{text}</pre></details> }.into_any()
                }
            }}</td>
            <td><Ago at=Signal::derive(move || item.with(|it| it.updated_at))/></td>
            <td class="tight"><Actions name edit=move |()| edited.set(Some(Edited::Old(item.get_untracked()))) delete=move |()| deleted.set(Some(goner.clone()))/></td>
        </tr>
    }
}

/// Whether a value fits into its row.
fn is_short(text: &str) -> bool {
    !text.contains('\n') && text.chars().nth(SHORT).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_short_values_as_they_are() {
        assert!(is_short(&"é".repeat(SHORT)));
        assert!(!is_short(&"é".repeat(SHORT + 1)));
        assert!(!is_short("two\nlines"));
    }
}
