//! The dialog that gives a dag a webhook, or its webhook another secret, and shows the secret, once.

use crate::components::copy::CopyButton;
use crate::components::dag_field::DagField;
use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving};
use crate::components::icon::Icon;
use crate::core::{http, paths};
use cofferdam_api_types::{Webhook, WebhookCollection};
use cofferdam_ids::DagId;
use leptos::prelude::*;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A webhook for a dag that has none.
    New,
    /// Another secret for that of a dag.
    Renewed(String),
}

/// See the module. It is open while something is wanted. `done` is called when there is a secret.
#[component]
pub fn SecretDialog(wanted: RwSignal<Option<Wanted>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(wanted);
    let title = Signal::derive(move || {
        wanted.with(|wanted| match wanted {
            Some(Wanted::Renewed(dag)) => format!("New secret for {dag}"),
            _ => "Add a webhook".to_owned(),
        })
    });
    view! { <Dialog open title>{move || wanted.get().map(|wanted| view! { <Ask wanted open done/> })}</Dialog> }
}

/// The form and, when it was sent, the secret.
#[component]
fn Ask(wanted: Wanted, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let made = RwSignal::new(None::<Webhook>);
    let wanted = StoredValue::new(wanted);
    move || match made.get() {
        Some(webhook) => view! { <Secret webhook open/> }.into_any(),
        None => view! { <Form wanted=wanted.get_value() open made done/> }.into_any(),
    }
}

#[component]
fn Form(wanted: Wanted, open: RwSignal<bool>, made: RwSignal<Option<Webhook>>, done: Callback<()>) -> impl IntoView {
    let saving = Saving::new(&["dag_id"]);
    let is_new = wanted == Wanted::New;
    let dag = RwSignal::new(match wanted {
        Wanted::New => String::new(),
        Wanted::Renewed(dag) => dag,
    });
    // The dag that has one already: it would get another secret, which is not what was meant.
    let taken = RwSignal::new(None::<String>);
    let submit = Callback::new(move |()| {
        let name = dag.get_untracked().trim().to_owned();
        let request = async move {
            if is_new {
                let pattern = paths::query(&[("dag_id_pattern", &name), ("limit", "1000")]);
                let there: WebhookCollection = http::get(&format!("/webhooks{pattern}")).await?;
                if there.webhooks.iter().any(|it| it.dag_id.as_str() == name) {
                    taken.try_set(Some(name));
                    return Ok(());
                }
            }
            let webhook: Webhook = http::put(&paths::webhook(&name)).await?;
            made.try_set(Some(webhook));
            Ok(())
        };
        saving.send(request, move || done.run(()));
    });
    let wrong = Signal::derive(move || {
        let has_one = taken.with(|taken| taken.as_ref().is_some_and(|taken| dag.with(|dag| dag.trim() == taken)));
        let has_one = has_one.then(|| "This dag has a webhook: give it a new secret in the list.".to_owned());
        has_one.or_else(|| saving.said_of("dag_id"))
    });
    let valid = Signal::derive(move || dag.with(|dag| DagId::new(dag.trim()).is_ok()));
    view! {
        <EditForm open saving valid submit verb=if is_new { "Add" } else { "Make a new secret" }>
            {if is_new {
                view! { <DagField id="webhook-dag" value=dag hint="Events run it. Each dag has at most one webhook." wrong/> }.into_any()
            } else {
                view! { <p>"The secret that there is will be worthless at once: whoever sends events needs the new one."</p> }.into_any()
            }}
        </EditForm>
    }
}

/// The secret, to be taken away.
#[component]
fn Secret(webhook: Webhook, open: RwSignal<bool>) -> impl IntoView {
    let origin = window().location().origin().unwrap_or_default();
    let facts = [("Send events to", format!("{origin}{}", webhook.path)), ("Sign them with", webhook.secret.unwrap_or_default())];
    view! {
        <div class="body stack" role="status">
            <div class="notice info"><Icon name="key"/><div class="grow"><p>"The secret is shown this one time. Keep it where the sender finds it."</p></div></div>
            {facts.into_iter().map(|(label, text)| view! {
                <div class="field">
                    <span class="label">{label}</span>
                    <div class="row"><code class="grow value" tabindex="0">{text.clone()}</code><CopyButton text=Signal::stored(text) label/></div>
                </div>
            }).collect_view()}
        </div>
        <footer><button type="button" class="btn primary" autofocus on:click=move |_| open.set(false)>"Done"</button></footer>
    }
}
