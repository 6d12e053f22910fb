//! What a dag is made of: its tasks, its definition as applied, its versions.

use crate::components::code::Code;
use crate::components::feedback::{Skeleton, loaded};
use crate::components::time::Moment;
use crate::core::highlight::Language;
use crate::core::{format, paths, yaml};
use crate::pages::dag::dag_context;
use cofferdam_api_types::DagDetail;
use leptos::prelude::*;
use leptos_router::components::A;
use std::sync::Arc;

/// See the module.
#[component]
pub fn DefinitionTab() -> impl IntoView {
    let dag = dag_context();
    view! { {loaded(dag.detail, Skeleton::Block, |detail| view! { <Parts detail/> })} }
}

#[component]
fn Parts(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let as_json = RwSignal::new(false);
    let text = Signal::derive(move || {
        detail.with(|detail| {
            if as_json.get() {
                serde_json::to_string_pretty(&detail.definition).unwrap_or_default()
            } else {
                yaml::to_yaml(&detail.definition)
            }
        })
    });
    let language = Signal::derive(move || if as_json.get() { Language::Json } else { Language::Yaml });
    view! {
        <div class="definition-page">
            <div class="stack wide">
                <section class="card" aria-label="Tasks">
                    <header><h2>"Tasks"</h2></header>
                    <div class="table-wrap" tabindex="0" role="region" aria-label="List of tasks">
                        <table class="table">
                            <thead><tr><th scope="col">"Task"</th><th scope="col">"Component"</th><th scope="col">"Runs when"</th><th scope="col" class="num">"Tries"</th><th scope="col" class="num">"Timeout"</th><th scope="col">"Pool"</th></tr></thead>
                            <tbody>{move || detail.with(|detail| detail.tasks.iter().map(|task| {
                                let digest = task.digest.as_ref().map(ToString::to_string);
                                let short: Option<String> = digest.as_ref().map(|digest| digest.chars().take(12).collect());
                                view! {
                                    <tr>
                                        <td><strong>{task.task_id.to_string()}</strong></td>
                                        <td>{task.component.clone().map(|name| view! { <A href=paths::component_page(name.as_str())>{name.to_string()}</A> })}
                                            {task.run_dag.clone().map(|dag| view! { "Runs " <A href=paths::dag(dag.as_str())>{dag.to_string()}</A> })}
                                            <div class="small faint mono" title=digest>{short}</div></td>
                                        <td class="small">{task.trigger_rule.replace('_', " ")}</td>
                                        <td class="num">{task.max_tries}</td>
                                        <td class="num nowrap">{format::duration_us(task.timeout_ms.saturating_mul(1_000))}</td>
                                        <td class="small">{task.pool.to_string()}</td>
                                    </tr>
                                }
                            }).collect_view())}</tbody>
                        </table>
                    </div>
                </section>
                <section class="card" aria-label="Definition">
                    <header>
                        <h2>"Definition"</h2><span class="grow"></span>
                        <div class="segmented" role="group" aria-label="Format">
                            <button type="button" aria-pressed=move || (!as_json.get()).to_string() on:click=move |_| as_json.set(false)>"YAML"</button>
                            <button type="button" aria-pressed=move || as_json.get().to_string() on:click=move |_| as_json.set(true)>"JSON"</button>
                        </div>
                    </header>
                    <Code text language label="The definition as it was applied"/>
                </section>
            </div>
            <section class="card versions" aria-label="Versions">
                <header><h2>"Versions"</h2></header>
                <ol>{move || detail.with(|detail| detail.versions.iter().enumerate().map(|(i, version)| view! {
                    <li>
                        <span class="row"><strong>{format!("Version {}", version.version_number)}</strong>{(i == 0).then(|| view! { <span class="tag on">"Current"</span> })}</span>
                        <div class="small muted"><Moment at=version.created_at short=true/>{version.created_by.clone().map(|name| format!(" by {name}"))}</div>
                    </li>
                }).collect_view())}</ol>
            </section>
        </div>
    }
}
