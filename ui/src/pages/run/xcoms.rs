//! What a task left for others.

use crate::components::code::Code;
use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::time::Ago;
use crate::core::highlight::Language;
use crate::core::query::query;
use crate::core::{format, paths};
use cofferdam_api_types::{XCom, XComCollection, XComEntry};
use leptos::prelude::*;
use serde_json::Value;

/// Larger values are read only when asked for.
const SHOWN_AT_ONCE: u64 = 64 << 10;

/// See the module.
#[component]
pub fn XComs(
    /// The API's path of the task instance.
    path: String,
    /// The query that names the position in a mapped task, with its `?`.
    at: String,
    /// Grows with every change of the task.
    changed: Memo<String>,
) -> impl IntoView {
    let entries = query::<XComCollection>({
        let (path, at) = (path.clone(), at.clone());
        move || {
            // Read, not only tracked: a memo that nobody reads never learns of changes.
            let _ = changed.get();
            Some(format!("{path}/xcomEntries{at}"))
        }
    });
    view! {
        <div class="body stack">
            {loaded(entries, Skeleton::Lines, move |list| {
                let (path, at) = (path.clone(), at.clone());
                move || {
                    let list = list.get();
                    if list.xcom_entries.is_empty() {
                        return view! { <Empty icon="out" title="No XComs"><p>"A task leaves its result here as return_value, and whatever else it pushes."</p></Empty> }.into_any();
                    }
                    list.xcom_entries.iter().cloned().map(|entry| view! { <Entry entry path=path.clone() at=at.clone()/> }).collect_view().into_any()
                }
            })}
        </div>
    }
}

#[component]
fn Entry(entry: XComEntry, path: String, at: String) -> impl IntoView {
    let wanted = RwSignal::new(entry.size_bytes <= SHOWN_AT_ONCE);
    let key = entry.key.to_string();
    let value = {
        let key = key.clone();
        // As it is: left to itself, the server answers with text, as Airflow's does.
        let with = if at.is_empty() { '?' } else { '&' };
        query::<XCom>(move || {
            wanted.get().then(|| format!("{path}/xcomEntries/{}{at}{with}stringify=false", paths::segment(&key)))
        })
    };
    let size = format::bytes(entry.size_bytes);
    view! {
        <section class="stack xcom" aria-label=format!("XCom {key}")>
            <div class="row wrap"><code><strong>{key.clone()}</strong></code><span class="tag">{size.clone()}</span><span class="grow"></span><span class="small faint"><Ago at=entry.timestamp/></span></div>
            <Show when=move || wanted.get() fallback=move || view! { <button type="button" class="btn small" style="align-self:flex-start" on:click=move |_| wanted.set(true)>"Show the value"</button> }>
                {loaded(value, Skeleton::Lines, move |xcom| {
                    let text = Memo::new(move |_| xcom.with(|xcom| readable(&xcom.value)));
                    view! { <Code boxed=true height="420px" label="Value" language=Signal::derive(move || text.get().1) text=Signal::derive(move || text.get().0)/> }
                })}
            </Show>
        </section>
    }
}

/// A value for reading: a text of several lines as it is, anything else as JSON.
fn readable(value: &Value) -> (String, Language) {
    match value {
        Value::String(text) if text.contains('\n') => (text.clone(), Language::Text),
        other => (serde_json::to_string_pretty(other).unwrap_or_default(), Language::Json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_shown_as_it_was_written() {
        assert_eq!(readable(&json!("# Report\n\nAll is well.")), ("# Report\n\nAll is well.".to_owned(), Language::Text));
        assert_eq!(readable(&json!("word")), ("\"word\"".to_owned(), Language::Json));
        assert_eq!(readable(&json!({"a": 1})).0, "{\n  \"a\": 1\n}");
    }
}
