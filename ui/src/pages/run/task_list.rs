//! The tasks of a run as a table.

use crate::components::status::StatusLabel;
use crate::components::time::Elapsed;
use crate::core::format;
use crate::core::status::{Status, reason};
use crate::pages::run::run_context;
use cofferdam_api_types::{TaskInstance, TaskInstanceCollection};
use leptos::prelude::*;
use std::sync::Arc;

/// See the module.
#[component]
pub fn TaskList(list: Signal<Arc<TaskInstanceCollection>>) -> impl IntoView {
    view! {
        <div class="table-wrap" tabindex="0" role="region" aria-label="List of tasks">
            <table class="table">
                <thead><tr><th scope="col">"Task"</th><th scope="col">"State"</th><th scope="col" class="num">"Try"</th><th scope="col" class="num">"Duration"</th><th scope="col" class="num">"Fuel"</th><th scope="col" class="num">"Peak memory"</th></tr></thead>
                <tbody>{move || list.with(|list| list.task_instances.iter().cloned().map(|task| view! { <Row task/> }).collect_view())}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(task: TaskInstance) -> impl IntoView {
    let context = run_context();
    let id = task.task_id.to_string();
    let name = if task.map_index < 0 { id.clone() } else { format!("{id} [{}]", task.map_index) };
    let selected = {
        let id = id.clone();
        move || context.task.with(|task| task.as_deref() == Some(id.as_str()))
    };
    let dash = || "–".to_owned();
    view! {
        <tr class:selected=selected>
            <td><button type="button" class="name link" on:click=move |_| context.select.run(Some(id.clone()))>{name}</button></td>
            <td><StatusLabel status=Status::from(task.state)/>{task.reason.map(|it| view! { <div class="small muted">{reason(it).0}</div> })}</td>
            <td class="num nowrap">{if task.try_number == 0 { dash() } else { format!("{} of {}", task.try_number, task.max_tries) }}</td>
            <td class="num"><Elapsed start=Signal::stored(task.start_date) end=Signal::stored(task.end_date)/></td>
            <td class="num">{task.receipt.map_or_else(dash, |receipt| format::count(receipt.fuel))}</td>
            <td class="num nowrap">{task.receipt.map_or_else(dash, |receipt| format::bytes(receipt.peak_memory_bytes))}</td>
        </tr>
    }
}
