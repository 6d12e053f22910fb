//! What applying the text would change.

use super::Check;
use crate::components::icon::Icon;
use cofferdam_api_types::{DagChanges, DagEdge, FieldChange};
use leptos::prelude::*;
use serde_json::Value;

/// The most characters of a value that a line shows.
const SHORT: usize = 80;

/// A value on one line.
fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(SHORT).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// See the module.
#[component]
pub fn Changes(check: Check) -> impl IntoView {
    let changes = Memo::new(move |_| check.answer.with(|answer| answer.as_ref().and_then(|it| it.changes.clone())));
    let version = move || changes.with(|changes| changes.as_ref().and_then(|it| it.version_number));
    view! {
        <header><h2>"Changes"</h2><span class="grow"></span>
            {move || version().map(|number| view! { <span class="small muted">{format!("against version {number}")}</span> })}
        </header>
        {move || match changes.get() {
            None => view! { <p class="body muted">"Shown when the text can be read and names its dag."</p> }.into_any(),
            Some(it) if it.version_number.is_none() => view! { <p class="body muted">"There is no dag of this name yet: applying makes it."</p> }.into_any(),
            Some(it) if it.is_empty() => view! { <p class="body muted">"Nothing differs from the current version."</p> }.into_any(),
            Some(it) => view! { <List it/> }.into_any(),
        }}
    }
}

#[component]
fn List(it: DagChanges) -> impl IntoView {
    let line = |state: &'static str, icon: &'static str, word: &'static str, name: String, rest: Option<AnyView>| {
        view! {
            <li data-state=state><Icon name=icon class="s"/><div class="grow"><span class="small muted">{word}" "</span><strong class="mono">{name}</strong>{rest}</div></li>
        }
    };
    let edge = |edge: &DagEdge| format!("{} → {}", edge.upstream, edge.downstream);
    view! {
        <ul class="changes">
            {it.fields.iter().map(|field| line("running", "edit", "Dag", field.pointer.trim_start_matches('/').to_owned(), Some(values(field)))).collect_view()}
            {it.added_tasks.iter().map(|task| line("success", "plus", "New task", task.to_string(), None)).collect_view()}
            {it.removed_tasks.iter().map(|task| line("failed", "minus", "Task gone", task.to_string(), None)).collect_view()}
            {it.changed_tasks.iter().map(|task| {
                let fields = task.fields.iter().map(|field| view! {
                    <div class="small"><code>{field.pointer.trim_start_matches('/').to_owned()}</code>{values(field)}</div>
                }).collect_view();
                line("running", "edit", "Task", task.task_id.to_string(), Some(fields.into_any()))
            }).collect_view()}
            {it.added_edges.iter().map(|it| line("success", "plus", "New edge", edge(it), None)).collect_view()}
            {it.removed_edges.iter().map(|it| line("failed", "minus", "Edge gone", edge(it), None)).collect_view()}
            {it.repinned_tasks.iter().map(|task| {
                let digests = format!(" {} → {}", short_digest(task.before.as_str()), short_digest(task.after.as_str()));
                line("running", "component", "Newer component for", task.task_id.to_string(), Some(view! { <span class="small mono muted">{digests}</span> }.into_any()))
            }).collect_view()}
        </ul>
    }
}

fn short_digest(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(8).collect()
}

fn values(field: &FieldChange) -> AnyView {
    let (before, after) = (field.before.as_ref().map(short), field.after.as_ref().map(short));
    let arrow = (before.is_some() && after.is_some()).then_some(" → ");
    view! { <span class="small">": "{before.map(|text| view! { <del>{text}</del> })}{arrow}{after.map(|text| view! { <ins>{text}</ins> })}</span> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_takes_one_line() {
        assert_eq!(short(&json!("a\nb")), "a…");
        assert_eq!(short(&json!({"a": 1})), "{\"a\":1}");
        assert_eq!(short(&json!("é".repeat(81))), format!("{}…", "é".repeat(80)));
    }
}
