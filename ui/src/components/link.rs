//! Links within the console.

use crate::core::paths;
use leptos::prelude::*;
use leptos_router::components::A;

/// A link to a page of the console.
#[must_use]
pub fn link(href: String, text: String) -> AnyView {
    view! { <A href=href>{text}</A> }.into_any()
}

/// A link to a dag.
#[must_use]
pub fn dag_link(dag_id: &str) -> AnyView {
    link(paths::dag(dag_id), dag_id.to_owned())
}
