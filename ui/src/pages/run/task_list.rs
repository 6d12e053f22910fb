//! The task instances of a run as a table: by state, in pages, several at once.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::menu::Item;
use crate::components::pager::Pages;
use crate::components::picked::{Picked, PickedBar, Tick, TickAll};
use crate::components::status::StatusLabel;
use crate::components::table::{Column, Table, ordered, plain};
use crate::components::time::Elapsed;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::status::{Status, reason};
use crate::core::{format, paths};
use crate::pages::run::actions::{Asked, Chosen, Deed};
use crate::pages::run::run_context;
use cofferdam_api_types::{MarkedState, Role, TaskInstance, TaskInstanceCollection, TaskState};
use leptos::prelude::*;
use std::sync::Arc;

const LIMIT: u32 = 100;

/// As many instances can be acted on at once: each of a mapped task is a request.
const MOST: usize = 100;

const TASKS: &[Column] = &[
    plain("Task"),
    ordered("State", "state"),
    plain("Try").num(),
    ordered("Duration", "duration").num().latest(),
    plain("Fuel").num(),
    plain("Peak memory").num(),
];

/// The same, for the instances of one task.
const POSITIONS: &[Column] = &[ordered("Index", "map_index"), TASKS[1], TASKS[2], TASKS[3], TASKS[4], TASKS[5]];

/// The instance as an action names it.
fn chosen(task: &TaskInstance) -> Chosen {
    (task.task_id.clone(), (task.map_index >= 0).then_some(task.map_index))
}

/// The states to filter by.
#[component]
pub fn StateFilter(
    /// The state that is chosen, or nothing.
    #[prop(into)]
    state: Signal<String>,
    /// Called with another one.
    #[prop(into)]
    on_change: Callback<String>,
) -> impl IntoView {
    let shown = [
        TaskState::Failed,
        TaskState::UpstreamFailed,
        TaskState::UpForRetry,
        TaskState::Running,
        TaskState::Deferred,
        TaskState::Queued,
        TaskState::Scheduled,
        TaskState::None,
        TaskState::Success,
        TaskState::Skipped,
        TaskState::Removed,
    ];
    view! {
        <select class="select small" aria-label="State" on:change=move |event| on_change.run(event_target_value(&event))>
            <option value="" selected=move || state.get().is_empty()>"Any state"</option>
            {shown.into_iter().map(|it| view! { <option value=it.as_str() selected=move || state.get() == it.as_str()>{Status::from(it).label()}</option> }).collect_view()}
        </select>
    }
}

/// What can be done to what is selected.
#[component]
pub fn SelectionBar(selected: Picked<Chosen>) -> impl IntoView {
    let context = run_context();
    let session = session();
    let ask = move |deed| context.asked.set(Some(Asked { deed, tasks: selected.all() }));
    let items = move || {
        vec![
            Item::new("Clear…", "retry", move || ask(Deed::Clear)),
            Item::new("Mark as success…", "check-circle", move || ask(Deed::Mark(MarkedState::Success))),
            Item::new("Mark as failed…", "x-circle", move || ask(Deed::Mark(MarkedState::Failed))),
            Item::new("Mark as skipped…", "skip", move || ask(Deed::Mark(MarkedState::Skipped))),
        ]
    };
    Effect::new(move |_| {
        // What was done may have been done to them.
        context.changes.track();
        selected.clear();
    });
    view! { <PickedBar picked=selected most=MOST may=Signal::derive(move || session.may(Role::Operator)) items=Signal::derive(items)/> }
}

/// The table itself.
#[component]
pub fn InstanceTable(
    /// The rows.
    list: Signal<Arc<TaskInstanceCollection>>,
    /// What is selected.
    selected: Picked<Chosen>,
    /// Names instances by their position only.
    #[prop(optional)]
    by_position: bool,
    /// The order that they have: a field of the API, or nothing.
    #[prop(into)]
    order: Signal<String>,
    /// Called with another one.
    #[prop(into)]
    on_order: Callback<String>,
    /// Called with the instance that the person chose.
    #[prop(into)]
    on_open: Callback<(String, i32)>,
) -> impl IntoView {
    let keys = Memo::new(move |_| list.with(|list| list.task_instances.iter().map(chosen).collect::<Vec<_>>()));
    let tick = ViewFn::from(move || view! { <TickAll picked=selected page=keys/> });
    view! {
        <Table label="List of tasks" columns=if by_position { POSITIONS } else { TASKS } order go=on_order tick=Some(tick)>
            {move || list.with(|list| list.task_instances.iter().cloned().map(|task| view! { <Row task selected by_position on_open/> }).collect_view())}
        </Table>
    }
}

#[component]
fn Row(task: TaskInstance, selected: Picked<Chosen>, by_position: bool, on_open: Callback<(String, i32)>) -> impl IntoView {
    let context = run_context();
    let (id, index) = (task.task_id.to_string(), task.map_index);
    let name = match (by_position, index) {
        (true, _) => format!("[{index}]"),
        (false, ..0) => id.clone(),
        (false, _) => format!("{id} [{index}]"),
    };
    let is_open = {
        let id = id.clone();
        move || {
            context.task.with(|task| task.as_deref() == Some(id.as_str()))
                && (index < 0 || context.address.get("map_index") == index.to_string())
        }
    };
    let key = chosen(&task);
    let dash = || "–".to_owned();
    view! {
        <tr class:selected=is_open>
            <td class="tight"><Tick picked=selected key name=name.clone()/></td>
            <td>
                <button type="button" class="name link" on:click=move |_| on_open.run((id.clone(), index))>{name}</button>
                {task.rendered_map_index.clone().map(|label| view! { <div class="small clip" style="max-width:40ch" title=label.clone()>{label.clone()}</div> })}
                {task.note.clone().map(|note| view! { <div class="small muted clip" style="max-width:40ch" title=note.clone()>{note.clone()}</div> })}
            </td>
            <td><StatusLabel status=Status::from(task.state)/>{task.reason.map(|it| view! { <div class="small muted">{reason(it).0}</div> })}</td>
            <td class="num nowrap">{if task.try_number == 0 { dash() } else { format!("{} of {}", task.try_number, task.max_tries) }}</td>
            <td class="num"><Elapsed start=Signal::stored(task.start_date) end=Signal::stored(task.end_date)/></td>
            <td class="num">{task.receipt.map_or_else(dash, |receipt| format::count(receipt.fuel))}</td>
            <td class="num nowrap">{task.receipt.map_or_else(dash, |receipt| format::bytes(receipt.peak_memory_bytes))}</td>
        </tr>
    }
}

/// See the module.
#[component]
pub fn TaskList() -> impl IntoView {
    let context = run_context();
    let address = context.address;
    let (state, order) = (address.signal("state"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let list = query::<TaskInstanceCollection>(move || {
        let values = paging.query(&[("state", &state.get()), ("order_by", &order.get())]);
        Some(format!("{}/taskInstances{values}", paths::run(&context.dag_id.get(), &context.run_id.get())))
    })
    .refetch_on(move |update| context.concerns(update));
    context.keep_up(list);
    let selected = Picked::new();
    let open = move |(task, index): (String, i32)| {
        let index = if index < 0 { String::new() } else { index.to_string() };
        address.set([("task", task), ("map_index", index), ("try", String::new())]);
    };
    view! {
        <div class="toolbar in-card">
            <StateFilter state on_change=move |state: String| address.narrow("state", state)/>
            <SelectionBar selected/>
        </div>
        {loaded(list, Skeleton::Rows, move |list| move || {
            if list.with(|list| list.task_instances.is_empty()) {
                return view! {
                    <Empty icon="list" title=if state.with(String::is_empty) { "The run has no tasks" } else { "No task is in this state" }>
                        <Show when=move || !state.with(String::is_empty)><button type="button" class="btn small" on:click=move |_| address.set([("state", ""), ("offset", "")])>"Show all tasks"</button></Show>
                    </Empty>
                }.into_any();
            }
            let total = Signal::derive(move || list.with(|list| list.total_entries));
            view! {
                <InstanceTable list selected order on_order=move |order: String| address.narrow("order", order) on_open=open/>
                <Pages paging total names=("task instance", "task instances")/>
            }.into_any()
        })}
    }
}
