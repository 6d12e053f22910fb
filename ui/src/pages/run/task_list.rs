//! The task instances of a run as a table: by state, in pages, several at once.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::menu::{Item, Menu};
use crate::components::pager::Pager;
use crate::components::status::StatusLabel;
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

/// What is selected in a list.
#[derive(Clone, Copy)]
pub struct Selected(pub RwSignal<Vec<Chosen>>);

impl Selected {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(RwSignal::new(Vec::new()))
    }

    /// Adds or removes one.
    fn set(self, chosen: &Chosen, on: bool) {
        self.0.update(|all| {
            all.retain(|other| other != chosen);
            if on {
                all.push(chosen.clone());
            }
        });
    }
}

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
pub fn SelectionBar(selected: Selected) -> impl IntoView {
    let context = run_context();
    let session = session();
    let count = Memo::new(move |_| selected.0.with(Vec::len));
    let ask = move |deed| context.asked.set(Some(Asked { deed, tasks: selected.0.get_untracked() }));
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
        selected.0.set(Vec::new());
    });
    view! {
        <Show when=move || { count.get() > 0 }>
            <span class="small" aria-live="polite"><strong class="num">{count}</strong>" selected"</span>
            <Menu label="Act on them" icon="bolt" small=true disabled=Signal::derive(move || !session.may(Role::Operator) || count.get() > MOST) items=Signal::derive(items)/>
            <button type="button" class="btn quiet small" on:click=move |_| selected.0.set(Vec::new())>"Clear the selection"</button>
            <Show when=move || { count.get() > MOST }><span class="small muted">{format!("At most {MOST} at once.")}</span></Show>
        </Show>
    }
}

/// The table itself.
#[component]
pub fn InstanceTable(
    /// The rows.
    list: Signal<Arc<TaskInstanceCollection>>,
    /// What is selected.
    selected: Selected,
    /// Names instances by their position only.
    #[prop(optional)]
    by_position: bool,
    /// Called with the instance that the person chose.
    #[prop(into)]
    on_open: Callback<(String, i32)>,
) -> impl IntoView {
    let keys = Memo::new(move |_| list.with(|list| list.task_instances.iter().map(chosen).collect::<Vec<_>>()));
    let all = Memo::new(move |_| {
        keys.with(|keys| selected.0.with(|selected| !keys.is_empty() && keys.iter().all(|key| selected.contains(key))))
    });
    let select_all = move |event| {
        let on = event_target_checked(&event);
        let page = keys.get_untracked();
        selected.0.update(|all| {
            all.retain(|key| !page.contains(key));
            if on {
                all.extend(page);
            }
        });
    };
    view! {
        <div class="table-wrap" tabindex="0" role="region" aria-label="List of tasks">
            <table class="table">
                <thead><tr>
                    <th scope="col" class="tight"><input type="checkbox" aria-label="Select all of this page" prop:checked=move || all.get() on:change=select_all/></th>
                    <th scope="col">{if by_position { "Index" } else { "Task" }}</th><th scope="col">"State"</th><th scope="col" class="num">"Try"</th><th scope="col" class="num">"Duration"</th><th scope="col" class="num">"Fuel"</th><th scope="col" class="num">"Peak memory"</th>
                </tr></thead>
                <tbody>
                    {move || list.with(|list| list.task_instances.iter().cloned().map(|task| view! { <Row task selected by_position on_open/> }).collect_view())}
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(task: TaskInstance, selected: Selected, by_position: bool, on_open: Callback<(String, i32)>) -> impl IntoView {
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
    let is_selected = {
        let key = key.clone();
        move || selected.0.with(|all| all.contains(&key))
    };
    let dash = || "–".to_owned();
    let label = format!("Select {name}");
    view! {
        <tr class:selected=is_open>
            <td class="tight"><input type="checkbox" aria-label=label prop:checked=is_selected on:change=move |event| selected.set(&key, event_target_checked(&event))/></td>
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
    let state = address.signal("state");
    let offset = Memo::new(move |_| address.number("offset").unwrap_or(0));
    let list = query::<TaskInstanceCollection>(move || {
        let (limit, offset, state) = (LIMIT.to_string(), offset.get().to_string(), state.get());
        let values = [("limit", limit.as_str()), ("offset", &offset), ("state", &state)];
        Some(format!("{}/taskInstances{}", paths::run(&context.dag_id.get(), &context.run_id.get()), paths::query(&values)))
    })
    .refetch_on(move |update| context.concerns(update));
    context.keep_up(list);
    let selected = Selected::new();
    let open = move |(task, index): (String, i32)| {
        let index = if index < 0 { String::new() } else { index.to_string() };
        address.set([("task", task), ("map_index", index), ("try", String::new())]);
    };
    view! {
        <div class="toolbar in-card">
            <StateFilter state on_change=move |state: String| address.set([("state", state), ("offset", String::new())])/>
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
                <InstanceTable list selected on_open=open/>
                <Pager limit=LIMIT offset=Signal::derive(move || offset.get()) total names=("task instance", "task instances") go=move |offset: u32| address.set([("offset", if offset == 0 { String::new() } else { offset.to_string() })])/>
            }.into_any()
        })}
    }
}
