//! What a dag is: schedule, limits, parameters, tasks, documentation.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::markdown::Markdown;
use crate::components::table::{Column, Table, plain};
use crate::components::time::{Ago, Moment};
use crate::core::flow::{rule, traits, waits_for};
use crate::core::{format, paths};
use crate::pages::dag::dag_context;
use cofferdam_api_types::{DagDetail, DagTask};
use leptos::prelude::*;
use leptos_router::components::A;
use serde_json::{Map, Value};
use std::sync::Arc;

const PARAMETERS: &[Column] = &[plain("Name"), plain("Takes"), plain("When not given")];

const TASKS: &[Column] =
    &[plain("Task"), plain("Runs"), plain("When"), plain("Tries").num(), plain("Timeout").num(), plain("Pool")];

/// A parameter, for reading.
#[derive(Clone, Debug, PartialEq)]
struct Parameter {
    name: String,
    kind: String,
    default: Option<String>,
    about: String,
    is_required: bool,
}

/// What a schema demands, in words: `integer, 1 to 5000`.
fn kind(schema: &Map<String, Value>) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut parts = Vec::new();
    match schema.get("type") {
        Some(Value::Array(kinds)) => parts.push(kinds.iter().map(word).collect::<Vec<_>>().join(" or ")),
        Some(kind) => parts.push(word(kind)),
        None => {}
    }
    if let Some(Value::Array(words)) = schema.get("enum") {
        parts.push(format!("one of {}", words.iter().map(word).collect::<Vec<_>>().join(", ")));
    }
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => parts.push(format!("{least} to {most}")),
        (Some(least), None) => parts.push(format!("{least} or more")),
        (None, Some(most)) => parts.push(format!("{most} or less")),
        (None, None) => {}
    }
    if let Some(form) = schema.get("format").or_else(|| schema.get("pattern")).and_then(Value::as_str) {
        parts.push(form.to_owned());
    }
    if parts.is_empty() { "anything".to_owned() } else { parts.join(", ") }
}

fn parameters(schema: &Value) -> Vec<Parameter> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let empty = Map::new();
        let fields = schema.as_object().unwrap_or(&empty);
        Parameter {
            name: name.clone(),
            kind: kind(fields),
            default: fields.get("default").map(ToString::to_string),
            about: fields.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
            is_required: required.contains(&name.as_str()),
        }
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// See the module.
#[component]
pub fn DetailsTab() -> impl IntoView {
    let dag = dag_context();
    view! { {loaded(dag.detail, Skeleton::Block, |detail| view! { <Parts detail/> })} }
}

#[component]
fn Parts(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let docs = Memo::new(move |_| detail.with(|detail| detail.doc_md.clone()).filter(|text| !text.trim().is_empty()));
    view! {
        <div class="details-page">
            <div class="stack wide">
                {move || docs.get().map(|text| view! {
                    <section class="card" aria-label="Documentation"><header><h2>"Documentation"</h2></header><div class="body"><Markdown text=Signal::stored(text)/></div></section>
                })}
                <Parameters detail/>
                <Tasks detail/>
            </div>
            <Facts detail/>
        </div>
    }
}

#[component]
fn Facts(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let facts = move || {
        let detail = detail.get();
        let dag = detail.dag.clone();
        let setting = |name: &str| detail.definition.get(name).cloned();
        let text = |name: &str| setting(name).and_then(|value| value.as_str().map(str::to_owned));
        let count = |count: Option<u32>| count.map_or_else(|| "no limit".to_owned(), |count| format::grouped(u64::from(count)));
        let assets = waits_for(&detail.definition);
        let moment = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| view! { <Moment at/> });
        view! {
            <dt>"Schedule"</dt>
            <dd>{dag.schedule_in_words.clone().unwrap_or_else(|| "By hand".to_owned())}{dag.schedule.clone().filter(|text| !text.starts_with(['{', '['])).map(|text| view! { <div><code class="small muted">{text}</code></div> })}</dd>
            {(!assets.is_empty()).then(|| view! { <dt>"Waits for"</dt><dd>{assets.into_iter().map(|uri| view! { <div class="mono small">{uri}</div> }).collect_view()}</dd> })}
            <dt>"Time zone"</dt><dd>{dag.timezone.clone()}</dd>
            {dag.next_run.filter(|_| !dag.is_paused).map(|next| view! { <dt>"Next run"</dt><dd><Moment at=next.due_at/><div class="small muted"><Ago at=next.due_at/></div></dd> })}
            {moment(detail.start_date).map(|at| view! { <dt>"From"</dt><dd>{at}</dd> })}
            {moment(detail.end_date).map(|at| view! { <dt>"Until"</dt><dd>{at}</dd> })}
            <dt>"Catches up"</dt><dd>{if detail.catchup { "Yes: intervals that have passed run too" } else { "No: only the latest interval runs" }}</dd>
            {text("overlap").map(|policy| view! { <dt>"Overlap"</dt><dd>{policy.replace('_', " ")}</dd> })}
            {text("jitter").map(|jitter| view! { <dt>"Jitter"</dt><dd>{jitter}</dd> })}
            <dt>"Runs at once"</dt><dd class="figure">{format::grouped(u64::from(dag.max_active_runs))}</dd>
            <dt>"Tasks at once"</dt><dd class="figure">{count(detail.dag.airflow.max_active_tasks)}</dd>
            {text("dagrun_timeout").map(|limit| view! { <dt>"A run may take"</dt><dd>{limit}</dd> })}
            <dt>"Owners"</dt><dd>{if dag.owners.is_empty() { "–".to_owned() } else { dag.owners.join(", ") }}</dd>
            <dt>"Tags"</dt><dd>{if dag.tags.is_empty() { "–".into_any() } else { dag.tags.iter().cloned().map(|tag| view! { <A href=format!("/dags{}", paths::query(&[("tag", &tag)])) attr:class="tag">{tag.clone()}</A>" " }).collect_view().into_any() }}</dd>
            <dt>"Applied first"</dt><dd><Moment at=dag.created_at/></dd>
            <dt>"Changed"</dt><dd><Moment at=dag.updated_at/></dd>
        }
    };
    view! {
        <section class="card" aria-label="Settings">
            <header><h2>"Settings"</h2></header>
            <div class="body"><dl class="definition">{facts}</dl></div>
        </section>
    }
}

#[component]
fn Parameters(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    view! {
        <section class="card" aria-label="Parameters">
            <header><h2>"Parameters"</h2></header>
            {move || {
                let all = detail.with(|detail| parameters(&detail.conf_schema));
                if all.is_empty() {
                    return view! { <Empty icon="braces" title="No parameters"><p>"With params in its definition, a dag says what its runs can be triggered with. The form of a trigger is made from them."</p></Empty> }.into_any();
                }
                view! {
                    <Table label="List of parameters" columns=PARAMETERS>
                        {all.into_iter().map(|it| view! {
                            <tr><td><strong class="mono">{it.name}</strong>{(!it.about.is_empty()).then(|| view! { <div class="small muted">{it.about.clone()}</div> })}</td>
                                <td class="small">{it.kind}</td>
                                <td class="small">{match it.default { Some(default) => view! { <code>{default}</code> }.into_any(), None if it.is_required => view! { <span class="tag warn">"Required"</span> }.into_any(), None => "–".into_any() }}</td></tr>
                        }).collect_view()}
                    </Table>
                }.into_any()
            }}
        </section>
    }
}

/// As many tasks are listed at once.
const LISTED: usize = 100;

#[component]
fn Tasks(detail: Signal<Arc<DagDetail>>) -> impl IntoView {
    let shown = RwSignal::new(LISTED);
    let count = Memo::new(move |_| detail.with(|detail| detail.tasks.len()));
    view! {
        <section class="card" aria-label="Tasks">
            <header><h2>"Tasks"</h2><span class="small muted num">{move || format::grouped(count.get() as u64)}</span></header>
            <Table label="List of tasks" columns=TASKS>
                {move || detail.with(|detail| detail.tasks.iter().take(shown.get()).map(|task| row(task, &detail.definition)).collect_view())}
            </Table>
            <Show when=move || { count.get() > shown.get() }>
                <div class="pager"><span>{move || format!("{} of {}", shown.get(), format::plural(count.get() as u64, "task", "tasks"))}</span>
                    <button type="button" class="btn small" on:click=move |_| shown.update(|shown| *shown += LISTED)>"Show more"</button></div>
            </Show>
        </section>
    }
}

fn row(task: &DagTask, definition: &Value) -> impl IntoView + use<> {
    let digest = task.digest.as_ref().map(ToString::to_string);
    let short: Option<String> = digest.as_ref().map(|digest| digest.chars().take(12).collect());
    let signs = traits(task, definition);
    view! {
        <tr>
            <td><strong>{task.task_id.to_string()}</strong>
                {task.group.clone().map(|group| view! { <div class="small muted row" style="gap:5px"><Icon name="group" class="s"/>{group.to_string()}</div> })}</td>
            <td>{task.component.clone().map(|name| view! { <A href=paths::component_page(name.as_str())>{name.to_string()}</A> })}
                {task.run_dag.clone().map(|dag| view! { "Runs " <A href=paths::dag(dag.as_str())>{dag.to_string()}</A> })}
                {(task.component.is_none() && task.run_dag.is_none()).then(|| task.kind.clone())}
                <div class="small faint mono" title=digest>{short}</div></td>
            <td class="small">{rule(task).unwrap_or_else(|| if task.is_teardown { "teardown".to_owned() } else { "all success".to_owned() })}
                {signs.into_iter().map(|(icon, words)| view! { <span class="sign" title=words.clone()><Icon name=icon class="s"/><span class="visually-hidden">{words.clone()}</span></span> }).collect_view()}</td>
            <td class="num">{task.max_tries}</td>
            <td class="num nowrap">{format::duration_us(task.timeout_ms.saturating_mul(1_000))}</td>
            <td class="small">{task.pool.to_string()}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_told_in_words() {
        let schema = json!({ "type": "object", "required": ["city"], "properties": {
            "limit": { "type": "integer", "minimum": 1, "maximum": 5000, "default": 100, "description": "The most." },
            "city": { "type": ["string", "null"] },
            "region": { "enum": ["eu", "us"], "default": "eu" },
            "free": { "default": {"a": 1} },
        } });
        let all = parameters(&schema);
        let told: Vec<_> =
            all.iter().map(|it| (it.name.as_str(), it.kind.as_str(), it.default.as_deref(), it.is_required)).collect();
        assert_eq!(
            told,
            [
                ("city", "string or null", None, true),
                ("free", "anything", Some("{\"a\":1}"), false),
                ("limit", "integer, 1 to 5000", Some("100"), false),
                ("region", "one of eu, us", Some("\"eu\""), false),
            ]
        );
    }
}
