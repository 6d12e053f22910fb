//! A field that names a dag. The browser offers those that there are.

use crate::components::edit::Said;
use crate::core::query::query;
use cofferdam_api_types::DagCollection;
use leptos::prelude::*;

/// See the module. A form begins with it.
#[component]
pub fn DagField(
    /// Its id.
    id: &'static str,
    /// The name of the dag.
    value: RwSignal<String>,
    /// Whether only dags with a schedule are offered.
    #[prop(optional)]
    scheduled: bool,
    /// What belongs there.
    #[prop(optional)]
    hint: &'static str,
    /// What is wrong with it.
    #[prop(into)]
    wrong: Signal<Option<String>>,
) -> impl IntoView {
    let dags = query::<DagCollection>(|| Some("/dags?limit=1000".to_owned()));
    let offered = move || {
        dags.data.with(|list| {
            let all = list.as_ref().map(|list| list.dags.as_slice()).unwrap_or_default();
            let names = all.iter().filter(|dag| !scheduled || dag.schedule.is_some()).map(|dag| dag.dag_id.to_string());
            names.map(|name| view! { <option value=name></option> }).collect_view()
        })
    };
    let list = format!("{id}-offered");
    view! {
        <div class="field">
            <label for=id>"Dag"</label>
            <input id=id class="input mono" list=list.clone() autocomplete="off" spellcheck="false" autofocus aria-describedby=format!("{id}-said")
                aria-invalid=move || wrong.with(Option::is_some).to_string() prop:value=move || value.get() on:input=move |event| value.set(event_target_value(&event))/>
            <datalist id=list>{offered}</datalist>
            <Said id hint wrong/>
        </div>
    }
}
