//! All components.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Choice, Segments};
use crate::components::page::{PageHead, Search};
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Ago;
use crate::core::address::address;
use crate::core::query::query;
use crate::core::{format, paths};
use cofferdam_api_types::{Component, ComponentCollection, ComponentKind};
use leptos::prelude::*;
use leptos_router::components::A;
use std::cmp::Ordering;

/// What kind of thing a component is, in words.
#[must_use]
pub const fn kind(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Task => "Task",
        ComponentKind::Command => "Command",
        ComponentKind::Library => "Library",
    }
}

const COLUMNS: &[Column] = &[
    ordered("Component", "name"),
    ordered("Kind", "kind"),
    ordered("Size", "size").num(),
    plain("Imports").num(),
    ordered("Versions", "versions").num(),
    ordered("Newest", "newest").latest(),
];

/// Components of a page.
const LIMIT: u32 = 50;

const KINDS: &[Choice] = &[("", "All"), ("task", "Tasks"), ("command", "Commands"), ("library", "Libraries")];

/// A kind as the address has it.
const fn slug(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Task => "task",
        ComponentKind::Command => "command",
        ComponentKind::Library => "library",
    }
}

fn compare(column: &str, a: &Component, b: &Component) -> Ordering {
    match column {
        "kind" => kind(a.latest.kind).cmp(kind(b.latest.kind)),
        "size" => a.latest.size_bytes.cmp(&b.latest.size_bytes),
        "versions" => a.version_count.cmp(&b.version_count),
        "newest" => a.latest.created_at.cmp(&b.latest.created_at),
        _ => a.name.cmp(&b.name),
    }
}

/// See the module.
#[component]
pub fn ComponentList() -> impl IntoView {
    let address = address();
    let (text, order, wanted_kind) = (address.signal("q"), address.signal("order"), address.signal("kind"));
    let paging = address.paging(LIMIT);
    let components = query::<ComponentCollection>(|| Some("/components?limit=1000".to_owned())).refetch_on(|_| false);
    view! {
        <PageHead title="Components"/>
        <div class="content">
            <div class="toolbar"><Search value=text on_input=move |text: String| address.narrow("q", text) label="Find a component"/><Segments address name="kind" label="Kind" choices=KINDS/></div>
            <section class="card" aria-label="Components">
                {loaded(components, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    let wanted = text.get().to_lowercase();
                    let mut rows: Vec<Component> = list.components.iter().filter(|it| it.name.as_str().contains(&wanted) && wanted_kind.with(|wanted| wanted.is_empty() || *wanted == slug(it.latest.kind))).cloned().collect();
                    let (column, turned) = order.with(|order| order.strip_prefix('-').map_or((order.clone(), false), |name| (name.to_owned(), true)));
                    rows.sort_by(|a, b| if turned { compare(&column, b, a) } else { compare(&column, a, b) });
                    if list.components.is_empty() {
                        return view! {
                            <Empty icon="component" title="No components yet">
                                <p>"A component is a WebAssembly file that a task runs in a sandbox. Push one with its name:"</p>
                                <pre tabindex="0"><code>"cofferdam component push target/clean.wasm --name weather/clean"</code></pre>
                            </Empty>
                        }.into_any();
                    }
                    if rows.is_empty() {
                        return view! {
                            <Empty icon="search" title="No component fits these filters">
                                <button type="button" class="btn small" on:click=move |_| address.set([("q", ""), ("kind", ""), ("offset", "")])>"Show all components"</button>
                            </Empty>
                        }.into_any();
                    }
                    let total = rows.len() as u64;
                    let rows = rows.into_iter().skip(paging.offset.get() as usize).take(LIMIT as usize).map(|it| view! { <Row it/> }).collect_view();
                    view! { <Listed address paging total=Signal::stored(total) names=("component", "components") columns=COLUMNS usual="name">{rows}</Listed> }.into_any()
                })}
            </section>
        </div>
    }
}

#[component]
fn Row(it: Component) -> impl IntoView {
    let digest: String = it.latest.digest.as_str().chars().take(12).collect();
    view! {
        <tr>
            <td><A href=paths::component_page(it.name.as_str()) attr:class="name">{it.name.to_string()}</A>
                <div class="small faint mono" title=it.latest.digest.to_string()>{digest}{it.latest.label.clone().map(|label| view! { " "<span class="tag">{label}</span> })}</div></td>
            <td>{kind(it.latest.kind)}</td>
            <td class="num nowrap">{format::bytes(it.latest.size_bytes)}</td>
            <td class="num">{it.latest.imports.len()}</td>
            <td class="num">{it.version_count}</td>
            <td><Ago at=it.latest.created_at/></td>
        </tr>
    }
}
