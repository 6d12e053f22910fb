//! The backfills of a dag.

use crate::components::backfills::Backfills;
use crate::pages::dag::dag_context;
use leptos::prelude::*;

/// See the module.
#[component]
pub fn BackfillsTab() -> impl IntoView {
    let dag = dag_context();
    move || view! { <Backfills dag=Signal::stored(dag.id.get())/> }
}
