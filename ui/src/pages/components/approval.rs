//! A version that asks for more than the one before it, and the button with which an administrator agrees.

use crate::components::feedback::Toasts;
use crate::components::icon::Icon;
use crate::core::session::session;
use crate::core::{http, paths};
use cofferdam_api_types::{ComponentVersion, Role};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// See the module. Nothing for a version that dags can use. `done` is told when it was approved.
#[component]
pub fn Approval(version: ComponentVersion, done: Callback<()>) -> impl IntoView {
    let session = session();
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let path =
        format!("{}/versions/{}/approve", paths::component(version.name.as_str()), paths::segment(version.digest.as_str()));
    let approve = move |_| {
        let path = path.clone();
        busy.set(true);
        spawn_local(async move {
            match http::command(&path).await {
                Ok(()) => toasts.done("The version is approved"),
                Err(failure) => toasts.failed(&failure),
            }
            busy.set(false);
            done.run(());
        });
    };
    version.needs_approval.then(|| view! {
        <section class="card" aria-label="Approval">
            <header><h2>"Approval"</h2><span class="tag warn">"Waiting"</span></header>
            <div class="body stack">
                <p>
                    "It asks for more than the approved version before it: "
                    {version.asks_more.iter().map(|word| view! { <span class="tag">{word.clone()}</span>" " }).collect_view()}
                </p>
                <p class="muted">"No dag can use it until an administrator approves it. What it gets then is still for a task's grant to say."</p>
                <div><button type="button" class="btn" disabled=move || busy.get() || !session.may(Role::Admin) on:click=approve>
                    <Icon name="shield" class="s"/>"Approve"
                </button></div>
            </div>
        </section>
    })
}
