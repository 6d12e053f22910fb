//! Where dags come from: bundles, and what is wrong with files of theirs.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Choice, Choices, Tag};
use crate::components::icon::Icon;
use crate::components::link::dag_link;
use crate::components::page::PageHead;
use crate::components::pager::Pages;
use crate::components::source::SourceLines;
use crate::components::table::{Column, Table, plain};
use crate::components::time::Ago;
use crate::core::address::{Address, address};
use crate::core::query::query;
use crate::core::{format, paths};
use cofferdam_api_types::{
    Bundle, BundleCollection, BundleDetail, BundleFileCollection, BundleKind, Diagnostic, ImportError, ImportErrorCollection,
    Severity,
};
use leptos::prelude::*;

/// Files of a page.
const LIMIT: u32 = 25;

const BUNDLES: &[Column] =
    &[plain("Bundle"), plain("Read from"), plain("Files").num(), plain("Broken").num(), plain("Dags").num(), plain("Looked at")];

const FILES: &[Column] = &[plain("File"), plain("Dags"), plain("State"), plain("Since")];

const ORDERS: &[Choice] = &[("", "As they came"), ("-timestamp", "Latest first"), ("filename", "By file")];

/// The first twelve characters of a commit.
fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// See the module. The address names the bundle that is looked at.
#[component]
pub fn ImportPage() -> impl IntoView {
    let address = address();
    let bundle = address.signal("bundle");
    let bundles = query::<BundleCollection>(|| Some("/bundles?limit=1000".to_owned())).refetch_on(|news| news.is_about_runs());
    view! {
        <PageHead title="Imports"/>
        <div class="content">
            <section class="card" aria-label="Bundles">
                <header><h2>"Bundles"</h2></header>
                {loaded(bundles, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.bundles.is_empty() {
                        return view! {
                            <Empty icon="folder" title="No bundles yet">
                                <p>"A bundle is a directory or a git repository whose dags are kept applied. Read one once, or have the server watch it:"</p>
                                <pre tabindex="0"><code>"cofferdam bundle sync dags --bundle weather"</code></pre>
                            </Empty>
                        }.into_any();
                    }
                    let rows = list.bundles.iter().map(|it| view! { <Row it=it.clone() address bundle/> }).collect_view();
                    view! { <Table label="List of bundles" columns=BUNDLES>{rows}</Table> }.into_any()
                })}
            </section>
            <Errors address bundle/>
            {move || Some(bundle.get()).filter(|it| !it.is_empty()).map(|name| view! { <Files name address/> })}
        </div>
    }
}

#[component]
fn Row(it: Bundle, address: Address, bundle: Memo<String>) -> impl IntoView {
    let name = it.name.to_string();
    let (chosen, own) = (name.clone(), name.clone());
    let is_chosen = Memo::new(move |_| bundle.with(|bundle| *bundle == own));
    let source = it.source.clone();
    let kind = match source.kind {
        BundleKind::Directory => "directory",
        BundleKind::Git => "git",
    };
    let at =
        [source.reference.clone(), source.commit.as_deref().map(short)].into_iter().flatten().collect::<Vec<_>>().join(" @ ");
    view! {
        <tr aria-selected=move || is_chosen.get().to_string()>
            <td><button type="button" class="link name" aria-pressed=move || is_chosen.get().to_string()
                on:click=move |_| address.set([("bundle", if is_chosen.get_untracked() { String::new() } else { chosen.clone() }), ("offset", String::new())])>{name}</button>
                <div class="small muted">{if it.is_watched { "watched by the server" } else { "read by the command" }}</div></td>
            <td class="value"><code>{source.location.clone()}</code><div class="small muted">{kind}{(!at.is_empty()).then(|| format!(" · {at}"))}</div>
                {it.problem.clone().map(|problem| view! { <p class="small wrong-text"><Icon name="warning" class="s"/>" "{problem}</p> })}</td>
            <td class="num">{it.files}</td>
            <td class="num">{if it.broken_files > 0 { view! { <span class="status" data-state="failed"><Icon name="x-circle"/>{it.broken_files}</span> }.into_any() } else { "0".into_any() }}</td>
            <td class="num">{it.dags}{(it.stale_dags > 0).then(|| view! { <div class="small muted">{format!("{} whose file is gone", it.stale_dags)}</div> })}</td>
            <td><Ago at=it.checked_at/></td>
        </tr>
    }
}

/// What is wrong with files, of all bundles or of one.
#[component]
fn Errors(address: Address, bundle: Memo<String>) -> impl IntoView {
    let paging = address.paging(LIMIT);
    let order = address.signal("order");
    let errors = query::<ImportErrorCollection>(move || {
        Some(format!("/importErrors{}", paging.query(&[("bundle_name", &bundle.get()), ("order_by", &order.get())])))
    })
    .refetch_on(|news| news.is_about_runs());
    view! {
        <section class="card" aria-label="Import errors">
            <header><h2>"Import errors"</h2><span class="grow"></span><Tag address name="bundle"/><Choices address name="order" label="Order" choices=ORDERS.to_vec()/></header>
            {loaded(errors, Skeleton::Lines, move |list| move || {
                let list = list.get();
                if list.import_errors.is_empty() {
                    return view! { <p class="body muted"><Icon name="check-circle" class="s"/>" Nothing is wrong with any file."</p> }.into_any();
                }
                view! {
                    <ul class="import-errors">{list.import_errors.iter().map(|it| view! { <Broken it=it.clone()/> }).collect_view()}</ul>
                    <Pages paging total=Signal::stored(list.total_entries) names=("broken file", "broken files")/>
                }.into_any()
            })}
        </section>
    }
}

#[component]
fn Broken(it: ImportError) -> impl IntoView {
    let errors = it.diagnostics.iter().filter(|it| it.severity == Severity::Error).count() as u64;
    view! {
        <li>
            <details open>
                <summary>
                    <span class="status" data-state="failed"><Icon name="x-circle"/></span>
                    <strong class="mono">{it.filename.clone()}</strong>
                    {it.bundle_name.clone().map(|name| view! { <span class="tag">{name.to_string()}</span> })}
                    <span class="small muted">{format::plural(errors.max(1), "error", "errors")}", since "<Ago at=it.timestamp/></span>
                </summary>
                <ul class="said">{it.diagnostics.iter().cloned().map(|it| view! { <Said it/> }).collect_view()}</ul>
                {it.diagnostics.is_empty().then(|| view! { <pre class="frame" tabindex="0"><code>{it.stack_trace.clone()}</code></pre> })}
            </details>
        </li>
    }
}

/// One mistake: where, what, and what to do about it.
#[component]
fn Said(it: Diagnostic) -> impl IntoView {
    let (slug, icon) = if it.severity == Severity::Error { ("failed", "x-circle") } else { ("up_for_retry", "warning") };
    let place = it.span.map_or_else(|| it.pointer.clone(), |span| format!("{}:{}", span.line, span.column));
    let labels = it.labels.iter().map(|label| {
        let at = label.span.map_or_else(|| label.pointer.clone(), |span| format!("line {}", span.line));
        view! { <p class="small muted">{format!("{at}: {}", label.message)}</p> }
    });
    view! {
        <li data-state=slug>
            <Icon name=icon/>
            <div class="grow">
                <strong>{it.message.clone()}</strong>
                {labels.collect_view()}
                {it.help.clone().map(|help| view! { <p class="small muted">{help}</p> })}
                {(!it.source.is_empty()).then(|| view! { <SourceLines lines=it.source.clone() span=it.span/> })}
            </div>
            <span class="where"><code class="faint">{it.code.clone()}</code>" "<span class="small num faint">{place}</span></span>
        </li>
    }
}

/// The files of a bundle, and the dags whose file is gone.
#[component]
fn Files(name: String, address: Address) -> impl IntoView {
    let path = format!("/bundles/{}", paths::segment(&name));
    let files_path = format!("{path}/files?limit=1000");
    let detail = query::<BundleDetail>(move || Some(path.clone())).refetch_on(|news| news.is_about_runs());
    let files = query::<BundleFileCollection>(move || Some(files_path.clone())).refetch_on(|news| news.is_about_runs());
    let gone = move || {
        detail.data.with(|it| {
            it.as_ref()
                .map(|it| it.bundle_dags.iter().filter(|dag| dag.path.is_none()).cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        })
    };
    view! {
        <section class="card" aria-label="Files">
            <header><h2>{format!("Files of {name}")}</h2><span class="grow"></span>
                <button type="button" class="btn small" on:click=move |_| address.set([("bundle", "")])>"Close"</button></header>
            {loaded(files, Skeleton::Rows, move |list| move || {
                let list = list.get();
                let rows = list.files.iter().map(|it| {
                    let dags = it.dags.iter().map(|dag| view! { {dag_link(dag.as_str())}" " }).collect_view();
                    let (slug, icon, word) = if it.import_error_id.is_some() { ("failed", "x-circle", "Broken") } else { ("success", "check-circle", "Applied") };
                    view! { <tr><td class="mono value">{it.path.clone()}</td><td>{dags}</td><td><span class="status" data-state=slug><Icon name=icon/>{word}</span></td><td><Ago at=it.changed_at/></td></tr> }
                }).collect_view();
                view! {
                    <Table label="List of files" columns=FILES>
                        {rows}
                        {move || gone().into_iter().map(|dag| view! {
                            <tr><td class="faint">"The file is gone"</td><td>{dag_link(dag.dag_id.as_str())}</td><td><span class="tag">"Paused"</span></td><td>{dag.stale_since.map(|at| view! { <Ago at/> })}</td></tr>
                        }).collect_view()}
                    </Table>
                }.into_any()
            })}
        </section>
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_commit_is_told_by_its_beginning() {
        assert_eq!(super::short("0123456789abcdef"), "0123456789ab");
    }
}
