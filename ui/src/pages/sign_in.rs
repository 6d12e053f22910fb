//! The page where one signs in.

use crate::app::Mark;
use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use crate::core::http::{self, Failure};
use crate::core::session::{Visitor, session};
use cofferdam_api_types::LoginRequest;
use cofferdam_ids::TenantName;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

/// Where to go afterwards: only to a page of this console.
fn destination(wanted: Option<String>) -> String {
    wanted
        .filter(|to| to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/sign-in") && !to.contains('\\'))
        .unwrap_or_else(|| "/dags".to_owned())
}

/// See the module.
#[component]
pub fn SignIn() -> impl IntoView {
    let session = session();
    let navigate = use_navigate();
    let query = use_query_map();
    let username = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let tenant = RwSignal::new(String::new());
    let with_tenant = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let wrong_tenant = Memo::new(move |_| {
        let tenant = tenant.get();
        if tenant.trim().is_empty() { None } else { TenantName::new(tenant.trim()).err().map(|error| error.to_string()) }
    });
    Effect::new(move |_| {
        if session.0.with(|visitor| matches!(visitor, Visitor::Known(_))) {
            let to = destination(query.with_untracked(|query| query.get("to")));
            navigate(&to, NavigateOptions { replace: true, ..Default::default() });
        }
    });
    let valid = move || {
        username.with(|name| !name.trim().is_empty())
            && password.with(|word| !word.is_empty())
            && wrong_tenant.with(Option::is_none)
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() || !valid() {
            return;
        }
        busy.set(true);
        let request = LoginRequest {
            tenant: TenantName::new(tenant.get_untracked().trim()).ok(),
            username: username.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
        };
        spawn_local(async move {
            match http::sign_in(&request).await {
                Ok(tokens) => session.0.set(Visitor::Known(tokens.user)),
                Err(error) => {
                    failure.set(Some(error));
                    password.set(String::new());
                }
            }
            busy.set(false);
        });
    };
    view! {
        <Title text="Sign in"/>
        <main class="sign-in">
            <form class="card sign-in-card" on:submit=submit>
                <div class="sign-in-brand"><Mark/><div><h1>"Cofferdam"</h1><p class="muted small">"Sandboxed tasks and workflows"</p></div></div>
                {move || failure.get().map(|failure| view! { <FailureNotice failure/> })}
                <div class="field">
                    <label for="username">"User name"</label>
                    <input id="username" class="input" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus required
                        prop:value=move || username.get() on:input=move |event| username.set(event_target_value(&event))/>
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input id="password" class="input" type="password" name="password" autocomplete="current-password" required
                        prop:value=move || password.get() on:input=move |event| password.set(event_target_value(&event))/>
                </div>
                <Show when=move || with_tenant.get() fallback=move || view! {
                    <button type="button" class="btn quiet small" style="align-self:flex-start;margin:-4px 0 0 -9px" on:click=move |_| with_tenant.set(true)>"Another tenant"</button>
                }>
                    <div class="field">
                        <label for="tenant">"Tenant"</label>
                        <input id="tenant" class="input" placeholder="default" autocomplete="organization" autocapitalize="none" spellcheck="false"
                            aria-invalid=move || wrong_tenant.with(Option::is_some).to_string()
                            prop:value=move || tenant.get() on:input=move |event| tenant.set(event_target_value(&event))/>
                        {move || wrong_tenant.get().map(|wrong| view! { <p class="wrong">{wrong}</p> })}
                    </div>
                </Show>
                <button class="btn primary" disabled=move || busy.get() || !valid()>
                    <Show when=move || busy.get()><Icon name="running"/></Show>
                    {move || if busy.get() { "Signing in" } else { "Sign in" }}
                </button>
            </form>
            <p class="small faint">"At the first start the server prints the name and password of an administrator."</p>
        </main>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_never_leaves_the_console_by_signing_in() {
        assert_eq!(destination(Some("/dags/a?x=1".into())), "/dags/a?x=1");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "/sign-in?to=/", ""] {
            assert_eq!(destination(Some(elsewhere.into())), "/dags");
        }
        assert_eq!(destination(None), "/dags");
    }
}
