//! The frame around the pages: navigation, session, theme, shortcuts.

use crate::components::dialog::Dialog;
use crate::components::feedback::{FailureNotice, Skeleton, SkeletonView, ToastCorner, Toasts};
use crate::components::icon::Icon;
use crate::components::page::on_shortcut;
use crate::core::clock::Ticker;
use crate::core::live::{self, Link, Live};
use crate::core::session::{Session, Theme, Visitor, session};
use crate::core::{http, paths};
use crate::pages;
use cofferdam_api_types::Role;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{A, ParentRoute, Redirect, Route, Router, Routes};
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::{NavigateOptions, path};

/// The whole console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Ticker::provide();
    Toasts::provide();
    provide_context(Live(RwSignal::new(Link::Connecting)));
    let session = Session(RwSignal::new(Visitor::Asking));
    provide_context(session);
    http::on_signed_out(move || session.0.set(Visitor::Nobody));
    session.ask();
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Cofferdam".to_owned() } else { format!("{page} · Cofferdam") }/>
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/sign-in") view=pages::sign_in::SignIn/>
                <ParentRoute path=path!("") view=Shell>
                    <Route path=path!("/") view=|| view! { <Redirect path="/dags"/> }/>
                    <Route path=path!("/dags") view=pages::dags::list::DagList/>
                    <ParentRoute path=path!("/dags/:dag_id") view=pages::dag::DagPage>
                        <Route path=path!("") view=pages::dag::grid::GridTab/>
                        <Route path=path!("graph") view=pages::dag::graph::GraphTab/>
                        <Route path=path!("runs") view=pages::dag::runs::RunsTab/>
                        <Route path=path!("calendar") view=pages::dag::calendar::CalendarTab/>
                        <Route path=path!("backfills") view=pages::backfills::BackfillsTab/>
                        <Route path=path!("definition") view=pages::dag::definition::DefinitionTab/>
                        <Route path=path!("details") view=pages::dag::details::DetailsTab/>
                    </ParentRoute>
                    <Route path=path!("/dags/:dag_id/runs/:run_id") view=pages::run::RunPage/>
                    <Route path=path!("/editor") view=pages::editor::EditorPage/>
                    <Route path=path!("/components") view=pages::components::list::ComponentList/>
                    <Route path=path!("/components/:name") view=pages::components::detail::ComponentPage/>
                    <Route path=path!("/approvals") view=pages::approvals::ApprovalList/>
                    <Route path=path!("/dead-letters") view=pages::letters::LetterList/>
                    <Route path=path!("/dead-letters/:letter_id") view=pages::letters::detail::LetterPage/>
                    <Route path=path!("/imports") view=pages::bundles::ImportPage/>
                    <Route path=path!("/backfills") view=pages::backfills::BackfillPage/>
                    <ParentRoute path=path!("/assets") view=pages::assets::AssetsPage>
                        <Route path=path!("") view=pages::assets::AssetList/>
                        <Route path=path!("graph") view=pages::assets::graph::GraphTab/>
                        <Route path=path!("events") view=pages::assets::events::EventList/>
                    </ParentRoute>
                    <Route path=path!("/pools") view=pages::admin::pools::PoolList/>
                    <Route path=path!("/variables") view=pages::admin::variables::VariableList/>
                    <Route path=path!("/connections") view=pages::admin::connections::ConnectionList/>
                    <Route path=path!("/webhooks") view=pages::webhooks::WebhookPage/>
                    <Route path=path!("/audit") view=pages::audit::AuditPage/>
                    <Route path=path!("/system") view=pages::system::SystemPage/>
                </ParentRoute>
            </Routes>
        </Router>
        <ToastCorner/>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found"/>
        <main class="sign-in">
            <div class="empty">
                <span class="mark"><Icon name="search"/></span>
                <h1>"There is no such page"</h1>
                <p>"The address is mistyped, or the page was of an earlier version."</p>
                <a class="btn primary" href="/dags">"Go to the dags"</a>
            </div>
        </main>
    }
}

#[component]
fn Shell() -> impl IntoView {
    let session = session();
    let live = expect_context::<Live>();
    let navigate = use_navigate();
    let location = use_location();
    let help = RwSignal::new(false);
    on_shortcut("?", move || help.set(true));
    Effect::new(move |opened: Option<bool>| match session.0.get() {
        Visitor::Known(_) => {
            if opened != Some(true) {
                live::open(live);
            }
            true
        }
        Visitor::Nobody => {
            live::close();
            let here = location.pathname.get_untracked()
                + &location.search.with_untracked(|search| if search.is_empty() { String::new() } else { format!("?{search}") });
            let back = if here == "/" { String::new() } else { paths::query(&[("to", &here)]) };
            navigate(&format!("/sign-in{back}"), NavigateOptions { replace: true, ..Default::default() });
            false
        }
        Visitor::Asking | Visitor::Failed(_) => false,
    });
    let retry = Callback::new(move |()| session.ask());
    let is_known = Memo::new(move |_| session.0.with(|visitor| matches!(visitor, Visitor::Known(_))));
    let is_asking = Memo::new(move |_| session.0.with(|visitor| *visitor == Visitor::Asking));
    let failure =
        move || session.0.with(|visitor| if let Visitor::Failed(failure) = visitor { Some(failure.clone()) } else { None });
    view! {
        <a class="skip-link" href="#main">"Skip to content"</a>
        <div class="shell">
            <Side help/>
            <main class="main" id="main" tabindex="-1">
                {move || failure().map(|failure| view! { <div class="content"><FailureNotice failure retry/></div> })}
                <Show when=move || is_asking.get()><SkeletonView shape=Skeleton::Rows/></Show>
                <Show when=move || is_known.get()><leptos_router::components::Outlet/></Show>
            </main>
        </div>
        <Shortcuts open=help/>
    }
}

#[component]
fn Side(help: RwSignal<bool>) -> impl IntoView {
    let session = session();
    let live = expect_context::<Live>();
    let theme = RwSignal::new(Theme::stored());
    let user = move || session.0.with(|visitor| if let Visitor::Known(user) = visitor { Some(user.clone()) } else { None });
    let link = move || match live.0.get() {
        Link::Live => ("live", "Live", "Changes appear as they happen."),
        Link::Connecting => ("connecting", "Connecting", "The event stream is being opened."),
        Link::Down => ("down", "Not live", "The event stream cannot be opened; pages are read again every 10 s."),
    };
    view! {
        <nav class="side" aria-label="Main">
            <A href="/dags" attr:class="brand"><Mark/><span class="label">"Cofferdam"</span></A>
            <div class="nav">
                <A href="/dags"><Icon name="dags"/><span class="label">"Dags"</span></A>
                <A href="/backfills"><Icon name="backfill"/><span class="label">"Backfills"</span></A>
                <A href="/assets"><Icon name="asset"/><span class="label">"Assets"</span></A>
                <A href="/approvals"><Icon name="stamp"/><span class="label">"Approvals"</span><Show when=move || user().is_some()><Waiting/></Show></A>
                <A href="/dead-letters"><Icon name="inbox"/><span class="label">"Dead letters"</span></A>
                <A href="/imports"><Icon name="folder"/><span class="label">"Imports"</span></A>
                <hr/>
                <A href="/components"><Icon name="component"/><span class="label">"Components"</span></A>
                <A href="/variables"><Icon name="braces"/><span class="label">"Variables"</span></A>
                <A href="/connections"><Icon name="plug"/><span class="label">"Connections"</span></A>
                <A href="/pools"><Icon name="pool"/><span class="label">"Pools"</span></A>
                <A href="/webhooks"><Icon name="bolt"/><span class="label">"Webhooks"</span></A>
                <hr/>
                <Show when=move || session.may(Role::Admin)><A href="/audit"><Icon name="history"/><span class="label">"Audit log"</span></A></Show>
                <A href="/system"><Icon name="system"/><span class="label">"System"</span></A>
            </div>
            <div class="foot">
                <div class="link-state" role="status" data-link=move || link().0 title=move || link().2><i></i><span class="label">{move || link().1}</span></div>
                <button type="button" class="nav-button" title=move || theme.get().label().0 on:click=move |_| { theme.update(|theme| *theme = theme.next()); theme.get_untracked().apply(); }>
                    <Icon name=Signal::derive(move || theme.get().label().1)/><span class="label">{move || theme.get().label().0}</span>
                </button>
                <button type="button" class="nav-button" title="Keyboard shortcuts" on:click=move |_| help.set(true)><Icon name="keyboard"/><span class="label">"Shortcuts"</span></button>
                {move || user().map(|user| view! {
                    <div class="who">
                        <span class="avatar" aria-hidden="true">{user.username.chars().next().map(String::from)}</span>
                        <div class="grow label"><div class="clip">{user.username.clone()}</div><div class="small clip">{format!("{} · {}", user.tenant, user.role)}</div></div>
                    </div>
                    <button type="button" class="nav-button" title="Sign out" on:click=move |_| session.sign_out()><Icon name="sign-out"/><span class="label">"Sign out"</span></button>
                })}
            </div>
        </nav>
    }
}

/// How many decisions wait for whoever is signed in.
#[component]
fn Waiting() -> impl IntoView {
    let waiting = pages::approvals::waiting_for_me();
    let count = Memo::new(move |_| waiting.data.with(|list| list.as_ref().map_or(0, |list| list.total_entries)));
    let is_some = move || count.get() > 0;
    view! {
        <Show when=is_some><span class="badge"><span aria-hidden="true">{count}</span><span class="visually-hidden">{move || format!(", {} for you", count.get())}</span></span></Show>
    }
}

/// The mark of the product: an enclosure in the water, dry inside.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke-linecap="round">
            <rect width="32" height="32" rx="8" fill="#12679b"/>
            <path d="M10 7v14.500a3 3 0 0 0 3 3h6a3 3 0 0 0 3-3V7" stroke="#fff" stroke-width="2.8"/>
            <path d="M3.5 15q1.6-1.8 3.2 0M25.3 15q1.6-1.8 3.2 0M3.5 20q1.6-1.8 3.2 0M25.3 20q1.6-1.8 3.2 0" stroke="#8fd3f4" stroke-width="1.8"/>
            <rect x="13.5" y="15.5" width="5" height="5" rx="1.3" fill="#8fd3f4"/>
        </svg>
    }
}

#[component]
fn Shortcuts(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open title="Keyboard shortcuts" narrow=true>
            <div class="body">
                <div class="keys">
                    <kbd>"/"</kbd><span>"Search"</span>
                    <kbd>"?"</kbd><span>"This list"</span>
                    <kbd>"T"</kbd><span>"Trigger a run, on a dag's page"</span>
                    <kbd>"Esc"</kbd><span>"Close a dialog or a panel, clear a search"</span>
                    <kbd>"Enter"</kbd><span>"In a log's search: next match; with Shift, the one before"</span>
                    <kbd>"← ↑ ↓ →"</kbd><span>"Move a graph that has the focus"</span>
                    <kbd>"+ −"</kbd><span>"Zoom it"</span>
                </div>
            </div>
        </Dialog>
    }
}
