//! The dialog that makes or changes a connection.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Edited, Saving, Sealed, SealedField, TextField, Typed, changed};
use crate::components::feedback::Toasts;
use crate::components::icon::Icon;
use crate::core::http::{self, Failure};
use crate::core::paths;
use cofferdam_api_types::{Connection, ConnectionTest, NewConnection, PatchConnection};
use cofferdam_ids::ConnectionId;
use leptos::prelude::*;
use leptos::task::spawn_local;

const FIELDS: &[&str] = &["connection_id", "conn_type", "host", "port", "login", "password", "schema", "extra", "description"];

/// Reads what was typed as a port.
fn read_port(text: &str) -> Result<Option<u16>, String> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "A number from 0 to 65535.".to_owned()),
    }
}

/// See the module. It is open while `edited` is something. `done` is called when it is saved.
#[component]
pub fn ConnectionDialog(edited: RwSignal<Option<Edited<Connection>>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(edited);
    let title = Signal::derive(move || {
        let name = edited.with(|it| it.as_ref().and_then(Edited::old).map(|it| it.connection_id.to_string()));
        name.map_or_else(|| "Add a connection".to_owned(), |name| format!("Edit {name}"))
    });
    view! { <Dialog open title>{move || edited.get().map(|edited| view! { <Form edited open done/> })}</Dialog> }
}

#[component]
fn Form(edited: Edited<Connection>, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let old = StoredValue::new(edited.old().cloned());
    let is_new = old.with_value(Option::is_none);
    let start = |of: fn(&Connection) -> Option<String>| {
        RwSignal::new(old.with_value(|old| old.as_ref().and_then(of).unwrap_or_default()))
    };
    let has = |of: fn(&Connection) -> bool| old.with_value(|old| old.as_ref().is_some_and(of));
    let id = RwSignal::new(String::new());
    let kind = start(|it| Some(it.conn_type.clone()));
    let host = start(|it| it.host.clone());
    let port = start(|it| it.port.map(|port| port.to_string()));
    let login = start(|it| it.login.clone());
    let password = Sealed::new(has(|it| it.has_password));
    let schema = start(|it| it.schema.clone());
    let extra = Sealed::new(has(|it| it.has_extra));
    let description = start(|it| it.description.clone());

    let parsed_id = Memo::new(move |_| ConnectionId::new(id.read().trim()).map_err(|error| error.to_string()));
    let parsed_port = Memo::new(move |_| read_port(&port.read()));
    let wrong = move |field: &'static str| Signal::derive(move || saving.said_of(field));
    let wrong_id = Signal::derive(move || {
        let typed = id.with(|id| !id.trim().is_empty());
        parsed_id.get().err().filter(|_| typed).or_else(|| saving.said_of("connection_id"))
    });
    let wrong_port = Signal::derive(move || parsed_port.get().err().or_else(|| saving.said_of("port")));
    let valid = move || {
        (!is_new || parsed_id.with(Result::is_ok))
            && parsed_port.with(Result::is_ok)
            && kind.with(|kind| !kind.trim().is_empty())
            && !password.is_missing()
            && !extra.is_missing()
    };
    // What is typed, as a whole connection.
    let typed = move |connection_id: ConnectionId, port: Option<u16>| {
        let text = |now: RwSignal<String>| now.with_untracked(|now| changed(None, now)).flatten();
        let (password, extra) = untrack(|| (password.change().flatten(), extra.change().flatten()));
        let (conn_type, description) = (kind.get_untracked().trim().to_owned(), text(description));
        NewConnection {
            connection_id,
            conn_type,
            description,
            host: text(host),
            login: text(login),
            schema: text(schema),
            port,
            password,
            extra,
        }
    };
    let checked = RwSignal::new(None::<Result<ConnectionTest, Failure>>);
    let check = move |_| {
        let name = old.with_value(|old| old.as_ref().map(|old| old.connection_id.clone()));
        let (Some(name), Ok(port)) = (name.or_else(|| parsed_id.get_untracked().ok()), parsed_port.get_untracked()) else {
            return;
        };
        let body = typed(name, port);
        spawn_local(async move {
            let answer = http::post::<ConnectionTest>("/connections/test", &body).await;
            checked.try_set(Some(answer));
        });
    };
    let saved = move |name: String| {
        move || {
            open.try_set(false);
            toasts.done(format!("The connection {name} is saved"));
            done.run(());
        }
    };
    let submit = Callback::new(move |()| {
        let Ok(port) = parsed_port.get_untracked() else { return };
        let conn_type = kind.get_untracked().trim().to_owned();
        let (password, extra) = untrack(|| (password.change(), extra.change()));
        let change = |before: Option<&str>, now: RwSignal<String>| now.with_untracked(|now| changed(before, now));
        if let Some(old) = old.get_value() {
            let body = PatchConnection {
                connection_id: None,
                conn_type: Some(conn_type).filter(|now| *now != old.conn_type),
                description: change(old.description.as_deref(), description),
                host: change(old.host.as_deref(), host),
                login: change(old.login.as_deref(), login),
                schema: change(old.schema.as_deref(), schema),
                port: Some(port).filter(|now| *now != old.port),
                password,
                extra,
            };
            let path = paths::connection(old.connection_id.as_str());
            saving.send(
                async move { http::amend::<Connection>(&path, &body).await.map(drop) },
                saved(old.connection_id.to_string()),
            );
        } else if let Ok(connection_id) = parsed_id.get_untracked() {
            let name = connection_id.to_string();
            let body = typed(connection_id, port);
            saving.send(async move { http::post::<Connection>("/connections", &body).await.map(drop) }, saved(name));
        }
    });
    view! {
        <EditForm open saving valid submit verb=if is_new { "Add" } else { "Save" }>
            {is_new.then(|| view! { <TextField id="connection-id" label="Connection id" value=id autofocus=true hint="Tasks and their grants name it so." wrong=wrong_id/> })}
            <TextField id="connection-type" label="Type" value=kind autofocus={!is_new} hint="What it leads to: http, postgres, …" wrong=wrong("conn_type")/>
            <div class="field-row">
                <TextField id="connection-host" label="Host" value=host hint="Without scheme and port." wrong=wrong("host")/>
                <TextField id="connection-port" label="Port" value=port wrong=wrong_port/>
            </div>
            <TextField id="connection-schema" label="Schema" value=schema hint="Of a database; for http, the scheme of the URL." wrong=wrong("schema")/>
            <TextField id="connection-login" label="Login" value=login wrong=wrong("login")/>
            <SealedField id="connection-password" label="Password" sealed=password typed=Typed::Hidden removable=true hint="A password or a token. It can be written and not read." wrong=wrong("password")/>
            <SealedField id="connection-extra" label="Extra" sealed=extra typed=Typed::Lines removable=true hint="A JSON object with everything else. It can be written and not read." wrong=wrong("extra")/>
            <TextField id="connection-description" label="Description" value=description wrong=wrong("description")/>
            <div class="row wrap" aria-live="polite">
                <button type="button" class="btn small" disabled=move || !valid() on:click=check>"Check the form"</button>
                {move || match checked.get() {
                    None => view! { <span class="small muted">"Nothing is reached: only tasks reach what is outside."</span> }.into_any(),
                    Some(Err(failure)) => view! { <span class="small wrong-text">{failure.detail()}</span> }.into_any(),
                    Some(Ok(it)) => {
                        let (slug, icon) = if it.status { ("success", "check-circle") } else { ("none", "info") };
                        view! { <span class="small status checked" data-state=slug><Icon name=icon/>{it.message}</span> }.into_any()
                    }
                }}
            </div>
        </EditForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_left_out() {
        assert_eq!(read_port(" "), Ok(None));
        assert_eq!(read_port("5432"), Ok(Some(5432)));
        assert!(read_port("70000").is_err());
        assert!(read_port("http").is_err());
    }
}
