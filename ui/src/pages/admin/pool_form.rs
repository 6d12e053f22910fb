//! The dialog that makes or changes a pool.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Edited, Saving, TextField, changed};
use crate::components::feedback::Toasts;
use crate::core::{http, paths};
use cofferdam_api_types::{NewPool, PatchPool, Pool};
use cofferdam_ids::PoolName;
use leptos::prelude::*;

const FIELDS: &[&str] = &["name", "slots", "description", "include_deferred"];

/// The most slots that a pool can have.
const MOST: u32 = 1_000_000;

/// Reads what was typed as a number of slots.
fn read_slots(text: &str) -> Result<u32, String> {
    text.trim().parse().ok().filter(|slots| *slots <= MOST).ok_or_else(|| "A number from 0 to 1,000,000.".to_owned())
}

/// See the module. It is open while `edited` is something. `done` is called when it is saved.
#[component]
pub fn PoolDialog(edited: RwSignal<Option<Edited<Pool>>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(edited);
    let title = Signal::derive(move || {
        let name = edited.with(|it| it.as_ref().and_then(Edited::old).map(|it| it.name.to_string()));
        name.map_or_else(|| "Add a pool".to_owned(), |name| format!("Edit {name}"))
    });
    view! { <Dialog open title>{move || edited.get().map(|edited| view! { <Form edited open done/> })}</Dialog> }
}

#[component]
fn Form(edited: Edited<Pool>, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let old = StoredValue::new(edited.old().cloned());
    let is_new = old.with_value(Option::is_none);
    let name = RwSignal::new(String::new());
    // The default pool has no bound until it gets one.
    let slots = RwSignal::new(
        old.with_value(|old| old.as_ref().filter(|it| it.slots >= 0).map(|it| it.slots.to_string()).unwrap_or_default()),
    );
    let description = RwSignal::new(old.with_value(|old| old.as_ref().and_then(|it| it.description.clone()).unwrap_or_default()));
    let deferred = RwSignal::new(old.with_value(|old| old.as_ref().is_some_and(|it| it.include_deferred)));
    let parsed_name = Memo::new(move |_| PoolName::new(name.read().trim()).map_err(|error| error.to_string()));
    let parsed_slots = Memo::new(move |_| read_slots(&slots.read()));
    let said = move |parsed: Option<String>, typed: RwSignal<String>, field| {
        parsed.filter(|_| typed.with(|typed| !typed.trim().is_empty())).or_else(|| saving.said_of(field))
    };
    let wrong_name = Signal::derive(move || said(parsed_name.get().err(), name, "name"));
    let wrong_slots = Signal::derive(move || said(parsed_slots.get().err(), slots, "slots"));
    let wrong = move |field: &'static str| Signal::derive(move || saving.said_of(field));
    let saved = move |name: String| {
        move || {
            open.try_set(false);
            toasts.done(format!("The pool {name} is saved"));
            done.run(());
        }
    };
    let submit = Callback::new(move |()| {
        let Ok(slots) = parsed_slots.get_untracked() else { return };
        let (include_deferred, description) = (deferred.get_untracked(), description.get_untracked());
        if let Some(old) = old.get_value() {
            let body = PatchPool {
                name: None,
                slots: Some(slots).filter(|now| i64::from(*now) != old.slots),
                description: changed(old.description.as_deref(), &description),
                include_deferred: Some(include_deferred).filter(|now| *now != old.include_deferred),
            };
            let path = paths::pool(old.name.as_str());
            saving.send(async move { http::amend::<Pool>(&path, &body).await.map(drop) }, saved(old.name.to_string()));
        } else if let Ok(name) = parsed_name.get_untracked() {
            let told = name.to_string();
            let body = NewPool { name, slots, description: changed(None, &description).flatten(), include_deferred };
            saving.send(async move { http::post::<Pool>("/pools", &body).await.map(drop) }, saved(told));
        }
    });
    let valid = move || (!is_new || parsed_name.with(Result::is_ok)) && parsed_slots.with(Result::is_ok);
    view! {
        <EditForm open saving valid submit verb=if is_new { "Add" } else { "Save" }>
            {is_new.then(|| view! { <TextField id="pool-name" label="Name" value=name autofocus=true hint="Tasks name it so." wrong=wrong_name/> })}
            <TextField id="pool-slots" label="Slots" value=slots autofocus={!is_new} hint="How many there are. A task takes one, or as many as its pool_slots say." wrong=wrong_slots/>
            <div class="field">
                <label class="check"><input type="checkbox" prop:checked=move || deferred.get() on:change=move |event| deferred.set(event_target_checked(&event))/>"Tasks that wait for an event keep their slots"</label>
            </div>
            <TextField id="pool-description" label="Description" value=description wrong=wrong("description")/>
        </EditForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_a_number() {
        assert_eq!(read_slots(" 8 "), Ok(8));
        assert!(read_slots("-1").is_err());
        assert!(read_slots("1000001").is_err());
        assert!(read_slots("").is_err());
    }
}
