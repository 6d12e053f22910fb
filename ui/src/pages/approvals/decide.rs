//! The dialog in which somebody approves or rejects.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::Toasts;
use crate::core::{http, paths};
use cofferdam_api_types::{Approval, Approve, Reject};
use leptos::prelude::*;

const FIELDS: &[&str] = &["choice", "note"];

/// What is going to be decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The question.
    pub approval: Approval,
    /// Whether with yes.
    pub approves: bool,
}

/// See the module. It is open while `decision` is something.
#[component]
pub fn DecideDialog(decision: RwSignal<Option<Decision>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(decision);
    let title = Signal::derive(move || match decision.with(|it| it.as_ref().map(|it| it.approves)) {
        Some(true) => "Approve?".to_owned(),
        _ => "Reject?".to_owned(),
    });
    view! { <Dialog open title>{move || decision.get().map(|it| view! { <Form it open done/> })}</Dialog> }
}

#[component]
fn Form(it: Decision, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(FIELDS);
    let Decision { approval, approves } = it;
    let note = RwSignal::new(String::new());
    let options = if approves { approval.options.clone() } else { Vec::new() };
    let needs_choice = !options.is_empty();
    let choice = RwSignal::new(None::<String>);
    let path = paths::task(approval.dag_id.as_str(), approval.dag_run_id.as_str(), approval.task_id.as_str());
    let map_index = Some(approval.map_index).filter(|index| *index >= 0);
    let told = format!("{}: {}", approval.task_id, if approves { "approved" } else { "rejected" });
    let submit = Callback::new(move |()| {
        let note = Some(note.get_untracked().trim().to_owned()).filter(|note| !note.is_empty());
        let (path, choice, told) = (path.clone(), choice.get_untracked(), told.clone());
        let request = async move {
            if approves {
                http::post::<Approval>(&format!("{path}/approve"), &Approve { choice, note, map_index }).await.map(drop)
            } else {
                http::post::<Approval>(&format!("{path}/reject"), &Reject { note, map_index }).await.map(drop)
            }
        };
        saving.send(request, move || {
            open.try_set(false);
            toasts.done(told);
            done.run(());
        });
    });
    let valid = Signal::derive(move || !needs_choice || choice.with(Option::is_some));
    view! {
        <EditForm open saving valid submit verb=if approves { "Approve" } else { "Reject" }>
            <p class="question">{approval.message.clone()}</p>
            {needs_choice.then(|| view! {
                <fieldset class="field">
                    <legend class="label">"Choose one"</legend>
                    {options.into_iter().enumerate().map(|(i, option)| {
                        let value = option.clone();
                        view! { <label class="check"><input type="radio" name="choice" autofocus={i == 0} on:change=move |_| choice.set(Some(value.clone()))/>{option}</label> }
                    }).collect_view()}
                    {move || saving.said_of("choice").map(|wrong| view! { <p class="wrong">{wrong}</p> })}
                </fieldset>
            })}
            <TextField id="decision-note" label="Note" value=note typed=Typed::Lines autofocus={!needs_choice} hint="The tasks that follow can read it, and so can everybody who sees the run." wrong=Signal::derive(move || saving.said_of("note"))/>
        </EditForm>
    }
}
