//! The connections of the tenant.

use super::connection_form::ConnectionDialog;
use super::listing::{Actions, ListPage, Listing, Names, place};
use crate::components::edit::{Edited, Removal};
use crate::components::feedback::{Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::table::{Column, ordered, plain};
use crate::components::time::Ago;
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{Connection, ConnectionCollection};
use leptos::prelude::*;
use std::cmp::Ordering;

const NAMES: Names = Names { base: "/connections", one: "connection", many: "connections", title: "Connections", icon: "plug" };

const COLUMNS: &[Column] = &[
    ordered("Connection", "connection_id"),
    ordered("Type", "type"),
    ordered("Host", "host"),
    plain("Login"),
    plain("Schema"),
    plain("Secrets"),
    ordered("Changed", "changed"),
];

fn compare(column: &str, a: &Connection, b: &Connection) -> Ordering {
    match column {
        "type" => a.conn_type.cmp(&b.conn_type),
        "host" => a.host.cmp(&b.host),
        "changed" => a.updated_at.cmp(&b.updated_at),
        _ => a.connection_id.cmp(&b.connection_id),
    }
}

/// See the module.
#[component]
pub fn ConnectionList() -> impl IntoView {
    let (place, go) = place(NAMES);
    let connections = query::<ConnectionCollection>(move || Some(place.get().request(NAMES.base))).refetch_on(|_| false);
    let edited = RwSignal::new(None::<Edited<Connection>>);
    let deleted = RwSignal::new(None::<String>);
    let done = Callback::new(move |()| connections.refetch());
    view! {
        <ListPage names=NAMES place go add=move |()| edited.set(Some(Edited::New))>
            {loaded(connections, Skeleton::Rows, move |list| {
                let part = Memo::new(move |_| list.with(|list| place.get().part(&list.connections, list.total_entries, texts, compare)));
                view! {
                    <Listing names=NAMES place go part key=|it: &Connection| it.connection_id.to_string()
                        columns=COLUMNS
                        row=move |item| view! { <Row item edited deleted/> }.into_any()
                        about="A connection is how tasks reach something outside: an address, and what it takes to sign in there. Tasks read it when their grant names it. Add one here, or on the command line:"
                        command="cofferdam connection add warehouse --type postgres --host db.example.org"/>
                }
            })}
        </ListPage>
        <ConnectionDialog edited done/>
        <Removal name=deleted kind="connection" consequence="Tasks that use it fail from then on. Its password and extra cannot be brought back." path=paths::connection done/>
    }
}

/// What a search looks at.
fn texts(it: &Connection) -> Vec<&str> {
    let more = [&it.host, &it.description].into_iter().filter_map(|text| text.as_deref());
    [it.connection_id.as_str(), it.conn_type.as_str()].into_iter().chain(more).collect()
}

/// The host, with the port where there is one.
fn address(it: &Connection) -> Option<String> {
    match (&it.host, it.port) {
        (Some(host), Some(port)) => Some(format!("{host}:{port}")),
        (Some(host), None) => Some(host.clone()),
        (None, port) => port.map(|port| format!(":{port}")),
    }
}

#[component]
fn Row(item: Memo<Connection>, edited: RwSignal<Option<Edited<Connection>>>, deleted: RwSignal<Option<String>>) -> impl IntoView {
    let name = item.with_untracked(|it| it.connection_id.to_string());
    let goner = name.clone();
    let text = |of: fn(&Connection) -> Option<String>| {
        move || {
            item.with(of).map_or_else(
                || view! { <span class="faint">"–"</span> }.into_any(),
                |text| view! { <code>{text}</code> }.into_any(),
            )
        }
    };
    let secrets = move || {
        let (password, extra) = item.with(|it| (it.has_password, it.has_extra));
        let tag = |there: bool, word: &'static str| {
            there.then(|| view! { <span class="tag"><Icon name="key" class="s"/>{word}</span> })
        };
        match (password, extra) {
            (false, false) => view! { <span class="faint">"–"</span> }.into_any(),
            _ => view! { <div class="row">{tag(password, "Password")}{tag(extra, "Extra")}</div> }.into_any(),
        }
    };
    view! {
        <tr>
            <td>
                <span class="name mono">{name.clone()}</span>
                {move || item.with(|it| it.description.clone()).map(|text| view! { <p class="small muted description">{text}</p> })}
            </td>
            <td>{move || item.with(|it| it.conn_type.clone())}</td>
            <td class="value">{text(address)}</td>
            <td class="value">{text(|it| it.login.clone())}</td>
            <td class="value">{text(|it| it.schema.clone())}</td>
            <td>{secrets}</td>
            <td><Ago at=Signal::derive(move || item.with(|it| it.updated_at))/></td>
            <td class="tight"><Actions name edit=move |()| edited.set(Some(Edited::Old(item.get_untracked()))) delete=move |()| deleted.set(Some(goner.clone()))/></td>
        </tr>
    }
}
