//! The dialog that says that an asset has changed, as a task that produces it does.

use super::Tell;
use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::Toasts;
use crate::core::http;
use cofferdam_api_types::{AssetEvent, NewAssetEvent};
use leptos::prelude::*;
use serde_json::Value;

const FIELDS: &[&str] = &["uri", "extra"];

/// Reads what is said of an asset: JSON, or nothing.
fn read_extra(text: &str) -> Result<Option<Value>, String> {
    match text.trim() {
        "" => Ok(None),
        text => serde_json::from_str(text).map(Some).map_err(|error| format!("This is not JSON: {error}.")),
    }
}

/// See the module.
#[component]
pub fn TellDialog(tell: Tell) -> impl IntoView {
    let open = opens_with(tell.asset);
    view! { <Dialog open title="Tell a change of an asset">{move || tell.asset.get().map(|asset| view! { <Form asset tell open/> })}</Dialog> }
}

#[component]
fn Form(asset: String, tell: Tell, open: RwSignal<bool>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let is_known = !asset.is_empty();
    let uri = RwSignal::new(asset);
    let extra = RwSignal::new(String::new());
    let parsed = Memo::new(move |_| read_extra(&extra.read()));
    let submit = Callback::new(move |()| {
        let Ok(extra) = parsed.get_untracked() else { return };
        let body = NewAssetEvent { uri: uri.get_untracked().trim().to_owned(), extra };
        let told = body.uri.clone();
        saving.send(async move { http::post::<AssetEvent>("/assets/events", &body).await.map(drop) }, move || {
            open.try_set(false);
            toasts.done(format!("The change of {told} is told"));
            tell.told.update(|n| *n += 1);
        });
    });
    let wrong_extra = Signal::derive(move || parsed.get().err().or_else(|| saving.said_of("extra")));
    let valid = move || parsed.with(Result::is_ok) && uri.with(|uri| !uri.trim().is_empty());
    view! {
        <EditForm open saving valid submit verb="Tell">
            <p class="muted">"Dags that wait for it are run, as if a task had produced it."</p>
            <TextField id="asset-uri" label="Asset" value=uri autofocus={!is_known} wrong=Signal::derive(move || saving.said_of("uri"))/>
            <TextField id="asset-extra" label="Said of it" value=extra typed=Typed::Lines autofocus=is_known hint="JSON that the runs can read, or nothing." wrong=wrong_extra/>
        </EditForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_json_or_nothing() {
        assert_eq!(read_extra(" "), Ok(None));
        assert_eq!(read_extra("{\"rows\": 3}").unwrap().unwrap()["rows"], 3);
        assert!(read_extra("rows").is_err());
    }
}
