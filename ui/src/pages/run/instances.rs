//! The instances of a mapped task: how many are in which state, and each of them.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::pager::Pages;
use crate::components::picked::Picked;
use crate::components::share::Share;
use crate::core::query::query;
use crate::core::status::Status;
use crate::core::{paths, tally};
use crate::pages::run::run_context;
use crate::pages::run::task_list::{InstanceTable, SelectionBar, StateFilter};
use cofferdam_api_types::{TaskInstanceCollection, TaskSummary};
use leptos::prelude::*;

const LIMIT: u32 = 100;

/// See the module.
#[component]
pub fn Instances(
    /// The task.
    task: String,
    /// All of them together.
    summary: Memo<Option<TaskSummary>>,
) -> impl IntoView {
    let context = run_context();
    let address = context.address;
    let (state, order) = (address.signal("index_state"), address.signal("index_order"));
    let paging = address.paging_as("index_offset", LIMIT);
    let list = query::<TaskInstanceCollection>({
        let task = task.clone();
        move || {
            let path = paths::task(&context.dag_id.get(), &context.run_id.get(), &task);
            Some(format!("{path}/listMapped{}", paging.query(&[("state", &state.get()), ("order_by", &order.get())])))
        }
    })
    .refetch_on(move |update| context.concerns(update));
    context.keep_up(list);
    let selected = Picked::new();
    let open = move |(_, index): (String, i32)| address.set([("map_index", index.to_string()), ("try", String::new())]);
    let total = move || summary.with(|summary| summary.as_ref().map_or(0, |summary| summary.instances));
    // One goes to an instance by its position.
    let jump = RwSignal::new(String::new());
    let go = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(index) = jump.get_untracked().trim().parse::<u64>().ok().filter(|index| *index < total()) {
            address.set([("map_index", index.to_string()), ("try", String::new())]);
        }
    };
    view! {
        <div class="body stack">
            {move || summary.get().map(|summary| view! {
                <Share parts=summary.states.iter().map(|(state, count)| (*count, state.as_str(), Status::from(*state).label())).collect() all=tally::total(&summary.states) label=tally::words(&summary.states)/>
                <p class="small muted">{tally::words(&summary.states)}</p>
            })}
        </div>
        <div class="toolbar in-card">
            <StateFilter state on_change=move |state: String| address.set([("index_state", state), ("index_offset", String::new())])/>
            <form class="row" on:submit=go>
                <input class="input small index" inputmode="numeric" aria-label="Go to the index" placeholder="Index" prop:value=move || jump.get() on:input=move |event| jump.set(event_target_value(&event))/>
                <button class="btn small">"Go"</button>
            </form>
            <SelectionBar selected/>
        </div>
        {loaded(list, Skeleton::Rows, move |list| move || {
            if list.with(|list| list.task_instances.is_empty()) {
                return view! { <Empty icon="layers" title=if state.with(String::is_empty) { "No instances" } else { "No instance is in this state" }>
                    <Show when=move || !state.with(String::is_empty)><button type="button" class="btn small" on:click=move |_| address.set([("index_state", ""), ("index_offset", "")])>"Show all instances"</button></Show>
                </Empty> }.into_any();
            }
            let total = Signal::derive(move || list.with(|list| list.total_entries));
            view! {
                <InstanceTable list selected by_position=true order on_order=move |order: String| address.set([("index_order", order), ("index_offset", String::new())]) on_open=open/>
                <Pages paging total names=("instance", "instances")/>
            }.into_any()
        })}
    }
}
