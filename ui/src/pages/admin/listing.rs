//! What the lists of variables, connections and pools have in common.

use crate::components::feedback::Empty;
use crate::components::icon::Icon;
use crate::components::page::{PageHead, Search};
use crate::components::pager::Pager;
use crate::components::table::{Column, Table};
use crate::core::listing::{LIMIT, Part, Place};
use crate::core::session::session;
use cofferdam_api_types::Role;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

/// What a list is called.
#[derive(Clone, Copy)]
pub struct Names {
    /// Its page, and its path in the API.
    pub base: &'static str,
    /// One of its items.
    pub one: &'static str,
    /// Several.
    pub many: &'static str,
    /// The heading.
    pub title: &'static str,
    /// The icon.
    pub icon: &'static str,
}

/// What the address asks for, and the way to ask for something else.
pub fn place(names: Names) -> (Memo<Place>, Callback<Place>) {
    let address = use_query_map();
    let navigate = use_navigate();
    let place = Memo::new(move |_| address.with(Place::read));
    let go = Callback::new(move |place: Place| {
        navigate(&place.page(names.base), NavigateOptions { replace: true, scroll: false, ..Default::default() });
    });
    (place, go)
}

/// The page around a list.
#[component]
pub fn ListPage(
    names: Names,
    place: Memo<Place>,
    go: Callback<Place>,
    /// Opens the form for a new item.
    #[prop(into)]
    add: Callback<()>,
    children: Children,
) -> impl IntoView {
    let session = session();
    let may = move || session.may(Role::Editor);
    let search = Callback::new(move |text| go.run(Place { text, offset: 0, ..place.get_untracked() }));
    let actions = move || {
        view! {
            <button type="button" class="btn primary" disabled=move || !may() on:click=move |_| add.run(())><Icon name="plus" class="s"/>{format!("Add a {}", names.one)}</button>
        }
    };
    view! {
        <PageHead title=names.title actions/>
        <div class="content">
            <div class="toolbar">
                <Search value=Signal::derive(move || place.get().text) on_input=search label=format!("Find a {}", names.one)/>
                <Show when=move || !may()><span class="small muted">"Your role reads these. An editor makes changes."</span></Show>
            </div>
            <section class="card" aria-label=names.title>{children()}</section>
        </div>
    }
}

/// The table of a list, or why there is none.
#[component]
pub fn Listing<T, K, V>(
    names: Names,
    place: Memo<Place>,
    go: Callback<Place>,
    part: Memo<Part<T>>,
    /// The name of an item.
    key: K,
    /// The heads of the columns but for the last.
    columns: &'static [Column],
    /// The row of an item.
    row: V,
    /// What an item is for.
    about: &'static str,
    /// How one is made on the command line.
    command: &'static str,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    K: Fn(&T) -> String + Copy + Send + Sync + 'static,
    V: Fn(Memo<T>) -> AnyView + Copy + Send + Sync + 'static,
{
    let none = Memo::new(move |_| part.with(|part| part.items.is_empty()));
    let searched = Memo::new(move |_| place.with(|place| !place.text.is_empty()));
    let turned = Memo::new(move |_| place.with(|place| place.offset > 0));
    let keys = Memo::new(move |_| part.with(|part| part.items.iter().map(key).collect::<Vec<_>>()));
    let find = move |wanted: &str| part.with(|part| part.items.iter().find(|item| key(item) == wanted).cloned());
    let partial = move || {
        part.with(|part| part.is_partial).then(|| {
            view! { <p class="picture-note small muted"><Icon name="info" class="s"/>{format!("There are more than 1000 {}; a search and an order look at the first 1000 by name.", names.many)}</p> }
        })
    };
    move || {
        if none.get() && turned.get() {
            return view! {
                <Empty icon="list" title="Nothing is left on this page">
                    <button type="button" class="btn small" on:click=move |_| go.run(Place { offset: 0, ..place.get_untracked() })>"Go to the first page"</button>
                </Empty>
            }
            .into_any();
        }
        if none.get() && searched.get() {
            return view! {
                {partial}
                <Empty icon="search" title=format!("No {} has this in its name or description", names.one)>
                    <button type="button" class="btn small" on:click=move |_| go.run(Place::default())>{format!("Show all {}", names.many)}</button>
                </Empty>
            }
            .into_any();
        }
        if none.get() {
            return view! {
                <Empty icon=names.icon title=format!("No {} yet", names.many)>
                    <p>{about}</p>
                    <pre tabindex="0"><code>{command}</code></pre>
                </Empty>
            }
            .into_any();
        }
        view! {
            {partial}
            <Table label=format!("List of {}", names.many) columns order=Signal::derive(move || place.get().order)
                go=move |order| go.run(Place { order, offset: 0, ..place.get_untracked() }) actions=true>
                <For each=move || keys.get() key=Clone::clone let:name>
                    {
                        let first = untrack(|| find(&name));
                        first.map(|first| {
                            // A row that is about to go keeps what it showed.
                            let item = Memo::new(move |last: Option<&T>| find(&name).or_else(|| last.cloned()).unwrap_or_else(|| first.clone()));
                            row(item)
                        })
                    }
                </For>
            </Table>
            <Pager limit=LIMIT offset=Signal::derive(move || place.get().offset) total=Signal::derive(move || part.with(|part| part.total)) names=(names.one, names.many)
                go=move |offset| go.run(Place { offset, ..place.get_untracked() })/>
        }
        .into_any()
    }
}

/// The buttons of a row.
#[component]
pub fn Actions(name: String, #[prop(into)] edit: Callback<()>, #[prop(into)] delete: Callback<()>) -> impl IntoView {
    let session = session();
    let may = move || session.may(Role::Editor);
    view! {
        <div class="row">
            <button type="button" class="btn small" aria-label=format!("Edit {name}") disabled=move || !may() on:click=move |_| edit.run(())><Icon name="edit" class="s"/>"Edit"</button>
            <button type="button" class="btn small danger icon-only" title="Delete" aria-label=format!("Delete {name}") disabled=move || !may() on:click=move |_| delete.run(())><Icon name="trash" class="s"/></button>
        </div>
    }
}
