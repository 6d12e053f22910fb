//! The dialog that makes or changes a variable.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Edited, Saving, Sealed, SealedField, TextField, Typed, changed};
use crate::components::feedback::Toasts;
use crate::core::{http, paths};
use cofferdam_api_types::{NewVariable, PatchVariable, Variable};
use cofferdam_ids::VariableKey;
use leptos::prelude::*;

const FIELDS: &[&str] = &["key", "value", "is_secret", "description"];

/// See the module. It is open while `edited` is something. `done` is called when it is saved.
#[component]
pub fn VariableDialog(edited: RwSignal<Option<Edited<Variable>>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(edited);
    let title = Signal::derive(move || {
        edited.with(|it| {
            it.as_ref().and_then(Edited::old).map_or_else(|| "Add a variable".to_owned(), |it| format!("Edit {}", it.key))
        })
    });
    view! { <Dialog open title>{move || edited.get().map(|edited| view! { <Form edited open done/> })}</Dialog> }
}

#[component]
fn Form(edited: Edited<Variable>, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let old = StoredValue::new(edited.old().cloned());
    let is_new = old.with_value(Option::is_none);
    let was_secret = old.with_value(|old| old.as_ref().is_some_and(|it| it.is_secret));
    let start =
        |of: fn(&Variable) -> Option<String>| RwSignal::new(old.with_value(|old| old.as_ref().and_then(of).unwrap_or_default()));
    let key = RwSignal::new(String::new());
    let value = start(|it| it.value.clone());
    let sealed = Sealed::new(was_secret);
    let secret = RwSignal::new(was_secret);
    let description = start(|it| it.description.clone());
    let parsed = Memo::new(move |_| VariableKey::new(key.read().trim()).map_err(|error| error.to_string()));
    let wrong_key = Signal::derive(move || {
        let typed = key.with(|key| !key.trim().is_empty());
        parsed.get().err().filter(|_| typed).or_else(|| saving.said_of("key"))
    });
    let wrong = move |field: &'static str| Signal::derive(move || saving.said_of(field));
    let saved = move |name: String| {
        move || {
            open.try_set(false);
            toasts.done(format!("The variable {name} is saved"));
            done.run(());
        }
    };
    let submit = Callback::new(move |()| {
        let (description, value, is_secret) = (description.get_untracked(), value.get_untracked(), secret.get_untracked());
        if let Some(old) = old.get_value() {
            let value = if was_secret {
                untrack(|| sealed.change()).flatten()
            } else {
                Some(value).filter(|now| Some(now) != old.value.as_ref())
            };
            let body = PatchVariable {
                key: None,
                value,
                description: changed(old.description.as_deref(), &description),
                is_secret: Some(is_secret).filter(|now| *now != old.is_secret),
            };
            let path = paths::variable(old.key.as_str());
            saving.send(async move { http::amend::<Variable>(&path, &body).await.map(drop) }, saved(old.key.to_string()));
        } else if let Ok(key) = parsed.get_untracked() {
            let name = key.to_string();
            let body = NewVariable { key, value, description: changed(None, &description).flatten(), is_secret };
            saving.send(async move { http::post::<Variable>("/variables", &body).await.map(drop) }, saved(name));
        }
    });
    let valid = move || !is_new || parsed.with(Result::is_ok);
    view! {
        <EditForm open saving valid submit verb=if is_new { "Add" } else { "Save" }>
            {is_new.then(|| view! { <TextField id="variable-key" label="Key" value=key autofocus=true hint="Tasks and their grants name it so." wrong=wrong_key/> })}
            {if was_secret {
                view! { <SealedField id="variable-value" label="Value" sealed typed=Typed::Lines hint="At most 64 KiB." wrong=wrong("value")/> }.into_any()
            } else {
                view! { <TextField id="variable-value" label="Value" value typed=Typed::Lines autofocus={!is_new} hint="At most 64 KiB." wrong=wrong("value")/> }.into_any()
            }}
            <div class="field">
                <label class="check"><input id="variable-secret" type="checkbox" aria-describedby="variable-secret-said" prop:checked=move || secret.get() on:change=move |event| secret.set(event_target_checked(&event))/>"Secret"</label>
                {move || match saving.said_of("is_secret") {
                    Some(wrong) => view! { <p id="variable-secret-said" class="wrong" aria-live="polite">{wrong}</p> }.into_any(),
                    None => view! { <p id="variable-secret-said" class="hint">"Only tasks are shown the value, and it is masked in their logs."</p> }.into_any(),
                }}
            </div>
            <TextField id="variable-description" label="Description" value=description wrong=wrong("description")/>
        </EditForm>
    }
}
