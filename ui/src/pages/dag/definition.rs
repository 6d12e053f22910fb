//! The definition of a dag as it was applied: any of its versions, the programs in it, and what differs between two versions.

use crate::components::code::Code;
use crate::components::diff_view::DiffView;
use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::time::Moment;
use crate::core::address::address;
use crate::core::highlight::Language;
use crate::core::query::{Query, query};
use crate::core::{paths, yaml};
use crate::pages::dag::dag_context;
use cofferdam_api_types::{DagDetail, DagVersionSummary};
use leptos::prelude::*;
use serde_json::Value;
use std::sync::Arc;

/// A definition as it is shown.
fn text(definition: &Value, as_json: bool) -> String {
    if as_json { serde_json::to_string_pretty(definition).unwrap_or_default() } else { yaml::to_yaml(definition) }
}

/// The programs that stand in a definition: task, language, text.
fn programs(definition: &Value) -> Vec<(String, String, String)> {
    let tasks = definition.get("tasks").and_then(Value::as_array);
    let program = |task: &Value| {
        let script = task.get("script")?;
        let of = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((of(task, "task_id")?, of(script, "language").unwrap_or_default(), of(script, "source")?))
    };
    tasks.into_iter().flatten().filter_map(program).collect()
}

/// See the module.
#[component]
pub fn DefinitionTab() -> impl IntoView {
    let dag = dag_context();
    view! { {loaded(dag.detail, Skeleton::Block, |detail| view! { <Parts detail/> })} }
}

/// A version of the dag.
fn version(number: impl Fn() -> Option<u32> + 'static) -> Query<DagDetail> {
    let dag = dag_context();
    query::<DagDetail>(move || number().map(|number| format!("{}/details?version_number={number}", paths::dag(&dag.id.get()))))
}

#[component]
fn Parts(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let address = address();
    let as_json = Memo::new(move |_| address.get("format") == "json");
    let current = Memo::new(move |_| detail.with(|detail| detail.dag.version_number));
    let shown = Memo::new(move |_| address.number("version").unwrap_or_else(|| current.get()));
    let against = Memo::new(move |_| address.number("against").filter(|number| *number != shown.get()));
    let this = version(move || Some(shown.get()));
    let other = version(move || against.get());
    let language = Signal::derive(move || if as_json.get() { Language::Json } else { Language::Yaml });
    let view = address.signal("show");
    let written = move |of: Signal<Arc<DagDetail>>| Signal::derive(move || of.with(|of| text(&of.definition, as_json.get())));
    let others = move || {
        detail.with(|detail| {
            detail
                .versions
                .iter()
                .map(|version| version.version_number)
                .filter(|number| *number != shown.get())
                .collect::<Vec<_>>()
        })
    };
    let has_programs =
        Memo::new(move |_| this.data.with(|this| this.as_ref().is_some_and(|this| !programs(&this.definition).is_empty())));
    let compare = move |event| address.set([("against", event_target_value(&event)), ("show", String::new())]);
    view! {
        <div class="definition-page">
            <section class="card" aria-label="Definition">
                <header>
                    <h2>{move || format!("Version {}", shown.get())}</h2>
                    <Show when=move || !others().is_empty()>
                        <label class="row small"><span class="muted">"Compare with"</span>
                            <select class="select small" on:change=compare>
                                <option value="" selected=move || against.get().is_none()>"nothing"</option>
                                {move || others().into_iter().map(|number| view! { <option value=number selected=move || against.get() == Some(number)>{format!("version {number}")}</option> }).collect_view()}
                            </select>
                        </label>
                    </Show>
                    <span class="grow"></span>
                    <Show when=move || has_programs.get() && against.get().is_none()>
                        <div class="segmented" role="group" aria-label="Show">
                            {[("", "Definition"), ("programs", "Programs")].into_iter().map(|(value, label)| view! {
                                <button type="button" aria-pressed=move || (view.get() == value).to_string() on:click=move |_| address.set([("show", value)])>{label}</button>
                            }).collect_view()}
                        </div>
                    </Show>
                    <div class="segmented" role="group" aria-label="Format">
                        <button type="button" aria-pressed=move || (!as_json.get()).to_string() on:click=move |_| address.set([("format", "")])>"YAML"</button>
                        <button type="button" aria-pressed=move || as_json.get().to_string() on:click=move |_| address.set([("format", "json")])>"JSON"</button>
                    </div>
                </header>
                {move || match (against.get(), view.get().as_str()) {
                    (Some(number), _) => loaded(other, Skeleton::Block, move |before| loaded(this, Skeleton::Block, move |after| {
                        // From the older to the newer, whichever was chosen first.
                        let (old, new) = if number < shown.get_untracked() { (before, after) } else { (after, before) };
                        let numbers = Signal::derive(move || (number.min(shown.get()), number.max(shown.get())));
                        view! {
                            <p class="picture-note small muted">{move || { let (old, new) = numbers.get(); format!("What version {new} has and version {old} has not is green, what is gone is red.") }}</p>
                            <DiffView before=written(old) after=written(new) language label=Signal::derive(move || { let (old, new) = numbers.get(); format!("What differs between versions {old} and {new}") })/>
                        }
                    })).into_any(),
                    (None, "programs") => loaded(this, Skeleton::Block, |this| view! { <Programs this/> }).into_any(),
                    (None, _) => loaded(this, Skeleton::Block, move |this| view! { <Code text=written(this) language label="The definition as it was applied"/> }).into_any(),
                }}
            </section>
            <section class="card versions" aria-label="Versions">
                <header><h2>"Versions"</h2></header>
                <ol>{move || detail.with(|detail| detail.versions.iter().cloned().map(|version| view! { <Version version shown current/> }).collect_view())}</ol>
            </section>
        </div>
    }
}

#[component]
fn Version(version: DagVersionSummary, shown: Memo<u32>, current: Memo<u32>) -> impl IntoView {
    let address = address();
    let number = version.version_number;
    let choose =
        move |_| address.set([("version", if number == current.get_untracked() { String::new() } else { number.to_string() })]);
    view! {
        <li>
            <button type="button" aria-pressed=move || (shown.get() == number).to_string() on:click=choose>
                <span class="row"><strong>{format!("Version {number}")}</strong>{move || (current.get() == number).then(|| view! { <span class="tag on">"Current"</span> })}</span>
                <span class="small muted"><Moment at=version.created_at short=true/>{version.created_by.clone().map(|name| format!(" by {name}"))}</span>
            </button>
        </li>
    }
}

#[component]
fn Programs(this: Signal<Arc<DagDetail>>) -> impl IntoView {
    move || {
        let all = this.with(|this| programs(&this.definition));
        if all.is_empty() {
            return view! { <Empty icon="code" title="No programs in this version"><p>"Its tasks run components."</p></Empty> }
                .into_any();
        }
        all.into_iter()
            .map(|(task, language, text)| {
                view! {
                    <section class="program" aria-label=format!("Program of {task}")>
                        <h3 class="row">{task.clone()}<span class="tag">{language.clone()}</span></h3>
                        <Code text=Signal::stored(text) language=Language::named(&language) label=format!("Program of {task}") boxed=true/>
                    </section>
                }
            })
            .collect_view()
            .into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn programs_are_found_in_tasks() {
        let definition = json!({ "tasks": [
            { "task_id": "a", "component": "x/y" },
            { "task_id": "b", "script": { "language": "python", "source": "def main(input):\n    return 1" } },
        ] });
        assert_eq!(programs(&definition), [("b".to_owned(), "python".to_owned(), "def main(input):\n    return 1".to_owned())]);
        assert!(text(&definition, false).starts_with("tasks:\n"));
        assert!(text(&definition, true).starts_with("{\n"));
    }
}
