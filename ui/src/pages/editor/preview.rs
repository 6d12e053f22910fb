//! The graph of what is being typed.

use super::Check;
use crate::components::code_editor::Pad;
use crate::components::feedback::Empty;
use crate::components::graph::{Graph, TaskFace};
use crate::core::flow::{self, What, plain};
use crate::core::format;
use crate::core::layout::lay_out;
use cofferdam_api_types::{CompiledDag, DagTask};
use leptos::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// What is drawn: how many tasks, what is said of each, and where they stand.
type Drawing = (usize, Arc<HashMap<String, String>>, Arc<flow::Drawing>);

fn draw(compiled: &CompiledDag) -> Drawing {
    let tasks: Vec<String> = compiled.tasks.iter().map(|task| task.task_id.to_string()).collect();
    let layout = lay_out(tasks.len(), &flow::edges(&compiled.tasks, &compiled.edges));
    let details = compiled.tasks.iter().map(|task| (task.task_id.to_string(), what(task))).collect();
    (tasks.len(), Arc::new(details), Arc::new(plain(&tasks, &layout)))
}

/// What a task runs.
fn what(task: &DagTask) -> String {
    match (&task.component, &task.run_dag) {
        (Some(component), _) => component.to_string(),
        (None, Some(dag)) => format!("runs {dag}"),
        (None, None) => task.kind.replace('_', " "),
    }
}

/// The line of a text in which a task has its name.
fn line_of(text: &str, task: &str) -> Option<u32> {
    let names = |line: &str| {
        line.split_once("task_id").is_some_and(|(_, rest)| {
            let value = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').unwrap_or_default();
            value.trim_start_matches([' ', '"', '\'']).split(['"', '\'', ',', '}', ' ', '#']).next() == Some(task)
        })
    };
    text.lines().position(names).map(|at| at as u32 + 1)
}

/// See the module. While the text has mistakes, the last graph that could be drawn stays.
#[component]
pub fn Preview(check: Check, pad: Pad) -> impl IntoView {
    let drawn = Memo::new(move |before: Option<&Option<Drawing>>| {
        let now = check.answer.with(|answer| answer.as_ref().filter(|it| !it.tasks.is_empty()).map(|it| draw(it)));
        now.or_else(|| before.cloned().flatten())
    });
    let is_old = Memo::new(move |_| check.answer.with(|answer| answer.as_ref().is_some_and(|it| it.tasks.is_empty())));
    let count = move || drawn.with(|drawn| drawn.as_ref().map(|(tasks, _, _)| format::plural(*tasks as u64, "task", "tasks")));
    view! {
        <header>
            <h2>"Graph"</h2>
            <Show when=move || is_old.get() && drawn.with(Option::is_some)><span class="tag warn">"Of the last text without errors"</span></Show>
            <span class="grow"></span><span class="small muted">{count}</span>
        </header>
        {move || match drawn.get() {
            Some((_, details, drawing)) => {
                let face = move |task: What| TaskFace { status: None, detail: details.get(task.name()).cloned().unwrap_or_default() };
                let go = move |task: String| if let Some(line) = pad.text.with_untracked(|text| line_of(text, &task)) { pad.go(line, 1) };
                view! { <Graph drawing face selected=Signal::stored(None::<String>) on_select=go/> }.into_any()
            }
            None => view! { <Empty icon="dags" title="Nothing to draw yet"><p>"The graph appears when the text has no errors."</p></Empty> }.into_any(),
        }}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_in_the_text() {
        let text = "dag_id: a\ntasks:\n  - task_id: one_more\n  - task_id: one # first\n  - {\"task_id\": \"two\", x: 1}\n";
        assert_eq!(line_of(text, "one"), Some(4));
        assert_eq!(line_of(text, "two"), Some(5));
        assert_eq!(line_of(text, "three"), None);
    }
}
