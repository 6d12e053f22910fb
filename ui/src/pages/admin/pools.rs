//! The pools of the tenant, with what is taken of them now.

use super::listing::{Actions, ListPage, Listing, Names, place};
use super::pool_form::PoolDialog;
use crate::components::edit::{Edited, Removal};
use crate::components::feedback::{Skeleton, loaded};
use crate::components::share::{Part, Share, told};
use crate::components::table::{Column, ordered, plain};
use crate::core::live::News;
use crate::core::paths;
use crate::core::query::query;
use cofferdam_api_types::{Event, Pool, PoolCollection};
use leptos::prelude::*;
use std::cmp::Ordering;

const NAMES: Names = Names { base: "/pools", one: "pool", many: "pools", title: "Pools", icon: "pool" };

const COLUMNS: &[Column] = &[
    ordered("Pool", "name"),
    ordered("Slots", "slots").num(),
    ordered("Open", "open").num(),
    plain("Taken"),
    plain("Waiting events"),
];

fn compare(column: &str, a: &Pool, b: &Pool) -> Ordering {
    match column {
        "slots" => a.slots.cmp(&b.slots),
        "open" => a.open_slots.cmp(&b.open_slots),
        _ => a.name.cmp(&b.name),
    }
}

/// What a search looks at.
fn texts(it: &Pool) -> Vec<&str> {
    vec![it.name.as_str(), it.description.as_deref().unwrap_or_default()]
}

/// See the module.
#[component]
pub fn PoolList() -> impl IntoView {
    let (place, go) = place(NAMES);
    let pools = query::<PoolCollection>(move || Some(place.get().request(NAMES.base)))
        .refetch_on(|news| matches!(news, News::Change(Event::TaskInstance { .. })));
    let edited = RwSignal::new(None::<Edited<Pool>>);
    let deleted = RwSignal::new(None::<String>);
    let done = Callback::new(move |()| pools.refetch());
    view! {
        <ListPage names=NAMES place go add=move |()| edited.set(Some(Edited::New))>
            {loaded(pools, Skeleton::Rows, move |list| {
                let part = Memo::new(move |_| list.with(|list| place.get().part(&list.pools, list.total_entries, texts, compare)));
                view! {
                    <Listing names=NAMES place go part key=|it: &Pool| it.name.to_string() columns=COLUMNS
                        row=move |item| view! { <Row item edited deleted/> }.into_any()
                        about="A pool is a number of slots that tasks share: a task that names it waits until as many are free as it takes. Add one here, or on the command line:"
                        command="cofferdam pool set warehouse 8"/>
                }
            })}
        </ListPage>
        <PoolDialog edited done/>
        <Removal name=deleted kind="pool" consequence="Only a pool that no dag names and no task is in can be deleted." path=paths::pool done/>
    }
}

/// What takes slots, with the state whose colour it has.
fn parts(pool: &Pool) -> [Part; 4] {
    [
        (pool.running_slots, "running", "running"),
        (pool.queued_slots, "queued", "queued"),
        (if pool.include_deferred { pool.deferred_slots } else { 0 }, "deferred", "waiting for events"),
        (pool.scheduled_slots, "scheduled", "held back"),
    ]
}

#[component]
fn Row(item: Memo<Pool>, edited: RwSignal<Option<Edited<Pool>>>, deleted: RwSignal<Option<String>>) -> impl IntoView {
    let name = item.with_untracked(|it| it.name.to_string());
    let goner = name.clone();
    let number =
        |n: i64| if n < 0 { view! { <span class="faint">"No bound"</span> }.into_any() } else { n.to_string().into_any() };
    view! {
        <tr>
            <td>
                <span class="name mono">{name.clone()}</span>
                {move || item.with(|it| it.description.clone()).map(|text| view! { <p class="small muted description">{text}</p> })}
            </td>
            <td class="num">{move || number(item.with(|it| it.slots))}</td>
            <td class="num">{move || item.with(|it| if it.slots < 0 { view! { <span class="faint">"–"</span> }.into_any() } else { it.open_slots.to_string().into_any() })}</td>
            <td class="taken">{move || item.with(|it| view! { <Taken pool=it.clone()/> })}</td>
            <td class="small">{move || if item.with(|it| it.include_deferred) { "Keep their slots" } else { "Give them back" }}</td>
            <td class="tight"><Actions name edit=move |()| edited.set(Some(Edited::Old(item.get_untracked()))) delete=move |()| deleted.set(Some(goner.clone()))/></td>
        </tr>
    }
}

/// The slots as a bar, with the figures below.
#[component]
fn Taken(pool: Pool) -> impl IntoView {
    let parts = parts(&pool);
    let told = Some(told(&parts)).filter(|told| !told.is_empty()).unwrap_or_else(|| "Nothing".to_owned());
    // What is held back takes no slot: it stands in the figures only.
    let taken = parts[..3].to_vec();
    let all = taken.iter().map(|(count, _, _)| *count).sum::<u64>().max(pool.slots.max(0) as u64);
    view! {
        {(pool.slots >= 0).then(|| view! { <Share parts=taken all label=format!("{told}, of {} slots", pool.slots)/> })}
        <span class="small muted">{told.clone()}</span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_events_take_slots_only_where_they_keep_them() {
        let mut pool = Pool {
            name: "a".parse().unwrap(),
            slots: 4,
            description: None,
            include_deferred: false,
            occupied_slots: 1,
            running_slots: 1,
            queued_slots: 0,
            scheduled_slots: 0,
            deferred_slots: 2,
            open_slots: 3,
        };
        assert_eq!(parts(&pool).map(|(n, _, _)| n), [1, 0, 0, 0]);
        pool.include_deferred = true;
        assert_eq!(parts(&pool).map(|(n, _, _)| n), [1, 0, 2, 0]);
    }
}
