//! The note of a run or of a task instance.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::Toasts;
use crate::core::http;
use crate::core::{format, paths};
use crate::pages::run::{Noted, run_context};
use cofferdam_api_types::SetNote;
use leptos::prelude::*;
use serde_json::Value;

const MOST: usize = 4_000;

/// The dialog that writes a note. It is open while there is something to note.
#[component]
pub fn NoteDialog(about: RwSignal<Option<Noted>>) -> impl IntoView {
    let open = opens_with(about);
    let title = Signal::derive(move || {
        about.with(|about| match about.as_ref().and_then(|about| about.task.as_ref()) {
            Some((task, index)) if *index >= 0 => format!("Note on {task} [{index}]"),
            Some((task, _)) => format!("Note on {task}"),
            None => "Note on the run".to_owned(),
        })
    });
    view! {
        <Dialog open title>
            {move || about.get().map(|about| view! { <Form about open/> })}
        </Dialog>
    }
}

#[component]
fn Form(about: Noted, open: RwSignal<bool>) -> impl IntoView {
    let context = run_context();
    let toasts = expect_context::<Toasts>();
    let text = RwSignal::new(about.note.clone());
    let saving = Saving::new(&["note"]);
    let wrong = Signal::derive(move || {
        let length = text.with(|text| text.chars().count());
        let too_long = format!("It has {} characters; at most {MOST} are kept.", format::grouped(length as u64));
        (length > MOST).then_some(too_long).or_else(|| saving.said_of("note"))
    });
    let valid = Signal::derive(move || text.with(|text| text.chars().count()) <= MOST);
    let submit = Callback::new(move |()| {
        let run = paths::run(&context.dag_id.get_untracked(), &context.run_id.get_untracked());
        let path = match &about.task {
            None => format!("{run}/setNote"),
            Some((task, index)) if *index < 0 => format!("{run}/taskInstances/{}/setNote", paths::segment(task)),
            Some((task, index)) => format!("{run}/taskInstances/{}/{index}/setNote", paths::segment(task)),
        };
        let note = text.get_untracked().trim().to_owned();
        let removed = note.is_empty();
        let request = async move { http::amend::<Value>(&path, &SetNote { note }).await.map(drop) };
        saving.send(request, move || {
            open.try_set(false);
            toasts.done(if removed { "The note is removed" } else { "The note is saved" });
            context.changed.run(());
        });
    });
    view! {
        <EditForm open saving valid verb="Save" submit>
            <TextField id="note" label="Note" value=text typed=Typed::Lines autofocus=true hint="What others should know. An empty note is removed." wrong/>
        </EditForm>
    }
}
