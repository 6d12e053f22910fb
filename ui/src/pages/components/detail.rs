//! One component: its versions, what each asks for, what it offers, its interface.

use crate::components::code::Code;
use crate::components::feedback::{Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::page::PageHead;
use crate::components::time::Moment;
use crate::core::highlight::Language;
use crate::core::query::query;
use crate::core::{format, paths};
use crate::pages::components::approval::Approval;
use crate::pages::components::list::kind;
use crate::pages::components::try_it::TryIt;
use cofferdam_api_types::{ComponentDetail, ComponentVersionDetail, ImportedInterface};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use std::sync::Arc;

/// See the module.
#[component]
pub fn ComponentPage() -> impl IntoView {
    let params = use_params_map();
    let address = use_query_map();
    let navigate = use_navigate();
    let name = Memo::new(move |_| params.with(|params| params.get("name").unwrap_or_default()));
    let component = query::<ComponentDetail>(move || Some(paths::component(&name.get())));
    let newest = Memo::new(move |_| {
        component.data.with(|it| it.as_ref().and_then(|it| it.versions.first().map(|version| version.digest.to_string())))
    });
    let digest = Memo::new(move |_| address.with(|map| map.get("version")).or_else(|| newest.get()));
    let version = query::<ComponentVersionDetail>(move || {
        digest.get().map(|digest| format!("{}/versions/{}", paths::component(&name.get()), paths::segment(&digest)))
    });
    let approved = Callback::new(move |()| {
        component.refetch();
        version.refetch();
    });
    let choose = Callback::new(move |digest: String| {
        let page = format!("{}{}", paths::component_page(&name.get_untracked()), paths::query(&[("version", &digest)]));
        navigate(&page, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    });
    view! {
        <PageHead title=Signal::derive(move || name.get()) crumbs=vec![("/components".to_owned(), "Components".to_owned())]/>
        <div class="content">
            {loaded(component, Skeleton::Block, move |component| view! {
                <div class="definition-page">
                    <div class="stack wide">{loaded(version, Skeleton::Block, move |version| view! { <Version version approved/> })}</div>
                    <Versions component digest choose/>
                </div>
            })}
        </div>
    }
}

#[component]
fn Versions(component: Signal<Arc<ComponentDetail>>, digest: Memo<Option<String>>, choose: Callback<String>) -> impl IntoView {
    view! {
        <section class="card versions" aria-label="Versions">
            <header><h2>"Versions"</h2></header>
            <ol>{move || component.with(|component| component.versions.iter().map(|version| {
                let this = version.digest.to_string();
                let (chosen, wanted) = (this.clone(), this.clone());
                view! {
                    <li>
                        <button type="button" aria-pressed=move || (digest.get().as_deref() == Some(chosen.as_str())).to_string() on:click=move |_| choose.run(wanted.clone())>
                            <span class="row"><strong>{format!("Version {}", version.version_number)}</strong>{version.label.clone().map(|label| view! { <span class="tag">{label}</span> })}{version.needs_approval.then(|| view! { <span class="tag warn">"Not approved"</span> })}</span>
                            <span class="small muted"><Moment at=version.created_at short=true/>" · "{format::bytes(version.size_bytes)}</span>
                            <span class="small faint mono">{this.chars().take(16).collect::<String>()}</span>
                        </button>
                    </li>
                }
            }).collect_view())}</ol>
        </section>
    }
}

#[component]
fn Version(version: Signal<Arc<ComponentVersionDetail>>, approved: Callback<()>) -> impl IntoView {
    move || {
        let it = version.get();
        let permissions = permissions(&it.imported);
        let none = it.imported.is_empty();
        view! {
            <Approval version=it.version.clone() done=approved/>
            <section class="card" aria-label="Summary">
                <header><h2>{format!("Version {}", it.version.version_number)}</h2></header>
                <div class="body"><dl class="definition">
                    <dt>"Kind"</dt><dd>{kind(it.version.kind)}</dd>
                    <dt>"Digest"</dt><dd><code>{it.version.digest.to_string()}</code></dd>
                    <dt>"Size"</dt><dd>{format::bytes(it.version.size_bytes)}</dd>
                    <dt>"Uploaded"</dt><dd><Moment at=it.version.created_at/></dd>
                </dl></div>
            </section>
            <section class="card" aria-label="Permissions">
                <header><h2>"Permissions"</h2><span class="small muted">"What it imports is what it can ask for. It gets nothing else."</span></header>
                {if none {
                    view! { <div class="body row"><span data-state="success" class="status"><Icon name="shield"/></span>"It imports nothing: it computes its result from its input alone."</div> }.into_any()
                } else {
                    view! { <ul class="permissions">{permissions.into_iter().map(|it| view! { <PermissionRow it/> }).collect_view()}</ul> }.into_any()
                }}
            </section>
            <section class="card" aria-label="Exports">
                <header><h2>"Exports"</h2></header>
                <ul class="permissions">{if it.functions.is_empty() {
                    it.version.exports.iter().map(|name| view! { <li><code>{name.clone()}</code></li> }).collect_view().into_any()
                } else {
                    it.functions.iter().map(|function| view! {
                        <li><Icon name="code"/><div class="grow">
                            <code class="signature">{if function.signature.is_empty() { function.name.clone() } else { format!("{}: {}", function.name, function.signature) }}</code>
                            {function.docs.clone().map(|docs| view! { <p class="docs small">{docs}</p> })}
                            {function.refused.clone().map(|why| view! { <p class="small muted">{format!("A task cannot call it: {why}.")}</p> })}
                        </div></li>
                    }).collect_view().into_any()
                }}</ul>
            </section>
            <TryIt version=Arc::clone(&it)/>
            <section class="card" aria-label="Interface">
                <header><h2>"Interface"</h2><span class="small muted">"Its world, in WIT"</span></header>
                <Code text=Signal::stored(it.wit.clone()) language=Language::Wit label="The world of the component in WIT"/>
            </section>
        }
    }
}

/// What an interface gives to a task: its icon, and what that means.
fn meaning(interface: &str) -> (&'static str, &'static str) {
    let is = |start: &str| interface.starts_with(start);
    match () {
        () if is("cofferdam:task/context") => {
            ("info", "Learns which dag, run and try it belongs to, and what the run was triggered with")
        }
        () if is("cofferdam:task/xcom") => ("out", "Reads what upstream tasks of its run left, and leaves values for others"),
        () if is("cofferdam:task/log") => ("log", "Writes to the log of its try"),
        () if is("cofferdam:task/progress") => ("timer", "Tells how far it is"),
        () if is("cofferdam:task/types") => ("code", "Shares types with the platform; gives nothing"),
        () if is("cofferdam:task/checkpoint") => ("retry", "Keeps what it has done, for the next try"),
        () if is("cofferdam:task/config") => ("key", "Reads the variables and connections that its task is granted"),
        () if is("cofferdam:task/artifacts") => ("out", "Leaves files to be saved, and reads those of its run"),
        () if is("wasi:http") => ("bolt", "Speaks HTTP to the hosts that its task is granted"),
        () if is("wasi:sockets") => ("bolt", "Opens network connections"),
        () if is("wasi:filesystem") => ("list", "Opens files in the directories that it is given"),
        () if is("wasi:clocks/monotonic") => ("timer", "Measures time"),
        () if is("wasi:clocks") => ("clock", "Learns what time it is"),
        () if is("wasi:random") => ("key", "Draws random numbers"),
        () if is("wasi:cli/environment") => ("key", "Reads its arguments and environment"),
        () if is("wasi:cli/exit") => ("stop", "Ends itself with an exit code"),
        () if is("wasi:cli/stdin") => ("in", "Reads its input from stdin"),
        () if is("wasi:cli/stdout") || is("wasi:cli/stderr") => ("log", "Writes to its output"),
        () if is("wasi:cli") => ("code", "Asks whether it is attached to a terminal"),
        () if is("wasi:io") => ("code", "Reads, writes and waits on what it was given by others of these"),
        () => ("component", "Calls this interface"),
    }
}

/// What a component can ask for: several interfaces may mean the same to a person.
#[derive(Clone, Debug, PartialEq)]
struct Permission {
    icon: &'static str,
    text: &'static str,
    capability: String,
    offered: bool,
    interfaces: Vec<String>,
}

/// The permissions of a component: those that are not plumbing first.
fn permissions(imports: &[ImportedInterface]) -> Vec<Permission> {
    let mut all: Vec<Permission> = Vec::new();
    for import in imports {
        let (icon, text) = meaning(&import.interface);
        match all.iter_mut().find(|it| it.text == text && it.capability == import.capability && it.offered == import.offered) {
            Some(it) => it.interfaces.push(import.interface.clone()),
            None => all.push(Permission {
                icon,
                text,
                capability: import.capability.clone(),
                offered: import.offered,
                interfaces: vec![import.interface.clone()],
            }),
        }
    }
    all.sort_by_key(|it| it.interfaces[0].starts_with("wasi:io") || it.interfaces[0].starts_with("wasi:cli"));
    all
}

#[component]
fn PermissionRow(it: Permission) -> impl IntoView {
    let refused = (!it.offered)
        .then(|| view! { <span class="tag warn" title="The component runs; its calls to this fail">"Not given"</span> });
    view! {
        <li><Icon name=it.icon/><div class="grow"><div>{it.text}</div><div class="small faint mono">{it.interfaces.join("  ")}</div></div>
            {refused}<span class="tag">{it.capability}</span></li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_that_mean_the_same_are_one_permission() {
        let import = |interface: &str, capability: &str, offered| ImportedInterface {
            interface: interface.into(),
            capability: capability.into(),
            offered,
        };
        let all = permissions(&[
            import("wasi:io/poll@0.2.6", "io", true),
            import("wasi:sockets/tcp@0.2.6", "network", false),
            import("wasi:sockets/udp@0.2.6", "network", false),
            import("wasi:io/streams@0.2.6", "io", true),
        ]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].interfaces, ["wasi:sockets/tcp@0.2.6", "wasi:sockets/udp@0.2.6"]);
        assert!(!all[0].offered);
        assert_eq!(all[1].interfaces.len(), 2);
    }
}
